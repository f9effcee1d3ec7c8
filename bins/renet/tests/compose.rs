//! `renet compose` with the built program and a docker compose that only pretends: what it is asked, what is written,
//! what is refused. The real one is in the end-to-end tests.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    fs::{self, Permissions},
    io::{Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Answers `config` with the file `model.json` beside the compose file it was given last but the override, and every
/// other command with its arguments and its environment.
const PRETENDER: &str = r#"#!/bin/sh
for argument; do case $argument in
    config)
        case "$*" in *"-f - "*) [ -n "$(cat)" ] || { echo "nothing on standard input" >&2; exit 9; } ;; esac
        case "$*" in *.rediacc*override.yml*) [ -z "$VERSION" ] || { echo "unknown tag !reset" >&2; exit 14; } ;; esac
        case "$*" in *--no-interpolate*) [ -z "$NEEDS_VARIABLES" ] || { echo "no such file: \${X}" >&2; exit 8; } ;; esac
        for name in $REQUIRED; do eval "[ -n \"\${$name}\" ]" || {
            echo "error while interpolating services.a.image: required variable $name is missing a value: give $name" >&2
            exit 15
        }; done
        for file; do case $file in *.yml) [ "${file%override.yml}" = "$file" ] && model=$file.json ;; esac; done
        case "$*" in
            *.rediacc*override.yml* | */.tmp*-override.yml*) cat "${model%.json}.verified.json" 2>/dev/null || echo '{"services": {}}' ;;
            *--services*) sed -n 's/^  *"\([a-z-]*\)": {}.*/\1/p' "$model" ;;
            *) cat "$model" ;;
        esac
        exit ;;
    up) echo "ARGUMENTS $*"; env | sort; case "$*" in *"-f - "*) cat ;; esac; exit "${CODE:-0}" ;;
    version) echo "${VERSION:-2.40.3}"; exit ;;
    fail) echo "compose's own words" >&2; exit 17 ;;
esac; done
echo "ARGUMENTS $*"
"#;

struct Machine {
    scratch: TempDir,
    compose: PathBuf,
}

// === impl Machine ===

impl Machine {
    /// One with repository 2816, whose daemon's socket is there.
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let compose = scratch.path().join("docker-compose");
        fs::write(&compose, PRETENDER).unwrap();
        fs::set_permissions(&compose, Permissions::from_mode(0o755)).unwrap();
        let run = scratch.path().join("root/var/run/rediacc");
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join("docker-2816.sock"), "").unwrap();
        let machine = Self { scratch, compose };
        fs::create_dir(machine.repository()).unwrap();
        fs::write(machine.repository().join(".rediacc.json"), r#"{"network_id": 2816}"#).unwrap();
        machine
    }

    fn repository(&self) -> PathBuf {
        self.scratch.path().join("repo")
    }

    /// A compose file and what the pretender makes of it.
    fn compose_file(&self, name: &str, project: &str, services: Value) {
        let file = self.repository().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        if !file.exists() {
            fs::write(&file, "services:\n").unwrap();
        }
        let model = json!({"name": project, "services": services});
        fs::write(self.repository().join(format!("{name}.json")), format!("{model:#}")).unwrap();
    }

    fn renet(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_renet"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).current_dir(directory).args(arguments);
        command.env("DOCKER_COMPOSE_BIN", &self.compose).env("REDIACC_ROOT", self.scratch.path().join("root"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.renet(&self.repository(), arguments).output().unwrap()
    }

    /// What it prints when it succeeds.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn slots(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.repository().join(".rediacc.json")).unwrap()).unwrap()
    }
}

/// The one line that it says when it fails with this code.
fn refused(output: &Output, code: i32) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.lines().count() == 1 && said.starts_with("renet: "), "{said}");
    said
}

