//! How the process ends, and when it does not.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    sockets::{daemon, service, socket},
    support::Server,
};

fn glob(directory: &std::path::Path) -> String {
    format!("{}/docker-*.sock", directory.display())
}

/// A part that falls over takes the process with it: systemd starts it again, and what was published is served at once. A
/// process without HTTP, or one that follows nobody any more, would go on with what is no longer true.
#[test]
fn a_part_that_falls_over_ends_the_process_with_code_1() {
    let parts = [
        "watching signals",
        "serving HTTP",
        "writing who owns what",
        "writing what is published",
        "following daemons",
        "the control socket",
        "the loop",
    ];
    for part in parts {
        let sockets = tempfile::tempdir().unwrap();
        let state = tempfile::tempdir().unwrap();
        let server = Server::start_with(state.path(), &[&glob(sockets.path())], &[("ROUTE_SERVER_FALL_OVER", part)]);
        let (code, log) = server.ended();
        assert_eq!(code, Some(1), "{part}: {log}");
        let last = log.lines().last().unwrap();
        assert!(last.starts_with("route-server: it ends, since it cannot go on as it should: "), "{last}");
        assert!(last.contains(&format!("{part} fell over")), "{last}");
    }
}

/// A FIFO that nobody reads is as good as a disk that does not answer.
#[test]
fn a_disk_that_hangs_holds_up_neither_routes_nor_the_end() {
    let (sockets, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let next = state.path().join("published.yaml.next");
    assert!(Command::new("mkfifo").arg(&next).status().unwrap().success());
    daemon(socket(sockets.path(), 2816), |daemon| daemon.set_containers([service("web", "127.0.11.2")]));
    for signals in [1, 2] {
        let server = Server::start_in(state.path(), &[&glob(sockets.path())], &[]);
        let health = server.health(|health| health["state"]["error"] == "the disk does not answer");
        assert_eq!(health["status"], "ok", "{health:#}");
        assert!(server.get("/routes.yaml").1.contains("web-2816.example.com"));
        let told = Instant::now();
        for signal in 0..signals {
            thread::sleep(Duration::from_millis(200) * signal);
            server.terminate();
        }
        let (code, log) = server.ended();
        let took = told.elapsed();
        assert_eq!(code, Some(1), "{log}");
        match signals {
            1 => assert!((Duration::from_secs(4)..Duration::from_secs(8)).contains(&took), "{took:?}: {log}"),
            _ => assert!(took < Duration::from_secs(2), "{took:?}: {log}"),
        }
    }
}
