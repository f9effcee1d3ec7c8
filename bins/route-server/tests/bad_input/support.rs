use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// How long something may take that takes a moment, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program, without the settings of whoever runs the tests.
pub(crate) fn route_server() -> Command {
    bare(env!("CARGO_BIN_EXE_route-server"))
}

fn bare(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
    command
}

/// Runs a command that is to fail with this code, and returns the one line that it says about that.
pub(crate) fn refused(command: &mut Command, code: i32) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{command:?}: {said}");
    assert!(said.starts_with("route-server: "), "{command:?}: {said}");
    assert!(!said.contains("panicked"), "{command:?}: {said}");
    said
}

/// A route server that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    log: Option<JoinHandle<String>>,
    _state: Option<TempDir>,
}

// === impl Server ===

impl Server {
    /// Starts one that follows these sockets.
    pub(crate) fn start(globs: &[&str]) -> Self {
        Self::spawn_with_state_of_its_own(route_server(), globs)
    }

    /// The same, with more flags and with a state directory that outlives it.
    pub(crate) fn start_in(state: &Path, globs: &[&str], flags: &[&str]) -> Self {
        let mut command = route_server();
        command.args(["serve", "--state-dir"]).arg(state).args(flags);
        Self::spawn(command, globs, None)
    }

    /// The same, and it may open only what its user may: root may open everything.
    pub(crate) fn start_without_privileges(globs: &[&str]) -> Self {
        let mut command = bare("setpriv");
        command.args(["--bounding-set=-dac_override,-dac_read_search", "--", env!("CARGO_BIN_EXE_route-server")]);
        Self::spawn_with_state_of_its_own(command, globs)
    }

    fn spawn_with_state_of_its_own(mut command: Command, globs: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        command.args(["serve", "--state-dir"]).arg(state.path());
        Self::spawn(command, globs, Some(state))
    }

    fn spawn(mut command: Command, globs: &[&str], state: Option<TempDir>) -> Self {
        command.args([
            "--listen",
            "127.0.0.1:0",
            "--base-domain",
            "example.com",
            "--sockets",
            &globs.join(","),
            "--control-socket=",
        ]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, addresses) = mpsc::channel();
        let log = thread::spawn(move || {
            let mut log = String::new();
            for line in lines.by_ref().map_while(Result::ok) {
                let said: Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(address) = said["listen"].as_str() {
                    // The receiver waits for the first one only.
                    let _ = sender.send(address.to_owned());
                }
                log.push_str(&line);
                log.push('\n');
            }
            log
        });
        let address = addresses.recv_timeout(PATIENCE).unwrap();
        Self { child, address, log: Some(log), _state: state }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Status and body of an answer.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).1).unwrap()
    }

    /// Waits until `/health` is so.
    pub(crate) fn health(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let health = self.json("/health");
            if is_so(&health) {
                return health;
            }
            assert!(begun.elapsed() < PATIENCE, "still {health:#}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it as nobody expects it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn terminate(&self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
    }

    /// The same, with this in its environment.
    pub(crate) fn start_with(state: &Path, globs: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = route_server();
        command.args(["serve", "--state-dir"]).arg(state).envs(variables.iter().copied());
        Self::spawn(command, globs, None)
    }

    /// Waits for its end; its exit code and its log.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(5));
        };
        (status.code(), self.log.take().unwrap().join().unwrap())
    }

    /// Ends it and returns its log.
    pub(crate) fn log(self) -> String {
        self.terminate();
        self.ended().1
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