#[test]
fn slots_addresses_and_files() {
    let machine = Machine::new();
    machine.compose_file("compose.yml", "app", json!({"web": {}, "my-db": {}}));
    let said = machine.done(&["compose", "--", "--profile", "x", "up", "-d"]);
    let real = fs::canonicalize(machine.repository()).unwrap();
    let state = real.join(".rediacc/app");
    let expected =
        format!("ARGUMENTS --profile x -f {0}/compose.yml -f {0}/.rediacc/app/override.yml up -d\n", real.display());
    assert!(said.starts_with(&expected), "{said}");
    for variable in ["MY_DB_IP=127.0.11.2", "WEB_IP=127.0.11.3", "REPOSITORY_NETWORK_ID=2816"] {
        assert!(said.lines().any(|line| line == variable), "{variable}: {said}");
    }
    assert!(said.contains("DOCKER_HOST=unix://") && said.contains("docker-2816.sock"), "{said}");
    let services = json!({
        "my-db": {"slot": 0, "project": "app", "file": "compose.yml"},
        "web": {"slot": 1, "project": "app", "file": "compose.yml"},
    });
    assert_eq!(machine.slots(), json!({"network_id": 2816, "services": services}));

    let hosts = fs::metadata(state.join("hosts")).unwrap();
    let document = fs::metadata(state.join("override.yml")).unwrap();
    assert_eq!((hosts.mode() & 0o777, document.mode() & 0o777), (0o644, 0o600));
    assert_eq!(fs::read_to_string(real.join(".rediacc/.gitignore")).unwrap(), "*\n");

    // One more service: nobody loses a slot, and the hosts file is the same file.
    machine.compose_file("compose.yml", "app", json!({"web": {}, "my-db": {}, "cache": {}}));
    machine.done(&["compose", "--", "up"]);
    assert_eq!(machine.slots()["services"]["cache"]["slot"], 2);
    assert_eq!(fs::metadata(state.join("hosts")).unwrap().ino(), hosts.ino());
    assert!(fs::read_to_string(state.join("hosts")).unwrap().contains("127.0.11.4 cache\n"));
}

#[test]
fn it_finds_the_repository_and_the_file_upwards() {
    let machine = Machine::new();
    machine.compose_file("docker-compose.yml", "app", json!({"web": {}}));
    machine.compose_file("docker-compose.override.yml", "app", json!({"web": {}}));
    let inside = machine.repository().join("a/b");
    fs::create_dir_all(&inside).unwrap();
    let output = machine.renet(&inside, &["compose", "--", "up"]).output().unwrap();
    let said = format!("{}{}", String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(said.contains("/docker-compose.yml -f ") && said.contains("/docker-compose.override.yml -f "), "{said}");
}

#[test]
fn exit_codes_and_words_are_composes_own() {
    let machine = Machine::new();
    machine.compose_file("compose.yml", "app", json!({"web": {}}));
    let output = machine.renet(&machine.repository(), &["compose", "--", "up"]).env("CODE", "42").output().unwrap();
    assert_eq!(output.status.code(), Some(42));
    let output = machine.run(&["compose", "--", "fail"]);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(17), &b"compose's own words\n"[..]));
    assert_eq!(machine.done(&["compose", "--", "version"]), "2.40.3\n");
}

#[test]
fn what_makes_no_sense_is_one_line_and_code_2() {
    let machine = Machine::new();
    let said = refused(&machine.run(&["compose", "--", "up"]), 2);
    assert!(said.contains("no compose file") && said.contains("compose.yaml"), "{said}");
    machine.compose_file("compose.yml", "app", json!({"web": {}}));
    let output = machine.renet(machine.scratch.path(), &["compose", "--", "up"]).output().unwrap();
    assert!(refused(&output, 2).contains("no repository here"));
    let said = refused(&machine.run(&["compose", "up"]), 2);
    assert!(said.contains("unexpected argument 'up'") && said.contains("goes behind --: renet compose -- …"), "{said}");
    fs::write(machine.repository().join(".rediacc.json"), "{\"services\": {\"web\": {\"slot\": 99}}}").unwrap();
    let said = refused(&machine.run(&["compose", "--network-id", "2816", "--", "up"]), 2);
    assert!(said.contains(".rediacc.json: services.web.slot: expected a number from 0 to 60"), "{said}");
    assert!(!machine.repository().join(".rediacc").exists(), "nothing was written");
}

#[test]
fn the_slots_of_another_repository_are_refused() {
    let machine = Machine::new();
    machine.compose_file("compose.yml", "app", json!({"web": {}}));
    let said = refused(&machine.run(&["compose", "--network-id", "2880", "--", "up"]), 3);
    assert!(said.contains("it belongs to network 2816, and this is network 2880"), "{said}");
    assert_eq!(machine.slots(), json!({"network_id": 2816}));
}

#[test]
fn a_name_that_two_projects_use_is_refused_until_one_gives_it_up() {
    let machine = Machine::new();
    machine.compose_file("a/compose.yml", "a", json!({"web": {}}));
    machine.compose_file("b/compose.yml", "b", json!({"web": {}}));
    let up = |directory: &str| machine.renet(&machine.repository().join(directory), &["compose", "--", "up"]).output();
    assert!(up("a").unwrap().status.success());
    let said = refused(&up("b").unwrap(), 3);
    assert!(said.contains("\"web\" is defined in a/compose.yml and in b/compose.yml"), "{said}");
    machine.compose_file("a/compose.yml", "a", json!({"other": {}}));
    assert!(up("b").unwrap().status.success());
    assert_eq!(machine.slots()["services"]["web"], json!({"slot": 0, "project": "b", "file": "b/compose.yml"}));
}

