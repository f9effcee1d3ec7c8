//! Paths, methods, headers and the bodies of refusals.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use bytes::Bytes;
use route_http::{Phase, Settings};
use serde_json::json;

use crate::support::{Running, SECRET, Views, bearer, document, with_token};

/// Views of a server that is not well.
struct Broken;

impl Views for Broken {
    fn health(&self) -> serde_json::Result<Bytes> {
        Err(serde_json::from_str::<u8>("x").unwrap_err())
    }
    fn routes(&self) -> serde_json::Result<Bytes> {
        panic!("a bug")
    }
    fn is_live(&self) -> bool {
        false
    }
}

/// Views that take until the gate opens.
struct Slow {
    gate: Vec<Mutex<mpsc::Receiver<()>>>,
    begun: Arc<AtomicUsize>,
}

impl Views for Slow {
    fn routes(&self) -> serde_json::Result<Bytes> {
        let nth = self.begun.fetch_add(1, Ordering::SeqCst);
        let _closed = self.gate[nth].lock().unwrap().recv();
        Ok("{}".into())
    }
}

#[tokio::test]
async fn the_document_under_both_names() {
    let server = Running::serving(Settings::default()).await;
    let mut client = server.client().await;
    for path in ["/routes.yaml", "/routes", "/routes.yaml?", "/routes?unknown=1"] {
        let reply = client.get(path).await;
        assert_eq!((reply.status, reply.text()), (200, "# r1\n"), "{path}");
        assert_eq!(reply.header("content-type"), Some("application/yaml"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("etag"), Some("\"r1\""));
    }
}

#[tokio::test]
async fn neither_304_nor_compression() {
    let server = Running::serving(Settings::default()).await;
    let reply = server.client().await.get_with("/routes", "If-None-Match: \"r1\"\r\nAccept-Encoding: gzip\r\n").await;
    assert_eq!((reply.status, reply.text()), (200, "# r1\n"));
    assert_eq!(reply.header("content-encoding"), None);
}

#[tokio::test]
async fn views_and_verdicts() {
    let server = Running::serving(Settings::default()).await;
    let mut client = server.client().await;
    for (path, body) in
        [("/health", json!({"status": "ok"})), ("/routes.json", json!({"http": []})), ("/live", json!({"live": true}))]
    {
        let reply = client.get(path).await;
        assert_eq!((reply.status, reply.json()), (200, body), "{path}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_failing_view_costs_that_view() {
    let server = Running::start(Settings::default(), Phase::Serving, Some(document("r1")), Arc::new(Broken)).await;
    let mut client = server.client().await;
    for (path, status) in [("/health", 500), ("/routes.json", 500), ("/live", 503), ("/routes", 200)] {
        assert_eq!(client.get(path).await.status, status, "{path}");
    }
    assert_eq!(client.get("/live").await.json(), json!({"live": false}));
}

#[tokio::test]
async fn views_that_take_long_do_not_delay_the_document() {
    const ASKED: usize = 10;
    let (keys, gate) =
        (0..ASKED).map(|_| mpsc::channel()).map(|(key, gate)| (key, Mutex::new(gate))).unzip::<_, _, Vec<_>, _>();
    let begun = Arc::new(AtomicUsize::new(0));
    let slow = Slow { gate, begun: Arc::clone(&begun) };
    let server = Running::start(Settings::default(), Phase::Serving, Some(document("r1")), Arc::new(slow)).await;
    let mut clients = Vec::new();
    for _ in 0..ASKED {
        let mut client = server.client().await;
        client.ask("GET", "/routes.json", "").await;
        clients.push(client);
    }
    assert_eq!(server.get("/routes").await.status, 200);
    assert_eq!(server.get("/live").await.status, 200);
    assert!(clients[ASKED - 1].is_quiet().await);
    clients.truncate(ASKED / 2);
    assert!(clients[0].is_quiet().await);
    assert_eq!(begun.load(Ordering::SeqCst), 2, "who leaves does not let another begin");
    drop(keys);
    for mut client in clients {
        assert_eq!(client.reply().await.status, 200);
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Running::serving(Settings::default()).await;
    let mut client = server.client().await;
    for path in ["/routes.yaml", "/health", "/live", "/nothing"] {
        let (get, head) = (client.get(path).await, client.head(path).await);
        assert_eq!(head.status, get.status, "{path}");
        let without_date =
            |headers: Vec<(String, String)>| headers.into_iter().filter(|(name, _)| name != "date").collect::<Vec<_>>();
        assert_eq!(without_date(head.headers), without_date(get.headers), "{path}");
    }
}

#[tokio::test]
async fn refusals_say_what_is_right() {
    let server = Running::serving(Settings::default()).await;
    let mut client = server.client().await;

    let unknown = client.get("/route.yaml").await;
    assert_eq!(unknown.status, 404);
    let paths = ["/routes.yaml", "/routes", "/health", "/routes.json", "/live"];
    assert_eq!(unknown.json()["paths"], json!(paths));

    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        client.ask(method, "/routes.yaml", "").await;
        let wrong = client.reply().await;
        assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD")), "{method}");
        assert_eq!(wrong.json()["allowed"], json!(["GET", "HEAD"]));
    }

    let bad_wait = client.get("/routes.yaml?wait=5m").await;
    assert_eq!(bad_wait.status, 400);
    assert_eq!(bad_wait.json()["expected"], json!(["5s", "500ms", "5"]));
    assert_eq!(client.head("/routes?wait=x").await.status, 400);
    assert_eq!(client.get("/health?wait=x").await.status, 200, "only the document is waited for");
}

#[tokio::test]
async fn the_token_guards_the_document_and_nothing_else() {
    let server = Running::serving(with_token()).await;
    let mut client = server.client().await;
    for path in ["/routes", "/routes.yaml", "/routes.yaml?wait=5s"] {
        let missing = client.get(path).await;
        assert_eq!(missing.status, 401, "{path}");
        assert!(missing.header("www-authenticate").unwrap().starts_with("Bearer"));
        let hint = missing.json();
        assert!(hint["hint"].as_str().unwrap().contains("Authorization: Bearer TOKEN"));
        let wrong = client.get_with(path, "Authorization: Bearer a-secreT\r\n").await;
        assert_eq!(wrong.status, 401, "{path}");
        assert_ne!(wrong.json()["error"], hint["error"]);
        assert!(!wrong.text().contains(SECRET));
    }
    for path in ["/health", "/routes.json", "/live"] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
    assert_eq!(client.head("/routes").await.status, 401);
    assert_eq!(server.polls.seen().count, 0, "who may not have it has not polled");

    assert_eq!(client.get_with("/routes", &bearer()).await.text(), "# r1\n");
    assert_eq!(client.get_with("/routes.yaml", "X-Rediacc-Token: a-secret\r\n").await.text(), "# r1\n");
    let seen = server.polls.seen();
    assert_eq!((seen.count, seen.sent.as_deref()), (2, Some("r1")));
}
