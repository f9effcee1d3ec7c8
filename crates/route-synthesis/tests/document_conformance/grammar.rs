//! What an attacker may come up with.

use std::collections::BTreeMap;

use container_snapshot::Container;
use proptest::prelude::*;

use crate::container;

const NAMES: &[&str] = &[
    "a",
    "b",
    "shop",
    "shop-2816",
    "shop-2816-2880",
    "x@http",
    "A",
    "yes",
    "0x1F",
    "~",
    "x\u{2551}y",
    "é",
    "\u{0}",
    "\u{feff}",
];

const FIELDS: &[&str] = &[
    "http.routers.{}.rule",
    "http.routers.{}.rule",
    "http.routers.{}.rule",
    "http.routers.{}.rulesyntax",
    "http.routers.{}.priority",
    "http.routers.{}.service",
    "http.routers.{}.middlewares",
    "http.routers.{}.entrypoints",
    "http.routers.{}.tls",
    "http.routers.{}.tls.options",
    "http.routers.{}.tls.certresolver",
    "http.routers.{}.tls.domains[0].main",
    "http.routers.{}.tls.domains[0].sans",
    "http.routers.{}.observability.traceverbosity",
    "http.services.{}.loadbalancer.server.port",
    "http.services.{}.loadbalancer.server.scheme",
    "http.services.{}.loadbalancer.server.url",
    "http.services.{}.loadbalancer.server.weight",
    "http.services.{}.loadbalancer.healthcheck.path",
    "http.services.{}.loadbalancer.healthcheck.hostname",
    "http.services.{}.loadbalancer.healthcheck.scheme",
    "http.services.{}.loadbalancer.healthcheck.interval",
    "http.services.{}.loadbalancer.healthcheck.headers.{}",
    "http.services.{}.loadbalancer.serverstransport",
    "http.services.{}.loadbalancer.sticky",
    "http.services.{}.loadbalancer.sticky.cookie.name",
    "http.services.{}.middlewares",
    "http.middlewares.{}.chain.middlewares",
    "http.middlewares.{}.errors.service",
    "http.middlewares.{}.errors.status",
    "http.middlewares.{}.errors.statusrewrites.{}",
    "http.middlewares.{}.forwardauth.address",
    "http.middlewares.{}.forwardauth.maxbodysize",
    "http.middlewares.{}.forwardauth.authresponseheaders",
    "http.middlewares.{}.headers.customrequestheaders.{}",
    "http.middlewares.{}.headers.customresponseheaders.{}",
    "http.middlewares.{}.redirectregex.replacement",
    "http.middlewares.{}.ratelimit.average",
    "http.middlewares.{}.ratelimit.redis.endpoints",
    "http.middlewares.{}.basicauth.users",
    "http.middlewares.{}.compress",
    "http.middlewares.{}.plugin.{}.x",
    "http.middlewares.{}.stripprefix.prefixes",
    "http.middlewares.{}.ipallowlist.ipstrategy",
    "http.middlewares.{}.contenttype",
    "tcp.routers.{}.rule",
    "tcp.routers.{}.entrypoints",
    "tcp.routers.{}.tls",
    "tcp.routers.{}.tls.passthrough",
    "tcp.routers.{}.service",
    "tcp.routers.{}.middlewares",
    "tcp.services.{}.loadbalancer.server.port",
    "tcp.services.{}.loadbalancer.proxyprotocol.version",
    "tcp.middlewares.{}.ipallowlist.sourcerange",
    "udp.routers.{}.entrypoints",
    "udp.routers.{}.service",
    "udp.services.{}.loadbalancer.server.port",
    "tls.stores.default.defaultgeneratedcert.resolver",
];

