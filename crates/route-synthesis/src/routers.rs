//! Routers of any protocol, to read.

use traefik_model::{
    http,
    role::{EntryPointRef, MiddlewareRef},
    tcp,
    tls::CertificateDomain,
    udp,
};

use crate::{merge::Entry, servers::Balanced};

/// A router of any protocol.
pub(crate) trait Router: Entry {
    /// The services that such routers lead to.
    type Service: Entry + Balanced;

    /// What it says.
    fn facts(&self) -> Facts<'_>;
}

/// What a router says; what its protocol does not have is empty.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts<'a> {
    pub(crate) rule: &'a str,
    pub(crate) rule_syntax: &'a str,
    pub(crate) entry_points: &'a [EntryPointRef],
    pub(crate) service: &'a str,
    pub(crate) middlewares: &'a [MiddlewareRef],
    /// 0 where Traefik computes one.
    pub(crate) priority: i64,
    pub(crate) tls: Option<TlsFacts<'a>>,
}

/// What a router says of TLS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TlsFacts<'a> {
    pub(crate) options: &'a str,
    pub(crate) resolver: &'a str,
    pub(crate) domains: &'a [CertificateDomain],
}

/// HTTP and TCP routers have the same fields, of different types.
macro_rules! with_rule {
    ($($protocol:ident)*) => {
        $(impl Router for $protocol::Router {
            type Service = $protocol::Service;

            fn facts(&self) -> Facts<'_> {
                let tls = self.tls.as_deref().map(|tls| TlsFacts {
                    options: tls.options.as_str(),
                    resolver: tls.cert_resolver.as_str(),
                    domains: &tls.domains,
                });
                Facts {
                    rule: self.rule.as_str(),
                    rule_syntax: &self.rule_syntax,
                    entry_points: &self.entry_points,
                    service: self.service.as_str(),
                    middlewares: &self.middlewares,
                    priority: self.priority,
                    tls,
                }
            }
        })*
    };
}

with_rule! { http tcp }

impl Router for udp::Router {
    type Service = udp::Service;

    fn facts(&self) -> Facts<'_> {
        Facts { entry_points: &self.entry_points, service: self.service.as_str(), ..Facts::default() }
    }
}
