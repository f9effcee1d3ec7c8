//! Clients that are slow, loud or many.

use std::time::Duration;

use bytes::Bytes;
use route_http::{Document, Settings};

use crate::support::{Client, Running, bearer, with_token};

const SHORT: Duration = Duration::from_millis(150);

/// Connections of which only so many may be open.
async fn crowd(server: &Running, size: usize, first_bytes: &str) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..size {
        let mut client = server.client().await;
        client.send(first_bytes).await;
        clients.push(client);
    }
    clients
}

async fn still_open(clients: Vec<Client>) -> usize {
    let looks = clients.into_iter().map(|mut client| tokio::spawn(async move { client.is_quiet().await }));
    let mut open = 0;
    for look in looks.collect::<Vec<_>>() {
        open += usize::from(look.await.unwrap());
    }
    open
}

#[tokio::test]
async fn a_crowd_cannot_push_out_who_shows_the_token() {
    let server = Running::serving(Settings { max_connections_other: 8, ..with_token() }).await;
    let mut traefik = server.client().await;
    traefik.get_with("/routes?wait=5s", &bearer()).await;
    traefik.ask("GET", "/routes?wait=5s", &bearer()).await;
    server.polled(2).await;

    let attackers = crowd(&server, 200, "GET /routes HTTP/1.1\r\n").await;
    assert_eq!(still_open(attackers).await, 8);
    server.publish("r2");
    assert_eq!(traefik.reply().await.text(), "# r2\n");

    let _attackers = crowd(&server, 200, "").await;
    assert_eq!(server.get("/health").await.status, 200, "a newcomer is let in");
    let mut restarted = server.client().await;
    assert_eq!(restarted.get_with("/routes?wait=5s", &bearer()).await.text(), "# r2\n");
}

#[tokio::test]
async fn a_wrong_token_earns_no_trust() {
    let server = Running::serving(Settings { max_connections_other: 2, ..with_token() }).await;
    let mut guesser = server.client().await;
    assert_eq!(guesser.get_with("/routes", "Authorization: Bearer guess\r\n").await.status, 401);
    let _crowd = crowd(&server, 2, "").await;
    assert_eq!(guesser.rest().await.unwrap(), 0);
}

#[tokio::test]
async fn without_a_token_who_polls_stays_longest() {
    let server = Running::serving(Settings { max_connections_other: 4, ..Settings::default() }).await;
    let mut traefik = server.client().await;
    traefik.get("/routes?wait=5s").await;
    traefik.ask("GET", "/routes?wait=5s", "").await;
    server.polled(2).await;
    let attackers = crowd(&server, 50, "GET /health HTTP/1.1\r\n").await;
    assert_eq!(still_open(attackers).await, 3);
    server.publish("r2");
    assert_eq!(traefik.reply().await.text(), "# r2\n");
}

#[tokio::test]
async fn who_shows_the_token_is_limited_too() {
    let server = Running::serving(Settings { max_connections_trusted: 2, ..with_token() }).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = server.client().await;
        assert_eq!(client.get_with("/routes", &bearer()).await.status, 200);
        clients.push(client);
    }
    assert_eq!(still_open(clients).await, 2);
}

#[tokio::test]
async fn headers_that_trickle_in_are_cut_off() {
    let server = Running::serving(Settings { header_timeout: SHORT, ..Settings::default() }).await;
    let mut silent = server.client().await;
    let mut slow = server.client().await;
    assert_eq!(slow.get("/health").await.status, 200);
    let trickle = tokio::spawn(async move {
        slow.send("GET /health HTTP/1.1\r\n").await;
        for _ in 0..30 {
            if !slow.is_quiet().await {
                return true;
            }
            slow.send("a: b\r\n").await;
        }
        false
    });
    assert_eq!(silent.rest().await.unwrap(), 0, "a new connection has to ask");
    assert!(trickle.await.unwrap(), "each byte is no new beginning");
}

#[tokio::test]
async fn a_pause_between_requests_is_no_slow_header() {
    let settings = Settings { header_timeout: SHORT, write_timeout: SHORT, ..Settings::default() };
    let server = Running::serving(settings).await;
    let mut traefik = server.client().await;
    for _ in 0..2 {
        assert_eq!(traefik.get("/routes").await.status, 200);
        tokio::time::sleep(SHORT * 2).await;
    }
    traefik.ask("GET", "/routes?wait=400ms", "").await;
    assert_eq!(traefik.reply().await.status, 200, "neither is being held");
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let server = Running::serving(Settings { idle_timeout: SHORT, ..Settings::default() }).await;
    let mut client = server.client().await;
    client.get("/routes").await;
    assert_eq!(client.rest().await.unwrap(), 0);
}

#[tokio::test]
async fn who_does_not_take_the_answer_is_cut_off() {
    const SIZE: usize = 32 << 20;
    let server = Running::serving(Settings { write_timeout: SHORT, ..Settings::default() }).await;
    let large = Document { revision: "large".into(), yaml: Bytes::from(vec![b'#'; SIZE]) };
    server.modify(|state| state.document = Some(large));

    let mut slow = server.client().await;
    slow.ask("GET", "/routes", "").await;
    server.polled(1).await;
    tokio::time::sleep(SHORT * 2).await;
    let end = slow.rest().await;
    assert!(end.is_err(), "reset, so that the kernel keeps nothing: {end:?}");
    assert_eq!(server.get("/routes").await.body.len(), SIZE, "a quick one gets it all");
}

#[tokio::test]
async fn large_heads_are_refused() {
    let server = Running::serving(Settings::default()).await;
    let long = "x".repeat(20_000);
    let many = "a: b\r\n".repeat(100);
    for (target, headers) in [
        (format!("/routes?{long}"), String::new()),
        ("/routes".to_owned(), format!("a: {long}\r\n")),
        ("/routes".to_owned(), many),
    ] {
        let mut client = server.client().await;
        client.ask("GET", &target, &headers).await;
        assert_eq!(client.reply().await.status, 431);
        assert_eq!(client.rest().await.unwrap_or(0), 0, "closed");
    }
}

#[tokio::test]
async fn nonsense_is_refused() {
    let server = Running::serving(Settings::default()).await;
    for nonsense in ["\x16\x03\x01\x02\x00\x01\r\n\r\n", "GET /routes\r\n\r\n", "GET / HTTP/1.1\r\nno header\r\n\r\n"] {
        let mut client = server.client().await;
        client.send(nonsense).await;
        assert_eq!(client.reply().await.status, 400, "{nonsense:?}");
        assert_eq!(client.rest().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn bodies_are_not_read() {
    let server = Running::serving(Settings::default()).await;
    for headers in ["Content-Length: 100000000\r\n", "Transfer-Encoding: chunked\r\n"] {
        for (method, status) in [("POST", 405), ("GET", 200)] {
            let mut client = server.client().await;
            client.ask(method, "/routes", headers).await;
            assert_eq!(client.reply().await.status, status);
            assert_eq!(client.rest().await.unwrap(), 0, "closed behind {method} with {headers}");
        }
    }
    let mut client = server.client().await;
    client.ask("GET", "/routes", "Content-Length: 100000000\r\nExpect: 100-continue\r\n").await;
    assert_eq!(client.reply().await.status, 200, "no 100 Continue");
}
