//! The requests of one connection.

use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Request,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    http::request,
};
use tokio::{select, task::spawn_blocking, time::sleep};
use tracing::{debug, warn};

use crate::{
    admission::{ConnectionId, Standing},
    answer::{self, Answer, Refusal},
    pace::{Pace, Step},
    request::{Reading, wait_in},
    serve::Server,
    state::{Document, Endpoint, Phase, Published, View, is_news_to},
    token::Shown,
};

/// Answers the requests of one connection, one after the other.
pub(crate) struct Session<P: 'static> {
    server: Arc<Server<P>>,
    id: ConnectionId,
    pace: Pace,
    /// What this connection was last sent.
    sent: Mutex<Option<Document>>,
    opened: Instant,
}

// === impl Session ===

impl<P: Published> Session<P> {
    /// Of a connection that has asked for nothing yet.
    pub(crate) fn new(server: Arc<Server<P>>, id: ConnectionId, pace: Pace) -> Self {
        Self { server, id, pace, sent: Mutex::default(), opened: Instant::now() }
    }

    /// Answers a request. Its body is not read: hyper closes the connection behind one that has not arrived yet.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        self.pace.enter(Step::Handling);
        let (head, body) = request.into_parts();
        drop(body);
        let mut answer = self.respond(&head).await.unwrap_or_else(Refusal::into_answer);
        // hyper adds this too, unless the order to stop came after its last look.
        if self.server.shutdown.is_cancelled() {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // Neither the query nor an unknown path: both are the client's words and may hold anything.
        let path = self.server.endpoint(head.uri.path()).map_or("unknown", |endpoint| endpoint.path);
        debug!(connection = self.id.get(), method = %head.method, path, status = answer.status().as_u16(), "request");
        self.pace.enter(Step::Answering);
        answer
    }

    async fn respond(&self, head: &request::Parts) -> Result<Answer, Refusal> {
        let shown = self.shown_in(&head.headers);
        self.server.used(self.id, if shown == Some(Shown::Right) { Standing::Trusted } else { Standing::Visitor });
        let Some(Endpoint { path, content_type, view }) = self.server.endpoint(head.uri.path()) else {
            return Err(Refusal::UnknownPath { known: self.server.paths().collect() });
        };
        let reading = Reading::by(&head.method).ok_or(Refusal::Method)?;
        match view {
            View::Document => {
                match shown {
                    None | Some(Shown::Right) => {}
                    Some(Shown::Wrong) => return Err(Refusal::WrongToken),
                    Some(Shown::Nothing) => return Err(Refusal::NoToken),
                }
                let wait = wait_in(head.uri.query().unwrap_or_default())?;
                let document = match reading {
                    Reading::Head => self.now().document().cloned().ok_or(Refusal::NoDocument)?,
                    Reading::Get => self.poll(wait.unwrap_or_default()).await?,
                };
                Ok(answer::document(&document, content_type))
            }
            View::Made(make) => Ok(answer::made(self.made(*make).await?, content_type)),
            View::Verdict(is_true) => Ok(answer::verdict(path, is_true(&self.now()))),
        }
    }

    /// The document for a client that polls: held until there is something to say, and noted as sent.
    async fn poll(&self, wait: Duration) -> Result<Document, Refusal> {
        self.server.polls.asked();
        self.server.used(self.id, Standing::Poller);
        let asked = Instant::now();
        let settings = &self.server.settings;
        // What was published before a restart is answered at once: the process that published it knew better than nobody.
        let has_begun = |it: &P| it.phase() == Phase::Serving || it.document().is_some();
        self.hold(settings.start_hold, has_begun).await;
        if let Some(known) = self.last_sent() {
            let left = wait.min(settings.max_wait).saturating_sub(asked.elapsed());
            select! {
                () = self.hold(left, |published| is_news_to(published, &known.revision)) => {}
                () = self.server.polls.let_go(self.opened) => {}
            }
        }
        // Not refused: with another status Traefik gives the connection up, and comes back as if it were its successor.
        let again = self.last_sent().filter(|_| self.server.polls.are_released(self.opened));
        let document = again.or_else(|| self.now().document().cloned()).ok_or(Refusal::NoDocument)?;
        self.server.polls.sent(&document.revision);
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = Some(document.clone());
        Ok(document)
    }

    /// Waits for something to come true, for the time to be up, or for the server to stop.
    async fn hold(&self, limit: Duration, mut until: impl FnMut(&P) -> bool) {
        if limit.is_zero() {
            return;
        }
        let mut published = self.server.published.clone();
        let come_true = async {
            // Whoever published is gone, and nothing will change any more.
            if published.wait_for(|published| until(published)).await.is_err() {
                pending::<()>().await;
            }
        };
        select! {
            biased;
            () = come_true => {}
            () = self.server.shutdown.cancelled() => {}
            () = sleep(limit) => {}
        }
    }

    /// Made on a thread where it delays nobody; the permit goes with it, however early the client leaves.
    async fn made(&self, make: fn(&P) -> serde_json::Result<Bytes>) -> Result<Bytes, Refusal> {
        let permit = Arc::clone(&self.server.view_permits).acquire_owned().await;
        let published = self.now();
        let made = spawn_blocking(move || {
            let _permit = permit;
            make(&published)
        });
        let bytes = made.await.map_err(|error| {
            warn!(%error, "view failed");
            Refusal::NoView
        })?;
        bytes.map_err(|error| {
            warn!(%error, "view failed");
            Refusal::View(error)
        })
    }

    /// What the headers say about the token, or `None` where no token is needed.
    fn shown_in(&self, headers: &HeaderMap) -> Option<Shown> {
        self.server.settings.token.as_ref().map(|token| token.shown_in(headers))
    }

    fn now(&self) -> Arc<P> {
        Arc::clone(&self.server.published.borrow())
    }

    fn last_sent(&self) -> Option<Document> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
