use crate::Infra;

/// How a certificate authority is shown that a host is ours (RFC 8555, section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// By a record at the DNS, which Traefik makes with a provider's token: DNS-01. Wildcards need it.
    Dns(DnsProvider),
    /// By an answer on port 80: HTTP-01. Each host gets a certificate of its own.
    Http,
}

/// Who keeps the zone. One more is one more line in each of its tables, and a key of [`Infra`] with its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsProvider {
    /// Cloudflare.
    Cloudflare,
}

// === impl Infra ===

impl Infra {
    /// What is said about a machine decides how its hosts are proved: with a token by DNS, else over port 80.
    #[must_use]
    pub fn proof(&self) -> Proof {
        match self.cf_dns_api_token {
            Some(_) => Proof::Dns(DnsProvider::Cloudflare),
            None => Proof::Http,
        }
    }
}

// === impl DnsProvider ===

impl DnsProvider {
    /// What Traefik (lego) calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cloudflare => "cloudflare",
        }
    }

    /// The file that has its token.
    pub(crate) const fn token_file(self) -> &'static str {
        match self {
            Self::Cloudflare => "cloudflare-token",
        }
    }

    /// The variable that tells lego where that is.
    pub(crate) const fn token_variable(self) -> &'static str {
        match self {
            Self::Cloudflare => "CF_DNS_API_TOKEN_FILE",
        }
    }

    /// The token.
    pub(crate) fn token(self, infra: &Infra) -> Option<&str> {
        match self {
            Self::Cloudflare => infra.cf_dns_api_token.as_deref(),
        }
    }
}
