//! What makes no sense, and what goes wrong on the way: a line that says it, nothing half-written, no slot lost.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use end_to_end::{Error, until};

use crate::{World, expect};

/// The compose file, the exit code, what must be said.
const FILES: [(&str, &str, i32, &[&str]); 6] = [
    ("broken YAML", "services:\n  web:\n  image: [x\n", 1, &["line 2"]),
    ("a cycle", "services: {a: {extends: {service: b}}, b: {extends: {service: a}}}", 1, &["Circular reference"]),
    (
        "variables",
        "services: {web: {image: \"${A:?what it is}\", command: \"${B:?} ${WEB_IP:?} ${C?c}\"}}",
        1,
        &["variables that are not set: A (what it is), B, C (c); set them"],
    ),
    ("one key twice", "services:\n  web: {image: x}\n  web: {image: y}\n", 1, &["\"web\" already defined at line 2"]),
    ("one variable twice", "services: {a-b: {image: x}, a_b: {image: y}}", 3, &["would share the variable A_B_IP"]),
    (
        "one name twice",
        "services: {a: {image: x, container_name: own}, b: {image: y, container_name: own}}",
        1,
        &["\"own\" is already in use"],
    ),
];

pub(crate) fn all(world: &World) -> Result<(), Error> {
    for (what, text, code, words) in FILES {
        let directory = world.renet.repository("bad", &world.dockerd, text)?;
        let output = world.renet.run(&directory, &["compose", "--", "up", "-d"])?;
        let said = String::from_utf8_lossy(&output.stderr);
        let lines = said.lines().count();
        let is_it = output.status.code() == Some(code) && lines <= 4 && words.iter().all(|word| said.contains(word));
        expect(what, is_it, &format!("{}: {said}", output.status))?;
        whole(what, &directory)?;
    }
    taken_container_name(world)?;
    full_disk(world)?;
    interrupted(world)
}

/// The slots can be read, and no temporary file is left.
fn whole(what: &str, directory: &Path) -> Result<(), Error> {
    let io = |source| Error::Io { what: what.to_owned(), source };
    let text = fs::read_to_string(directory.join(".rediacc.json")).map_err(io)?;
    let slots: Result<serde_json::Value, _> = serde_json::from_str(&text);
    expect(what, slots.is_ok_and(|it| it.get("network_id") == Some(&2816.into())), &text)?;
    for entry in fs::read_dir(directory).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        expect(what, !name.to_string_lossy().starts_with(".tmp"), &format!("{name:?} is left"))?;
    }
    Ok(())
}

fn taken_container_name(world: &World) -> Result<(), Error> {
    let file = |service: &str| {
        format!("services: {{{service}: {{image: \"parts:latest\", container_name: taken, command: \"true\"}}}}")
    };
    let first = world.renet.repository("first", &world.dockerd, &file("a"))?;
    world.renet.done(&first, &["compose", "--", "up", "-d"])?;
    let second = world.renet.repository("second", &world.dockerd, &file("b"))?;
    let output = world.renet.run(&second, &["compose", "--", "up", "-d"])?;
    world.renet.done(&first, &["compose", "--", "down"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    let words = "there is a container \"taken\" already, of service a of project first";
    expect("a taken name", output.status.code() == Some(3) && said.contains(words), &said)
}

/// A repository on a file system with room for the first project and not for what comes next.
fn full_disk(world: &World) -> Result<(), Error> {
    let file = "services: {web: {image: \"parts:latest\", command: \"true\"}}";
    let directory = world.renet.repository("full", &world.dockerd, file)?;
    // In mounts of its own, so that nothing is left mounted whatever happens.
    let script = r#"
        set -e
        mount -t tmpfs -o size=64k tmpfs "$1"
        cd "$1"
        echo '{"network_id": 2816}' >.rediacc.json
        echo "services: {web: {image: x}}" >compose.yml
        shift
        "$@" compose -- config >/dev/null
        before=$(cat .rediacc.json .rediacc/full/hosts)
        { echo "services:"; for i in $(seq 50); do echo "  s$i: {image: x}"; done; } >more.yml
        dd if=/dev/zero of=filler bs=1k count=1000 2>/dev/null || true
        rc=0
        "$@" compose -- -f compose.yml -f more.yml config >/dev/null || rc=$?
        echo "code $rc"
        [ "$(cat .rediacc.json .rediacc/full/hosts)" = "$before" ] && echo unchanged
        find . -name '.tmp*'
        rm filler
        "$@" compose -- -f compose.yml -f more.yml config >/dev/null && echo again
    "#;
    // Everything that the program gets, in a shell around it.
    let renet = world.renet.command(&directory, &[]);
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--", "sh", "-c", script, "sh"]);
    command.arg(&directory).arg(renet.get_program()).stdin(Stdio::null());
    command.envs(renet.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().map_err(|source| Error::Io { what: "unshare".to_owned(), source })?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let is_it = said.starts_with("code 1\nunchanged\nagain\n") && said.contains("No space left on device");
    expect("a full disk", is_it, &said)
}

/// Ctrl-C while `up` waits for a container to be healthy, which it never will be.
fn interrupted(world: &World) -> Result<(), Error> {
    let file = "services:\n  web: {image: \"parts:latest\", command: sleep 1000, stop_signal: SIGKILL, healthcheck: \
                {test: \"false\", interval: 1s, retries: 1000}}\n  after: {image: \"parts:latest\", command: \"true\", depends_on: {web: \
                {condition: service_healthy}}}\n";
    let directory = world.renet.repository("interrupted", &world.dockerd, file)?;
    let io = |source| Error::Io { what: "renet".to_owned(), source };
    let mut child = world
        .renet
        .command(&directory, &["compose", "--", "up"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(io)?;
    let running = || world.dockerd.docker(["ps", "--quiet"]).and_then(|it| expect("it runs", !it.is_empty(), &it));
    if let Err(error) = until("the container", Duration::from_secs(20), running) {
        let _ = child.kill();
        let output = child.wait_with_output().map_err(io)?;
        return Err(Error::Unexpected(format!("{error}: {}", String::from_utf8_lossy(&output.stderr))));
    }
    let id = child.id().to_string();
    let interrupt = Command::new("kill").args(["-INT", &id]).status().map_err(io)?;
    expect("the signal", interrupt.success(), &id)?;
    let ended = until("the end", Duration::from_secs(15), || {
        child.try_wait().map_err(io)?.ok_or_else(|| Error::Unexpected("it goes on".to_owned()))
    })?;
    // As compose does by itself.
    expect("compose's own code", ended.code() == Some(130), &ended.to_string())?;
    whole("ctrl-C", &directory)?;
    world.renet.done(&directory, &["compose", "--", "down"])?;
    let left = world.dockerd.docker(["ps", "--all", "--quiet"])?;
    expect("nothing is left", left.is_empty(), &left)
}
