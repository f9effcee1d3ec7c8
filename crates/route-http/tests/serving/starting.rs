//! While not everything has been seen: never an empty 200.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use route_http::{Phase, Settings};

use crate::support::{Named, Running, document, with_token};

const HOLD: Duration = Duration::from_millis(200);

async fn starting(restored: Option<&str>, start_hold: Duration) -> Running {
    let settings = Settings { start_hold, ..Settings::default() };
    Running::start(settings, Phase::Starting, restored.map(document), Arc::new(Named)).await
}

#[tokio::test]
async fn requests_are_held_until_there_is_something_true() {
    let server = starting(None, Duration::from_secs(4)).await;
    let (mut plain, mut waiting) = (server.client().await, server.client().await);
    plain.ask("GET", "/routes.yaml", "").await;
    waiting.ask("GET", "/routes.yaml?wait=5s", "").await;
    server.polled(2).await;
    assert!(plain.is_quiet().await && waiting.is_quiet().await);
    server.publish("r1");
    assert_eq!((plain.reply().await.text(), waiting.reply().await.text()), ("# r1\n", "# r1\n"));
}

#[tokio::test]
async fn with_nothing_to_say_it_is_503() {
    let server = starting(None, HOLD).await;
    let asked = Instant::now();
    let reply = server.get("/routes.yaml").await;
    assert!(asked.elapsed() >= HOLD);
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    assert!(reply.json()["hint"].is_string());
}

#[tokio::test]
async fn the_last_published_document_comes_at_once() {
    let server = starting(Some("r0"), Duration::from_secs(4)).await;
    let mut client = server.client().await;
    let asked = Instant::now();
    let reply = client.get("/routes.yaml?wait=5s").await;
    assert!(asked.elapsed() < Duration::from_secs(3));
    assert_eq!((reply.status, reply.text()), (200, "# r0\n"));

    client.ask("GET", "/routes.yaml?wait=5s", "").await;
    server.polled(2).await;
    server.modify(|state| state.phase = Phase::Serving);
    assert!(client.is_quiet().await, "what was restored turned out to be true, and is known");
    server.publish("r1");
    assert_eq!(client.reply().await.text(), "# r1\n");
}

#[tokio::test]
async fn everything_else_is_answered_at_once() {
    let server = starting(None, Duration::from_secs(4)).await;
    let mut client = server.client().await;
    let asked = Instant::now();
    for path in ["/health", "/routes.json", "/live"] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
    let head = client.head("/routes.yaml?wait=5s").await;
    assert_eq!((head.status, head.header("retry-after")), (503, Some("1")));
    assert_eq!(client.get("/routes.yaml?wait=x").await.status, 400);
    assert!(asked.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn the_token_is_asked_for_before_anything_is_held() {
    let server = Running::start(with_token(), Phase::Starting, None, Arc::new(Named)).await;
    let asked = Instant::now();
    assert_eq!(server.get("/routes.yaml").await.status, 401);
    assert!(asked.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn serving_without_a_document_is_503_at_once() {
    let server = Running::start(Settings::default(), Phase::Serving, None, Arc::new(Named)).await;
    let asked = Instant::now();
    assert_eq!(server.get("/routes.yaml?wait=5s").await.status, 503);
    assert!(asked.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_proved_empty_document_is_200() {
    let server = starting(None, HOLD).await;
    server.modify(|state| {
        state.phase = Phase::Serving;
        state.document = Some(route_http::Document { revision: "empty".into(), yaml: "".into() });
    });
    let reply = server.get("/routes.yaml").await;
    assert_eq!((reply.status, reply.header("content-length")), (200, Some("0")));
}
