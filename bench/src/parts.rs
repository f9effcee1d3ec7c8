use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use end_to_end::{Error, Process, Scratch, dynamic_files};
use serde_json::{Value, json};

use crate::http;

/// The programs that are measured.
#[derive(Debug)]
pub(crate) struct Programs {
    route_server: PathBuf,
    traefik: PathBuf,
}

/// A running program and where it answers.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// A running Traefik: entry point `web` on port 80, its API on 8080, of an address of its own.
#[derive(Debug)]
pub(crate) struct Traefik {
    pub(crate) process: Process,
    pub(crate) web: SocketAddr,
    pub(crate) api: SocketAddr,
}

/// Where Traefik has its routes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Provider<'a> {
    /// From route-server, by held requests and with a default certificate: what this project sets up.
    LongPoll(SocketAddr),
    /// From route-server, every five seconds: what Traefik does unless told otherwise.
    PlainPoll(SocketAddr),
    /// From a Docker daemon itself; containers on the host's network are reached at the address given.
    Docker(&'a Path, Ipv4Addr),
    /// The same, and Traefik is given a default certificate.
    DockerAndCertificate(&'a Path, Ipv4Addr),
}

/// For `map_err`: says what was being done when the machine refused.
pub(crate) fn io(what: &str) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.to_owned();
    move |source| Error::Io { what, source }
}

// === impl Programs ===

impl Programs {
    /// Builds route-server as this program was built and looks for Traefik.
    pub(crate) fn find() -> Result<Self, Error> {
        Ok(Self { route_server: route_server()?, traefik: traefik()? })
    }

    /// Starts `route-server serve` on a free port, with more arguments; it need not answer yet.
    pub(crate) fn serve(&self, scratch: &Scratch, name: &str, arguments: &[&str]) -> Result<Running, Error> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let address = free.map_err(io("find a free port"))?;
        let sockets = format!("{}/docker-*.sock", scratch.sockets()?.display());
        let mut command = Command::new(&self.route_server);
        command.args(["serve", "--listen", &address.to_string(), "--sockets", &sockets]);
        command.args(["--base-domain", "example.com", "--cert-resolver", "none", "--entrypoints", "web"]);
        for (variable, _) in env::vars_os() {
            if variable.to_string_lossy().starts_with("REDIACC_ROUTER_") {
                command.env_remove(variable);
            }
        }
        // What it keeps shall not be the machine's.
        command.env("REDIACC_ROUTER_STATE_DIR", scratch.path().join(format!("{name}-state")));
        command.env("REDIACC_ROUTER_CONTROL_SOCKET", scratch.path().join(format!("{name}.sock")));
        command.args(arguments);
        Ok(Running { process: Process::start(name, scratch.path(), &command)?, address })
    }

    /// Starts Traefik on an address; it need not answer yet.
    pub(crate) fn traefik(&self, scratch: &Scratch, on: Ipv4Addr, provider: Provider<'_>) -> Result<Traefik, Error> {
        let (web, api) = (SocketAddr::from((on, 80)), SocketAddr::from((on, 8080)));
        let name = format!("traefik-{on}");
        let file = scratch.path().join(format!("{name}.yaml"));
        let files = dynamic_files(&scratch.path().join(&name), None)?;
        fs::write(&file, static_configuration(web, api, provider, &files).to_string())
            .map_err(io("write Traefik's settings"))?;
        let mut command = match provider {
            Provider::Docker(_, host) | Provider::DockerAndCertificate(_, host) => {
                self.with_docker_host(scratch, host)?
            }
            Provider::LongPoll(_) | Provider::PlainPoll(_) => Command::new(&self.traefik),
        };
        command.arg(format!("--configFile={}", file.display()));
        Ok(Traefik { process: Process::start(&name, scratch.path(), &command)?, web, api })
    }

    /// Traefik's Docker provider resolves `host.docker.internal` once per container; without an answer that costs it
    /// a quarter of a second each, which is not what is measured here. So it sees a hosts file of its own.
    fn with_docker_host(&self, scratch: &Scratch, host: Ipv4Addr) -> Result<Command, Error> {
        let hosts = scratch.path().join("hosts");
        let text = format!("127.0.0.1 localhost\n{host} host.docker.internal\n");
        fs::write(&hosts, text).map_err(io("write a hosts file"))?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--", "sh", "-c", r#"mount --bind "$1" /etc/hosts && shift && exec "$@""#, "sh"]);
        command.arg(hosts).arg(&self.traefik);
        Ok(command)
    }
}

// === impl Traefik ===

impl Traefik {
    /// Waits until its API answers.
    pub(crate) fn answers(self) -> Result<Self, Error> {
        let patience = Duration::from_secs(30);
        http::first(self.api, "traefik", "/api/overview", patience)?;
        Ok(self)
    }
}

/// `ROUTE_SERVER_BIN`, or as built from this workspace in the same profile.
fn route_server() -> Result<PathBuf, Error> {
    if let Some(path) = env::var_os("ROUTE_SERVER_BIN") {
        return Ok(path.into());
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "route-server"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let built = build.status().map_err(io("run cargo"))?;
    let beside = env::current_exe().map_err(io("find this program"))?.with_file_name("route-server");
    if built.success() && beside.is_file() {
        return Ok(beside);
    }
    Err(Error::Missing(
        "no route-server beside this program, and cargo built none there; give ROUTE_SERVER_BIN".to_owned(),
    ))
}

/// `TRAEFIK_BIN`, or the one that `scripts/parts` built.
fn traefik() -> Result<PathBuf, Error> {
    if let Some(path) = env::var_os("TRAEFIK_BIN") {
        return Ok(path.into());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/parts");
    let output = Command::new(script).args(["--built", "traefik"]).stderr(Stdio::null()).output();
    let output = output.map_err(io("run scripts/parts"))?;
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end());
    if path.is_file() {
        Ok(path)
    } else {
        Err(Error::Missing("no Traefik; run scripts/parts or give TRAEFIK_BIN".to_owned()))
    }
}

fn static_configuration(web: SocketAddr, api: SocketAddr, provider: Provider<'_>, files: &Path) -> Value {
    let files = json!({"directory": files});
    let providers = match provider {
        Provider::LongPoll(server) => json!({
            "providersThrottleDuration": "100ms",
            "file": files,
            "http": {
                "endpoint": format!("http://{server}/routes.yaml?wait=5s"),
                "pollInterval": "100ms",
                "pollTimeout": "10s",
            },
        }),
        Provider::PlainPoll(server) => json!({
            "http": {"endpoint": format!("http://{server}/routes.yaml"), "pollInterval": "5s"},
        }),
        Provider::Docker(socket, _) => json!({
            "docker": {"endpoint": format!("unix://{}", socket.display()), "exposedByDefault": false},
        }),
        Provider::DockerAndCertificate(socket, _) => json!({
            "docker": {"endpoint": format!("unix://{}", socket.display()), "exposedByDefault": false},
            "file": files,
        }),
    };
    json!({
        "global": {"checkNewVersion": false, "sendAnonymousUsage": false},
        "log": {"level": "WARN", "noColor": true},
        "api": {"insecure": true},
        "entryPoints": {"web": {"address": web.to_string()}, "traefik": {"address": api.to_string()}},
        "providers": providers,
    })
}
