//! What became of the last `configure`: kept for who asked for it and was cut off before the answer.

use std::{path::Path, time::SystemTime};

use command_line::{Failure, printable};
use serde::{Deserialize, Serialize};

use crate::files::{read, replace};

/// Where it is kept.
const FILE: &str = "configure.json";

/// The last `configure` that changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Outcome {
    /// When it began.
    pub(in super::super) at: String,
    #[serde(flatten)]
    pub(super) stage: Stage,
    /// Whether whoever asked for it was still there at the end.
    pub(super) heard: bool,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "kebab-case")]
pub(super) enum Stage {
    /// At work, or cut off by a crash.
    UnderWay(UnderWay),
    /// What was asked for is so.
    InForce,
    /// The proxy did not come up with it.
    TakenBack { reason: String },
}

/// What a `configure` that is cut off leaves for the next one to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnderWay {
    /// Files that are new to what runs.
    pub(super) changed: Vec<String>,
    /// Whether sockets may have come or gone.
    pub(super) sockets: bool,
    /// Whether certificates are of another authority.
    pub(super) authority: bool,
}

// === impl Outcome ===

impl Outcome {
    /// One that begins now.
    pub(super) fn begin(under_way: UnderWay) -> Self {
        let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        Self { at, stage: Stage::UnderWay(under_way), heard: false }
    }

    /// The last one. One that can't be read is as none: it only serves messages and restarts.
    pub(in super::super) fn last(proxy: &Path) -> Result<Option<Self>, Failure> {
        Ok(read(&proxy.join(FILE))?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub(super) fn write(&self, proxy: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string(self).map_err(|error| Failure::runtime(FILE, &error))?;
        replace(&proxy.join(FILE), &format!("{text}\n"), 0o600)
    }

    /// What it left to do.
    pub(super) fn left(&self) -> UnderWay {
        match &self.stage {
            Stage::UnderWay(left) => left.clone(),
            Stage::InForce | Stage::TakenBack { .. } => UnderWay::default(),
        }
    }

    /// For who was not there to hear it.
    pub(super) fn untold(&self) -> Option<String> {
        let told = format!("the configure of {}, whose answer nobody heard,", self.at);
        match &self.stage {
            Stage::UnderWay(_) => {
                Some(format!("the configure of {} was cut off; this one goes on from there", self.at))
            }
            _ if self.heard => None,
            Stage::InForce => Some(format!("{told} is in force")),
            Stage::TakenBack { reason } => Some(format!("{told} was taken back: {}", printable(reason))),
        }
    }

    /// The same, that somebody has heard.
    pub(super) fn told(&self) -> Self {
        Self { heard: true, ..self.clone() }
    }

    /// In a word.
    pub(in super::super) fn word(&self) -> &'static str {
        match self.stage {
            Stage::UnderWay(_) => "under way or cut off",
            Stage::InForce => "in force",
            Stage::TakenBack { .. } => "taken back",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_heard_is_told_next_time() {
        let scratch = tempfile::tempdir().unwrap();
        let (text, left) = (|outcome: &Outcome| outcome.untold().unwrap_or_default(), UnderWay::default());
        assert_eq!(Outcome::last(scratch.path()).unwrap(), None);
        let mut outcome = Outcome::begin(UnderWay { sockets: true, ..left.clone() });
        outcome.write(scratch.path()).unwrap();
        assert_eq!(Outcome::last(scratch.path()).unwrap(), Some(outcome.clone()));
        assert!(text(&outcome).ends_with(" was cut off; this one goes on from there"));
        assert!(outcome.left().sockets);
        outcome.stage = Stage::InForce;
        assert!(text(&outcome).ends_with(", whose answer nobody heard, is in force"));
        assert_eq!(outcome.left(), left);
        outcome.heard = true;
        assert_eq!(outcome.untold(), None);
        std::fs::write(scratch.path().join(FILE), "{").unwrap();
        assert_eq!(Outcome::last(scratch.path()).unwrap(), None);
    }
}
