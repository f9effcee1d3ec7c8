//! Traefik's dynamic configuration, as one typed schema.
//!
//! Each struct of Traefik stands here once, in a table of its fields ([`StructShape`]) from which everything
//! follows: filling it from labels or a document ([`Tree`], [`check`], [`Filler`]), writing it as JSON or as the
//! document that Traefik polls ([`Document`]), and walking over everything in it that points somewhere
//! ([`Visitor`], [`Role`]). It is Traefik v3.7's schema; `Default` is Go's zero value and `with_defaults` is what
//! Traefik's `SetDefaults` makes of it.
//!
//! ```
//! use traefik_model::{http, Configuration, Document};
//!
//! let mut configuration = Configuration::default();
//! let server = http::Server { url: "http://127.0.11.2:8080".into(), ..Default::default() };
//! let balancer = http::LoadBalancer { servers: vec![server], ..http::LoadBalancer::with_defaults() };
//! let service = http::Service { load_balancer: Some(Box::new(balancer)), ..Default::default() };
//! configuration.http.services.insert("app".to_owned(), service);
//!
//! let document = serde_json::to_string(&Document(&configuration))?;
//! let expected = r#"{"http":{"services":{"app":{"loadBalancer":{"servers":[{"url":"http://127.0.11.2:8080"}]}}}}}"#;
//! assert_eq!(document, expected);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod check;
mod difference;
mod document;
mod duration;
mod emit;
mod fill;
mod fold;
#[cfg(feature = "yaml")]
mod fragments;
mod hidden;
pub mod http;
mod macros;
pub mod middleware;
mod plugins;
mod ports;
mod raw;
pub mod role;
mod shape;
pub mod tcp;
pub mod tls;
mod tree;
pub mod udp;
#[cfg(feature = "yaml")]
mod yaml;

pub use check::{Fault, FaultKind, check, check_with};
pub use difference::{Difference, difference};
pub use document::{DocumentFault, DocumentFaultKind, check_document, read_document};
pub use duration::{Duration, DurationError};
pub use emit::{Document, Style};
pub use fill::{Filler, Struct, Value, Visitor};
pub use fold::equal_fold;
#[cfg(feature = "yaml")]
pub use fragments::{Fragments, SECTIONS, Section, assemble, assemble_marked, mark, revision_of};
pub use plugins::{PluginValue, Plugins};
pub use ports::{DYNAMIC_PORTS, PRECONFIGURED_TCP, PRECONFIGURED_UDP};
pub use role::Role;
pub use shape::{Access, Field, Shape, Source, StructShape};
pub use tree::{NodeId, Origin, Tree};
#[cfg(feature = "yaml")]
pub use yaml::{Yaml, YamlError, revision, to_yaml, write_yaml};

use macros::schema;

schema! {
    /// Traefik's dynamic configuration.
    Configuration = "dynamic.Configuration" {
        http: http::Http = "http" as "*dynamic.HTTPConfiguration" [json_always],
        tcp: tcp::Tcp = "tcp" as "*dynamic.TCPConfiguration" [json_always],
        udp: udp::Udp = "udp" as "*dynamic.UDPConfiguration" [json_always],
        tls: tls::Tls = "tls" as "*dynamic.TLSConfiguration" [json_always],
    }
}

// === impl Configuration ===

impl Configuration {
    /// Whether Traefik would take it for the empty configuration.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_zero()
    }
}
