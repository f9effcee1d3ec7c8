use std::ops::Range;

use crate::{Code, Place, Problem, Severity};

/// A problem of a rule while it is being found: byte ranges may still be relative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// What Traefik refuses.
pub(super) fn fault(code: Code, span: Range<usize>, message: impl Into<String>) -> Fault {
    Fault { code, severity: Severity::Error, span, message: message.into(), hint: None }
}

/// What Traefik accepts, and nobody means.
pub(super) fn warning(code: Code, span: Range<usize>, message: impl Into<String>) -> Fault {
    Fault { severity: Severity::Warning, ..fault(code, span, message) }
}

// === impl Fault ===

impl Fault {
    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same at another place: `by` bytes further on.
    pub(super) fn shifted(self, by: usize) -> Self {
        Self { span: self.span.start + by..self.span.end + by, ..self }
    }

    pub(super) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self {
            severity: fault.severity,
            code: fault.code,
            label: String::new(),
            place: Some(Place::Value(fault.span)),
            message: fault.message,
            hint: fault.hint,
        }
    }
}
