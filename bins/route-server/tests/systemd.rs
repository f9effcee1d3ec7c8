//! What systemd hears of the built program: that it is ready, how it goes, that it lives, that it ends.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::{
    os::unix::net::UnixDatagram,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

struct Heard {
    socket: UnixDatagram,
    child: Child,
}

impl Heard {
    /// Waits until something is said that holds.
    fn until(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        let mut bytes = [0; 4096];
        while begun.elapsed() < Duration::from_secs(10) {
            let Ok(length) = self.socket.recv(&mut bytes) else { continue };
            let said = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if holds(&said) {
                return said;
            }
        }
        panic!("{what} was not said");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn readiness_signs_of_life_and_the_end() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_route-server"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--control-socket", "", "--state-dir"]);
    command
        .arg(scratch.path().join("state"))
        .args(["--sockets", &format!("{}/docker-*.sock", scratch.path().display())]);
    command.env_clear().env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "300000").stderr(Stdio::null());
    let mut heard = Heard { socket, child: command.spawn().unwrap() };
    let said = heard.until("READY", |said| said.contains("READY=1"));
    assert!(said.contains("STATUS=0 routers of 0 daemons"), "an empty directory was seen to be empty: {said}");
    (0..3).for_each(|_| drop(heard.until("a sign of life", |said| said == "WATCHDOG=1\n")));

    heard.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(200));
    let mut bytes = [0; 4096];
    while heard.socket.recv(&mut bytes).is_ok() {}
    assert!(heard.socket.recv(&mut bytes).is_err(), "one that stands still says nothing");
    heard.signal(Signal::CONT);

    heard.signal(Signal::TERM);
    heard.until("the end", |said| said.contains("STOPPING=1"));
    assert!(heard.child.wait().unwrap().success());
}
