use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::{Certificate, CertificateError};

/// A certificate in Traefik's `acme.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The resolver that ordered it.
    pub resolver: String,
    /// The names that were ordered.
    pub domains: Vec<String>,
    /// The certificate, or why it is none.
    pub certificate: Result<Certificate, CertificateError>,
}

/// What is no `acme.json`.
#[derive(Debug, thiserror::Error)]
#[error("it is no acme.json of Traefik's")]
pub struct StoredError(#[from] serde_json::Error);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resolver {
    certificates: Option<Vec<Entry>>,
}

/// The private key is not read.
#[derive(Deserialize)]
struct Entry {
    domain: Domain,
    certificate: String,
}

#[derive(Deserialize)]
struct Domain {
    #[serde(default)]
    main: String,
    #[serde(default)]
    sans: Option<Vec<String>>,
}

/// The certificates of an `acme.json`; an empty file has none.
///
/// # Errors
/// [`StoredError`] when it is another file.
pub fn stored(json: &str) -> Result<Vec<Stored>, StoredError> {
    if json.trim().is_empty() {
        return Ok(Vec::new());
    }
    let resolvers: BTreeMap<String, Option<Resolver>> = serde_json::from_str(json)?;
    let entries = resolvers.into_iter().flat_map(|(name, resolver)| {
        let entries = resolver.and_then(|resolver| resolver.certificates).unwrap_or_default();
        entries.into_iter().map(move |entry| (name.clone(), entry))
    });
    let read = |(resolver, entry): (String, Entry)| {
        let pem = STANDARD.decode(&entry.certificate).unwrap_or_default();
        let mut domains = vec![entry.domain.main];
        domains.extend(entry.domain.sans.unwrap_or_default());
        Stored { resolver, domains, certificate: Certificate::from_pem(&pem) }
    };
    Ok(entries.map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with openssl for the names `a.example.com` and `*.example.com`; valid until 2036-11-23.
    const PEM: &str = include_str!("../tests/leaf.pem");

    #[test]
    fn what_traefik_stored() {
        assert!(stored("").unwrap().is_empty());
        assert!(stored(r#"{"letsencrypt": {"Account": {}, "Certificates": null}, "other": null}"#).unwrap().is_empty());
        let text = format!(
            r#"{{"letsencrypt": {{"Certificates": [
                {{"domain": {{"main": "a.example.com", "sans": ["*.example.com"]}}, "certificate": "{}", "key": "x", "Store": "default"}},
                {{"domain": {{"main": "b"}}, "certificate": "!"}}]}}}}"#,
            STANDARD.encode(PEM)
        );
        let all = stored(&text).unwrap();
        assert_eq!(all[0].domains, ["a.example.com", "*.example.com"]);
        let certificate = all[0].certificate.as_ref().unwrap();
        assert!(
            certificate.covers("x.example.com") && !certificate.is_default && certificate.not_after > 2_000_000_000
        );
        assert!(all[1].certificate.is_err());
        assert!(stored("[]").is_err());
    }
}
