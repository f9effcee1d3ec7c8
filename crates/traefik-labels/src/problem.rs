use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Code, text};

/// How much a [`Problem`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Traefik would refuse the labels, or disable the router.
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
///
/// [`Display`](std::fmt::Display) shows it for people, with a caret under the place; [`Problem::render`] also has
/// the label's value. No message or hint repeats a secret, or more than a few hundred bytes of anything.
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
    /// What to write instead, if it can be said: for a place in the key the whole corrected key, for a place in
    /// the value the whole corrected value, else (with `write …`, or in words) what to do.
    pub hint: Option<String>,
}

/// All that is found, up to as many problems as anybody reads.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    more: usize,
}

/// The most problems of one container that are explained.
pub const MAX_PROBLEMS: usize = 1_000;

// === impl Severity ===

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

// === impl Problem ===

impl Problem {
    pub(crate) fn new(severity: Severity, code: Code, key: &str, message: impl Into<String>) -> Self {
        let message = text::message(message.into());
        Self { severity, code, label: text::label(key), place: None, message, hint: None }
    }

    pub(crate) fn error(code: Code, key: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, key, message)
    }

    pub(crate) fn warning(code: Code, key: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, key, message)
    }

    pub(crate) fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    pub(crate) fn with_hint(self, hint: Option<String>) -> Self {
        Self { hint: hint.and_then(text::hint), ..self }
    }

    /// A problem of a rule, as one of the label that holds the rule.
    pub(crate) fn of_label(self, key: &str) -> Self {
        let message = text::message(self.message);
        Self { label: text::label(key), message, hint: self.hint.and_then(text::hint), ..self }
    }
}

// === impl Problems ===

impl Problems {
    /// Adds what can be said, unless enough was said: explaining is only worth it for somebody who reads it.
    pub(crate) fn push(&mut self, explain: impl FnOnce() -> Problem) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(explain());
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn into_list(mut self) -> Vec<Problem> {
        if self.more > 0 {
            let message = format!("and {} more problems", self.more);
            self.list.push(Problem::warning(Code::MoreProblems, "", message));
        }
        self.list
    }
}
