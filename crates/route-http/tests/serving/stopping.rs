//! The order to stop.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use route_http::{Phase, Settings};
use tokio::net::TcpStream;

use crate::support::{Named, Running};

#[tokio::test]
async fn held_polls_are_answered_and_idle_connections_closed() {
    let server = Running::serving(Settings::default()).await;
    let (mut held, mut idle, mut fresh) = (server.client().await, server.client().await, server.client().await);
    held.get("/routes").await;
    idle.get("/health").await;
    held.ask("GET", "/routes?wait=5s", "").await;
    server.polled(2).await;
    assert!(fresh.is_quiet().await);

    let stopped = Instant::now();
    server.stop.cancel();
    let reply = held.reply().await;
    assert_eq!((reply.status, reply.text(), reply.header("connection")), (200, "# r1\n", Some("close")));
    assert_eq!(held.rest().await.unwrap(), 0);
    assert_eq!(idle.rest().await.unwrap(), 0);
    assert_eq!(fresh.rest().await.unwrap(), 0);
    server.task.await.unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(1), "nothing had to be waited for");
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn requests_held_at_the_start_are_answered_too() {
    let server = Running::start(Settings::default(), Phase::Starting, None, Arc::new(Named)).await;
    let mut held = server.client().await;
    held.ask("GET", "/routes", "").await;
    server.polled(1).await;
    server.stop.cancel();
    let reply = held.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (503, Some("close")));
    server.task.await.unwrap();
}

#[tokio::test]
async fn a_request_that_has_begun_may_end() {
    let server = Running::serving(Settings::default()).await;
    let mut client = server.client().await;
    client.send("GET /health HTTP/1.1\r\n").await;
    assert!(client.is_quiet().await);
    server.stop.cancel();
    assert!(client.is_quiet().await);
    client.send("Host: x\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    server.task.await.unwrap();
}

#[tokio::test]
async fn nobody_can_delay_it_for_long() {
    let stop_timeout = Duration::from_millis(150);
    let server =
        Running::serving(Settings { stop_timeout, header_timeout: Duration::from_secs(60), ..Settings::default() })
            .await;
    let mut client = server.client().await;
    client.send("GET /health HTTP/1.1\r\n").await;
    assert!(client.is_quiet().await);
    let stopped = Instant::now();
    server.stop.cancel();
    server.task.await.unwrap();
    assert!(stopped.elapsed() >= stop_timeout);
    assert!(stopped.elapsed() < Duration::from_secs(4));
    assert_eq!(client.rest().await.unwrap(), 0);
}

#[tokio::test]
async fn who_is_about_to_be_stopped_is_let_go_and_told_nothing_new() {
    let server = Running::serving(Settings::default()).await;
    let mut held = server.client().await;
    held.get("/routes").await;
    held.ask("GET", "/routes?wait=5s", "").await;
    server.polled(2).await;
    let released = Instant::now();
    server.polls.release(Duration::from_secs(10));
    let reply = held.reply().await;
    assert_eq!((reply.status, reply.text()), (200, "# r1\n"));
    assert!(released.elapsed() < Duration::from_secs(1));
    server.publish("r2");
    held.ask("GET", "/routes?wait=5s", "").await;
    assert_eq!(held.reply().await.text(), "# r1\n", "at once, and nothing new on the same connection");
    assert!(released.elapsed() < Duration::from_secs(2));
    assert_eq!(server.client().await.get("/routes").await.text(), "# r2\n", "its successor");
}
