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
    request::{PATHS, Reading, Resource, wait_in},
    serve::Server,
    state::{Document, Phase, State, Views},
    token::Shown,
};

/// Makes one of the [`Views`].
type MakeView = fn(&(dyn Views + 'static)) -> serde_json::Result<Bytes>;

/// Answers the requests of one connection, one after the other.
pub(crate) struct Session {
    server: Arc<Server>,
    id: ConnectionId,
    pace: Pace,
    /// What this connection was last sent.
    sent: Mutex<Option<Document>>,
    opened: Instant,
}

// === impl Session ===

impl Session {
    /// Of a connection that has asked for nothing yet.
    pub(crate) fn new(server: Arc<Server>, id: ConnectionId, pace: Pace) -> Self {
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
        let path = PATHS.iter().find(|path| **path == head.uri.path()).unwrap_or(&"unknown");
        debug!(connection = self.id.get(), method = %head.method, path, status = answer.status().as_u16(), "request");
        self.pace.enter(Step::Answering);
        answer
    }

    async fn respond(&self, head: &request::Parts) -> Result<Answer, Refusal> {
        let shown = self.shown_in(&head.headers);
        self.server.used(self.id, if shown == Some(Shown::Right) { Standing::Trusted } else { Standing::Visitor });
        let resource = Resource::at(head.uri.path()).ok_or(Refusal::UnknownPath)?;
        let reading = Reading::by(&head.method).ok_or(Refusal::Method)?;
        match resource {
            Resource::Document => {
                match shown {
                    None | Some(Shown::Right) => {}
                    Some(Shown::Wrong) => return Err(Refusal::WrongToken),
                    Some(Shown::Nothing) => return Err(Refusal::NoToken),
                }
                let wait = wait_in(head.uri.query().unwrap_or_default())?;
                let document = match reading {
                    Reading::Head => self.now().ok_or(Refusal::NoDocument)?,
                    Reading::Get => self.poll(wait.unwrap_or_default()).await?,
                };
                Ok(answer::document(&document))
            }
            Resource::Health => self.view(<dyn Views>::health).await,
            Resource::Routes => self.view(<dyn Views>::routes).await,
            Resource::Ports => self.view(<dyn Views>::ports).await,
            Resource::Live => Ok(answer::verdict("live", self.views().is_live())),
            Resource::Ready => Ok(answer::verdict("ready", self.views().is_ready())),
        }
    }

    /// The document for a client that polls: held until there is something to say, and noted as sent.
    async fn poll(&self, wait: Duration) -> Result<Document, Refusal> {
        self.server.polls.asked();
        self.server.used(self.id, Standing::Poller);
        let asked = Instant::now();
        let settings = &self.server.settings;
        // What was published before a restart is answered at once: the process that published it knew better than nobody.
        self.hold(settings.start_hold, |state| state.phase == Phase::Serving || state.document.is_some()).await;
        if let Some(known) = self.last_sent() {
            let left = wait.min(settings.max_wait).saturating_sub(asked.elapsed());
            select! {
                () = self.hold(left, |state| state.is_news_to(&known.revision)) => {}
                () = self.server.polls.let_go(self.opened) => {}
            }
        }
        // Not refused: with another status Traefik gives the connection up, and comes back as if it were its successor.
        let again = self.last_sent().filter(|_| self.server.polls.are_released(self.opened));
        let document = again.or_else(|| self.now()).ok_or(Refusal::NoDocument)?;
        self.server.polls.sent(&document.revision);
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = Some(document.clone());
        Ok(document)
    }

    /// Waits for something to come true, for the time to be up, or for the server to stop.
    async fn hold(&self, limit: Duration, until: impl FnMut(&State) -> bool) {
        if limit.is_zero() {
            return;
        }
        let mut state = self.server.state.clone();
        let come_true = async {
            // Whoever published is gone, and nothing will change any more.
            if state.wait_for(until).await.is_err() {
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

    /// A view, made on a thread where it delays nobody; the permit goes with it, however early the client leaves.
    async fn view(&self, make: MakeView) -> Result<Answer, Refusal> {
        let permit = Arc::clone(&self.server.view_permits).acquire_owned().await;
        let views = self.views();
        let made = spawn_blocking(move || {
            let _permit = permit;
            make(&*views)
        });
        let bytes = made.await.map_err(|error| {
            warn!(%error, "view failed");
            Refusal::NoView
        })?;
        bytes.map(answer::view).map_err(|error| {
            warn!(%error, "view failed");
            Refusal::View(error)
        })
    }

    /// What the headers say about the token, or `None` where no token is needed.
    fn shown_in(&self, headers: &HeaderMap) -> Option<Shown> {
        self.server.settings.token.as_ref().map(|token| token.shown_in(headers))
    }

    fn now(&self) -> Option<Document> {
        self.server.state.borrow().document.clone()
    }

    fn views(&self) -> Arc<dyn Views> {
        Arc::clone(&self.server.state.borrow().views)
    }

    fn last_sent(&self) -> Option<Document> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