#[test]
fn what_compose_does_not_take_over_is_not_started() {
    let machine = Machine::new();
    machine.compose_file("compose.yml", "app", json!({"web": {}}));
    let verified = json!({"services": {"web": {"network_mode": "bridge"}}}).to_string();
    fs::write(machine.repository().join("compose.yml.verified.json"), verified).unwrap();
    let said = refused(&machine.run(&["compose", "--", "up"]), 3);
    assert!(said.contains("services.web.network_mode"), "{said}");
    machine.compose_file("compose.yml", "app", json!({"web": {"deploy": {"replicas": 3}}}));
    let said = refused(&machine.run(&["compose", "--", "up"]), 3);
    assert!(said.contains("3 containers are asked for"), "{said}");
}

#[test]
fn a_missing_daemon_or_program_is_named() {
    let machine = Machine::new();
    machine.compose_file("compose.yml", "app", json!({"web": {}}));
    let with = |name: &str, value: &str, command: &str| {
        let mut renet = machine.renet(&machine.repository(), &["compose", "--", command]);
        renet.env(name, value).output().unwrap()
    };
    let said = refused(&with("REDIACC_ROOT", "/nonexistent", "up"), 1);
    assert!(said.contains("network 2816 is not running") && said.contains("renet repo up"), "{said}");
    assert!(with("REDIACC_ROOT", "/nonexistent", "config").status.success(), "needs no daemon");
    let said = refused(&with("DOCKER_COMPOSE_BIN", "/nonexistent", "up"), 1);
    assert!(said.contains("cannot run docker compose") && said.contains("DOCKER_COMPOSE_BIN"), "{said}");
}

#[test]
fn files_of_variables_and_of_standard_input() {
    let machine = Machine::new();
    machine.compose_file("a.yml", "app", json!({"web": {}}));
    machine.compose_file("b.yml", "app", json!({"web": {}}));
    fs::write(machine.repository().join(".env"), "X=1\nCOMPOSE_FILE=a.yml:b.yml\n").unwrap();
    assert!(machine.done(&["compose", "--", "up"]).starts_with("ARGUMENTS -f a.yml -f b.yml -f "));
    fs::write(machine.repository().join("other.env"), "COMPOSE_FILE=\"b.yml\"\n").unwrap();
    let said = machine.done(&["compose", "--", "--env-file", "other.env", "up"]);
    assert!(said.starts_with("ARGUMENTS --env-file other.env -f b.yml -f "), "{said}");

    let mut renet = machine.renet(&machine.repository(), &["compose", "--", "-f", "b.yml", "-f", "-", "up"]);
    let mut child = renet.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"services: {}\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.ends_with("services: {}\n"), "every call reads it: {said}");
}

#[test]
fn all_variables_that_are_missing_are_named_at_once() {
    let machine = Machine::new();
    machine.compose_file("compose.yml", "app", json!({"web": {}}));
    let up = |set: &[(&str, &str)]| {
        let mut renet = machine.renet(&machine.repository(), &["compose", "--", "up"]);
        renet.env("REQUIRED", "TOKEN B A").envs(set.iter().copied()).output().unwrap()
    };
    let said = refused(&up(&[("B", "1")]), 1);
    assert!(said.contains("variables that are not set: A (give A), TOKEN (give TOKEN); set them in"), "{said}");
    assert!(up(&[("A", "1"), ("B", "1"), ("TOKEN", "1")]).status.success());
}

#[test]
fn what_takes_for_ever_or_can_be_read_only_once_is_refused() {
    let machine = Machine::new();
    let file = machine.repository().join("compose.yml");
    fs::write(&file, "x".repeat((4 << 20) + 1)).unwrap();
    let said = refused(&machine.run(&["compose", "--", "up"]), 2);
    assert!(said.contains("compose.yml is larger than 4 MiB"), "{said}");
    let mut renet = machine.renet(&machine.repository(), &["compose", "--", "-f", "-", "up"]);
    let output = renet.stdin(fs::File::open(&file).unwrap()).output().unwrap();
    assert!(refused(&output, 2).contains("standard input is larger than 4 MiB"));
    let said = refused(&machine.run(&["compose", "--", "-f", "/dev/null", "up"]), 2);
    assert!(said.contains("/dev/null can be read only once"), "{said}");
    assert_eq!(machine.slots(), json!({"network_id": 2816}));
}

