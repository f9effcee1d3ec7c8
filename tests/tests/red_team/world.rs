use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use docker_simulator::{Container, Simulator};
use end_to_end::{Client, Error, Following, RouteServer, Scratch, Traefik, until};
use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    backends::{Speech, serve, serve_udp},
    neighbours,
    simulated::runtime,
    trials::Stage,
};

/// How long a change may take to be seen through Traefik.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

const ENTRY_POINTS: [&str; 10] =
    ["web", "websecure", "tcp-25", "tcp-993", "tcp-5432", "tcp-6379", "tcp-10000", "tcp-10001", "udp-53", "udp-10000"];

/// Three repositories: who is attacked, who attacks, and who only lives there.
pub(crate) const VICTIM: u32 = 12800;
pub(crate) const ATTACKER: u32 = 12864;
pub(crate) const HONEST: u32 = 12928;

/// Where the attacker's services listen.
pub(crate) const STOLEN: Ipv4Addr = Ipv4Addr::new(127, 0, 50, 66);

/// What a document says of a repository: its entries by section and name, as they are written.
pub(crate) type Part = BTreeMap<String, String>;

/// A machine with a victim, an attacker and honest neighbours, behind a real Traefik.
pub(crate) struct World {
    // Dropped in this order: the route server answers Traefik's poll and lets it end, the scratch directory is last.
    pub(crate) server: RouteServer,
    pub(crate) traefik: Traefik,
    pub(crate) victim: Option<Simulator>,
    pub(crate) attacker: Simulator,
    /// Never attacks, and shows that whatever was published is live.
    honest: Simulator,
    pub(crate) scratch: Scratch,
    daemons: Handle,
    _running: oneshot::Sender<()>,
    round: u32,
    /// What the victim's and the neighbours' parts of the document are without an attack.
    pub(crate) expected: [Part; 2],
}

// === impl World ===

impl Stage for World {
    fn set() -> Result<Self, Error> {
        let scratch = Scratch::new()?;
        let options = mutual_tls(&scratch)?;
        listen()?;
        let sockets = scratch.sockets()?;
        let (daemons, running) = runtime()?;
        let bind = |id: u32| bind(&daemons, &sockets, id);
        let (victim, attacker, honest) = (bind(VICTIM)?, bind(ATTACKER)?, bind(HONEST)?);
        neighbours::victim().into_iter().for_each(|container| drop(victim.start(container)));
        neighbours::honest().into_iter().for_each(|container| drop(honest.start(container)));
        let server = RouteServer::start(&scratch, "route-server", &arguments(&sockets))?;
        let traefik =
            Traefik::start_with(&scratch, server.url(), &ENTRY_POINTS, Following::LongPoll, Some(options.as_path()))?;
        let mut world = Self {
            server,
            traefik,
            victim: Some(victim),
            attacker,
            honest,
            scratch,
            daemons,
            _running: running,
            round: 0,
            expected: Default::default(),
        };
        world.assign("*.wild.example.net", HONEST)?;
        world.canary()?;
        world.expected = [world.part(VICTIM)?, world.part(HONEST)?];
        Ok(world)
    }

    fn tail(&self) -> String {
        [self.server.tail(), self.traefik.process().tail(15)].join("\n")
    }
}

impl World {
    /// Starts the victim's daemon again after it was lost, with its containers as they were.
    pub(crate) fn revive_victim(&mut self) -> Result<(), Error> {
        let victim = bind(&self.daemons, &self.scratch.sockets()?, VICTIM)?;
        neighbours::victim().into_iter().for_each(|container| drop(victim.start(container)));
        self.victim = Some(victim);
        Ok(())
    }

    /// Somebody on the internet.
    pub(crate) fn client(&self) -> Client {
        Client::of(self.traefik.address())
    }

    /// A new number, for what must be new.
    pub(crate) fn next(&mut self) -> u32 {
        self.round += 1;
        self.round
    }

    /// Waits until Traefik has applied a document that was made after now. So it also shows that Traefik still takes
    /// changes at all.
    pub(crate) fn canary(&mut self) -> Result<(), Error> {
        let round = self.next();
        let host = format!("canary-{round}.example.net");
        let rule = format!("Host(`{host}`)");
        let container = Container::new("canary").generation(round);
        let id = self.honest.start(neighbours::web(container, "canary", HONEST, 9, &rule));
        let seen = until(&format!("{host} answers"), PATIENCE, || {
            let answer = self.client().get(&format!("https://{host}/"), &[])?;
            if answer.body == "honest" { Ok(()) } else { Err(Error::Unexpected(format!("{answer:?}"))) }
        });
        self.honest.remove(&id);
        seen
    }

