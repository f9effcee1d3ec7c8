//! How it stands with the certificate of one host.

use std::net::{IpAddr, SocketAddr};

use certificate_check::{FailedOrder, cure, failed_orders};

use super::{configure, handshake, log, now};
use crate::proxy::addresses::addresses;

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

/// The orders of certificates that failed, by Traefik's log.
pub(crate) fn failed_certificates() -> Vec<FailedOrder> {
    failed_orders(&log())
}

/// What a client gets for a host now; where it is nothing, why.
pub(crate) fn certificate_state(host: &str, failed: &[FailedOrder]) -> CertificateState {
    let addresses = configure::infra().ok().flatten().map(|infra| addresses(&infra));
    let ip = addresses.and_then(|it| it.ipv4.map(IpAddr::V4).or(it.ipv6.map(IpAddr::V6)));
    let Some(ip) = ip else { return CertificateState::Bad("this machine has no proxy".to_owned()) };
    match handshake::certificate(SocketAddr::new(ip, 443), host) {
        Err(reason) => CertificateState::Bad(reason),
        Ok(it) if it.is_default || !it.covers(host) => {
            let failed = failed.iter().find(|order| order.domains.iter().any(|name| name == host));
            failed.map_or(CertificateState::Pending, |order| {
                CertificateState::Bad(format!("none: {}; {}", order.cause, cure(&order.cause)))
            })
        }
        Ok(it) if it.not_after < now() => CertificateState::Bad("it has expired".to_owned()),
        Ok(it) => CertificateState::Good(format!(
            "for {}, valid for {} days",
            it.names.join(", "),
            (it.not_after - now()) / (24 * 3600)
        )),
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
