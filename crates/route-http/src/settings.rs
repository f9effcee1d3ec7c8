//! Limits and times.

use std::time::Duration;

use crate::token::Token;

/// Limits and times of the server. [`Settings::default`] is meant for production, on a loopback address.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Guards `/routes.yaml` and `/routes`, and tells Traefik's connections from others. `None`: everybody may ask.
    pub token: Option<Token>,
    /// Connections open at once that have shown the token; one more closes the one that was silent for longest.
    /// Traefik uses one, and for a moment a second one when it restarts. Default 16, at least 1.
    pub max_connections_trusted: usize,
    /// All other connections open at once. One more is let in, and the one that was silent for longest is closed; one
    /// that has asked for the document (where there is no token to know Traefik by) only after all that have not.
    /// Default 128, at least 1.
    pub max_connections_other: usize,
    /// From the first byte of a request (of the first one: from the connection) to the end of its headers. Default 5 s.
    pub header_timeout: Duration,
    /// How long a connection is kept between two requests. It must exceed the interval at which Traefik polls (5 s),
    /// else Traefik meets a closed connection at every other poll. Default 75 s.
    pub idle_timeout: Duration,
    /// How long a client may take to receive an answer, all of it. Default 10 s.
    pub write_timeout: Duration,
    /// The longest that a request is held, whatever its `?wait=` says. Traefik's `pollTimeout`, 10 s in the
    /// configuration that we write, must be above. Default 8 s.
    pub max_wait: Duration,
    /// The longest that a request for the document is held while [`Phase::Starting`](crate::Phase::Starting) without
    /// one, with `?wait=` or without. Below Traefik's default `pollTimeout` of 5 s, since a 503 costs more than the wait:
    /// Traefik asks again only after a growing pause. Default 4 s.
    pub start_hold: Duration,
    /// How long requests may take to end after the order to stop. Default 2 s.
    pub stop_timeout: Duration,
    /// Bytes of a request's first line and headers together. Default 16 KiB, at least 8 KiB.
    pub max_head_bytes: usize,
    /// Headers of a request. Default 64.
    pub max_headers: usize,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            token: None,
            max_connections_trusted: 16,
            max_connections_other: 128,
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(10),
            max_wait: Duration::from_secs(8),
            start_hold: Duration::from_secs(4),
            stop_timeout: Duration::from_secs(2),
            max_head_bytes: 16 * 1024,
            max_headers: 64,
        }
    }
}
