//! Who owns which host: the ledger on disk, the control socket, and `route-server claims`, with the built program.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
        process::CommandExt as _,
    },
    time::{Duration, Instant},
};

use route_api::{Answer, Repository, Request};
use support::{Machine, command};

#[test]
fn listed_assigned_and_released() {
    let machine = Machine::new();
    let server = machine.serve();
    assert_eq!(machine.done(&["list"]).lines().next(), Some("HOST             NETWORK  SINCE                 STATE"));
    assert_eq!(machine.row("app.example.org")[0], "2816");
    assert!(machine.done(&["list"]).trim_end().ends_with("in use"));
    assert!(server.text("/routes.yaml").contains("app.example.org"));

    let said = machine.claims(&["assign", "App.example.org.", "2880"]);
    assert_eq!(said.stdout, b"app.example.org is assigned to network 2880; it was network 2816's\n");
    let note = String::from_utf8(said.stderr).unwrap();
    assert!(note.contains("no Docker daemon of network 2880"), "{note}");
    server.until("it is withdrawn", || !server.text("/routes.yaml").contains("app.example.org"));
    assert_eq!(machine.row("app.example.org")[0], "2880");

    let said = machine.done(&["assign", "*.example.org", "2816"]);
    assert_eq!(said, "*.example.org is assigned to network 2816; it was nobody's\n");
    let list: serde_json::Value = serde_json::from_str(&machine.done(&["list", "--json"])).unwrap();
    assert_eq!(list[0]["host"], "*.example.org");
    assert_eq!((&list[1]["network_id"], &list[1]["assigned"]), (&2880.into(), &true.into()));

    let said = machine.done(&["release", "app.example.org"]);
    assert!(said.starts_with("app.example.org is released; it was network 2880's"), "{said}");
    server.until("it is back", || server.text("/routes.yaml").contains("app.example.org"));

    let log = server.log();
    for (message, host) in [("claim assigned", "*.example.org"), ("claim released", "app.example.org")] {
        assert!(
            log.lines().any(|line| line.contains(message) && line.contains(host) && line.contains("INFO")),
            "{log}"
        );
    }
}

#[test]
fn what_cannot_be_done_is_explained() {
    let machine = Machine::new();
    let said = machine.refused(1, &["list"]);
    assert!(said.contains("no route server answers on") && said.contains("--control-socket"), "{said}");
    let _server = machine.serve();
    let said = machine.refused(1, &["release", "nobodys.example.org"]);
    assert!(said.contains("nobody has claimed \"nobodys.example.org\""), "{said}");
    let said = machine.refused(2, &["assign", "https://a.example.org", "2816"]);
    assert!(said.contains("is no host name"), "{said}");
    let said = machine.refused(2, &["assign", "a.example.org", "2817"]);
    assert!(said.contains("2817 is not a positive multiple of 64"), "{said}");
    assert!(machine.row("a.example.org").is_empty());
}

#[test]
fn the_ledger_survives_a_restart_and_a_kill() {
    let machine = Machine::new();
    let server = machine.serve();
    machine.done(&["assign", "kept.example.org", "2816"]);
    server.stop();
    assert!(!machine.control.exists(), "the socket goes with its server");
    let server = machine.serve();
    assert_eq!(machine.row("kept.example.org")[0], "2816");
    let since = machine.row("app.example.org");
    assert_eq!(since[0], "2816");
    // It is on disk before the answer comes, so that there is no good moment for a kill.
    machine.done(&["assign", "kept.example.org", "2880"]);
    server.kill();
    assert!(machine.control.exists(), "the stale socket is in the way");
    let _server = machine.serve();
    assert_eq!(machine.row("kept.example.org")[0], "2880");
    assert_eq!(machine.row("app.example.org"), since);
    let mode = |path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&machine.state), mode(&machine.control)), (0o700, 0o600));
    assert_eq!(mode(&machine.state.join("ledger.json")), 0o600);
}

#[test]
fn a_damaged_ledger_is_recovered_from_the_one_before_it() {
    let machine = Machine::new();
    let server = machine.serve();
    machine.done(&["assign", "first.example.org", "2880"]);
    machine.done(&["assign", "app.example.org", "2880"]);
    // Of the last change's writes this is the one that both generations have.
    server.until("both are there", || {
        fs::read_to_string(machine.state.join("ledger.json.1")).is_ok_and(|text| text.contains("first.example.org"))
    });
    server.stop();
    let file = machine.state.join("ledger.json");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let server = machine.serve();
    assert_eq!(machine.row("first.example.org")[0], "2880");
    let said = "who owns which host is as it was one change before";
    assert!(server.log().contains(said), "{}", server.log());
    assert!(server.get("/health")["state"]["notes"][0].as_str().unwrap().ends_with(said));
    let findings = server.get("/routes.json")["findings"].to_string();
    assert!(findings.contains("RS060"), "{findings}");
    assert_eq!(fs::read(machine.state.join("ledger.json.damaged-1")).unwrap(), whole[..whole.len() / 2]);
    server.until("a whole one is written again", || file.exists());
    assert!(server.get("/health")["state"]["error"].is_null());
}

#[test]
fn a_directory_that_cannot_be_written_stops_nothing() {
    let mut machine = Machine::new();
    machine.state = "/dev/null/x".into();
    let server = machine.serve();
    let state = &server.get("/health")["state"];
    assert_eq!(state["dir"], "/dev/null/x");
    assert!(state["error"].as_str().unwrap().starts_with("cannot create /dev/null/x"), "{state}");
    let said = machine.claims(&["assign", "app.example.org", "2880"]);
    assert!(said.status.success());
    assert!(String::from_utf8(said.stderr).unwrap().contains("it holds until the route server is restarted"));
    server.until("it is in effect", || !server.text("/routes.yaml").contains("app.example.org"));
    assert_eq!(machine.row("app.example.org")[0], "2880");
    server.stop();
}

