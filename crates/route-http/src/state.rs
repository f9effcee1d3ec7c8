//! What is served at the moment.

use std::{fmt, sync::Arc};

use bytes::Bytes;

/// What is served at the moment; it reaches the server through a [`tokio::sync::watch`] channel.
#[derive(Clone)]
pub struct State {
    /// How far the start has come.
    pub phase: Phase,
    /// The newest document, or `None` as long as there is none that is true.
    ///
    /// While [`Phase::Starting`] it is the one last published before the restart. An empty document that was proved to
    /// be right is `Some`: `None` is answered with 503, since an empty 200 makes Traefik drop every route.
    pub document: Option<Document>,
    /// The JSON documents that belong to it.
    pub views: Arc<dyn Views>,
}

/// How far the start has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not everything has been seen yet: without a document of the time before the restart, requests for it are held
    /// for [`Settings::start_hold`].
    ///
    /// [`Settings::start_hold`]: crate::Settings::start_hold
    Starting,
    /// The document is the truth.
    Serving,
}

/// A document and its name. Cloning it copies no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Names the content: same content, same revision. It decides who is told of a change, and is sent as `ETag`.
    pub revision: Arc<str>,
    /// The body as Traefik reads it.
    pub yaml: Bytes,
}

/// JSON documents that are made only when somebody asks, so that a change does not pay for them.
///
/// The three that return bytes run on a blocking thread, two at a time at most, so that many requests for a large one
/// do not delay Traefik's poll. Each request that is being answered keeps its bytes: an implementation that may be
/// large should keep what it made, and hand out clones of the same [`Bytes`].
pub trait Views: Send + Sync {
    /// `/health`
    ///
    /// # Errors
    /// When it cannot be written as JSON; the client gets 500.
    fn health(&self) -> serde_json::Result<Bytes>;

    /// `/routes.json`
    ///
    /// # Errors
    /// When it cannot be written as JSON; the client gets 500.
    fn routes(&self) -> serde_json::Result<Bytes>;

    /// `/ports`
    ///
    /// # Errors
    /// When it cannot be written as JSON; the client gets 500.
    fn ports(&self) -> serde_json::Result<Bytes>;

    /// `/live`: whether the process does its work. `false` means that a restart would help.
    fn is_live(&self) -> bool;

    /// `/ready`: whether what is served is the truth.
    fn is_ready(&self) -> bool;
}

// === impl State ===

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revision = self.document.as_ref().map(|document| &document.revision);
        f.debug_struct("State").field("phase", &self.phase).field("revision", &revision).finish_non_exhaustive()
    }
}

impl State {
    /// Whether there is something to say that a holder of `revision` does not know.
    pub(crate) fn is_news_to(&self, revision: &str) -> bool {
        self.document.as_ref().is_some_and(|document| *document.revision != *revision)
    }
}
