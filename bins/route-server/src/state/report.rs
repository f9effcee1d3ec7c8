//! How the state directory does, for `/health`, for findings, and for whoever waits for a write.

use std::{path::Path, sync::Arc};

use route_synthesis::{Finding, FindingCode, Severity, Subject};
use tokio::sync::watch;

use crate::changes::Changes;

/// Whoever has one sees the same, and may add to it.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    dir: Arc<Path>,
    standing: Arc<watch::Sender<Standing>>,
    /// The last ledger that was offered and tried to be written.
    tried: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// What the start found amiss, and what was done about it.
    notes: Vec<Arc<str>>,
    /// Why the last write of each failed, if it did.
    ledger: Option<Arc<str>>,
    published: Option<Arc<str>>,
}

// === impl Report ===

impl Report {
    /// Of a directory about which nothing is known yet.
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.into(), standing: Arc::default(), tried: Arc::default() }
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Why something cannot be written at the moment.
    pub(crate) fn error(&self) -> Option<Arc<str>> {
        let standing = self.standing.borrow();
        standing.ledger.clone().or_else(|| standing.published.clone())
    }

    /// What the start found amiss, and what was done about it.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.standing.borrow().notes.iter().map(ToString::to_string).collect()
    }

    /// The same for people who ask why something is not routed.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let Standing { notes, ledger, published } = self.standing.borrow().clone();
        let told =
            |message: String| Finding::new(FindingCode::StateDirectory, Severity::Warning, Subject::default(), message);
        let notes = notes.iter().map(|note| told(note.to_string()));
        let ledger = ledger.map(|error| format!("who owns which host cannot be written: {error}"));
        let published = published.map(|error| format!("what is published cannot be written: {error}"));
        let failed = ledger.into_iter().chain(published).map(|message| {
            told(message).hint("until it can be, a restart of the route server begins with what was written before")
        });
        notes.chain(failed).collect()
    }

    /// Sees every change of what the findings say.
    pub(crate) fn changes(&self) -> Changes<Standing> {
        Changes::of(&self.standing)
    }

    /// Notes what the start found amiss.
    pub(crate) fn note(&self, note: String) {
        // The finding is the line for people.
        tracing::debug!("{note}");
        self.standing.send_modify(|standing| standing.notes.push(note.into()));
    }

    /// How a write of the ledger went.
    pub(super) fn ledger_written(&self, number: u64, error: Option<String>) {
        self.tell(error.as_deref(), |standing| &mut standing.ledger, "the ledger");
        self.tried.send_replace(number);
    }

    /// How a write of what is published went.
    pub(super) fn published_written(&self, error: Option<&str>) {
        self.tell(error, |standing| &mut standing.published, "what is published");
    }

    /// Why nothing could be written now, before there is anything to write.
    pub(super) fn unwritable(&self, error: String) {
        self.tell(Some(&error), |standing| &mut standing.ledger, "the state directory");
    }

    /// Whether the ledger is not on disk as it should be.
    pub(super) fn ledger_failed(&self) -> bool {
        self.standing.borrow().ledger.is_some()
    }

    /// Waits until an offer was written, or that was tried in vain: then this is why.
    pub(crate) async fn tried(&self, number: u64) -> Option<Arc<str>> {
        let mut tried = self.tried.subscribe();
        // Its sender is our own, and so there is no error.
        let _ = tried.wait_for(|tried| *tried >= number).await;
        self.standing.borrow().ledger.clone()
    }

    /// That something cannot be written is a finding, which is the line for people.
    fn tell(&self, error: Option<&str>, place: fn(&mut Standing) -> &mut Option<Arc<str>>, what: &str) {
        self.standing.send_if_modified(|standing| {
            let place = place(standing);
            let same = place.as_deref() == error;
            match (same, error) {
                (true, Some(error)) => tracing::debug!(error, "{what} still cannot be written"),
                (true, None) => tracing::debug!("{what} is written"),
                (false, Some(error)) => tracing::debug!(error, "{what} cannot be written"),
                (false, None) => tracing::info!("{what} is written again"),
            }
            *place = error.map(Arc::from);
            !same
        });
    }
}
