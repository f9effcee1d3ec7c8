use std::{
    fs,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Map, Value, json};
use traefik_model::Document;
use traefik_static::DefaultCertificate;

use crate::{Error, Process, Scratch, client, programs::part, until};

/// Where its API listens, on the address of the entry points.
const API_PORT: u16 = 8080;

/// A real Traefik that polls a route server, its entry points on an address of their own.
#[derive(Debug)]
pub struct Traefik {
    address: Ipv4Addr,
    command: Command,
    directory: PathBuf,
    process: Process,
}

/// How Traefik follows the route server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Following {
    /// By held requests, as in the static configuration that this project writes.
    LongPoll,
    /// By asking every five seconds, as Traefik does when nothing is said.
    PlainPoll,
}

// === impl Traefik ===

impl Traefik {
    /// Starts Traefik (`TRAEFIK_BIN`, or the one that `scripts/parts` built) with these entry points: `web`,
    /// `websecure`, `tcp-PORT`, `udp-PORT`, on the ports that their names say.
    ///
    /// # Errors
    /// When it is not built, can't be started, or its API does not answer within 20 s.
    pub fn start(scratch: &Scratch, server: &str, entry_points: &[&str], following: Following) -> Result<Self, Error> {
        Self::start_with(scratch, server, entry_points, following, None)
    }

    /// The same, with a file of the operator's own dynamic configuration.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_with(
        scratch: &Scratch,
        server: &str,
        entry_points: &[&str],
        following: Following,
        operators: Option<&Path>,
    ) -> Result<Self, Error> {
        let address = free_address(entry_points)?;
        let directory = scratch.path().to_owned();
        let file = directory.join("traefik.yaml");
        let files = dynamic_files(&directory, operators)?;
        let document = static_configuration(address, server, entry_points, following, &files)?;
        fs::write(&file, document.to_string()).map_err(Error::io(file.display().to_string()))?;
        let mut command = Command::new(part("traefik", "TRAEFIK_BIN")?);
        command.arg(format!("--configFile={}", file.display()));
        let process = Process::start("traefik", &directory, &command)?;
        let mut traefik = Self { address, command, directory, process };
        traefik.wait()?;
        Ok(traefik)
    }

    /// The address of its entry points: the public one of this machine, as it were.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Ends it and starts another in its place, which knows nothing of what the first one knew.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn restart(&mut self) -> Result<(), Error> {
        // Asked to end, Traefik waits for the answer to the poll that is under way.
        self.process.kill()?;
        self.process = Process::start("traefik", &self.directory, &self.command)?;
        self.wait()
    }

    /// What its API says, e.g. at `/api/http/routers`.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn api(&self, path: &str) -> Result<Value, Error> {
        client::json(&format!("http://{}:{API_PORT}{path}", self.address))
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    fn wait(&mut self) -> Result<(), Error> {
        until("Traefik's API answers", Duration::from_secs(20), || {
            self.process.check()?;
            self.api("/api/overview")
        })
        .map(drop)
    }
}

/// `tcp-25` → port 25, `tcp`; the two kinds of HTTP have their usual ports.
fn port(entry_point: &str) -> Result<(u16, &str), Error> {
    let (protocol, port) = match entry_point {
        "web" => ("tcp", "80"),
        "websecure" => ("tcp", "443"),
        other => other.split_once('-').unwrap_or((other, "")),
    };
    let port = port.parse().map_err(|error| Error::Unexpected(format!("entry point {entry_point}: {error}")))?;
    Ok((port, protocol))
}

/// Where the API of a Traefik on this address answers.
#[must_use]
pub fn api_url(address: Ipv4Addr) -> String {
    format!("http://{address}:{API_PORT}")
}

/// The first address from 127.200.0.1 on where nobody else has one of the ports: another run may be under way.
///
/// # Errors
/// When there is none.
pub fn free_address(entry_points: &[&str]) -> Result<Ipv4Addr, Error> {
    let mut ports = vec![(API_PORT, "tcp")];
    for entry_point in entry_points {
        ports.push(port(entry_point)?);
    }
    let mut refused = String::new();
    for last in 1..=9 {
        let address = Ipv4Addr::new(127, 200, 0, last);
        let busy = ports.iter().find_map(|&(port, protocol)| {
            let tried = match protocol {
                "udp" => UdpSocket::bind((address, port)).map(drop),
                _ => TcpListener::bind((address, port)).map(drop),
            };
            tried.err().map(|error| format!("{address}:{port}/{protocol}: {error}"))
        });
        match busy {
            None => return Ok(address),
            Some(why) => refused = why,
        }
    }
    Err(Error::Missing(format!("no address has all ports free; {refused} (ss -lntup names the holder)")))
}

/// Makes a directory of dynamic configuration for Traefik's file provider: a default certificate, as this project sets it
/// up, and a file of the operator's own. Returns its path.
///
/// # Errors
/// When it cannot be written.
pub fn dynamic_files(directory: &Path, operators: Option<&Path>) -> Result<PathBuf, Error> {
    let certificate = directory.join(DefaultCertificate::FILE);
    let files = directory.join("dynamic");
    let configuration = DefaultCertificate::configuration(&certificate.display().to_string());
    let text =
        serde_json::to_string(&Document(&configuration)).map_err(|error| Error::Unexpected(error.to_string()))?;
    let made = DefaultCertificate::generate().map_err(|error| Error::Unexpected(error.to_string()))?;
    let write = || {
        fs::create_dir_all(&files)?;
        fs::write(&certificate, made.pem())?;
        fs::write(files.join("default-certificate.yaml"), text)?;
        operators.map_or(Ok(()), |from| fs::copy(from, files.join("operators.yaml")).map(drop))
    };
    write().map_err(Error::io(files.display().to_string()))?;
    Ok(files)
}

fn static_configuration(
    address: Ipv4Addr,
    server: &str,
    entry_points: &[&str],
    following: Following,
    files: &Path,
) -> Result<Value, Error> {
    let mut points = Map::new();
    for &name in entry_points {
        let (port, protocol) = port(name)?;
        let address = format!("{address}:{port}/{protocol}");
        let point = match name {
            "web" => json!({
                "address": address,
                "http": {"redirections": {"entryPoint": {"to": "websecure", "scheme": "https"}}},
            }),
            "websecure" => json!({"address": address, "http": {"tls": {}}}),
            _ => json!({ "address": address }),
        };
        points.insert(name.to_owned(), point);
    }
    points.insert("traefik".to_owned(), json!({ "address": format!("{address}:{API_PORT}") }));
    let files = json!({ "directory": files });
    let providers = match following {
        Following::LongPoll => json!({
            "file": files,
            "providersThrottleDuration": "100ms",
            "http": {"endpoint": format!("{server}/routes.yaml?wait=5s"), "pollInterval": "100ms", "pollTimeout": "10s"},
        }),
        Following::PlainPoll => {
            json!({"file": files, "http": {"endpoint": format!("{server}/routes.yaml"), "pollInterval": "5s"}})
        }
    };
    Ok(json!({
        "global": {"checkNewVersion": false, "sendAnonymousUsage": false},
        "log": {"level": "INFO", "noColor": true},
        "api": {"insecure": true},
        "entryPoints": points,
        "providers": providers,
    }))
}
