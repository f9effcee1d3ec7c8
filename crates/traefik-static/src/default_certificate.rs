use std::fmt;

use rcgen::{CertificateParams, DnType, KeyPair, PublicKeyData as _};
use traefik_model::{Configuration, tls};
use x509_parser::{parse_x509_certificate, pem::Pem};

/// Its subject: the one of the certificate that Traefik would make, by which people and programs know it.
const SUBJECT: &str = "TRAEFIK DEFAULT CERT";

/// What Traefik shows for a name without a certificate: signed by itself, with its key, in PEM.
///
/// Without one Traefik makes one at every change of its routes: an RSA key of 2,048 bits, for which it takes 0.05 to 0.4 s,
/// and only then is the change live (v3.7.9, `pkg/tls/tlsmanager.go`; `docs/decisions/0009`).
#[derive(Clone, PartialEq, Eq)]
pub struct DefaultCertificate(String);

/// There is no key to be had.
#[derive(Debug, thiserror::Error)]
#[error("no default certificate can be made")]
pub struct DefaultCertificateError(#[from] rcgen::Error);

// === impl DefaultCertificate ===

impl DefaultCertificate {
    /// The name of its file, which Traefik reads at every change of its routes.
    pub const FILE: &'static str = "default-certificate.pem";

    /// Makes one with a new key (ECDSA, P-256). It is for no name, so that Traefik orders what it would order without it,
    /// and it does not expire: nobody trusts it in any case.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, DefaultCertificateError> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, SUBJECT);
        let certificate = parameters.self_signed(&key)?;
        Ok(Self(certificate.pem() + &key.serialize_pem()))
    }

    /// Takes the text of a file, if its first certificate and its key (PKCS#8) belong together: with anything else Traefik
    /// would break off every handshake for a name without a certificate.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let blocks: Vec<_> = Pem::iter_from_buffer(text.as_bytes()).map_while(Result::ok).collect();
        let first = |label| blocks.iter().find(|block| block.label == label).map(|block| block.contents.as_slice());
        let key = KeyPair::try_from(first("PRIVATE KEY")?).ok()?;
        let (_, certificate) = parse_x509_certificate(first("CERTIFICATE")?).ok()?;
        (certificate.public_key().raw == key.subject_public_key_info()).then(|| Self(text.to_owned()))
    }

    /// The text of its file. The key stands in it.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.0
    }

    /// Dynamic configuration in which Traefik has its default certificate from this file. It must be the only one that
    /// says so, be it the file provider's or another's: of two, Traefik takes neither.
    #[must_use]
    pub fn configuration(file: &str) -> Configuration {
        let certificate = tls::Certificate { cert_file: file.into(), key_file: file.into() };
        let store = tls::Store { default_certificate: Some(Box::new(certificate)), ..tls::Store::default() };
        let mut configuration = Configuration::default();
        configuration.tls.stores.insert("default".to_owned(), store);
        configuration
    }
}

impl fmt::Debug for DefaultCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DefaultCertificate")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_can_be_read_again_and_is_for_no_name() {
        let made = DefaultCertificate::generate().unwrap();
        assert_eq!(DefaultCertificate::parse(made.pem()), Some(made.clone()));
        let (_, pem) = x509_parser::pem::parse_x509_pem(made.pem().as_bytes()).unwrap();
        let certificate = pem.parse_x509().unwrap();
        assert_eq!(certificate.subject().to_string(), format!("CN={SUBJECT}"));
        assert_eq!(certificate.subject_alternative_name().unwrap(), None);
        assert_ne!(DefaultCertificate::generate().unwrap(), made, "each machine has its own key");
        assert_eq!(format!("{made:?}"), "DefaultCertificate", "the key is in no log");
    }

    #[test]
    fn the_key_may_stand_first_and_a_chain_may_follow() {
        let [made, other] = [(); 2].map(|()| DefaultCertificate::generate().unwrap());
        let (certificate, key) = halves(&made);
        let (chain, _) = halves(&other);
        assert!(DefaultCertificate::parse(&format!("{key}{certificate}{chain}")).is_some());
    }

    #[test]
    fn what_does_not_belong_together_is_none() {
        let [made, other] = [(); 2].map(|()| DefaultCertificate::generate().unwrap());
        let (certificate, key) = halves(&made);
        let (another, _) = halves(&other);
        let cut = &made.pem()[..made.pem().len() - 40];
        for text in
            ["", "\0", certificate, key, cut, &format!("{another}{key}"), &format!("{another}{key}{certificate}")]
        {
            assert_eq!(DefaultCertificate::parse(text), None, "{text}");
        }
    }

    /// The certificate and the key.
    fn halves(of: &DefaultCertificate) -> (&str, &str) {
        of.pem().split_at(of.pem().find("-----BEGIN PRIVATE KEY").unwrap())
    }
}
