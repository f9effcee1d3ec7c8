//! Serves the newest routes over HTTP/1: to Traefik, which polls them, and to people, who ask for JSON.
//!
//! ```
//! use std::sync::Arc;
//! use bytes::Bytes;
//! use route_http::{Document, Endpoint, Phase, Polls, Published, Service, Settings, View};
//! use tokio::{net::TcpListener, sync::watch};
//! use tokio_util::sync::CancellationToken;
//!
//! struct Routes(Document);
//! impl Published for Routes {
//!     fn phase(&self) -> Phase { Phase::Serving }
//!     fn document(&self) -> Option<&Document> { Some(&self.0) }
//! }
//! static ENDPOINTS: [Endpoint<Routes>; 3] = [
//!     Endpoint { path: "/routes.yaml", content_type: "application/yaml", view: View::Document },
//!     Endpoint { path: "/health", content_type: "application/json", view: View::Made(|_| Ok(Bytes::from_static(b"{}"))) },
//!     Endpoint { path: "/live", content_type: "application/json", view: View::Verdict(|_| true) },
//! ];
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let routes = |revision: &str| Routes(Document { revision: revision.into(), yaml: Bytes::from_static(b"http: {}") });
//! let (publish, published) = watch::channel(Arc::new(routes("r1")));
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let stop = CancellationToken::new();
//! let polls = Arc::new(Polls::default());
//! let service = Service { published, endpoints: &ENDPOINTS, settings: Settings::default(), polls: polls.clone() };
//! let server = tokio::spawn(route_http::serve(vec![listener], service, || println!("ready"), stop.clone()));
//!
//! publish.send_replace(Arc::new(routes("r2"))); // whoever waits with `?wait=` gets it now
//! assert_eq!(polls.seen().count, 0, "nobody has asked yet");
//!
//! stop.cancel();
//! server.await?;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here knows what the bytes mean. Which paths there are, binding and signals belong to the caller, who hands over a
//! table of [`Endpoint`]s, listeners and a [`CancellationToken`](tokio_util::sync::CancellationToken).

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
    serve::{Service, serve},
    settings::Settings,
    state::{Document, Endpoint, Phase, Published, View},
    token::{Token, TokenError},
};
