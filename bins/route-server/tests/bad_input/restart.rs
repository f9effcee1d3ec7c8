//! A route server that is killed and started again while its daemons say nothing.

use std::{
    fs,
    os::unix::net::UnixListener,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{
    sockets::{daemon, service, socket},
    support::Server,
};

/// Flags of a server that soon takes for the truth what it has.
const SOON: [&str; 4] = ["--first-view", "200ms", "--stale-for", "1h"];

fn glob(directory: &Path) -> String {
    format!("{}/docker-*.sock", directory.display())
}

/// Two daemons, and what is published of them.
fn published(sockets: &Path, state: &Path) -> String {
    daemon(socket(sockets, 2816), |daemon| daemon.set_containers([service("web", "127.0.11.2")]));
    daemon(socket(sockets, 2880), |daemon| daemon.set_containers([service("api", "127.0.11.66")]));
    let server = Server::start_in(state, &[&glob(sockets)], &SOON);
    let health = server.health(|health| health["status"] == "ok");
    assert_eq!(health["stale"], false);
    let (status, document) = server.get("/routes.yaml");
    assert!(status == 200 && document.contains("web-2816.example.com") && document.contains("api-2880.example.com"));
    // The bytes are there at once; what they were made of a moment later.
    let has = |file: &str, words: &[&str]| {
        fs::read_to_string(state.join(file)).is_ok_and(|text| words.iter().all(|word| text.contains(word)))
    };
    let snapshot = ["\"127.0.11.2\"", "\"127.0.11.66\""];
    until("it is on disk", || has("published.yaml", &[&document]) && has("snapshot", &snapshot));
    server.kill();
    document
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// In the place of a daemon somebody who takes connections and says nothing.
fn hang(sockets: &Path, id: u32) -> UnixListener {
    let path = socket(sockets, id);
    fs::remove_file(&path).unwrap();
    UnixListener::bind(path).unwrap()
}

#[test]
fn killed_with_hanging_daemons_it_serves_the_same_bytes_at_every_start() {
    let (sockets, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let document = published(sockets.path(), state.path());
    let _hanging = [hang(sockets.path(), 2816), hang(sockets.path(), 2880)];
    let mut took = Vec::new();
    for start in 0..20 {
        let begun = Instant::now();
        let server = Server::start_in(state.path(), &[&glob(sockets.path())], &SOON);
        assert_eq!(server.get("/routes.yaml"), (200, document.clone()), "start {start}");
        took.push(begun.elapsed());
        let health = server.json("/health");
        assert_eq!((&health["stale"], health["status"] == "ok"), (&true.into(), false), "{health:#}");
        if start % 10 == 9 {
            server.health(|health| health["status"] == "degraded");
            assert_eq!(server.get("/routes.yaml"), (200, document.clone()), "and after the first view");
        }
        server.kill();
    }
    took.sort();
    let millis: Vec<_> = took.iter().map(Duration::as_millis).collect();
    println!("20 of 20 starts served the same bytes; after they were spawned, in ms: {millis:?}");
}

#[test]
fn one_that_answers_is_followed_while_another_hangs() {
    let (sockets, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    published(sockets.path(), state.path());
    let _hanging = hang(sockets.path(), 2816);
    fs::remove_file(socket(sockets.path(), 2880)).unwrap();
    daemon(socket(sockets.path(), 2880), |daemon| daemon.set_containers([service("new", "127.0.11.67")]));
    let server = Server::start_in(state.path(), &[&glob(sockets.path())], &SOON);
    let is_new = |document: &str| document.contains("new-2880.example.com");
    until("the new one is served", || is_new(&server.get("/routes.yaml").1));
    assert!(server.get("/routes.yaml").1.contains("web-2816.example.com"), "and the lost one's stays");
    assert_eq!(server.json("/health")["stale"], true);
}

#[test]
fn a_missing_directory_is_no_empty_fleet() {
    let (sockets, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let document = published(sockets.path(), state.path());
    fs::remove_dir_all(sockets.path()).unwrap();
    let server = Server::start_in(state.path(), &[&glob(sockets.path())], &SOON);
    server.health(|health| health["status"] == "degraded");
    assert_eq!(server.get("/routes.yaml"), (200, document));
    server.kill();
    // One that was read and is empty is: the daemons are gone. What they had may serve on, and nobody listens.
    fs::create_dir(sockets.path()).unwrap();
    let server = Server::start_in(state.path(), &[&glob(sockets.path())], &SOON);
    server.health(|health| health["daemons"][0]["state"] == "gone");
    assert!(server.get("/routes.yaml").1.contains("web-2816.example.com"));
    server.kill();
    let soon = ["--first-view", "200ms", "--stale-for", "500ms"];
    let server = Server::start_in(state.path(), &[&glob(sockets.path())], &soon);
    until("the routes are gone", || server.get("/routes.yaml").1.trim() == "{}");
}

#[test]
fn without_what_was_published_silence_is_503() {
    let (sockets, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    published(sockets.path(), state.path());
    let _hanging = [hang(sockets.path(), 2816), hang(sockets.path(), 2880)];
    let whole = fs::read(state.path().join("published.yaml")).unwrap();
    fs::write(state.path().join("published.yaml"), &whole[..whole.len() / 2]).unwrap();
    fs::remove_file(state.path().join("snapshot")).unwrap();
    let server = Server::start_in(state.path(), &[&glob(sockets.path())], &SOON);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(server.get("/routes.yaml").0, 503, "long after the first view");
    assert_eq!(server.json("/health")["status"], "starting");
}

#[test]
fn the_bytes_alone_stay_until_the_view_is_full_or_they_are_too_old() {
    let (sockets, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let document = published(sockets.path(), state.path());
    let _hanging = hang(sockets.path(), 2816);
    fs::remove_file(state.path().join("snapshot")).unwrap();
    let flags = ["--first-view", "100ms", "--stale-for", "2s"];
    let server = Server::start_in(state.path(), &[&glob(sockets.path())], &flags);
    thread::sleep(Duration::from_millis(800));
    assert_eq!(server.get("/routes.yaml"), (200, document));
    until("the time is over", || !server.get("/routes.yaml").1.contains("web-2816"));
    assert!(server.get("/routes.yaml").1.contains("api-2880.example.com"));
}
