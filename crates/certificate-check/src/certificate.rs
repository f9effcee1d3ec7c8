use x509_parser::{extensions::GeneralName, prelude::*};

/// The subject of what Traefik shows while it has no certificate for a name.
const DEFAULT: &str = "TRAEFIK DEFAULT CERT";

/// What of a certificate matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The names that it is for: `app.example.com`, `*.example.com`.
    pub names: Vec<String>,
    /// Until when it is valid, in seconds since 1970.
    pub not_after: i64,
    /// Who signed it.
    pub issuer: String,
    /// Whether it is the one that Traefik makes itself.
    pub is_default: bool,
}

/// What is no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no X.509 certificate: {0}")]
pub struct CertificateError(String);

// === impl Certificate ===

impl Certificate {
    /// Reads one in DER.
    ///
    /// # Errors
    /// [`CertificateError`] when it is none.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| CertificateError(error.to_string()))?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.into_iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        });
        Ok(Self {
            names: names.collect(),
            not_after: certificate.validity().not_after.timestamp(),
            issuer: certificate.issuer().to_string(),
            is_default: certificate.subject().to_string().contains(DEFAULT),
        })
    }

    /// Reads the first one in PEM: the leaf, where a chain is given.
    ///
    /// # Errors
    /// [`CertificateError`] when there is none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem).map_err(|error| CertificateError(error.to_string()))?;
        Self::from_der(&pem.contents)
    }

    /// Whether it is for a name; a wildcard stands for one label.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(domain) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && same(rest, domain)),
            None => same(name, host),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_are_covered() {
        let certificate = Certificate {
            names: vec!["app.example.com".to_owned(), "*.example.org".to_owned()],
            not_after: 0,
            issuer: String::new(),
            is_default: false,
        };
        for (host, expected) in [
            ("app.example.com", true),
            ("APP.example.com", true),
            ("example.org", false),
            ("a.example.org", true),
            ("a.b.example.org", false),
            (".example.org", false),
        ] {
            assert_eq!(certificate.covers(host), expected, "{host}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Certificate::from_der(&bytes);
            let _ = Certificate::from_pem(&bytes);
        }
    }
}
