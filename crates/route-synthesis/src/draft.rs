//! One repository by itself: what its containers would publish if it were alone. Depends on nothing but them and the
//! policy, so it is made again only when one of them changes.

mod drafting;

use std::sync::{Arc, OnceLock};

use container_snapshot::Container;
use traefik_model::{Configuration, DocumentFault, Fragments, YamlError, check_document};

pub(crate) use self::drafting::draft;
use crate::{
    Finding,
    merge::Sources,
    ports::PortWish,
    table::{Table, Unrouted},
    wants::Want,
};

/// What a repository would publish.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) configuration: Configuration,
    pub(crate) sources: Sources,
    pub(crate) wants: Vec<Want>,
    pub(crate) wishes: Vec<PortWish>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) unrouted: Vec<Unrouted>,
    /// The lines of its entries, once they were asked for.
    fragments: OnceLock<Fragments>,
    /// Its routers for people, likewise.
    table: OnceLock<Table>,
    /// What Traefik would refuse or misunderstand of it, likewise.
    faults: OnceLock<Vec<DocumentFault>>,
}

/// A container and how it takes part; equal when nothing about it changed.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) part: Part,
    pub(crate) container: Arc<Container>,
}

/// How a container takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// It answers.
    Serving,
    /// It exists and does not answer yet, or not at the moment: routers without servers.
    Waiting,
    /// It went down a moment ago: routers without servers, for the grace time.
    Down,
    /// It does not run.
    Stopped,
    /// It never receives traffic.
    OneOff,
}

// === impl Draft ===

impl Draft {
    /// One that no container made.
    #[cfg(any(test, feature = "fixtures"))]
    pub(crate) fn of(configuration: Configuration) -> Self {
        Self { configuration, ..Self::default() }
    }

    /// The lines of its entries.
    pub(crate) fn fragments(&self) -> Result<&Fragments, YamlError> {
        match self.fragments.get() {
            Some(fragments) => Ok(fragments),
            None => Fragments::of(&self.configuration).map(|made| self.fragments.get_or_init(|| made)),
        }
    }

    /// What Traefik would refuse or misunderstand; [`guard::harmless`] leaves nothing of that.
    pub(crate) fn faults(&self) -> &[DocumentFault] {
        self.faults.get_or_init(|| check_document(&self.configuration))
    }

    /// All its routers for people.
    pub(crate) fn table(&self) -> &Table {
        self.table.get_or_init(|| Table::of(&self.configuration, &self.sources))
    }
}

impl PartialEq for Draft {
    fn eq(&self, other: &Self) -> bool {
        let Self { configuration, sources, wants, wishes, findings, unrouted, .. } = self;
        *configuration == other.configuration
            && *sources == other.sources
            && *wants == other.wants
            && *wishes == other.wishes
            && *findings == other.findings
            && *unrouted == other.unrouted
    }
}

// === impl Member ===

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.part == other.part && (Arc::ptr_eq(&self.container, &other.container) || self.container == other.container)
    }
}
