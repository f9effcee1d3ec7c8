use std::collections::BTreeSet;

use crate::{Decoded, decode};

/// Decodes labels with knowledge that labels do not have themselves.
///
/// ```
/// use traefik_labels::{Code, Decoder};
///
/// let decoder = Decoder::new().entry_points(["web", "websecure"]).resolvers(["letsencrypt"]);
/// let decoded = decoder.decode([("traefik.http.routers.app.entrypoints", "web,websecrue")]);
/// assert_eq!(decoded.problems[0].code, Code::UnknownEntryPoint);
/// assert_eq!(decoded.problems[0].hint.as_deref(), Some("web,websecure"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Decoder {
    pub(crate) entry_points: Option<BTreeSet<String>>,
    pub(crate) resolvers: Option<BTreeSet<String>>,
    pub(crate) rules: Rules,
}

/// What becomes of a router whose rule Traefik would refuse. Traefik takes such labels, and disables the router.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rules {
    /// The problem is an error, and the router is left out.
    #[default]
    Refuse,
    /// The problem is a warning, and the router is kept as it is: the configuration is what Traefik decodes.
    Keep,
}

// === impl Decoder ===

impl Decoder {
    /// One that knows nothing but the labels.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The entry points that exist: a label that names another is a problem.
    #[must_use]
    pub fn entry_points(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { entry_points: Some(names.into_iter().map(Into::into).collect()), ..self }
    }

    /// The certificate resolvers that exist: a label that names another is a problem.
    #[must_use]
    pub fn resolvers(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { resolvers: Some(names.into_iter().map(Into::into).collect()), ..self }
    }

    /// What becomes of routers with a rule that Traefik would refuse.
    #[must_use]
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// Decodes all labels that can be decoded, and reports all problems.
    pub fn decode<K: AsRef<str>, V: AsRef<str>>(&self, labels: impl IntoIterator<Item = (K, V)>) -> Decoded {
        decode::everything(self, labels)
    }
}
