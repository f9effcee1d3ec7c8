//! What the route server says, for who asks it: the types of its JSON answers, the protocol of its control socket, and
//! a small client that waits no longer than it was told.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! let health = route_api::health("127.0.0.1:7111".parse()?, Duration::from_secs(2))?;
//! println!("{}: {} routers", health.status, health.routers.total);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! The types read what a newer server says too: unknown fields are skipped, and what may grow is a text.

mod client;
mod control;
mod health;
mod routes;

use std::{net::SocketAddr, time::Duration};

use serde::de::DeserializeOwned;

pub use client::{ClientError, get, get_as, get_at_most, get_unix};
pub use control::{
    Answer, Change, Claim, Claims, ControlError, HeldPort, Holdings, Polls, Repository, Request, ask, ask_within,
};
pub use health::{
    Check, CheckSeverity, Counts, Daemon, FindingCounts, Health, ProxyCheck, RefusedRouter, StateDirectory,
    TraefikState,
};
pub use routes::{Finding, PortMapping, Ports, Route, RouteSource, Routes, Subject, Unrouted};

/// The last line of `renet proxy configure --dry-run` where everything is so already; `rdc` asks nothing then.
pub const NOTHING_WOULD_CHANGE: &str = "nothing would change";

/// The line on standard input by which `rdc` ends what `renet repo up` and `down` run there: ssh passes no signals on.
pub const INTERRUPT: &str = "interrupt";

/// The name of the last entry of what `rdc repo push` sends: without it something is missing.
pub const END_OF_PUSH: &str = ".rediacc-end-of-push";

/// `GET /health`.
///
/// # Errors
/// [`ClientError`] when no route server answers there in time.
pub fn health(server: SocketAddr, patience: Duration) -> Result<Health, ClientError> {
    read(server, "/health", patience)
}

/// `GET /routes.json`.
///
/// # Errors
/// [`ClientError`] when no route server answers there in time.
pub fn routes(server: SocketAddr, patience: Duration) -> Result<Routes, ClientError> {
    read(server, "/routes.json", patience)
}

/// `GET /ports`.
///
/// # Errors
/// [`ClientError`] when no route server answers there in time.
pub fn ports(server: SocketAddr, patience: Duration) -> Result<Ports, ClientError> {
    read(server, "/ports", patience)
}

fn read<T: DeserializeOwned>(server: SocketAddr, path: &str, patience: Duration) -> Result<T, ClientError> {
    let (status, body) = get(server, path, patience)?;
    if status != 200 {
        return Err(ClientError::Status(status));
    }
    serde_json::from_str(&body).map_err(ClientError::Json)
}
