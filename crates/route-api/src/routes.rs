use repo_network::NetworkId;
use serde::{Deserialize, Serialize};

/// `/routes.json`: all routers by protocol, what is not routed, and every finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    /// Of the document that is served.
    pub revision: String,
    /// HTTP routers, by name.
    pub http: Vec<Route>,
    /// TCP routers.
    pub tcp: Vec<Route>,
    /// UDP routers.
    pub udp: Vec<Route>,
    /// Containers without a router, and why.
    pub unrouted: Vec<Unrouted>,
    /// What is not as it was meant.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

/// One router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Its published name.
    pub name: String,
    /// Its rule; none for UDP.
    #[serde(default, skip_serializing_if = "String::is_empty")]
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
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cert_resolver: String,
    /// Its priority; 0 where Traefik computes one.
    pub priority: i64,
    /// Where requests go; none: 503.
    pub backends: Vec<String>,
    /// Where it comes from.
    pub source: RouteSource,
}

/// Where a router comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSource {
    /// The repository.
    pub network_id: NetworkId,
    /// The container's name.
    pub container: String,
    /// The service's name.
    pub service: String,
    /// `auto` or `labels`.
    pub kind: String,
}

/// A container without a router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unrouted {
    /// The repository.
    pub network_id: Option<NetworkId>,
    /// The container's name.
    pub container: String,
    /// The service's name.
    pub service: String,
    /// The code of the reason, e.g. `RS010`: `docs/FINDINGS.md` has them.
    pub code: String,
    /// The reason.
    pub reason: String,
}

/// Something that is not as it was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind.
    pub code: String,
    /// `error`, `warning` or `info`.
    pub severity: String,
    /// What it is about.
    pub subject: Subject,
    /// What is the matter.
    pub message: String,
    /// What to do, where that can be said.
    pub hint: Option<String>,
}

/// What a finding is about; what is not known is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The repository.
    pub network_id: Option<NetworkId>,
    /// The container's name.
    pub container: String,
    /// The service's name.
    pub service: String,
    /// The label.
    pub label: String,
}

/// `/ports`: the public ports that were allocated to services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// TCP ports.
    pub tcp: Vec<PortMapping>,
    /// UDP ports.
    pub udp: Vec<PortMapping>,
}

/// A public port and where it leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// The public port.
    pub port: u16,
    /// The entry point that listens on it.
    pub entrypoint: String,
    /// The repository.
    pub network_id: NetworkId,
    /// The service.
    pub service: String,
    /// The service's own address and port.
    pub target: String,
}

// === impl Routes ===

impl Routes {
    /// All routers, each with its protocol.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Route)> {
        let protocols = [("http", &self.http), ("tcp", &self.tcp), ("udp", &self.udp)];
        protocols.into_iter().flat_map(|(protocol, routes)| routes.iter().map(move |route| (protocol, route)))
    }

    /// The routers as rows of a table, the first row being the head.
    #[must_use]
    pub fn rows(&self) -> Vec<[String; 5]> {
        let head = ["ROUTER", "PROTOCOL", "RULE", "ENTRY POINTS", "BACKENDS"].map(str::to_owned);
        let rows = self.all().map(|(protocol, route)| {
            let backends =
                if route.backends.is_empty() { "none at the moment".to_owned() } else { route.backends.join(" ") };
            [route.name.clone(), protocol.to_owned(), route.rule.clone(), route.entrypoints.join(","), backends]
        });
        [head].into_iter().chain(rows).collect()
    }

    /// What is not routed as rows of a table; none when all is.
    #[must_use]
    pub fn unrouted_rows(&self) -> Vec<[String; 4]> {
        let head = ["NOT ROUTED", "NETWORK", "CODE", "REASON"].map(str::to_owned);
        let rows = self.unrouted.iter().map(|it| {
            let id = it.network_id.map(|id| id.to_string()).unwrap_or_default();
            [it.container.clone(), id, it.code.clone(), it.reason.clone()]
        });
        if self.unrouted.is_empty() { Vec::new() } else { [head].into_iter().chain(rows).collect() }
    }
}
