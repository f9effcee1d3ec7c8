use std::sync::Arc;

use container_snapshot::{Container, Timestamp};
use repo_network::NetworkId;
use serde::{Deserialize, Serialize};
use traefik_model::{Configuration, http, tcp, udp};

use crate::{
    FindingCode, Subject,
    merge::{Entry, Kind, Sources},
    routers::{Facts, Router},
    servers::Balanced,
};

/// The protocols of routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP, with or without TLS.
    Http,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Where a router comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteSource {
    /// The repository.
    pub network_id: NetworkId,
    /// The container's name.
    pub container: String,
    /// The service's name.
    pub service: String,
    /// How it came about.
    pub kind: RouteKind,
    /// When the container was created.
    #[serde(skip)]
    pub created: Timestamp,
}

/// How a router came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteKind {
    /// By itself.
    Auto,
    /// By labels of the user's.
    Labels,
}

/// One router, as `/routes.json` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Its published name.
    pub name: String,
    /// Its rule; none for UDP.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// Its entry points.
    pub entrypoints: Vec<String>,
    /// The service that it leads to.
    pub service: String,
    /// Its middlewares, in order.
    pub middlewares: Vec<String>,
    /// Whether it answers TLS.
    pub tls: bool,
    /// The certificate resolver that Traefik is to ask; none: it is asked for no certificate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert_resolver: String,
    /// Its priority; 0 where Traefik computes one.
    pub priority: i64,
    /// Where requests go; none: 503.
    pub backends: Vec<String>,
    /// Where it comes from.
    pub source: Arc<RouteSource>,
}

/// Every router that is published, by protocol and in order of names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Table {
    /// HTTP routers.
    pub http: Vec<Route>,
    /// TCP routers.
    pub tcp: Vec<Route>,
    /// UDP routers.
    pub udp: Vec<Route>,
}

/// A container that is not routed, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unrouted {
    /// The repository.
    pub network_id: Option<NetworkId>,
    /// The container's name.
    pub container: String,
    /// The service's name.
    pub service: String,
    /// The code of the reason.
    pub code: FindingCode,
    /// The reason.
    pub reason: String,
}

// === impl Protocol ===

impl Protocol {
    /// As it stands in labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

// === impl RouteSource ===

impl RouteSource {
    pub(crate) fn of(id: NetworkId, container: &Container, kind: RouteKind) -> Self {
        let Subject { container: name, service, .. } = Subject::container(id, container);
        Self { network_id: id, container: name, service, kind, created: container.created }
    }

    /// The container, as findings name it.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject {
            network_id: Some(self.network_id),
            container: self.container.clone(),
            service: self.service.clone(),
            label: String::new(),
        }
    }
}

// === impl Unrouted ===

impl Unrouted {
    pub(crate) fn new(subject: Subject, code: FindingCode, reason: &str) -> Self {
        let Subject { network_id, container, service, .. } = subject;
        Self { network_id, container, service, code, reason: reason.to_owned() }
    }
}

// === impl Table ===

impl Table {
    /// The table of a configuration.
    pub(crate) fn of(configuration: &Configuration, sources: &Sources) -> Self {
        Self {
            http: routes::<http::Router>(configuration, sources),
            tcp: routes::<tcp::Router>(configuration, sources),
            udp: routes::<udp::Router>(configuration, sources),
        }
    }

    /// The routers of a protocol.
    pub(crate) fn section(&mut self, protocol: Protocol) -> &mut Vec<Route> {
        match protocol {
            Protocol::Http => &mut self.http,
            Protocol::Tcp => &mut self.tcp,
            Protocol::Udp => &mut self.udp,
        }
    }

    /// All routers with their protocol.
    pub fn iter(&self) -> impl Iterator<Item = (Protocol, &Route)> {
        let http = self.http.iter().map(|route| (Protocol::Http, route));
        let tcp = self.tcp.iter().map(|route| (Protocol::Tcp, route));
        let udp = self.udp.iter().map(|route| (Protocol::Udp, route));
        http.chain(tcp).chain(udp)
    }
}

fn routes<R: Router>(configuration: &Configuration, sources: &Sources) -> Vec<Route> {
    let services = R::Service::section_of(configuration);
    let route = |(name, router): (&String, &R)| {
        let Facts { rule, entry_points, service, middlewares, priority, tls, .. } = router.facts();
        let backends = services.get(service).map(|service| service.backends()).unwrap_or_default();
        Some(Route {
            name: name.clone(),
            rule: rule.to_owned(),
            entrypoints: entry_points.iter().map(ToString::to_string).collect(),
            service: service.to_owned(),
            middlewares: middlewares.iter().map(ToString::to_string).collect(),
            cert_resolver: tls.as_ref().map(|tls| tls.resolver.to_owned()).unwrap_or_default(),
            tls: tls.is_some(),
            priority,
            backends: backends.into_iter().map(str::to_owned).collect(),
            source: sources.get(&(R::PROTOCOL, Kind::Router, name.clone()))?.clone(),
        })
    };
    R::section_of(configuration).iter().filter_map(route).collect()
}