    /// What the document says of a repository, canaries apart.
    pub(crate) fn part(&self, id: u32) -> Result<Part, Error> {
        let text = self.server.text("/routes.yaml")?;
        let own = |name: &str| {
            let name = name.trim_end_matches([':', '"', '\'']);
            (name.ends_with(&format!("-{id}")) || name.contains(&format!("-{id}."))) && !name.contains("canary")
        };
        Ok(entries(&text).into_iter().filter(|(name, _)| own(name)).collect())
    }

    /// The codes of all findings about a container.
    pub(crate) fn codes(&self, container: &str) -> Result<Vec<String>, Error> {
        let table = self.server.json("/routes.json")?;
        let findings = table.get("findings").and_then(|findings| findings.as_array()).into_iter().flatten();
        let about = findings.filter(|finding| finding.to_string().contains(&format!("{container:?}")));
        Ok(about.filter_map(|finding| Some(finding.get("code")?.as_str()?.to_owned())).collect())
    }

    /// The operator's decision.
    fn assign(&self, host: &str, id: u32) -> Result<(), Error> {
        let mut command = RouteServer::command()?;
        command.arg("claims").arg("--control-socket").arg(self.scratch.path().join("route-server.sock"));
        let output = command.args(["assign", host, &id.to_string()]).output();
        match output {
            Ok(output) if output.status.success() => Ok(()),
            other => Err(Error::Unexpected(format!("claims assign {host} {id}: {other:?}"))),
        }
    }
}

fn bind(daemons: &Handle, sockets: &Path, id: u32) -> Result<Simulator, Error> {
    let _inside = daemons.enter();
    let socket = sockets.join(format!("docker-{id}.sock"));
    Simulator::bind(&socket).map_err(|error| Error::Unexpected(format!("{}: {error}", socket.display())))
}

fn arguments(sockets: &Path) -> Vec<String> {
    let text = format!(
        "--sockets {}/docker-*.sock --base-domain example.com --entrypoints {} --grace 1s --dynamic-ports 10000-10001 \
         --allow-reference mtls@file --shared-host portal.example.org",
        sockets.display(),
        ENTRY_POINTS.join(",")
    );
    text.split_whitespace().map(str::to_owned).collect()
}

/// The servers of everybody's services.
fn listen() -> Result<(), Error> {
    let at = |id: u32, slot: u8| neighbours::address(id, slot);
    for (address, name) in [(at(VICTIM, 0), "victim"), (STOLEN, "stolen"), (at(HONEST, 0), "honest")] {
        serve(address, 80, Speech::Http, name)?;
        serve(address, 993, Speech::Answer, name)?;
        serve_udp(address, 53, name)?;
        for port in [25, 5432, 6379, 7000] {
            serve(address, port, Speech::Greeting, name)?;
        }
    }
    serve(at(VICTIM, 1), 80, Speech::Http, "victim")?;
    (1..=9).try_for_each(|slot| serve(at(HONEST, slot), 80, Speech::Http, "honest"))
}

/// Makes a client's certificate, and the TLS options that ask for it.
fn mutual_tls(scratch: &Scratch) -> Result<PathBuf, Error> {
    let directory = scratch.path();
    let make = |name: &str, signed: &[&str]| {
        let mut command = Command::new("openssl");
        command.current_dir(directory).args(["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"]);
        command.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", &format!("/CN={name}")]);
        command.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]).args(signed);
        match command.output() {
            Ok(output) if output.status.success() => Ok(()),
            other => Err(Error::Unexpected(format!("{command:?}: {other:?}"))),
        }
    };
    make("ca", &[])?;
    make("client", &["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"])?;
    let file = directory.join("operators.yaml");
    let ca = directory.join("ca.pem");
    let text = format!(
        "tls:\n  options:\n    mtls:\n      clientAuth:\n        caFiles: [{}]\n        clientAuthType: RequireAndVerifyClientCert\n",
        ca.display()
    );
    fs::write(&file, text).map_err(|error| Error::Unexpected(format!("{}: {error}", file.display())))?;
    Ok(file)
}

/// The routers, services and middlewares of a document, each as it is written.
fn entries(text: &str) -> Part {
    let mut entries = Part::new();
    let (mut protocol, mut section, mut name) = ("", "", String::new());
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        match depth {
            0 => protocol = line,
            2 => section = line,
            4 => name = format!("{protocol}{section}{line}"),
            _ => {}
        }
        if depth >= 4 {
            let entry = entries.entry(name.clone()).or_default();
            entry.push_str(line);
            entry.push('\n');
        }
    }
    entries
}