#[test]
fn a_disk_that_recovers_is_written_with_the_next_change() {
    let mut machine = Machine::new();
    let obstacle = machine.path().join("in the way");
    fs::write(&obstacle, "").unwrap();
    machine.state = obstacle.join("state");
    let server = machine.serve();
    assert!(server.get("/health")["state"]["error"].is_string());
    fs::remove_file(&obstacle).unwrap();
    let said = machine.claims(&["assign", "kept.example.org", "2816"]);
    assert!(!String::from_utf8(said.stderr).unwrap().contains("restarted"));
    server.until("all of it is written", || server.get("/health")["state"]["error"].is_null());
    server.kill();
    let _server = machine.serve();
    assert_eq!(machine.row("kept.example.org")[0], "2816");
}

#[test]
fn a_second_server_leaves_the_first_ones_control_socket_alone() {
    let mut machine = Machine::new();
    let _first = machine.serve();
    machine.done(&["assign", "first.example.org", "2816"]);
    machine.state = machine.path().join("other state");
    let second = machine.serve();
    assert!(second.log().contains("another route server has it"), "{}", second.log());
    assert!(second.text("/routes.yaml").contains("app.example.org"), "it serves for all that");
    second.stop();
    assert_eq!(machine.row("first.example.org")[0], "2816");
}

#[test]
fn without_a_control_socket_it_serves() {
    let mut machine = Machine::new();
    machine.control = "".into();
    let server = machine.serve();
    assert!(server.text("/routes.yaml").contains("app.example.org"));
    assert!(machine.refused(2, &["list"]).contains("--control-socket"));
}

#[test]
fn hostile_clients_block_nobody() {
    let machine = Machine::new();
    let server = machine.serve();
    let connect = || {
        let stream = UnixStream::connect(&machine.control).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    };
    let answer = |mut stream: UnixStream| {
        let mut answer = String::new();
        // What was not read in full ends the connection with a reset, after the answer.
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    let garbage = [&b"\x00\xff\xfe\n"[..], b"\n", b"{}\n", b"[[[[[[[[\n", b"GET / HTTP/1.1\r\n\r\n", b"{\"claims\":"];
    for garbage in garbage {
        let mut stream = connect();
        stream.write_all(garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = answer(stream);
        assert!(answer.contains("bad_request") && answer.ends_with("\n"), "{garbage:?}: {answer:?}");
    }
    let mut endless = connect();
    let piece = vec![b'x'; 16 << 10];
    while endless.write_all(&piece).is_ok() {}
    assert!(answer(endless).contains("longer than 65536 bytes"));
    // All places are taken by clients that say nothing: whoever comes next waits for their time to be up.
    let idle: Vec<_> = (0..8).map(|_| connect()).collect();
    let started = Instant::now();
    assert_eq!(machine.row("app.example.org")[0], "2816");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(server.get("/health")["status"], "ok");
    for stream in idle {
        assert!(answer(stream).contains("no request came in time"));
    }
}

#[test]
fn strangers_are_refused() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can be somebody else.
    }
    let machine = Machine::new();
    let server = machine.serve();
    let open = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(machine.path(), 0o755);
    let program = machine.path().join("route-server");
    fs::copy(env!("CARGO_BIN_EXE_route-server"), &program).unwrap();
    let as_nobody = || {
        let mut command = std::process::Command::new(&program);
        command.env_clear().uid(65534).args(["claims", "list", "--control-socket"]).arg(&machine.control);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = as_nobody();
    assert!(said.contains("only root may open") && said.contains("sudo"), "{said}");
    open(&machine.control, 0o666);
    let said = as_nobody();
    assert!(said.contains("only root, and the user whom the route server runs as"), "{said}");
    assert!(server.log().contains("a stranger on the control socket was refused"));
}

#[test]
fn check_says_where_they_are() {
    let output = command().args(["check", "--state-dir", "/x/state", "--control-socket", ""]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("state          /x/state\n") && said.contains("control socket none\n"), "{said}");
}

#[test]
fn what_was_stopped_on_purpose_loses_its_routes_at_once_and_what_is_only_lost_keeps_them() {
    let machine = Machine::new();
    let server = machine.serve();
    let stopped = Request::Repository(Repository::Stopped { network_id: 2816.try_into().unwrap() });
    let is_routed = || server.text("/routes.yaml").contains("app.example.org");
    // Said of one that runs: it is listed again at once, not at the next of the regular looks.
    let told = Instant::now();
    assert_eq!(route_api::ask(&machine.control, &stopped).unwrap(), Answer::RoutesGone);
    server.until("what runs is routed again", is_routed);
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());

    fs::remove_file(machine.path().join("docker-2816.sock")).unwrap();
    server.until("the daemon is gone", || server.get("/health")["daemons"][0]["state"] == "gone");
    assert!(is_routed() && server.get("/health")["stale"] == true);
    assert_eq!(route_api::ask(&machine.control, &stopped).unwrap(), Answer::RoutesGone);
    server.until("its routes are gone", || !is_routed());
    assert_eq!(server.get("/health")["daemons"], serde_json::json!([]));
    assert_eq!(machine.row("app.example.org")[0], "2816", "but whose the host is stays");
}
