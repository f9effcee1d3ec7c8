//! `renet compose` with a real docker compose on a real dockerd: what people write starts as it is, and finds its
//! neighbours.

#![expect(clippy::print_stderr, reason = "figures belong beside the results")]

mod bad_input;
mod published;
mod shapes;
#[path = "../shared/trials.rs"]
mod trials;

use std::{
    fs,
    net::TcpStream,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use end_to_end::{Dockerd, Error, Image, Renet, Scratch, until};
use trials::{Stage, Trials};

/// Ports, networks, links, an alias and a container name: what no container on the host's network may have, or needs.
const COMPOSE_FILE: &str = r#"
services:
  web:
    image: parts:latest
    stop_signal: SIGKILL
    ports: ["8080:8080"]
    networks: [front]
    links: ["db:database"]
    command: httpd -f -p ${WEB_IP:?}:8080 -h /www
    labels: ["traefik.enable=true", "price=$$5 at ${WEB_IP}"]
  db:
    image: parts:latest
    stop_signal: SIGKILL
    container_name: the-db
    mac_address: "02:42:ac:11:65:43"
    command: sleep 1000
    networks: {front: {aliases: [www-db]}}
  tool:
    image: parts:latest
    profiles: [tools]
    command: "true"
networks: {front: {}}
"#;

struct World {
    dockerd: Dockerd,
    renet: Renet,
    repository: PathBuf,
    _scratch: Scratch,
}

type Test = fn(&World) -> Result<(), Error>;

const TESTS: &[(&str, Test)] = &[
    ("services_start_on_their_addresses_and_find_each_other", starts),
    ("what_runs_is_not_recreated_and_sees_a_new_neighbour", new_neighbour),
    ("a_one_off_container_has_the_address_and_hands_over_its_code", one_off),
    ("a_name_of_another_project_is_refused", other_project),
    ("down_leaves_nothing", down),
    ("what_people_write_in_one_project", shapes::all),
    ("what_people_publish", published::all),
    ("bad_input_is_one_clear_line_and_leaves_nothing_half_written", bad_input::all),
];

/// They go on from one another.
fn main() -> ExitCode {
    let mut trials = Trials::new();
    TESTS.iter().for_each(|&(name, test)| trials.add(name, move |world| test(world)));
    trials.run(|_| {})
}

// === impl World ===

impl Stage for World {
    fn set() -> Result<Self, Error> {
        let scratch = Scratch::new()?;
        let image = Image::build(&scratch, &[])?;
        let dockerd =
            Dockerd::start(&scratch, "2816".parse().map_err(|error| Error::Unexpected(format!("2816: {error}")))?)?;
        dockerd.import(&image)?;
        let renet = Renet::new(&scratch)?;
        let repository = renet.repository("shop", &dockerd, COMPOSE_FILE)?;
        Ok(Self { dockerd, renet, repository, _scratch: scratch })
    }

    fn tail(&self) -> String {
        self.dockerd.tail()
    }
}

impl World {
    fn compose(&self, arguments: &[&str]) -> Result<String, Error> {
        self.renet.done(&self.repository, &[&["compose", "--"], arguments].concat())
    }
}

fn expect(what: &str, holds: bool, seen: &str) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Unexpected(format!("{what}: {seen}"))) }
}

fn starts(world: &World) -> Result<(), Error> {
    let begun = Instant::now();
    world.compose(&["up", "-d"])?;
    eprintln!("first up of two services: {} ms", begun.elapsed().as_millis());
    let hosts = world.compose(&["exec", "-T", "web", "cat", "/etc/hosts"])?;
    let line = "127.0.11.2 db database the-db www-db\n";
    expect("the neighbour's names", hosts.contains(line) && hosts.contains("127.0.11.4 web\n"), &hosts)?;
    let environment = world.compose(&["exec", "-T", "web", "sh", "-c", "echo $SERVICE_IP $REPOSITORY_NETWORK_ID"])?;
    expect("the environment", environment == "127.0.11.4 2816\n", &environment)?;
    let format = r#"{{.HostConfig.NetworkMode}} {{.Config.Hostname}} {{index .Config.Labels "rediacc.service_ip"}} {{index .Config.Labels "price"}}"#;
    let seen = world.renet.done(&world.repository, &["docker", "--", "inspect", "-f", format, "shop-web-1"])?;
    expect("the container", seen == "host web 127.0.11.4 $5 at 127.0.11.4\n", &seen)?;
    until("web answers on its address", Duration::from_secs(10), || TcpStream::connect("127.0.11.4:8080"))?;
    let networks = world.dockerd.docker(["network", "ls", "--format", "{{.Name}}"])?;
    expect("no network was made", networks == "host\nnone\n", &networks)
}

fn new_neighbour(world: &World) -> Result<(), Error> {
    let started = |name: &str| world.dockerd.docker(["inspect", "-f", "{{.State.StartedAt}}", name]);
    let before = (started("shop-web-1")?, started("the-db")?);
    world.compose(&["up", "-d"])?;
    let file = world.repository.join("docker-compose.yml");
    let more = COMPOSE_FILE.replace(
        "\n  db:\n",
        "\n  cache:\n    image: parts:latest\n    stop_signal: SIGKILL\n    command: sleep 1000\n  db:\n",
    );
    let write = |text: &str| fs::write(&file, text).map_err(|source| Error::Io { what: "write".to_owned(), source });
    write(&more.replace("sleep 1000\n    networks", "sleep 1001\n    networks"))?;
    let diff = world.renet.done(&world.repository, &["compose", "diff"])?;
    for line in ["cache    create ", "db       recreate  its configuration", "web      keep\n", "\n+  \"cache\":\n"] {
        expect(line, diff.contains(line), &diff)?;
    }
    write(&more)?;
    world.compose(&["up", "-d"])?;
    let after = (started("shop-web-1")?, started("the-db")?);
    expect("nobody was started again", before == after, &format!("{before:?} {after:?}"))?;
    let hosts = world.compose(&["exec", "-T", "web", "cat", "/etc/hosts"])?;
    expect("the running one sees the new one", hosts.contains("127.0.11.5 cache\n"), &hosts)
}

fn one_off(world: &World) -> Result<(), Error> {
    let line = "echo $SERVICE_IP; exit 7";
    let arguments = ["compose", "--", "run", "--rm", "-T", "web", "sh", "-c", line];
    let output = world.renet.run(&world.repository, &arguments)?;
    let seen = format!("{output:?}");
    expect("compose's own code", output.status.code() == Some(7), &seen)?;
    expect("the service's address", output.stdout == b"127.0.11.4\n", &seen)
}

fn other_project(world: &World) -> Result<(), Error> {
    let other = world.repository.join("other");
    let write = || {
        fs::create_dir_all(&other)?;
        fs::write(other.join("compose.yaml"), "services: {web: {image: \"parts:latest\"}}\n")
    };
    write().map_err(|source| Error::Io { what: "write".to_owned(), source })?;
    let output = world.renet.run(&other, &["compose", "--", "up", "-d"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    let names_both = said.contains("docker-compose.yml") && said.contains("other/compose.yaml");
    expect("it is refused, with both files", output.status.code() == Some(3) && names_both, &said)
}

fn down(world: &World) -> Result<(), Error> {
    world.compose(&["down"])?;
    let left = world.dockerd.docker(["ps", "-a", "-q"])?;
    expect("no container is left", left.is_empty(), &left)
}
