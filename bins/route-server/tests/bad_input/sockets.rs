//! Daemons that are none, and containers that are no good ones.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use docker_simulator::{Container, Fault, Simulator};
use serde_json::Value;

use crate::support::Server;

/// Runs a simulated daemon until the tests end.
pub(crate) fn daemon(path: PathBuf, prepare: impl FnOnce(&Simulator) + Send + 'static) {
    let (ready, is_ready) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let daemon = Simulator::bind(path).unwrap();
            prepare(&daemon);
            ready.send(()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    is_ready.recv().unwrap();
}

/// A service of a repository, which gets an auto-route.
pub(crate) fn service(name: &str, address: &str) -> Container {
    Container::new(name).label("rediacc.service_name", name).label("rediacc.service_ip", address)
}

pub(crate) fn socket(directory: &Path, id: u32) -> PathBuf {
    directory.join(format!("docker-{id}.sock"))
}

fn entry(health: &Value, id: u32) -> &Value {
    let daemons = health["daemons"].as_array().unwrap();
    daemons.iter().find(|daemon| daemon["network_id"] == id).unwrap_or(&Value::Null)
}

fn reason(health: &Value, id: u32) -> &str {
    entry(health, id)["reason"].as_str().unwrap_or_default()
}

/// A good daemon; everything else in the directory must not disturb it.
fn good(directory: &Path) {
    daemon(socket(directory, 2816), |daemon| daemon.set_containers([service("web", "127.0.11.2")]));
}

fn is_served(server: &Server) {
    let (status, document) = server.get("/routes.yaml");
    assert!(status == 200 && document.contains("Host(`web-2816.example.com`)"), "{status}: {document}");
    assert_eq!((server.get("/live").0, server.get("/ready").0), (200, 200));
}

#[test]
fn sockets_that_are_no_daemons() {
    let directory = tempfile::tempdir().unwrap();
    let at = |id| socket(directory.path(), id);
    good(directory.path());
    fs::write(at(64), "no socket").unwrap();
    fs::create_dir(at(128)).unwrap();
    let closing = UnixListener::bind(at(192)).unwrap();
    thread::spawn(move || closing.incoming().for_each(drop));
    drop(UnixListener::bind(at(256)).unwrap());
    let _hanging = UnixListener::bind(at(320)).unwrap();
    daemon(at(384), |daemon| daemon.set_fault(Fault::NonUtf8));
    daemon(at(448), |daemon| daemon.set_fault(Fault::Garbage));
    daemon(at(512), |daemon| daemon.set_fault(Fault::ServerError));
    fs::write(directory.path().join("docker-100.sock"), "").unwrap();

    let server = Server::start(&[&format!("{}/docker-*.sock", directory.path().display())]);
    // The one that hangs is given up after five seconds.
    let health = server.health(|health| (1..=8).all(|at| !reason(health, 64 * at).is_empty()));
    assert_eq!((&health["status"], &health["refused_sockets"]), (&"degraded".into(), &1.into()), "{health:#}");
    for (id, expected) in [
        (64, "is a regular file, not a socket"),
        (128, "is a directory, not a socket"),
        (192, "closed the connection"),
        (256, "no daemon listens on"),
        (320, "did not answer the request for"),
        (384, "it holds bytes that are not UTF-8"),
        (448, "does not speak HTTP"),
        (512, "with status 500"),
    ] {
        assert!(reason(&health, id).contains(expected), "{id}: {}", reason(&health, id));
        assert_eq!(entry(&health, id)["state"], "connecting", "{id}");
    }
    assert_eq!((&entry(&health, 2816)["state"], reason(&health, 2816)), (&"live".into(), ""));
    is_served(&server);
    let log = server.log();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_socket_that_may_not_be_opened() {
    let directory = tempfile::tempdir().unwrap();
    good(directory.path());
    let forbidden = socket(directory.path(), 64);
    daemon(forbidden.clone(), |_| {});
    fs::set_permissions(&forbidden, fs::Permissions::from_mode(0o000)).unwrap();
    let probe = directory.path().join("probe");
    fs::write(&probe, "").unwrap();
    fs::set_permissions(&probe, fs::Permissions::from_mode(0o000)).unwrap();

    let glob = format!("{}/docker-*.sock", directory.path().display());
    let is_root = fs::read(&probe).is_ok();
    let server = if is_root { Server::start_without_privileges(&[&glob]) } else { Server::start(&[&glob]) };
    let health = server.health(|health| health["status"] == "degraded");
    let expected = "permission denied; the route server's user must be in the group that owns the socket";
    assert!(reason(&health, 64).contains(expected), "{health:#}");
    is_served(&server);
}

#[test]
fn containers_that_are_damaged() {
    let directory = tempfile::tempdir().unwrap();
    good(directory.path());
    daemon(socket(directory.path(), 2880), |daemon| {
        daemon.set_containers([
            service("named", "127.0.11.66"),
            service("nameless", "127.0.11.67").unnamed(),
            service("large", "127.0.11.68").label("traefik.x", "x".repeat(1 << 20)),
        ]);
    });
    let server = Server::start(&[&format!("{}/docker-*.sock", directory.path().display())]);
    let health = server.health(|health| health["status"] == "degraded");
    assert_eq!(entry(&health, 2880)["state"], "live");
    let reason = reason(&health, 2880);
    assert!(reason.starts_with("container ") && reason.ends_with(" (and 1 more are damaged)"), "{reason}");
    is_served(&server);
    let routes = server.json("/routes.json");
    let names: Vec<_> = routes["http"].as_array().unwrap().iter().filter_map(|route| route["name"].as_str()).collect();
    assert!(names.iter().any(|name| name.starts_with("named-2880")), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("large-2880")), "{names:?}");
    let findings = routes["findings"].to_string();
    assert!(findings.contains("the container has no name"), "{findings}");
    assert!(findings.contains("1048"), "{findings}");
    // What our own programs read is what is said.
    let read = serde_json::from_value::<route_api::Routes>(routes.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), routes);
}
