//! Traefik's static configuration, as far as we write it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Directories, Infra, Proof, Secrets, Transport, entry_points::ADMIN};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StaticConfiguration {
    global: Global,
    log: Log,
    entry_points: BTreeMap<String, EntryPoint>,
    api: Api,
    ping: Ping,
    providers: Providers,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    certificates_resolvers: BTreeMap<&'static str, Resolver>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Global {
    check_new_version: bool,
    send_anonymous_usage: bool,
}

#[derive(Serialize)]
struct Log {
    /// Never DEBUG: Traefik would log the whole static configuration, with the poll token.
    level: &'static str,
    format: &'static str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryPoint {
    address: String,
    /// Where routers go that name no entry point; else they go to every one.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_default: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http>,
    transport: EntryPointTransport,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryPointTransport {
    life_cycle: LifeCycle,
}

/// How long requests under way may take when Traefik is stopped; what takes longer is cut off. For so long nobody
/// accepts a connection that waits, and with Traefik's 10 s one that arrives in the wrong moment costs everybody 10 s
/// (`docs/decisions/0006`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LifeCycle {
    grace_time_out: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Http {
    Redirections { entry_point: Redirection },
    Tls {},
}

#[derive(Serialize)]
struct Redirection {
    to: &'static str,
    scheme: &'static str,
    permanent: bool,
}

impl Default for EntryPointTransport {
    fn default() -> Self {
        Self { life_cycle: LifeCycle { grace_time_out: "3s" } }
    }
}

#[derive(Serialize)]
struct Api {
    dashboard: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ping {
    entry_point: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Providers {
    /// Two changes that follow each other closely are both live within this time (2 s by default).
    providers_throttle_duration: &'static str,
    http: HttpProvider,
    file: FileProvider,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpProvider {
    endpoint: &'static str,
    poll_interval: &'static str,
    poll_timeout: &'static str,
    headers: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct FileProvider {
    filename: String,
    watch: bool,
}

#[derive(Serialize)]
struct Resolver {
    acme: Acme,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Acme {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    storage: String,
    /// RSA4096 by default, which takes seconds to make.
    key_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_server: Option<String>,
    #[serde(flatten)]
    challenge: Challenge,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Challenge {
    DnsChallenge { provider: &'static str },
    HttpChallenge { entry_point: String },
}

// === impl StaticConfiguration ===

impl StaticConfiguration {
    pub(crate) fn new(infra: &Infra, all: &[crate::EntryPoint], secrets: &Secrets, directories: &Directories) -> Self {
        let mut entry_points: BTreeMap<_, _> = all.iter().map(|it| (it.name.clone(), EntryPoint::of(it))).collect();
        entry_points.insert("admin".to_owned(), EntryPoint { address: ADMIN.to_string(), ..EntryPoint::default() });
        let authorization = [("Authorization", format!("Bearer {}", secrets.poll))];
        Self {
            global: Global { check_new_version: false, send_anonymous_usage: false },
            log: Log { level: "INFO", format: "json" },
            entry_points,
            api: Api { dashboard: false },
            ping: Ping { entry_point: "admin" },
            providers: Providers {
                providers_throttle_duration: "100ms",
                http: HttpProvider {
                    // Held until something changes: one request every 5 s on the wire.
                    endpoint: "http://127.0.0.1:7111/routes.yaml?wait=5s",
                    poll_interval: "100ms",
                    poll_timeout: "10s",
                    headers: authorization.into(),
                },
                file: FileProvider { filename: directories.proxy("local.yml"), watch: false },
            },
            certificates_resolvers: resolvers(infra, all, directories),
        }
    }
}

// === impl EntryPoint ===

impl EntryPoint {
    fn of(entry_point: &crate::EntryPoint) -> Self {
        let address = entry_point.address.to_string();
        match entry_point.transport {
            Transport::Http => {
                let to = Redirection { to: ":443", scheme: "https", permanent: true };
                Self { address, http: Some(Http::Redirections { entry_point: to }), ..Self::default() }
            }
            Transport::Https => Self { address, as_default: Some(true), http: Some(Http::Tls {}), ..Self::default() },
            Transport::Tcp => Self { address, ..Self::default() },
            Transport::Udp => Self { address: format!("{address}/udp"), ..Self::default() },
        }
    }
}

// === impl Acme ===

impl Acme {
    fn of(infra: &Infra, directories: &Directories, challenge: Challenge) -> Self {
        Self {
            email: infra.cert_email.clone(),
            storage: directories.proxy("letsencrypt/acme.json"),
            key_type: "EC256",
            ca_server: infra.acme_server.clone(),
            challenge,
        }
    }
}

/// `letsencrypt`, which routers name. An authority that proves a host over port 80 takes IPv6 where the host has it, but
/// Traefik answers it on the one entry point that a resolver names, and redirects it elsewhere; so each other entry point
/// has a resolver of its own, which no router names and which never orders anything.
fn resolvers(infra: &Infra, all: &[crate::EntryPoint], directories: &Directories) -> BTreeMap<&'static str, Resolver> {
    let challenges: Vec<_> = match infra.proof() {
        Proof::Dns(provider) => vec![Challenge::DnsChallenge { provider: provider.name() }],
        Proof::Http => {
            let web = all.iter().filter(|it| it.transport == Transport::Http);
            web.map(|it| Challenge::HttpChallenge { entry_point: it.name.clone() }).collect()
        }
    };
    let resolvers = challenges.into_iter().map(|challenge| Resolver { acme: Acme::of(infra, directories, challenge) });
    ["letsencrypt", "letsencrypt-v6"].into_iter().zip(resolvers).collect()
}
