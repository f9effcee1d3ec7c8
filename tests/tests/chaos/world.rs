use std::{
    fs::{self, Permissions},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::PathBuf,
    process::Command,
    thread,
    time::Duration,
};

use docker_simulator::{Container, Simulator};
use end_to_end::{
    Dockerd, Error, Following, Image, Process, RouteServer, Scratch, Service, Traefik, api_url, free_address, until,
};
use rustix::process::Signal;
use serde_json::Value;
use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    simulated::runtime,
    traffic::{Seen, Traffic, lost},
    trials::Stage,
};

/// How long something may take on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const ENTRY_POINTS: [&str; 1] = ["web"];

/// For how long the route server keeps the router of a container that is gone.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// A repository on a real daemon, and three on simulated ones: the first is what faults happen to.
pub(crate) const REAL: u32 = 2816;
pub(crate) const FAULTY: u32 = 2880;
const OTHERS: [u32; 2] = [2944, 3008];

/// Repositories with servers that always answer, and traffic that never stops.
pub(crate) struct World {
    // Dropped in this order.
    pub(crate) traffic: Traffic,
    pub(crate) server: RouteServer,
    pub(crate) traefik: Traefik,
    pub(crate) real: Dockerd,
    /// Its own, as each repository's daemon has; one that dockerd starts itself does not outlive it.
    _containerd: Process,
    pub(crate) faulty: Option<Simulator>,
    others: Vec<Simulator>,
    pub(crate) scratch: Scratch,
    /// Whose sockets are.
    group: u32,
    daemons: Handle,
    _running: oneshot::Sender<()>,
    arguments: Vec<String>,
    round: u32,
    stranger: Option<String>,
}

// === impl World ===

impl Stage for World {
    const IS_SPOILED_BY_FAILURE: bool = true;

    fn set() -> Result<Self, Error> {
        let scratch = Scratch::new()?;
        let image = Image::build(&scratch, &[])?;
        let id = REAL.to_string().parse().map_err(|error| Error::Unexpected(format!("{error}")))?;
        let (containerd, socket) = containerd(&scratch)?;
        let real = Dockerd::start_with(&scratch, id, &["--live-restore", "--containerd", &socket])?;
        real.import(&image)?;
        for slot in 0..2 {
            real.run(&page(slot))?;
        }
        let (daemons, running) = runtime()?;
        for id in [FAULTY].into_iter().chain(OTHERS) {
            (0..2).try_for_each(|slot| serve(id, slot))?;
        }
        let group =
            fs::metadata(real.socket()).map_err(|error| Error::Unexpected(format!("dockerd's socket: {error}")))?.gid();
        let bind = |id| bind(&daemons, &scratch, group, id);
        let faulty = Some(bind(FAULTY)?);
        let others = OTHERS.into_iter().map(bind).collect::<Result<_, _>>()?;
        let traefik_at = free_address(&ENTRY_POINTS)?;
        let sockets = scratch.sockets()?;
        let arguments = format!(
            "--sockets {}/docker-*.sock --base-domain example.com --cert-resolver none --entrypoints web --grace {}s \
             --traefik-api {}",
            sockets.display(),
            GRACE.as_secs(),
            api_url(traefik_at)
        );
        let arguments: Vec<_> = arguments.split_whitespace().map(str::to_owned).collect();
        let server = RouteServer::start_unprivileged(&scratch, "route-server", &arguments)?;
        let traefik = Traefik::start(&scratch, server.url(), &ENTRY_POINTS, Following::LongPoll)?;
        let hosts: Vec<_> =
            [REAL, FAULTY].into_iter().chain(OTHERS).flat_map(|id| (0..2).map(move |n| host(id, n))).collect();
        let traffic = Traffic::start(traefik.address(), &hosts);
        let world = Self {
            traffic,
            server,
            traefik,
            real,
            _containerd: containerd,
            faulty,
            others,
            scratch,
            group,
            daemons,
            _running: running,
            arguments,
            round: 0,
            stranger: None,
        };
        world.all_is_well()?;
        Ok(world)
    }

    fn tail(&self) -> String {
        [self.server.tail(), self.traefik.process().tail(15)].join("\n")
    }
}

impl World {
    /// Waits until every host is answered, and nothing is amiss; what was lost before is not counted.
    pub(crate) fn all_is_well(&self) -> Result<(), Error> {
        self.health("all is well", |health| {
            let applied = health.pointer("/traefik/applied_revision");
            health.pointer("/status") == Some(&"ok".into()) && applied == health.pointer("/revision")
        })?;
        until("every host is answered", PATIENCE, || {
            self.traffic.take();
            thread::sleep(Duration::from_millis(200));
            let seen = self.traffic.take();
            if seen.len() == 8 && lost(&seen, &[]).is_empty() {
                Ok(())
            } else {
                Err(Error::Unexpected(format!("{seen:?}")))
            }
        })
    }

