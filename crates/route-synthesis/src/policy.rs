use std::{collections::BTreeSet, fmt, str::FromStr, time::Duration};

use serde::Serialize;
use traefik_model::DYNAMIC_PORTS;

use crate::{EntryPoints, HostPattern};

/// Which certificate an auto-route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoRouteCertificate {
    /// One for all of them, `*.{base domain}`. Only a resolver that proves over the DNS can get it.
    Wildcard,
    /// One for each.
    Each,
}

/// What the operator of the machine decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The domain of the auto-routes; none: there are no auto-routes.
    pub base_domain: Option<BaseDomain>,
    /// The certificate resolvers that exist; the first is for auto-routes. None: auto-routes without TLS.
    pub resolvers: Vec<String>,
    /// Which certificate an auto-route asks for.
    pub auto_route_certificate: AutoRouteCertificate,
    /// The entry points that exist.
    pub entry_points: EntryPoints,
    /// References with `@` that labels may make, e.g. `auth@file`.
    pub allowed_references: BTreeSet<String>,
    /// The ports that are allocated automatically.
    pub dynamic_ports: PortRange,
    /// How long the routers of a container that is gone stay, without servers.
    pub grace: Duration,
    /// How long the routes of a lost daemon stay.
    pub stale_for: Duration,
    /// Whether repositories are protected from each other.
    pub isolation: Isolation,
    /// Hosts that every repository may use.
    pub shared_hosts: BTreeSet<HostPattern>,
    /// How long something belongs to a repository that does not use it.
    pub claim_for: Duration,
    /// How many new names a repository may ask certificates for within a week; the issuer's limits are everyone's.
    pub certificates_per_week: usize,
    /// How many hosts a repository may own by first use. When it wants more, those that it has not used for longest go.
    pub hosts_per_repository: usize,
}

/// Whether repositories are protected from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// They are: hosts, entry points and ports have owners.
    #[default]
    Strict,
    /// One owner has the whole machine: nobody is asked who may have what. Names stay apart, and what could break the
    /// document or the machine is still refused.
    Trusted,
}

/// The time over which new certificate names are counted.
pub(crate) const WEEK: Duration = Duration::from_hours(7 * 24);

/// A domain below which names are made: lower case DNS labels, without a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct BaseDomain(String);

/// Ports from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

/// Why something is no base domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a domain: expected names of letters, digits and dashes with dots between them, e.g. example.com")]
pub struct BaseDomainError(String);

/// Why something is no port range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a port range: expected two ports with a dash, e.g. 10000-10010")]
pub struct PortRangeError(String);

// === impl Policy ===

impl Default for Policy {
    /// What holds when the operator says nothing.
    fn default() -> Self {
        let dynamic_ports = PortRange { first: *DYNAMIC_PORTS.start(), last: *DYNAMIC_PORTS.end() };
        Self {
            base_domain: None,
            resolvers: vec!["letsencrypt".to_owned()],
            auto_route_certificate: AutoRouteCertificate::Wildcard,
            entry_points: EntryPoints::preconfigured(dynamic_ports),
            allowed_references: BTreeSet::new(),
            dynamic_ports,
            grace: Duration::from_secs(30),
            stale_for: Duration::from_hours(24),
            isolation: Isolation::Strict,
            shared_hosts: BTreeSet::new(),
            claim_for: Duration::from_hours(30 * 24),
            certificates_per_week: 50,
            hosts_per_repository: 1_000,
        }
    }
}

// === impl BaseDomain ===

impl BaseDomain {
    /// The domain.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether it is a DNS label as host names have them (RFC 1123): lower case letters, digits and inner dashes.
pub(crate) fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

impl FromStr for BaseDomain {
    type Err = BaseDomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let domain = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        // 63 for the label in front of it and its dot, 253 altogether.
        let valid = domain.len() <= 253 - 64 && domain.split('.').all(is_dns_label);
        if valid { Ok(Self(domain)) } else { Err(BaseDomainError(text.to_owned())) }
    }
}

impl fmt::Display for BaseDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl PortRange ===

impl PortRange {
    /// Whether the port is one of them.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl FromStr for PortRange {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ports = text.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
        match ports {
            Some((first, last)) if first > 0 && first <= last => Ok(Self { first, last }),
            _ => Err(PortRangeError(text.to_owned())),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_domains() {
        for good in ["example.com", "Example.COM.", "a-b.example", "localhost"] {
            assert!(good.parse::<BaseDomain>().is_ok(), "{good}");
        }
        for bad in ["", ".", "a..b", "-a.b", "exa mple.com", "*.example.com", "`)||", &"a.".repeat(120)] {
            assert!(bad.parse::<BaseDomain>().is_err(), "{bad}");
        }
    }

    #[test]
    fn port_ranges() {
        assert_eq!("10000-10010".parse(), Ok(PortRange { first: 10_000, last: 10_010 }));
        for bad in ["", "1", "2-1", "0-5", "1-65536", "a-b"] {
            assert!(bad.parse::<PortRange>().is_err(), "{bad}");
        }
    }
}
