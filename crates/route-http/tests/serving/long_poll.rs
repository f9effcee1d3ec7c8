//! `?wait=`: who is held, and until when.

use std::time::{Duration, Instant};

use route_http::Settings;

use crate::support::{Running, bearer, with_token};

#[tokio::test]
async fn the_first_request_of_a_connection_is_answered_at_once() {
    let server = Running::serving(Settings::default()).await;
    let asked = Instant::now();
    assert_eq!(server.get("/routes.yaml?wait=5s").await.text(), "# r1\n");
    assert_eq!(server.get("/routes.yaml?wait=5s").await.text(), "# r1\n");
    assert!(asked.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn the_second_is_held_and_answered_by_a_change() {
    let server = Running::serving(Settings::default()).await;
    let mut traefik = server.client().await;
    traefik.get("/routes.yaml?wait=5s").await;
    traefik.ask("GET", "/routes.yaml?wait=5s", "").await;
    assert!(traefik.is_quiet().await);

    server.modify(|_| {});
    assert!(traefik.is_quiet().await, "the same revision is no news");
    let changed = Instant::now();
    server.publish("r2");
    let reply = traefik.reply().await;
    assert_eq!((reply.status, reply.text(), reply.header("etag")), (200, "# r2\n", Some("\"r2\"")));
    assert!(changed.elapsed() < Duration::from_secs(4));
    assert_eq!(server.polls.seen().sent.as_deref(), Some("r2"));
}

#[tokio::test]
async fn a_change_between_two_requests_is_not_missed() {
    let server = Running::serving(Settings::default()).await;
    let mut traefik = server.client().await;
    traefik.get("/routes.yaml?wait=5s").await;
    server.publish("r2");
    assert_eq!(traefik.get("/routes.yaml?wait=5s").await.text(), "# r2\n");
}

#[tokio::test]
async fn when_the_time_is_up_the_same_comes_again() {
    let server = Running::serving(Settings { max_wait: Duration::from_millis(150), ..Settings::default() }).await;
    let mut client = server.client().await;
    client.get("/routes").await;
    for (wait, least) in [("60ms", 60), ("1h", 0), ("5s", 150), ("100000", 150)] {
        let asked = Instant::now();
        let reply = client.get(&format!("/routes?wait={wait}")).await;
        if wait == "1h" {
            assert_eq!(reply.status, 400);
        } else {
            assert_eq!((reply.status, reply.text()), (200, "# r1\n"));
        }
        assert!(asked.elapsed() >= Duration::from_millis(least), "{wait}");
    }
}

#[tokio::test]
async fn without_wait_nothing_is_held() {
    let server = Running::serving(Settings::default()).await;
    let mut client = server.client().await;
    let asked = Instant::now();
    for path in ["/routes", "/routes", "/routes?wait=0", "/routes?wait=0ms", "/routes?wait=0s"] {
        assert_eq!(client.get(path).await.status, 200);
    }
    assert!(asked.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn each_connection_has_its_own_already_sent() {
    let server = Running::serving(Settings::default()).await;
    let (mut one, mut two) = (server.client().await, server.client().await);
    one.get("/routes").await;
    one.ask("GET", "/routes?wait=5s", "").await;
    assert_eq!(two.get("/routes?wait=5s").await.text(), "# r1\n");
    assert!(one.is_quiet().await, "what another was sent is nothing to this one");
    two.ask("GET", "/routes.yaml?wait=5s", "").await;
    assert!(two.is_quiet().await, "both names are one document");
    server.publish("r2");
    assert_eq!((one.reply().await.text(), two.reply().await.text()), ("# r2\n", "# r2\n"));
}

#[tokio::test]
async fn head_is_never_held_and_sends_nothing() {
    let server = Running::serving(Settings::default()).await;
    let mut client = server.client().await;
    let asked = Instant::now();
    client.head("/routes?wait=5s").await;
    assert_eq!(client.get("/routes?wait=5s").await.text(), "# r1\n");
    client.head("/routes?wait=5s").await;
    assert!(asked.elapsed() < Duration::from_secs(4));
    assert_eq!(server.polls.seen().count, 1);
}

#[tokio::test]
async fn a_document_that_is_withdrawn_is_not_sent_empty() {
    let server = Running::serving(Settings::default()).await;
    let mut client = server.client().await;
    client.get("/routes").await;
    server.modify(|state| state.document = None);
    let reply = client.get("/routes?wait=50ms").await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
}

#[tokio::test]
async fn whoever_published_may_be_gone() {
    let mut server = Running::serving(Settings::default()).await;
    let mut client = server.client().await;
    client.get("/routes").await;
    let last = server.publish.borrow().clone();
    server.publish = tokio::sync::watch::Sender::new(last);
    let asked = Instant::now();
    assert_eq!(client.get("/routes?wait=80ms").await.text(), "# r1\n");
    assert!(asked.elapsed() >= Duration::from_millis(80), "else Traefik would ask without a pause");
}

#[tokio::test]
async fn many_changes_reach_a_poller_in_order() {
    const CHANGES: u32 = 500;
    let server = Running::serving(with_token()).await;
    let mut traefik = server.client().await;
    let publish = server.publish.clone();
    let changes = tokio::spawn(async move {
        for n in 2..=CHANGES {
            crate::support::modify(&publish, |state| state.document = Some(crate::support::document(&format!("r{n}"))));
            tokio::task::yield_now().await;
        }
    });
    let mut last = 0;
    let mut answers = 0;
    while last < CHANGES {
        let reply = traefik.get_with("/routes?wait=5s", &bearer()).await;
        let revision = reply.text().trim_end().trim_start_matches("# r").parse().unwrap();
        assert!(revision > last, "{revision} after {last}");
        last = revision;
        answers += 1;
    }
    changes.await.unwrap();
    assert!(answers > 1);
    assert_eq!(server.polls.seen().count, answers);
}
