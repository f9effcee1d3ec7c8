//! What is served, and where.

use std::sync::Arc;

use bytes::Bytes;

/// What was published last. It reaches the server as an [`Arc`] through a [`tokio::sync::watch`] channel, so that whoever
/// else reads it has the same one.
pub trait Published: Send + Sync + 'static {
    /// How far the start has come.
    fn phase(&self) -> Phase;

    /// The newest document, or `None` as long as there is none that is true.
    ///
    /// While [`Phase::Starting`] it is the one last published before the restart. An empty document that was proved to
    /// be right is `Some`: `None` is answered with 503, since an empty 200 makes Traefik drop every route.
    fn document(&self) -> Option<&Document>;
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

/// A path and what is answered there. The table of all of them is what the server knows of paths.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<P> {
    /// E.g. `/health`.
    pub path: &'static str,
    /// Of an answer with status 200, e.g. `application/json`.
    pub content_type: &'static str,
    /// What is answered.
    pub view: View<P>,
}

/// What is answered at a path.
#[derive(Debug, Clone, Copy)]
pub enum View<P> {
    /// The [`Document`], held as [`Settings::max_wait`](crate::Settings::max_wait) and
    /// [`Settings::start_hold`](crate::Settings::start_hold) say, and guarded by
    /// [`Settings::token`](crate::Settings::token).
    Document,
    /// Something that is made only when somebody asks, so that a change does not pay for it; the client gets 500 when it
    /// cannot be written.
    ///
    /// It is made on a blocking thread, two at a time at most, so that many requests for a large one do not delay
    /// Traefik's poll. Each request that is being answered keeps its bytes: what may be large should be kept by whoever
    /// made it, who hands out clones of the same [`Bytes`].
    Made(fn(&P) -> serde_json::Result<Bytes>),
    /// 200 or 503, and the answer in JSON behind the path's last part: `{"live":true}`.
    Verdict(fn(&P) -> bool),
}

/// Whether there is something to say that a holder of `revision` does not know.
pub(crate) fn is_news_to(published: &impl Published, revision: &str) -> bool {
    published.document().is_some_and(|document| *document.revision != *revision)
}