#[test]
fn what_is_refused_takes_no_slot() {
    let machine = Machine::new();
    let name = "a".repeat(300);
    machine.compose_file("compose.yml", "app", json!({name: {}}));
    let said = refused(&machine.run(&["compose", "--", "up"]), 3);
    assert!(said.contains("the name has 300 characters, and the name of a host has at most 63"), "{said}");
    assert_eq!(machine.slots(), json!({"network_id": 2816}));
    assert!(!machine.repository().join(".rediacc/app").exists());
}

#[test]
fn a_second_call_waits_and_says_so() {
    let machine = Machine::new();
    machine.compose_file("compose.yml", "app", json!({"web": {}}));
    machine.done(&["compose", "--", "ps"]);
    let lock = fs::File::open(machine.repository().join(".rediacc/lock")).unwrap();
    lock.lock().unwrap();
    let mut renet = machine.renet(&machine.repository(), &["compose", "--", "up"]);
    let mut waiting = renet.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 64];
    let count = waiting.stderr.as_mut().unwrap().read(&mut said).unwrap();
    assert!(String::from_utf8_lossy(&said[..count]).starts_with("renet: waiting for another renet"));
    drop(lock);
    assert!(waiting.wait().unwrap().success());
}

#[test]
fn a_structure_that_needs_variables_gets_them() {
    let machine = Machine::new();
    machine.compose_file("compose.yml", "app", json!({"web": {}}));
    let mut renet = machine.renet(&machine.repository(), &["compose", "--", "up"]);
    let output = renet.env("NEEDS_VARIABLES", "1").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(machine.slots()["services"]["web"]["slot"], 0);
}