const VALUES: &[&str] = &[
    "a",
    "b@docker",
    "a,b",
    "shop-2816",
    "shop-2816@http",
    "api@internal",
    "mtls@file",
    "80",
    "true",
    "",
    "-1",
    "0",
    "1ns",
    "9223372036854775807",
    "-9223372036854775808",
    "websecure",
    "web,websecure",
    "tcp-5432",
    "tcp-10000",
    "tcp-10001,tcp-6379",
    "udp-53",
    "v2",
    "default",
    "letsencrypt",
    "http://127.0.0.1:7111/",
    "/health",
    "//127.0.11.2",
    "127.0.11.2:80",
    "auth:80",
    "shop.example.org",
    " shop.example.org",
    "*.example.org",
    "SHOP.example.org.",
    "own.evil.example",
    "*.example.com",
    "200-599",
    "a:$2y$10$abcdefghijklmnopqrstuu",
    "yes",
    "1_000",
    "2024-01-01",
    "12:30:45",
    "=",
    "\u{2551}",
    "a\u{2551}b",
    "\u{2502}",
    "\u{2551}24\u{2551}a",
    "\u{0}",
    "\u{7f}\u{85}",
    "\u{feff}\u{fffe}\u{ffff}",
    "\u{2028}",
    "x: y\n- #z",
    "\"'\\",
    "\u{1f600}",
    "{{.}}",
    "%s",
];

const HTTP: &[&str] = &[
    "Host(`shop.example.org`)",
    "Host(`SHOP.example.org.`)",
    "Host(`own.evil.example`)",
    "Host(`x-2880.example.com`)",
    "Host(`x-2816.example.com`)",
    "Host(`*.example.org`)",
    "HostRegexp(`.*`)",
    "PathPrefix(`/`)",
    "Path(`/x`)",
    "HostHeader(`shop.example.org`)",
    "Host(`own.evil.example`, `shop.example.org`)",
    "Header(`a`, `b`)",
    "ClientIP(`127.0.0.0/8`)",
    "Query(`a`, `\u{2551}`)",
    "Host(`\u{212a}`)",
];

const TCP: &[&str] = &[
    "HostSNI(`*`)",
    "HostSNI(`db.example.org`)",
    "HostSNI(`own.evil.example`)",
    "HostSNIRegexp(`.*`)",
    "ALPN(`h2`)",
    "ClientIP(`127.0.0.0/8`)",
    "HostSNI(`*.example.org`)",
];

fn rule(matchers: &'static [&'static str]) -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(matchers).prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|rule| format!("!({rule})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} && {other}")),
            (inner.clone(), inner).prop_map(|(one, other)| format!("({one} || {other})")),
        ]
    })
}

fn label() -> impl Strategy<Value = (String, String)> {
    let name = prop::sample::select(NAMES);
    let value = prop_oneof![6 => prop::sample::select(VALUES).prop_map(str::to_owned), 1 => any::<String>()];
    (name, prop::sample::select(FIELDS), value, rule(HTTP), rule(TCP)).prop_map(|(name, field, value, http, tcp)| {
        let value = match field {
            field if field.ends_with(".rule") && field.starts_with("http") => http,
            field if field.ends_with(".rule") => tcp,
            _ => value,
        };
        (format!("traefik.{}", field.replace("{}", name)), value)
    })
}

/// A few containers with labels that are meant to hurt.
pub(crate) fn attacker() -> impl Strategy<Value = Vec<Container>> {
    let service = prop_oneof![Just("x".to_owned()), Just("auth".to_owned()), any::<String>()];
    let ports = prop::sample::select(&["", "5432", "80,81,82", "1\u{2551}2"][..]);
    let one = (prop::collection::vec(label(), 0..14), service, ports, 66_u8..70);
    prop::collection::vec(one, 1..4).prop_map(|all| {
        let container = |(at, (labels, service, ports, last)): (usize, (Vec<_>, String, &str, u8))| {
            let mut labels: BTreeMap<String, String> = labels.into_iter().collect();
            labels.insert("rediacc.tcp_ports".to_owned(), ports.to_owned());
            container(&format!("x{at}"), &service, &format!("127.0.11.{last}"), 500, labels)
        };
        all.into_iter().enumerate().map(container).collect()
    })
}
