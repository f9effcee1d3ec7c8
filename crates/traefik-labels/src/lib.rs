//! Traefik's container labels, decoded exactly as Traefik v3.7 does, and explained better.
//!
//! ```
//! use traefik_labels::{Code, Severity, decode};
//!
//! let labels = [
//!     ("traefik.enable", "true"),
//!     ("traefik.http.routers.app.rule", "Host(`app.example.com`)"),
//!     ("traefik.http.routers.app.entrypoints", "websecure"),
//!     ("traefik.http.routers.app.tls", "yes"),
//!     ("traefik.http.services.app.loadbalancer.servers.port", "8080"),
//! ];
//! let decoded = decode(labels);
//!
//! // What can be kept is kept: a bad label costs only what it belongs to.
//! let router = &decoded.configuration.http.routers["app"];
//! assert_eq!(router.rule.as_str(), "Host(`app.example.com`)");
//! assert!(decoded.configuration.http.services.is_empty());
//!
//! // Every problem has a stable code, names the label, and says what to write.
//! let [error, warning] = decoded.problems.as_slice() else { panic!("{:?}", decoded.problems) };
//! assert_eq!((error.code, error.severity), (Code::UnknownField, Severity::Error));
//! assert_eq!(error.hint.as_deref(), Some("traefik.http.services.app.loadbalancer.server.port"));
//! assert_eq!((warning.code, warning.severity), (Code::SwitchedOff, Severity::Warning));
//!
//! // And shows it.
//! assert_eq!(warning.render("yes").to_string(), "\
//! warning[TL009]: `yes` switches `tls` off, with everything below it; only `true` switches it on
//!   traefik.http.routers.app.tls=yes
//!                                ^^^ did you mean `true`?
//! ");
//! ```
//!
//! * [`decode`] keeps what can be kept and reports all problems; [`Decoder`] does so with more knowledge, such as
//!   the entry points that exist. [`decode_first`] is Traefik: its first problem loses everything.
//! * [`rule`] reads the rules of routers.
//! * [`Code`] says what codes promise.
//!
//! Nothing here panics, waits, or reads anything but its arguments, and everything is bounded: see [`MAX_LABELS`]
//! and its neighbours.

mod code;
mod decode;
mod decoder;
mod distance;
mod explain;
mod key;
mod links;
mod notes;
mod problem;
mod render;
mod router_rules;
pub mod rule;
mod schema;
mod text;

pub use code::Code;
pub use decode::{Decoded, MAX_LABELS, MAX_LIST_ITEMS, MAX_VALUE_BYTES, decode, decode_first};
pub use decoder::{Decoder, Rules};
pub use key::{MAX_KEY_BYTES, MAX_SEGMENTS};
pub use problem::{MAX_PROBLEMS, Place, Problem, Severity};
pub use render::Rendered;
