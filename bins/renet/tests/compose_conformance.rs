//! `renet compose` beside the real docker compose: of every project in `fixtures/compose` compose makes the same as
//! without us, but for what we add and take away. `scripts/test conformance` runs it; `UPDATE=1` writes anew what is
//! expected: the plan, the override document, and compose's hash of each service, which decides whether an update of
//! renet starts containers anew.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "helpers of tests")]

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Map, Value, json};

/// Always the same place: the path of a hosts file is part of a service's hash.
const PLACE: &str = "/tmp/rediacc-compose-conformance";

struct Project {
    name: String,
    root: PathBuf,
    compose: PathBuf,
}

// === impl Project ===

impl Project {
    fn run(&self, program: &Path, arguments: &[&str], variables: &[(String, String)]) -> String {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", env::var_os("PATH").unwrap()).current_dir(&self.root);
        command.env("HOME", PLACE).env("DOCKER_COMPOSE_BIN", &self.compose).env("REDIACC_ROOT", PLACE);
        command.envs(variables.iter().cloned()).args(arguments);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {arguments:?}: {said}", self.name);
        String::from_utf8(output.stdout).unwrap()
    }

    fn renet(&self, arguments: &[&str]) -> String {
        self.run(Path::new(env!("CARGO_BIN_EXE_renet")), arguments, &[])
    }
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().unwrap()
}

/// What a service is to be with us, from what it is without us and what the plan says of it.
fn expected(mut service: Value, planned: &Value) -> Value {
    let name = planned["name"].as_str().unwrap();
    let map = object(&mut service);
    for key in ["ports", "links", "mac_address"] {
        map.remove(key);
    }
    let mode = map.get("network_mode").and_then(Value::as_str).unwrap_or_default().to_owned();
    let hosts = !(mode == "none" || mode.starts_with("service:") || mode.starts_with("container:"));
    if let Some(build) = map.get_mut("build").map(object) {
        build.entry("network").or_insert_with(|| json!("host"));
    }
    let is_of_the_network = |name: &String| name.starts_with("net.");
    if let Some(Value::Object(sysctls)) = map.get_mut("sysctls") {
        sysctls.retain(|name, _| !is_of_the_network(name));
        if sysctls.is_empty() {
            map.remove("sysctls");
        }
    }
    if hosts {
        map.remove("networks");
        map.insert("network_mode".to_owned(), json!("host"));
        map.entry("hostname").or_insert_with(|| json!(name));
        let own = map.contains_key("extra_hosts").then(|| format!("hosts.{name}"));
        let file = format!("{}/{}", planned["directory"].as_str().unwrap(), own.as_deref().unwrap_or("hosts"));
        let mount = json!({"type": "bind", "source": file, "target": "/etc/hosts", "read_only": true});
        let volumes = map.entry("volumes").or_insert_with(|| json!([]));
        volumes.as_array_mut().unwrap().push(mount);
    }
    for section in ["labels", "environment"] {
        let injected = planned["injected"][section].as_object().unwrap().clone();
        object(map.entry(section).or_insert_with(|| json!({}))).extend(injected);
    }
    service
}

/// Compose says of a bind in its own words what is the default.
fn plain(mut model: Value) -> Value {
    object(&mut model).remove("networks");
    for service in object(&mut model["services"]).values_mut() {
        for volume in service.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
            if volume["target"] == "/etc/hosts" {
                object(volume).remove("bind");
            }
        }
    }
    model
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true if entry.file_name() == "expected" => {}
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn compose_makes_the_same_of_every_project() {
    let Some(compose) = env::var_os("DOCKER_COMPOSE_BIN").map(PathBuf::from) else {
        println!("no DOCKER_COMPOSE_BIN: scripts/test conformance runs this");
        return;
    };
    fs::create_dir_all(PLACE).unwrap();
    let lock = File::create(Path::new(PLACE).join("lock")).unwrap();
    lock.lock().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/compose");
    let mut directories: Vec<_> = fs::read_dir(&fixtures).unwrap().map(|entry| entry.unwrap().path()).collect();
    directories.sort();
    for fixture in &directories {
        let name = fixture.file_name().unwrap().to_str().unwrap().to_owned();
        let root = Path::new(PLACE).join(&name);
        let _ = fs::remove_dir_all(&root);
        copy(fixture, &root);
        fs::write(root.join(".rediacc.json"), "{\"network_id\": 2816}").unwrap();
        compared(&Project { name, root, compose: compose.clone() }, &fixture.join("expected"));
    }
    println!("{} projects: what compose makes of them is the same, but for what is added", directories.len());
    assert!(directories.len() >= 60);
    fs::remove_dir_all(PLACE).unwrap();
}

fn compared(project: &Project, golden: &Path) {
    let plan: Value = serde_json::from_str(&project.renet(&["compose", "plan", "--json"])).unwrap();
    let services = plan["services"].as_array().unwrap();
    let variable = |service: &Value| {
        let text = |key: &str| service[key].as_str().unwrap().to_owned();
        (text("variable"), text("address"))
    };
    let addresses: Vec<_> = services.iter().map(variable).collect();
    let config = ["--profile", "*", "config", "--format", "json"];
    let without = plain(serde_json::from_str(&project.run(&project.compose, &config, &addresses)).unwrap());
    let with = plain(serde_json::from_str(&project.renet(&[&["compose", "--"][..], &config].concat())).unwrap());
    let mut wanted = without;
    let hosts_file = Path::new(plan["hosts_file"].as_str().unwrap());
    for planned in services {
        let mut planned = planned.clone();
        object(&mut planned).insert("directory".to_owned(), json!(hosts_file.parent().unwrap()));
        let service = &mut wanted["services"][planned["name"].as_str().unwrap()];
        *service = expected(service.take(), &planned);
    }
    assert_eq!(format!("{wanted:#}"), format!("{with:#}"), "{}", project.name);

    let hashes = project.renet(&["compose", "--", "--profile", "*", "config", "--hash", "*"]);
    let document = fs::read_to_string(plan["override"].as_str().unwrap()).unwrap();
    for (file, text) in [("plan.json", format!("{plan:#}\n")), ("override.yml", document), ("hashes", hashes)] {
        let path = golden.join(file);
        if env::var_os("UPDATE").is_some() {
            fs::create_dir_all(golden).unwrap();
            fs::write(&path, text).unwrap();
        } else {
            let known = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                known,
                text,
                "{}; UPDATE=1 writes it anew, and every container starts anew with it",
                path.display()
            );
        }
    }
}