#[test]
fn a_warning_is_said_and_stops_nothing() {
    let machine = Machine::new();
    machine.compose_file("compose.yml", "app", json!({"web": {"sysctls": {"net.core.somaxconn": 1024}}}));
    let output = machine.run(&["compose", "--", "up"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("renet: warning: services.web.sysctls: net.core.somaxconn would change"), "{said}");
}

/// What compose makes of the whole.
fn verified(machine: &Machine, service: Value) {
    let injected = json!({
        "network_mode": "host",
        "labels": {"rediacc.service_name": "web", "rediacc.service_ip": "127.0.11.2", "rediacc.network_id": "2816"},
        "environment": {"SERVICE_IP": "127.0.11.2", "REPOSITORY_NETWORK_ID": "2816"},
    });
    let mut service = service;
    service.as_object_mut().unwrap().extend(injected.as_object().unwrap().clone());
    let model = json!({"services": {"web": service}}).to_string();
    fs::write(machine.repository().join("compose.yml.verified.json"), model).unwrap();
}

#[test]
fn what_leads_out_of_the_container_is_refused_with_its_line_until_the_operator_allows_it() {
    let machine = Machine::new();
    let text = "services:\n  web:\n    image: x\n    cap_add:\n      - CHOWN\n      - NET_ADMIN\n";
    fs::write(machine.repository().join("compose.yml"), text).unwrap();
    machine.compose_file("compose.yml", "app", json!({"web": {}}));
    verified(&machine, json!({"cap_add": ["CHOWN", "NET_ADMIN"]}));
    let said = refused(&machine.run(&["compose", "--", "up"]), 3);
    assert!(
        said.contains("/compose.yml:6:9: services.web.cap_add.1: NET_ADMIN reaches beyond the container"),
        "{said}"
    );
    machine.done(&["compose", "--", "ps"]);

    let etc = machine.scratch.path().join("root/etc/rediacc");
    fs::create_dir_all(&etc).unwrap();
    let allow = etc.join("allow.toml");
    fs::write(&allow, "[all]\ncapabilities = [\"NET_ADMIN\"]\n").unwrap();
    fs::set_permissions(&allow, Permissions::from_mode(0o644)).unwrap();
    machine.done(&["compose", "--", "up"]);
    fs::set_permissions(&allow, Permissions::from_mode(0o666)).unwrap();
    assert!(refused(&machine.run(&["compose", "--", "up"]), 3).contains("can be written by others than root"));
    fs::set_permissions(&allow, Permissions::from_mode(0o644)).unwrap();
    fs::write(&allow, "[all]\ncapability = 5\n").unwrap();
    assert!(refused(&machine.run(&["compose", "--", "up"]), 2).contains("allow.toml: unknown field `capability`"));
}

#[test]
fn links_and_neighbours_are_seen_through() {
    let machine = Machine::new();
    machine.compose_file("compose.yml", "app", json!({"web": {}}));
    let proxy = machine.scratch.path().join("root/opt/rediacc/proxy");
    fs::create_dir_all(&proxy).unwrap();
    let link = machine.repository().join("link");
    std::os::unix::fs::symlink(&proxy, &link).unwrap();
    verified(&machine, json!({"volumes": [{"type": "bind", "source": link, "target": "/x", "read_only": true}]}));
    let said = refused(&machine.run(&["compose", "--", "up"]), 3);
    assert!(said.contains("reaches into the proxy's files") && said.contains("link (which is "), "{said}");
    verified(
        &machine,
        json!({"volumes": [{"type": "bind", "source": machine.repository().join("data"), "target": "/x"}]}),
    );
    machine.done(&["compose", "--", "up"]);
}

#[test]
fn a_plan_shows_what_would_come_and_writes_nothing() {
    let machine = Machine::new();
    let text = "services:\n  web:\n    image: x\n    labels:\n      - traefik.enable=true\n      - traefik.http.routers.web.rul=x\n";
    fs::write(machine.repository().join("compose.yml"), text).unwrap();
    machine.compose_file("compose.yml", "app", json!({"web": {"expose": ["3000"]}}));
    verified(&machine, json!({"privileged": true}));
    let model = fs::read_to_string(machine.repository().join("compose.yml.verified.json")).unwrap();
    let labels = "\"labels\":{\"traefik.enable\":\"true\",\"traefik.http.routers.web.rul\":\"x\",";
    fs::write(machine.repository().join("compose.yml.verified.json"), model.replace("\"labels\":{", labels)).unwrap();
    let before = fs::read_to_string(machine.repository().join(".rediacc.json")).unwrap();
    let output = machine.run(&["compose", "plan", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan.pointer("/services/0/address"), Some(&"127.0.11.2".into()));
    let problems = plan["problems"].as_array().unwrap();
    let at = |code: &str| {
        let problem = problems.iter().find(|problem| problem["code"] == code).unwrap();
        (problem["severity"].as_str().unwrap(), problem["line"].as_u64().unwrap())
    };
    assert_eq!((at("RC010"), at("TL001")), (("error", 2), ("error", 6)));
    assert_eq!(at("RC005"), ("info", 4), "the model of the pretender has no labels");
    let said = machine.done(&["compose", "--dry-run", "--", "up", "-d"]);
    assert!(said.contains("compose.yml:6:9: error[TL001]") && said.ends_with("override.yml up -d\n"), "{said}");
    assert_eq!(fs::read_to_string(machine.repository().join(".rediacc.json")).unwrap(), before);
    assert!(!machine.repository().join(".rediacc").exists());
}

#[test]
fn labels_are_checked_with_place_and_caret() {
    let machine = Machine::new();
    let text = "services:\n  web:\n    labels:\n      - traefik.http.routers.web.rul=Host(`a`)\n";
    fs::write(machine.repository().join("compose.yml"), text).unwrap();
    let labels = json!({"traefik.http.routers.web.rul": "Host(`a`)"});
    machine.compose_file("compose.yml", "app", json!({"web": {"labels": labels}}));
    let output = machine.run(&["labels", "check", "compose.yml"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.starts_with("compose.yml:4:9: web: error[TL001]") && said.contains("^^^ did you mean `rule`?"),
        "{said}"
    );
    machine.compose_file("compose.yml", "app", json!({"web": {"labels": {"traefik.enable": "true"}}}));
    assert_eq!(machine.done(&["labels", "check", "compose.yml"]), "");
    let said = refused(&machine.run(&["labels", "check", "../x"]), 2);
    assert!(said.contains("neither a file nor a name of a container"), "{said}");
}

#[test]
fn an_old_compose_is_named_and_one_without_a_version_speaks_for_itself() {
    let machine = Machine::new();
    machine.compose_file("compose.yml", "app", json!({"web": {}}));
    let up = |version| {
        machine.renet(&machine.repository(), &["compose", "--", "up"]).env("VERSION", version).output().unwrap()
    };
    let said = refused(&up("2.20.2"), 3);
    assert!(said.contains("docker compose 2.20.2 is too old: 2.24.4 or newer is needed"), "{said}");
    let output = up("dev");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(14), &b"unknown tag !reset\n"[..]));
}
