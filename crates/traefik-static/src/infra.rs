use std::{
    collections::BTreeSet,
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// What the operator says about a machine: the JSON that `rdc context push-infra` hands to `renet proxy configure`
/// (requirements, section 7).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Infra {
    /// The address that the internet reaches the machine by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ipv4: Option<Ipv4Addr>,
    /// The same for IPv6; without it there are no `-v6` entry points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ipv6: Option<Ipv6Addr>,
    /// The domain below which auto-routes are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_domain: Option<String>,
    /// Whom the certificate authority may write to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_email: Option<String>,
    /// Cloudflare's token with the right Zone:DNS:Edit. Without it certificates are proved over port 80.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cf_dns_api_token: Option<String>,
    /// TCP ports beside the ones that are always there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "ports")]
    pub tcp_ports: BTreeSet<u16>,
    /// UDP ports beside the ones that are always there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "ports")]
    pub udp_ports: BTreeSet<u16>,
    /// The directory URL of the certificate authority; Let's Encrypt's when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acme_server: Option<String>,
}

/// The addresses that entry points listen on: never a wildcard (design, decision 12).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The public address where an interface has it, else the one that packets to the internet leave from.
    pub ipv4: Option<Ipv4Addr>,
    /// The same for IPv6, where IPv6 is configured.
    pub ipv6: Option<Ipv6Addr>,
}

/// Why what the operator says can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum InfraError {
    /// It is no JSON, or a value is not what it has to be.
    #[error("the infra JSON")]
    Syntax(#[source] serde_json::Error),
    /// A value makes no sense.
    #[error("{key}: {problem}")]
    Value {
        /// Its key.
        key: &'static str,
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// A document cannot be written.
    #[error("Traefik's configuration cannot be written")]
    Unwritable(#[from] traefik_model::YamlError),
}

// === impl Infra ===

impl Infra {
    /// Reads and checks it.
    ///
    /// # Errors
    /// [`InfraError::Syntax`] and [`InfraError::Value`].
    pub fn parse(json: &str) -> Result<Self, InfraError> {
        let infra: Self = serde_json::from_str(json).map_err(InfraError::Syntax)?;
        infra.check()?;
        Ok(infra)
    }

    /// Looks whether its values make sense.
    ///
    /// # Errors
    /// [`InfraError::Value`] for the first that does not.
    pub fn check(&self) -> Result<(), InfraError> {
        let wrong = |key, problem: String| Err(InfraError::Value { key, problem });
        if let Some(port) = self.tcp_ports.iter().find(|port| matches!(port, 80 | 443 | 7111 | 7112)) {
            let user = if *port < 1000 { "Traefik's HTTP" } else { "this machine's own programs" };
            return wrong("tcp_ports", format!("{port} is taken by {user}; leave it out"));
        }
        if let Some(domain) = self.base_domain.as_ref().filter(|domain| !is_domain(domain)) {
            return wrong("base_domain", format!("{domain:?} is no domain; expected e.g. example.com"));
        }
        if let Some(email) = self.cert_email.as_ref().filter(|email| !is_email(email)) {
            return wrong("cert_email", format!("{email:?} is no address; expected e.g. admin@example.com"));
        }
        let printable = |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if self.cf_dns_api_token.as_ref().is_some_and(|token| !printable(token)) {
            return wrong("cf_dns_api_token", "it is empty or has spaces; expected what Cloudflare shows".to_owned());
        }
        let is_url = |url: &String| url.starts_with("https://") && url.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(url) = self.acme_server.as_ref().filter(|url| !is_url(url)) {
            return wrong("acme_server", format!("{url:?} is no https URL"));
        }
        Ok(())
    }
}

impl fmt::Debug for Infra {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Infra")
            .field("public_ipv4", &self.public_ipv4)
            .field("public_ipv6", &self.public_ipv6)
            .field("base_domain", &self.base_domain)
            .field("cert_email", &self.cert_email)
            .field("cf_dns_api_token", &self.cf_dns_api_token.as_ref().map(|_| "set"))
            .field("tcp_ports", &self.tcp_ports)
            .field("udp_ports", &self.udp_ports)
            .field("acme_server", &self.acme_server)
            .finish()
    }
}

/// A list of ports; the message names the one that is none.
fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<u16>, D::Error> {
    let port = |number: i64| u16::try_from(number).ok().filter(|port| *port > 0);
    let check = |number| {
        port(number).ok_or_else(|| D::Error::custom(format!("{number} is no port; expected numbers from 1 to 65535")))
    };
    Vec::<i64>::deserialize(deserializer)?.into_iter().map(check).collect()
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn is_email(text: &str) -> bool {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    text.rsplit_once('@').is_some_and(|(name, domain)| plain(name) && is_domain(domain))
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        for (json, expected) in [
            ("", "the infra JSON: EOF"),
            (r#"{"tcp_port": [25]}"#, "the infra JSON: unknown field `tcp_port`, expected one of `public_ipv4`"),
            (r#"{"tcp_ports": [65536]}"#, "the infra JSON: 65536 is no port; expected numbers from 1 to 65535"),
            (r#"{"tcp_ports": ["25"]}"#, "the infra JSON: invalid type: string \"25\""),
            (r#"{"udp_ports": [0]}"#, "the infra JSON: 0 is no port"),
            (r#"{"tcp_ports": [443]}"#, "tcp_ports: 443 is taken by Traefik's HTTP"),
            (r#"{"tcp_ports": [7111]}"#, "tcp_ports: 7111 is taken by this machine's own programs"),
            (r#"{"public_ipv4": "203.0.113"}"#, "the infra JSON: invalid IPv4 address"),
            (r#"{"base_domain": "-x.com"}"#, "base_domain: \"-x.com\" is no domain"),
            (r#"{"cert_email": "admin"}"#, "cert_email: \"admin\" is no address"),
            (r#"{"cf_dns_api_token": "a b"}"#, "cf_dns_api_token: it is empty or has spaces"),
            (r#"{"acme_server": "http://x"}"#, "acme_server: \"http://x\" is no https URL"),
        ] {
            let error = Infra::parse(json).unwrap_err();
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let said = format!("{error}{cause}");
            assert!(said.starts_with(expected), "{json}: {said}");
        }
    }

    #[test]
    fn the_token_is_not_shown() {
        let infra = Infra::parse(r#"{"cf_dns_api_token": "s3cret"}"#).unwrap();
        assert!(!format!("{infra:?}").contains("s3cret"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = Infra::parse(&text);
        }
    }
}
