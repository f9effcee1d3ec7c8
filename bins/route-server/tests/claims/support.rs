use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use docker_simulator::{Container, Simulator};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long something may take that takes a moment, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Directories and daemons that outlive the servers of a test.
pub(crate) struct Machine {
    scratch: TempDir,
    /// `--state-dir`.
    pub(crate) state: PathBuf,
    /// `--control-socket`.
    pub(crate) control: PathBuf,
}

/// A route server that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    log: PathBuf,
}

// === impl Machine ===

impl Machine {
    /// One with a repository 2816 that uses app.example.org.
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let socket = scratch.path().join("docker-2816.sock");
        let app = Container::new("app")
            .label("rediacc.service_name", "app")
            .label("rediacc.service_ip", "127.0.11.2")
            .label("rediacc.network_id", "2816")
            .label("traefik.enable", "true")
            .label("traefik.http.routers.app.rule", "Host(`app.example.org`)")
            .label("traefik.http.services.app.loadbalancer.server.port", "8080");
        run_daemon(socket, app);
        let (state, control) = (scratch.path().join("state"), scratch.path().join("router.sock"));
        Self { scratch, state, control }
    }

    pub(crate) fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// Starts a server and waits until its view is full.
    pub(crate) fn serve(&self) -> Server {
        let server = Server::start(self);
        server.until("the view is full", || server.get("/health")["status"] == "ok");
        server
    }

    /// What `route-server claims` says and prints.
    pub(crate) fn claims(&self, arguments: &[&str]) -> Output {
        let mut command = command();
        command.arg("claims").args(arguments).arg("--control-socket").arg(&self.control);
        command.output().unwrap()
    }

    /// The same, when it is to succeed.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.claims(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, when it is to fail with this code.
    pub(crate) fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.claims(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Network, since and so on of a host, as `claims list` shows it.
    pub(crate) fn row(&self, host: &str) -> Vec<String> {
        let list = self.done(&["list"]);
        let row = list.lines().find(|line| line.starts_with(&format!("{host} ")));
        row.unwrap_or_default().split_whitespace().skip(1).map(str::to_owned).collect()
    }
}

/// The program, without the settings of whoever runs the tests.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_route-server"));
    command.env_clear().stdin(Stdio::null());
    command
}

/// A simulated daemon, until the tests end.
fn run_daemon(socket: PathBuf, container: Container) {
    let (ready, wait) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let daemon = Simulator::bind(socket).unwrap();
            daemon.set_containers([container]);
            ready.send(()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    wait.recv().unwrap();
}

// === impl Server ===

impl Server {
    /// Starts one and waits until it listens.
    pub(crate) fn start(machine: &Machine) -> Self {
        let log = tempfile::NamedTempFile::new_in(machine.path()).unwrap().into_temp_path().keep().unwrap();
        let mut command = command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--sockets"]);
        command.arg(machine.path().join("docker-*.sock"));
        command.arg("--state-dir").arg(&machine.state).arg("--control-socket").arg(&machine.control);
        let child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut server = Self { child, address: String::new(), log };
        server.until("it listens", || server.listen().is_some());
        server.address = server.listen().unwrap();
        // The line after that which says where it listens.
        server.until("the control socket is decided on", || server.log().contains("control socket"));
        server
    }

    fn listen(&self) -> Option<String> {
        let said = |line: &str| serde_json::from_str::<Value>(line).ok()?["listen"].as_str().map(str::to_owned);
        self.log().lines().find_map(said)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < deadline, "in vain: {what}. The log:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// A document of its, as text.
    pub(crate) fn text(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// A JSON document of its.
    pub(crate) fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path)).unwrap()
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Ends it as nobody expects it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
