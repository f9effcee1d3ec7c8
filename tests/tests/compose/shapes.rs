//! One project with much of what people write, spread over several files.

use std::{fs, path::Path, time::Duration};

use end_to_end::{Error, until};

use crate::{World, expect};

/// Two files by `COMPOSE_FILE` in `.env`, an include, an `extends`, and variables where structure depends on them.
const FILES: &[(&str, &str)] = &[
    (".env", "COMPOSE_FILE=base.yml:more.yml\nMODE=service:front\nPARTS=parts\nGATE=host-gateway\n"),
    (
        "base.yml",
        r#"
name: shapes
include: ["${PARTS}/tools.yml"]
x-common: &common
  stop_signal: SIGKILL
  restart: unless-stopped
services:
  front:
    <<: *common
    build:
      context: ./app
    ports: ["8081:8081"]
    sysctls: {net.core.somaxconn: 1024}
    extra_hosts: ["outside.example:10.0.0.1", "gate:${GATE}"]
    secrets: [word]
    configs: [{source: page, target: /www/index.html}]
    healthcheck: {test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://${FRONT_IP}:8081/"], interval: 1s, retries: 20}
    command: httpd -f -p ${FRONT_IP}:8081 -h /www
  beside:
    <<: *common
    image: parts:latest
    network_mode: ${MODE}
    command: sleep 1000
secrets: {word: {file: ./word.txt}}
configs: {page: {content: "<h1>${PAGE:-shaped}</h1>"}}
"#,
    ),
    (
        "more.yml",
        r#"
services:
  front: {labels: {more: "yes"}, depends_on: {store: {condition: service_started}}}
  store:
    extends: {file: parts/base.yml, service: store}
    networks: {inside: {ipv4_address: 172.30.0.5}}
  alone: {image: "parts:latest", network_mode: none, command: sleep 1000, stop_signal: SIGKILL}
  seldom: {image: "parts:latest", profiles: [tools], command: "echo ${SELDOM_IP:?}"}
networks: {inside: {internal: true, ipam: {config: [{subnet: 172.30.0.0/24}]}}}
"#,
    ),
    ("parts/base.yml", "services: {store: {image: \"parts:latest\", command: sleep 1000, stop_signal: SIGKILL}}\n"),
    ("parts/tools.yml", "services: {included: {image: \"parts:latest\", command: sleep 1000, stop_signal: SIGKILL}}\n"),
    ("word.txt", "s3same\n"),
    // A RUN that needs the network: this machine's, for there is no other.
    ("app/Dockerfile", "FROM parts:latest\nRUN wget -q -O /fetched http://127.200.0.7:8099/index.html\n"),
];

pub(crate) fn all(world: &World) -> Result<(), Error> {
    let directory = world.renet.repository("shapes", &world.dockerd, "")?;
    let write = |(name, text): &(&str, &str)| {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&directory))?;
        fs::write(path, text)
    };
    let written = FILES.iter().try_for_each(write).and_then(|()| fs::remove_file(directory.join("docker-compose.yml")));
    written.map_err(|source| Error::Io { what: "write the project".to_owned(), source })?;
    // What the build fetches.
    let server =
        ["run", "-d", "--rm", "--name", "server", "--network", "host", "--stop-signal", "KILL", "parts:latest"];
    world.dockerd.docker(server.into_iter().chain(["httpd", "-f", "-p", "127.200.0.7:8099", "-h", "/www"]))?;
    world.dockerd.docker(["exec", "server", "sh", "-c", "echo fetched >/www/index.html"])?;
    let outcome = look(world, &directory);
    let _ = world.renet.run(&directory, &["compose", "--", "down"]);
    let _ = world.dockerd.docker(["rm", "--force", "server"]);
    outcome
}

fn look(world: &World, directory: &Path) -> Result<(), Error> {
    let compose = |arguments: &[&str]| world.renet.done(directory, &[&["compose", "--"], arguments].concat());
    compose(&["build", "--quiet"])?;
    compose(&["up", "-d", "--wait", "--wait-timeout", "30"])?;
    let in_front = |line: &str| compose(&["exec", "-T", "front", "sh", "-c", line]);
    expect("the build had the network", in_front("cat /fetched")? == "fetched\n", "another")?;
    let hosts = in_front("cat /etc/hosts")?;
    for line in ["10.0.0.1 outside.example\n", "127.0.0.1 gate\n", "127.0.11.7 store\n"] {
        expect(line, hosts.contains(line), &hosts)?;
    }
    expect("what has no network has no address", !hosts.contains("alone"), &hosts)?;
    let others = compose(&["exec", "-T", "store", "cat", "/etc/hosts"])?;
    expect("they are the front's alone", !others.contains("outside.example"), &others)?;
    let beside = compose(&["exec", "-T", "beside", "cat", "/etc/hosts"])?;
    expect("what shares its network shares its hosts", beside == hosts, &beside)?;
    let page = until("the page", Duration::from_secs(10), || in_front("wget -q -O - http://$SERVICE_IP:8081/"))?;
    expect("the config", page.contains("<h1>shaped</h1>"), &page)?;
    let secret = in_front("cat /run/secrets/word")?;
    expect("the secret", secret == "s3same\n", &secret)?;
    let modes = world.renet.done(
        directory,
        &["docker", "--", "ps", "--all", "--format", "{{.Label \"com.docker.compose.service\"}} {{.Networks}}"],
    )?;
    for mode in ["front host", "store host", "included host", "alone none"] {
        expect(mode, modes.lines().any(|line| line == mode), &modes)?;
    }
    expect("an idle profile", !modes.contains("seldom"), &modes)?;
    let listed = compose(&["ps", "--format", "{{.Service}}"])?;
    expect("ps", listed.lines().any(|line| line == "front"), &listed)?;
    compose(&["exec", "-T", "store", "sh", "-c", "echo something >/proc/1/fd/1"])?;
    let logs = compose(&["logs", "--no-log-prefix", "store"])?;
    expect("logs", logs == "something\n", &logs)?;
    let pulled = world.renet.run(directory, &["compose", "--", "pull", "--ignore-buildable", "store"])?;
    expect("pull hands over its code", pulled.status.code() == Some(1), &format!("{pulled:?}"))?;
    let before = world.dockerd.docker(["ps", "-q", "--no-trunc"])?;
    compose(&["up", "-d"])?;
    let after = world.dockerd.docker(["ps", "-q", "--no-trunc"])?;
    expect("nothing is recreated", before == after, &after)?;
    let said = compose(&["--profile", "tools", "run", "--rm", "-T", "seldom"])?;
    expect("a profile's service has its address", said == "127.0.11.6\n", &said)?;
    compose(&["down"])?;
    let left = world.renet.done(directory, &["docker", "--", "ps", "--all", "--quiet"])?;
    expect("one container is left, which is not the project's", left.lines().count() == 1, &left)
}
