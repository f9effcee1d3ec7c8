//! Host names as they are owned: one namespace for HTTP hosts, SNI and the names of certificates.

use std::{fmt, str::FromStr};

use repo_network::NetworkId;
use serde::{Deserialize, Serialize};

use crate::BaseDomain;

/// A host name, a wildcard for one label (`*.example.org`), or `*` for everything: lower case, no trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern(String);

/// Why something is no [`HostPattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host name: expected e.g. app.example.com, *.example.org or *")]
pub struct HostPatternError(String);

/// Whom the form of a name gives it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// To a repository: the name of an auto-route.
    Repository(NetworkId),
    /// To the operator: the base domain itself, and its wildcard.
    Operator,
}

/// The most bytes of a host name (RFC 1035).
const MAX_HOST: usize = 253;

// === impl HostPattern ===

impl HostPattern {
    /// A host as a rule or a certificate names it. Nothing is refused here that Traefik would take: odd names are
    /// owned like others.
    #[must_use]
    pub(crate) fn named(text: &str) -> Self {
        let text = text.trim_end_matches('.').to_lowercase();
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for more than one host.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.0.contains('*')
    }

    /// The patterns that cover a host: the wildcard of its parent, and `*`.
    pub(crate) fn covering(&self) -> [Self; 2] {
        let parent = self.0.split_once('.').map_or("", |(_, parent)| parent);
        [Self(format!("*.{parent}")), Self("*".to_owned())]
    }

    /// Whom its form gives it to.
    pub(crate) fn reserved(&self, domain: Option<&BaseDomain>) -> Option<Reserved> {
        let domain = domain?.as_str();
        if self.0 == domain || self.0.strip_prefix("*.") == Some(domain) {
            return Some(Reserved::Operator);
        }
        let label = self.0.strip_suffix(domain)?.strip_suffix('.')?;
        let (_, id) = label.rsplit_once('-')?;
        (!label.contains('.')).then(|| id.parse().ok().map(Reserved::Repository)).flatten()
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::named(text);
        let host = named.0.strip_prefix("*.").unwrap_or(&named.0);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let valid =
            named.0 == "*" || (!host.is_empty() && host.bytes().all(plain) && !host.split('.').any(str::is_empty));
        if valid && named.0.len() <= MAX_HOST { Ok(named) } else { Err(HostPatternError(text.to_owned())) }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = HostPatternError;

    /// From a stored ledger: whatever a rule once named.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() { Err(HostPatternError(text)) } else { Ok(Self::named(&text)) }
    }
}

impl From<HostPattern> for String {
    fn from(host: HostPattern) -> Self {
        host.0
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_route_names_are_reserved_by_their_form() {
        let domain: BaseDomain = "example.com".parse().unwrap();
        let reserved = |text: &str| HostPattern::named(text).reserved(Some(&domain));
        let id = "2816".parse().unwrap();
        assert_eq!(reserved("Web-2816.Example.com."), Some(Reserved::Repository(id)));
        assert_eq!(reserved("-2816.example.com"), Some(Reserved::Repository(id)));
        assert_eq!(reserved("example.com"), Some(Reserved::Operator));
        assert_eq!(reserved("*.example.com"), Some(Reserved::Operator));
        for free in ["app.example.com", "web-2817.example.com", "a.web-2816.example.com", "web-2816.example.org"] {
            assert_eq!(reserved(free), None, "{free}");
        }
    }

    #[test]
    fn patterns() {
        for good in ["app.example.com", "*.example.org", "*", "A.B.", "under_score.x"] {
            assert!(good.parse::<HostPattern>().is_ok(), "{good}");
        }
        for bad in ["", ".", "a..b", "*.*.a", "a*.b", "`) || Host(`x", "é"] {
            assert!(bad.parse::<HostPattern>().is_err(), "{bad}");
        }
        let [wildcard, all] = HostPattern::named("a.b.c").covering();
        assert_eq!((wildcard.as_str(), all.as_str()), ("*.b.c", "*"));
    }
}
