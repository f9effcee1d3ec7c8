//! Traefik's API, where it is none, hangs or lies: one clear line each, and routes go on.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
};

use crate::{
    sockets::{daemon, service, socket},
    support::{Server, refused, route_server},
};

/// Somebody on a port of this machine who answers like this, by the path; nothing: never.
fn somebody(answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            match answer(&request) {
                Some(answer) => drop(stream.write_all(answer.as_bytes())),
                // The connection stays open for ever.
                None => std::mem::forget(stream),
            }
        }
    });
    address
}

fn ok(body: &str) -> Option<String> {
    Some(format!("HTTP/1.0 200 OK\r\n\r\n{body}"))
}

#[test]
fn an_api_that_is_none_costs_no_route_and_is_one_line() {
    let scratch = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (missing, odd) = (scratch.path().join("nothing").display().to_string(), file("odd", "a\nb"));
    let token = file("token", "s3cret\n");
    let honest = somebody(|_| ok("{}"));
    let nobody = { TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let cases = [
        (somebody(|_| None), &token, "timed out"),
        (nobody, &token, "refused"),
        (somebody(|_| Some("SSH-2.0-OpenSSH\r\n".to_owned())), &token, "does not speak HTTP"),
        (somebody(|_| ok("<html>")), &token, "does not answer as Traefik does: something else than its API would"),
        (
            somebody(|_| Some("HTTP/1.0 404 No\r\n\r\n".to_owned())),
            &token,
            "answers /api/version with status 404; --traefik-api-credentials",
        ),
        (
            somebody(|_| Some("HTTP/1.0 500 No\r\n\r\n".to_owned())),
            &token,
            "does not answer as Traefik does: status 500",
        ),
        (somebody(|_| ok(&"x".repeat(2 << 20))), &token, "the answer is too large"),
        (honest, &missing, "--traefik-api-credentials"),
        (honest, &odd, "neither a token, nor `Name: value`, nor user:password"),
    ];
    let servers: Vec<_> = cases
        .iter()
        .map(|(address, credentials, said)| {
            let (sockets, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            daemon(socket(sockets.path(), 2816), |daemon| daemon.set_containers([service("web", "127.0.11.2")]));
            let glob = format!("{}/docker-*.sock", sockets.path().display());
            let flags = ["--traefik-api", &format!("http://{address}"), "--traefik-api-credentials", credentials];
            (Server::start_in(state.path(), &[&glob], &flags), said, sockets, state)
        })
        .collect();
    for (server, said, ..) in servers {
        assert!(
            server.health(|health| health["status"] == "ok")["routers"]["total"].as_u64() > Some(0),
            "routes go on"
        );
        let health = server.health(|health| health["traefik"]["error"].is_string());
        let error = health["traefik"]["error"].as_str().unwrap();
        assert!(error.contains(said), "{said:?} in {error:?}");
        assert!(server.get("/routes.json").1.contains("RS062"));
        let log = server.log();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("Traefik's API cannot be asked")).collect();
        assert_eq!(lines.len(), 1, "{log}");
        assert!(!log.contains("s3cret"));
    }
}

/// One that says what is not so: routers that are nobody's, revisions that never were, endless words.
#[test]
fn an_api_that_lies_moves_no_route() {
    let (sockets, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    daemon(socket(sockets.path(), 2816), |daemon| daemon.set_containers([service("web", "127.0.11.2")]));
    let liar = somebody(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let counts = r#"{"routers":{"warnings":1,"errors":99999}}"#;
        match path {
            "/api/version" => ok(&format!(r#"{{"Version":"{}"}}"#, "9".repeat(5000))),
            "/api/overview" => ok(&format!(r#"{{"http":{counts},"tcp":{counts},"udp":{counts}}}"#)),
            path if path.contains("/middlewares/") => ok("{}"),
            _ => {
                let word = "\\u001b[31m".repeat(1000);
                ok(&format!(
                    r#"[{{"name":"web-2816.auto@http","error":["{word}"]}},{{"name":"x@http"}},{{"name":"y@docker","error":["z"]}}]"#
                ))
            }
        }
    });
    let glob = format!("{}/docker-*.sock", sockets.path().display());
    let server = Server::start_in(state.path(), &[&glob], &["--traefik-api", &format!("http://{liar}")]);
    let health = server.health(|health| health["findings"]["error"] == 1);
    assert_eq!(health["traefik"]["refused"].as_array().unwrap().len(), 6, "{health:#}");
    assert_eq!(health["traefik"]["applied_revision"], health["revision"]);
    assert!(health["traefik"]["version"].as_str().unwrap().len() <= 300);
    let (status, document) = server.get("/routes.yaml");
    assert!(status == 200 && document.contains("web-2816.example.com"));
    assert!(document.contains(&format!("    revision-{}:\n", health["revision"].as_str().unwrap())));
    let table = server.json("/routes.json");
    let findings = table["findings"].as_array().unwrap();
    let ours: Vec<_> = findings.iter().filter(|finding| finding["code"] == "RS061").collect();
    assert_eq!(ours.len(), 1, "{table:#}");
    assert_eq!(ours[0]["subject"]["container"], "web");
    assert!(!server.log().contains('\u{1b}'), "what steers a terminal stays out of the log");
}

#[test]
fn a_url_that_is_none_is_one_line() {
    for url in
        ["127.0.0.1:7112", "https://127.0.0.1:7112", "http://example.com", "http://10.0.0.1:80", "http://127.0.0.1"]
    {
        let said = refused(route_server().args(["serve", "--traefik-api", url]), 2);
        assert!(said.contains("expected e.g. http://127.0.0.1:7112"), "{said}");
    }
}
