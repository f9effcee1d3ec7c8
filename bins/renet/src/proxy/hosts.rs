//! Which hosts a router is about.

use route_api::Route;
use traefik_labels::rule::{self, Protocol, Syntax, Tls};

/// Whether an HTTP router answers TLS: on an entry point for HTTPS every one does.
pub(crate) fn is_secure(route: &Route) -> bool {
    route.tls || route.entrypoints.iter().any(|name| name.starts_with("websecure"))
}

/// The hosts that an HTTP router's rule names, patterns among them.
pub(crate) fn hosts_of(route: &Route) -> Vec<String> {
    let parsed = rule::parse(Protocol::Http, Syntax::from_label(""), &route.rule, Tls::Unknown);
    parsed.rule.map(|rule| rule.hosts.into_iter().collect()).unwrap_or_default()
}
