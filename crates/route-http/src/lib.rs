//! Serves the newest routes over HTTP/1: to Traefik, which polls them, and to people, who ask for JSON.
//!
//! ```
//! use std::sync::Arc;
//! use bytes::Bytes;
//! use route_http::{Document, Phase, Polls, Settings, State, Views};
//! use tokio::{net::TcpListener, sync::watch};
//! use tokio_util::sync::CancellationToken;
//!
//! struct Nothing;
//! impl Views for Nothing {
//!     fn health(&self) -> serde_json::Result<Bytes> { Ok(Bytes::from_static(br#"{"status":"ok"}"#)) }
//!     fn routes(&self) -> serde_json::Result<Bytes> { Ok(Bytes::from_static(b"{}")) }
//!     fn ports(&self) -> serde_json::Result<Bytes> { Ok(Bytes::from_static(b"{}")) }
//!     fn is_live(&self) -> bool { true }
//!     fn is_ready(&self) -> bool { true }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let document = |revision: &str| Some(Document { revision: revision.into(), yaml: Bytes::from_static(b"http: {}") });
//! let first = State { phase: Phase::Serving, document: document("r1"), views: Arc::new(Nothing) };
//! let (publish, state) = watch::channel(first);
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let stop = CancellationToken::new();
//! let polls = Arc::new(Polls::default());
//! let server = tokio::spawn(route_http::serve(listener, state, Settings::default(), polls.clone(), stop.clone()));
//!
//! publish.send_modify(|state| state.document = document("r2")); // whoever waits with `?wait=` gets it now
//! assert_eq!(polls.seen().count, 0, "nobody has asked yet");
//!
//! stop.cancel();
//! server.await?;
//! # Ok(())
//! # }
//! ```
//!
//! | path | answer |
//! |---|---|
//! | `/routes.yaml`, `/routes` | the [`Document`], held as [`Settings::max_wait`] and [`Settings::start_hold`] say; guarded by [`Settings::token`] |
//! | `/health`, `/routes.json`, `/ports` | the [`Views`], made when somebody asks |
//! | `/live`, `/ready` | 200 or 503 |
//!
//! Nothing here knows what the bytes mean. Binding and signals belong to the caller, who hands over a listener and a
//! [`CancellationToken`](tokio_util::sync::CancellationToken).

mod admission;
mod answer;
mod connection;
mod pace;
mod polls;
mod request;
mod serve;
mod session;
mod settings;
mod state;
mod token;

pub use crate::{
    polls::{Polls, Seen},
    serve::serve,
    settings::Settings,
    state::{Document, Phase, State, Views},
    token::{Token, TokenError},
};
