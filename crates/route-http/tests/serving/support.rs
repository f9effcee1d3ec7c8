//! A server to ask, and a client that sees every byte.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use route_http::{Document, Endpoint, Phase, Polls, Published, Service, Settings, Token, View};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Long enough to see that something does not happen.
pub(crate) const MOMENT: Duration = Duration::from_millis(80);

pub(crate) const SECRET: &str = "a-secret";

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) publish: watch::Sender<Arc<Page>>,
    pub(crate) polls: Arc<Polls>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) struct Client(BufReader<TcpStream>);

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What is published here.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) phase: Phase,
    pub(crate) document: Option<Document>,
    pub(crate) views: Arc<dyn Views>,
}

/// What the other paths say.
pub(crate) trait Views: Send + Sync {
    fn health(&self) -> serde_json::Result<Bytes> {
        Ok(r#"{"status":"ok"}"#.into())
    }
    fn routes(&self) -> serde_json::Result<Bytes> {
        Ok(r#"{"http":[]}"#.into())
    }
    fn is_live(&self) -> bool {
        true
    }
}

/// Views of a server that is well.
pub(crate) struct Named;

impl Views for Named {}

impl Published for Page {
    fn phase(&self) -> Phase {
        self.phase
    }
    fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }
}

static ENDPOINTS: [Endpoint<Page>; 5] = [
    Endpoint { path: "/routes.yaml", content_type: "application/yaml", view: View::Document },
    Endpoint { path: "/routes", content_type: "application/yaml", view: View::Document },
    Endpoint { path: "/health", content_type: "application/json", view: View::Made(|page| page.views.health()) },
    Endpoint { path: "/routes.json", content_type: "application/json", view: View::Made(|page| page.views.routes()) },
    Endpoint { path: "/live", content_type: "application/json", view: View::Verdict(|page| page.views.is_live()) },
];

pub(crate) fn document(revision: &str) -> Document {
    Document { revision: revision.into(), yaml: format!("# {revision}\n").into() }
}

pub(crate) fn with_token() -> Settings {
    Settings { token: Some(Token::try_new(SECRET).unwrap()), ..Settings::default() }
}

pub(crate) fn bearer() -> String {
    format!("Authorization: Bearer {SECRET}\r\n")
}

pub(crate) fn modify(publish: &watch::Sender<Arc<Page>>, change: impl FnOnce(&mut Page)) {
    publish.send_modify(|page| change(Arc::make_mut(page)));
}

impl Running {
    /// A server that serves revision `r1`.
    pub(crate) async fn serving(settings: Settings) -> Self {
        Self::start(settings, Phase::Serving, Some(document("r1")), Arc::new(Named)).await
    }

    pub(crate) async fn start(
        settings: Settings,
        phase: Phase,
        document: Option<Document>,
        views: Arc<dyn Views>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (publish, published) = watch::channel(Arc::new(Page { phase, document, views }));
        let (polls, stop) = (Arc::new(Polls::default()), CancellationToken::new());
        let service = Service { published, endpoints: &ENDPOINTS, settings, polls: Arc::clone(&polls) };
        let task = tokio::spawn(route_http::serve(vec![listener], service, || {}, stop.clone()));
        Self { address, publish, polls, stop, task }
    }

    pub(crate) fn publish(&self, revision: &str) {
        self.modify(|page| {
            page.phase = Phase::Serving;
            page.document = Some(document(revision));
        });
    }

    pub(crate) fn modify(&self, change: impl FnOnce(&mut Page)) {
        modify(&self.publish, change);
    }

    pub(crate) async fn client(&self) -> Client {
        Client(BufReader::new(TcpStream::connect(self.address).await.unwrap()))
    }

    /// Asks on a connection of its own.
    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.client().await.get(target).await
    }

    /// Waits until the server has seen so many polls, which may still be held.
    pub(crate) async fn polled(&self, count: u64) {
        let seen = async {
            while self.polls.seen().count < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, seen).await.unwrap();
    }
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    pub(crate) async fn ask(&mut self, method: &str, target: &str, headers: &str) {
        self.send(format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await;
    }

    pub(crate) async fn get(&mut self, target: &str) -> Reply {
        self.ask("GET", target, "").await;
        self.reply().await
    }

    pub(crate) async fn head(&mut self, target: &str) -> Reply {
        self.ask("HEAD", target, "").await;
        timeout(PATIENCE, self.read_head()).await.unwrap()
    }

    pub(crate) async fn get_with(&mut self, target: &str, headers: &str) -> Reply {
        self.ask("GET", target, headers).await;
        self.reply().await
    }

    pub(crate) async fn reply(&mut self) -> Reply {
        let whole = async {
            let mut reply = self.read_head().await;
            let length = reply.header("content-length").unwrap_or("0").parse().unwrap();
            reply.body = vec![0; length];
            self.0.read_exact(&mut reply.body).await.unwrap();
            reply
        };
        timeout(PATIENCE, whole).await.unwrap()
    }

    /// Whether nothing comes for a moment, and the connection stays open.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        timeout(MOMENT, self.0.fill_buf()).await.is_err()
    }

    /// Reads what is left until the server closes; returns how much it was, or the error.
    pub(crate) async fn rest(&mut self) -> std::io::Result<usize> {
        timeout(PATIENCE, self.0.read_to_end(&mut Vec::new())).await.unwrap()
    }

    async fn read_head(&mut self) -> Reply {
        let status = self.read_line().await;
        let mut headers = Vec::new();
        loop {
            let line = self.read_line().await;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        Reply { status: status.split(' ').nth(1).unwrap().parse().unwrap(), headers, body: Vec::new() }
    }

    async fn read_line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).await.unwrap() > 0, "the server closed the connection");
        line.trim_end().to_owned()
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }
}
