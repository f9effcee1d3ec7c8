use std::{
    env,
    ffi::OsStr,
    fs::{self, Permissions},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::{Error, Process, Scratch, client, programs::workspace_program, until};

/// The program under test, serving on a port of its own.
#[derive(Debug)]
pub struct RouteServer {
    url: String,
    command: Command,
    name: String,
    directory: PathBuf,
    process: Process,
}

/// The user who owns nothing.
const NOBODY: u32 = 65534;

// === impl RouteServer ===

impl RouteServer {
    /// Starts `route-server serve` with these arguments, beside that for its address.
    ///
    /// # Errors
    /// When it can't be built or started, or it does not answer within 10 s.
    pub fn start(scratch: &Scratch, name: &str, arguments: &[impl AsRef<OsStr>]) -> Result<Self, Error> {
        Self::start_with(Self::command()?, scratch, name, arguments)
    }

    /// The same as a user without any right but that of the daemons' sockets, as its unit runs it.
    ///
    /// # Errors
    /// As those of [`Self::start`].
    pub fn start_unprivileged(scratch: &Scratch, name: &str, arguments: &[impl AsRef<OsStr>]) -> Result<Self, Error> {
        // A program that everybody may run, in a directory that everybody may pass through.
        let io = |source| Error::Io { what: format!("prepare {name}"), source };
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o711)).map_err(io)?;
        let program = scratch.path().join(format!("{name}-program"));
        fs::copy(Self::command()?.get_program(), &program).map_err(io)?;
        let state = scratch.dir(&format!("{name}-state"))?;
        chown(state, Some(NOBODY), None).map_err(io)?;
        let mut sockets = fs::read_dir(scratch.sockets()?).map_err(io)?.filter_map(Result::ok);
        let group = sockets.find_map(|socket| socket.metadata().ok()).map_or(0, |metadata| metadata.gid());
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={NOBODY}")).arg(format!("--regid={group}"));
        command.args(["--clear-groups", "--no-new-privs"]);
        command.args(["--bounding-set=-all", "--inh-caps=-all", "--"]).arg(program);
        Self::start_with(command, scratch, name, arguments)
    }

    fn start_with(
        mut command: Command,
        scratch: &Scratch,
        name: &str,
        arguments: &[impl AsRef<OsStr>],
    ) -> Result<Self, Error> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(Error::io("find a free port"))?
            .port();
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}")]).args(arguments);
        // Where a test may set its clock.
        command.env("ROUTE_SERVER_CLOCK_OFFSET", scratch.path().join("clock"));
        command.arg("--state-dir").arg(scratch.path().join(format!("{name}-state")));
        command.arg("--control-socket").arg(scratch.path().join(format!("{name}.sock")));
        let directory = scratch.path().to_owned();
        let process = Process::start(name, &directory, &command)?;
        let url = format!("http://127.0.0.1:{port}");
        let mut server = Self { url, command, name: name.to_owned(), directory, process };
        server.wait()?;
        Ok(server)
    }

    /// A command for the program (`ROUTE_SERVER_BIN`, or as built from this workspace), free of the caller's settings.
    ///
    /// # Errors
    /// When it can't be built.
    pub fn command() -> Result<Command, Error> {
        let mut command = Command::new(workspace_program("route-server")?);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("REDIACC_ROUTER_") {
                command.env_remove(name);
            }
        }
        Ok(command)
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// One of its JSON documents, e.g. `/health`.
    ///
    /// # Errors
    /// When it does not answer with one.
    pub fn json(&self, path: &str) -> Result<Value, Error> {
        client::json(&format!("{}{path}", self.url))
    }

    /// One of its documents as it is, e.g. `/routes.yaml`.
    ///
    /// # Errors
    /// When it does not answer with one.
    pub fn text(&self, path: &str) -> Result<String, Error> {
        client::text(&format!("{}{path}", self.url))
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The end of its log.
    #[must_use]
    pub fn tail(&self) -> String {
        self.process.tail(25)
    }

    /// Starts it again, with the same arguments, after its process was ended.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.process.stop()?;
        self.process = Process::start(&self.name, &self.directory, &self.command)?;
        self.wait()
    }

    fn wait(&mut self) -> Result<(), Error> {
        until("route-server answers", Duration::from_secs(10), || {
            self.process.check()?;
            self.json("/health")
        })
        .map(drop)
    }
}
