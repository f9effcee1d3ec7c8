//! What users and daemons get wrong: the rest goes on, and it is said which one it was and why.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "helpers of tests")]

mod ending;
mod restart;
mod sockets;
mod support;
mod traefik_api;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use support::{Server, refused, route_server};

#[test]
fn bad_flags_are_one_line_and_code_2() {
    for (flags, expected) in [
        ("--listen nonsense", "'nonsense' for '--listen <ADDRESS>': \"nonsense\" is no address with a port; expected"),
        ("--listen localhost:7111", "expected e.g. 127.0.0.1:7111"),
        ("--listen 0.0.0.0:7111", "--listen 0.0.0.0:7111: not a loopback address"),
        ("--grace soon", "\"soon\" is no time; expected e.g. 500ms"),
        ("--first-view 3", "--first-view"),
        ("--dynamic-ports 10-1", "expected two ports with a dash"),
        ("--base-domain a..b", "is not a domain"),
        ("--entrypoints web,foo", "cannot tell what entry point \"foo\" carries"),
        ("--sockets docker-*.sock", "--sockets docker-*.sock: not an absolute path"),
        ("--sockets /run/***", "--sockets /run/***: no pattern"),
        ("--token-file /nonexistent/token", "--token-file /nonexistent/token: No such file"),
        ("--log-format xml", "'--log-format <FORMAT>' [possible values: text, json]"),
        ("--lisen 127.0.0.1:7111", "unexpected argument '--lisen' found; a similar argument exists: '--listen'"),
        ("frobnicate", "unrecognized subcommand 'frobnicate'"),
        ("render", "required arguments were not provided: --input <FILE>"),
        ("routes --url nonsense", "--url nonsense: expected http://ADDRESS:PORT"),
    ] {
        let said = refused(route_server().args(flags.split(' ')), 2);
        assert!(said.contains(expected), "{flags}: {said}");
    }
}

#[test]
fn a_bad_variable_is_named() {
    let said = refused(route_server().arg("check").env("REDIACC_ROUTER_FIRST_VIEW", "x"), 2);
    assert!(said.contains("'--first-view <TIME>'") && said.contains("(from REDIACC_ROUTER_FIRST_VIEW)"), "{said}");
}

#[test]
fn check_names_what_contradicts() {
    for (flags, expected) in [
        ("--base-domain example.com --entrypoints web", "auto-routes need an https entry point"),
        ("--base-domain example.com --cert-resolver none --entrypoints websecure", "puts auto-routes on an http entry"),
        ("--sockets /run/[", "no pattern"),
    ] {
        let said = refused(route_server().arg("check").args(flags.split(' ')), 2);
        assert!(said.contains(expected), "{flags}: {said}");
    }
    let all = route_server().args(["check", "--sockets", "a", "--listen", "0.0.0.0:1"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&all.stderr).lines().count(), 2, "each of two complaints has a line");
}

#[test]
fn an_input_that_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fleet.json");
    for (text, expected) in [
        (&b"{\"daemons\": [{"[..], "EOF while parsing an object at line 1"),
        (b"[]", "expected {\"daemons\": […]}"),
        (b"{\"daemons\": [{\"network_id\": 100, \"containers\": []}]}", "100 is not a positive multiple of 64"),
        (b"{\"daemons\": [{\"network_id\": 64, \"containers\": 5}]}", "containers of network 64: invalid type"),
        (b"{\"daemons\": [{\"network_id\": 64, \"containers\": [{\"Id\": \"\xff\"}]}]}", "valid UTF-8"),
    ] {
        fs::write(&file, text).unwrap();
        let said = refused(route_server().arg("render").arg("--input").arg(&file), 2);
        assert!(said.contains(expected) && said.contains(file.to_str().unwrap()), "{said}");
    }
    let said = refused(route_server().args(["render", "--input", "/nonexistent"]), 2);
    assert!(said.contains("--input /nonexistent: No such file"), "{said}");
}

#[test]
fn labels_that_are_not_text() {
    let mut command = route_server();
    let mut child =
        command.arg("labels").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{\"labels\":{}}\n{\"labels\":{\"a\":\"\xff\"}}\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "route-server: line 2: bytes that are not UTF-8\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1, "the line before it was answered");
}

#[test]
fn a_port_in_use_names_the_holder() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let said = refused(route_server().args(["--listen", &address]), 3);
    let holder = format!("{address} is taken by process {} (", std::process::id());
    assert!(said.contains(&holder) && said.contains("choose another --listen"), "{said}");
}

#[test]
fn sigterm_answers_held_polls_and_ends() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&[&format!("{}/docker-*.sock", directory.path().display())]);
    let mut poll = TcpStream::connect(server.address()).unwrap();
    let request = b"GET /routes.yaml?wait=5s HTTP/1.1\r\nHost: x\r\n\r\n";
    poll.write_all(request).unwrap();
    let mut read = {
        let mut stream = poll.try_clone().unwrap();
        move || {
            let mut buffer = [0; 4096];
            let count = stream.read(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..count]).into_owned()
        }
    };
    assert!(read().starts_with("HTTP/1.1 200 "), "an empty fleet that is proved to be one");
    poll.write_all(request).unwrap();
    thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    server.terminate();
    assert!(read().starts_with("HTTP/1.1 200 "), "the poll that was held");
    let (code, log) = server.ended();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}