    /// Waits until `/health` is so.
    pub(crate) fn health(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<(), Error> {
        until(&format!("/health: {what}"), PATIENCE, || {
            let health = self.server.json("/health")?;
            if is_so(&health) { Ok(()) } else { Err(Error::Unexpected(format!("{health:#}"))) }
        })
    }

    /// What was lost since the last look; of these hosts nothing counts.
    pub(crate) fn nothing_lost(&self, but: &[&str]) -> Result<Seen, Error> {
        let seen = self.traffic.take();
        let lost = lost(&seen, but);
        if lost.is_empty() { Ok(seen) } else { Err(Error::Unexpected(format!("lost: {}", lost.join(", ")))) }
    }

    pub(crate) fn faulty_socket(&self) -> Result<PathBuf, Error> {
        Ok(self.scratch.sockets()?.join(format!("docker-{FAULTY}.sock")))
    }

    /// The faulty daemon as a good one, whatever has become of it.
    pub(crate) fn heal(&mut self) -> Result<(), Error> {
        self.faulty = None;
        let socket = self.faulty_socket()?;
        if socket.is_dir() {
            let _ = fs::remove_dir(&socket);
        }
        self.faulty = Some(bind(&self.daemons, &self.scratch, self.group, FAULTY)?);
        Ok(())
    }

    pub(crate) fn faulty(&self) -> Result<&Simulator, Error> {
        self.faulty.as_ref().ok_or_else(|| Error::Unexpected("the faulty daemon is gone".to_owned()))
    }

    /// A number that is new each time.
    pub(crate) fn next(&mut self) -> u32 {
        self.round += 1;
        self.round
    }

    /// The document is that of a server which knows nothing of what was.
    pub(crate) fn as_if_nothing_had_been(&mut self) -> Result<(), Error> {
        self.all_is_well()?;
        let name = format!("fresh-{}", self.next());
        let fresh = RouteServer::start_unprivileged(&self.scratch, &name, &self.arguments)?;
        until("a fresh start publishes the same document", PATIENCE, || {
            let (ours, fresh) = (self.server.text("/routes.yaml")?, fresh.text("/routes.yaml")?);
            if ours == fresh { Ok(()) } else { Err(Error::Unexpected(format!("{ours}\nbut\n{fresh}"))) }
        })
    }

    /// The most memory that the server has had since its start, in MiB.
    pub(crate) fn peak(&mut self) -> Result<u64, Error> {
        let path = format!("/proc/{}/status", self.server.process().id());
        let status = fs::read_to_string(&path).map_err(|error| Error::Unexpected(format!("{path}: {error}")))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.map(|kib| kib / 1024).ok_or(Error::Unexpected(status))
    }

    /// Where the server keeps what outlives it.
    pub(crate) fn state(&self) -> PathBuf {
        self.scratch.path().join("route-server-state")
    }

    /// A change that is nobody's business: a container without any label comes and, when the next one comes, goes.
    pub(crate) fn stranger(&mut self) {
        let stranger = Container::new("stranger").generation(self.next());
        if let Some(other) = self.others.first()
            && let Some(before) = self.stranger.replace(other.start(stranger))
        {
            other.remove(&before);
        }
    }

    /// The file by which the server's clock is set.
    pub(crate) fn clock(&self) -> PathBuf {
        self.scratch.path().join("clock")
    }
}

impl Drop for World {
    /// Containers outlive their daemon here: whatever state a failed test left it in, it must be there to end them.
    fn drop(&mut self) {
        self.real.process().signal(Signal::CONT);
        if self.real.process().check().is_err() {
            let _ = self.real.start_again();
        }
    }
}

/// The host of a service, whose page says the same.
pub(crate) fn host(id: u32, number: u8) -> String {
    format!("s{number}-{id}.example.com")
}

/// A service on the real daemon.
pub(crate) fn page(number: u8) -> Service {
    let page = format!("echo s{number}-{REAL} >/www/index.html; exec httpd -f -p $SERVICE_IP:8080 -h /www");
    Service::shell(&format!("s{number}"), number, &page).label("rediacc.service_port=8080")
}

pub(crate) fn container(id: u32, number: u8) -> Container {
    let name = format!("s{number}");
    Container::new(format!("{name}-{id}"))
        .network_mode("host")
        .created(1_700_000_000)
        .label("rediacc.service_name", name)
        .label("rediacc.service_ip", address(id, number).to_string())
        .label("rediacc.service_port", "8080")
        .label("rediacc.network_id", id.to_string())
}

fn address(id: u32, number: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 0, 2)) + id + u32::from(number))
}

/// The server of a simulated container: it answers whatever becomes of the daemon.
fn serve(id: u32, number: u8) -> Result<(), Error> {
    let address = address(id, number);
    let listener = TcpListener::bind((address, 8080))
        .map_err(|error| Error::Unexpected(format!("a server on {address}: {error}")))?;
    let page = format!("s{number}-{id}");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let page = page.clone();
            thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|count| count > 0) {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len());
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(())
}

fn containerd(scratch: &Scratch) -> Result<(Process, String), Error> {
    let failed = |error| Error::Unexpected(format!("containerd: {error}"));
    let directory = scratch.dir("containerd")?;
    let (file, socket) = (directory.join("config.toml"), directory.join("containerd.sock"));
    let at = directory.display();
    let config = format!(
        "version = 2\nroot = '{at}/root'\nstate = '{at}/state'\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\n\
         [grpc]\naddress = '{}'\n",
        socket.display()
    );
    fs::write(&file, config).map_err(failed)?;
    let mut command = Command::new("containerd");
    command.args(["--log-level", "warn", "--config"]).arg(file);
    let process = Process::start("containerd", scratch.path(), &command)?;
    until("containerd's socket is there", PATIENCE, || {
        if socket.exists() { Ok(()) } else { Err(Error::Unexpected("not yet".to_owned())) }
    })?;
    Ok((process, socket.display().to_string()))
}

fn bind(daemons: &Handle, scratch: &Scratch, group: u32, id: u32) -> Result<Simulator, Error> {
    let _inside = daemons.enter();
    let socket = scratch.sockets()?.join(format!("docker-{id}.sock"));
    let failed = |error| Error::Unexpected(format!("{}: {error}", socket.display()));
    let daemon = Simulator::bind(&socket).map_err(failed)?;
    daemon.set_containers((0..2).map(|number| container(id, number)));
    // As a real daemon's, whose group may open it.
    chown(&socket, None, Some(group)).map_err(failed)?;
    fs::set_permissions(&socket, Permissions::from_mode(0o660)).map_err(failed)?;
    Ok(daemon)
}
