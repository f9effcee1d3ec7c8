use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Code;

/// How much a [`Problem`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Traefik would refuse the labels.
    Error,
    /// Legal, and surely not meant.
    Warning,
}

/// Where in a label (or in a rule) a [`Problem`] is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "in")]
pub enum Place {
    /// In the key: a range of bytes.
    Key(Range<usize>),
    /// In the value: a range of bytes.
    Value(Range<usize>),
}

/// Something that is wrong, or surely not meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// What kind of problem; stable.
    pub code: Code,
    /// The key of the label, as it was written; empty for a rule that stands alone.
    pub label: String,
    /// Where in the label, if it can be said.
    pub place: Option<Place>,
    /// What is wrong, and what was expected.
    pub message: String,
    /// What to write instead, if it can be said.
    pub hint: Option<String>,
}
