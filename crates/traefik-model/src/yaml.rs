use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Configuration, Document};

/// A document as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yaml {
    /// The YAML text; the same configuration always gives the same bytes.
    pub text: String,
    /// The first 16 hexadecimal digits of the text's SHA-256; of a marked one's, without its mark.
    pub revision: String,
}

/// Why a document cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// The YAML library refuses.
    #[error("the configuration cannot be written as YAML")]
    Refused(#[source] serde_saphyr::ser::Error),
    /// [`Fragments`](crate::Fragments) know only the sections of [`SECTIONS`](crate::SECTIONS).
    #[error("the configuration has entries in sections that cannot be written in pieces")]
    Sections,
}

/// Writes the document that Traefik polls. The empty configuration is `{}`, which Traefik takes for what it is.
///
/// # Errors
/// [`YamlError`] when the YAML library refuses; with values of this crate that was never seen.
pub fn to_yaml(configuration: &Configuration) -> Result<Yaml, YamlError> {
    write_yaml(&Document(configuration)).map(Yaml::of)
}

/// The one place that writes YAML: block style, sorted as the value is, and every text that a YAML 1.1 reader
/// (Traefik's is one) would take for something else in quotes.
///
/// # Errors
/// [`YamlError::Refused`] when the YAML library refuses.
pub fn write_yaml<T: Serialize>(value: &T) -> Result<String, YamlError> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options).map_err(YamlError::Refused)
}

// === impl Yaml ===

impl Yaml {
    pub(crate) fn of(text: String) -> Self {
        let revision = revision(&text);
        Self { text, revision }
    }
}

/// The name of a document's content: the first 16 hexadecimal digits of the text's SHA-256.
#[must_use]
pub fn revision(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    #[test]
    fn the_empty_configuration_is_braces() {
        assert_eq!(to_yaml(&Configuration::default()).unwrap().text.trim(), "{}");
    }

    #[test]
    fn what_a_reader_mistakes_is_quoted() {
        let mut configuration = Configuration::default();
        for name in ["yes", "1_000", "2024-01-01", "0x1F", "12:30:45", "~", "=", "on", "a\nb", "123", "\u{1}"] {
            let router = http::Router { service: name.into(), ..Default::default() };
            configuration.http.routers.insert(name.to_owned(), router);
        }
        let yaml = to_yaml(&configuration).unwrap();
        insta::assert_snapshot!(yaml.text);
    }
}
