//! What a client gets for a host, and what that is worth.

use std::net::{IpAddr, SocketAddr};

use certificate_check::{FailedOrder, cure, failed_orders};

use super::{configure, handshake, log, now};
use crate::proxy::addresses::addresses;

/// What a client gets for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// A certificate for it; what it is.
    Good(String),
    /// Traefik's own: there is none.
    Default,
    /// One for other names.
    Other(Vec<String>),
    Expired,
    /// None at all: nobody answers, or not with TLS.
    Nothing(String),
}

/// How it stands with the certificate of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CertificateState {
    /// A client gets a good one; what it is.
    Good(String),
    /// None yet, and nothing says that none will come.
    Pending,
    /// None, or a wrong one, and why.
    Bad(String),
}

/// Asks as a client does.
pub(super) fn shown(ip: IpAddr, host: &str) -> Shown {
    match handshake::certificate(SocketAddr::new(ip, 443), host) {
        Err(reason) => Shown::Nothing(reason),
        Ok(it) if it.is_default => Shown::Default,
        Ok(it) if !it.covers(host) => Shown::Other(it.names),
        Ok(it) if it.not_after < now() => Shown::Expired,
        Ok(it) => {
            let days = (it.not_after - now()) / (24 * 3600);
            Shown::Good(format!("for {}, valid for {days} days", it.names.join(", ")))
        }
    }
}

/// The orders of certificates that failed, by Traefik's log.
pub(crate) fn failed_certificates() -> Vec<FailedOrder> {
    failed_orders(&log())
}

/// How it stands with the certificate of a host now.
pub(crate) fn certificate_state(host: &str, failed: &[FailedOrder]) -> CertificateState {
    let addresses = configure::infra().ok().flatten().map(|infra| addresses(&infra));
    let ip = addresses.and_then(|it| it.ipv4.map(IpAddr::V4).or(it.ipv6.map(IpAddr::V6)));
    let Some(ip) = ip else { return CertificateState::Bad("this machine has no proxy".to_owned()) };
    match shown(ip, host) {
        Shown::Good(words) => CertificateState::Good(words),
        Shown::Default | Shown::Other(_) => {
            let failed = failed.iter().find(|order| order.domains.iter().any(|name| name == host));
            failed.map_or(CertificateState::Pending, |order| {
                CertificateState::Bad(format!("none: {}; {}", order.cause, cure(&order.cause)))
            })
        }
        Shown::Expired => CertificateState::Bad("it has expired".to_owned()),
        Shown::Nothing(reason) => CertificateState::Bad(reason),
    }
}

// === impl CertificateState ===

impl CertificateState {
    /// For people.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Good(words) | Self::Bad(words) => words.clone(),
            Self::Pending => "none yet; `renet proxy check` says why, if it does not come".to_owned(),
        }
    }
}
