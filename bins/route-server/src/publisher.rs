use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use container_snapshot::{Link, Snapshot, Timestamp};
use route_http::{Document, Phase, Polls, State};
use route_synthesis::{Cache, Comparison, Finding, Ledger, Outcome, Policy, Severity, compare, synthesize};
use tokio::sync::watch;

use crate::{
    exit::chain,
    health::{Fleet, daemons},
    state::Report,
};

/// Turns snapshots into what is served.
pub(crate) struct Publisher {
    policy: Policy,
    cache: Cache,
    ledger: Ledger,
    state: watch::Sender<State>,
    polls: Arc<Polls>,
    report: Report,
    findings: BTreeSet<Finding>,
    document: Option<Document>,
    routers: usize,
    proxy_check: Arc<Path>,
}

// === impl Publisher ===

impl Publisher {
    /// A publisher that does not know yet what is true; until then it serves what was published before the start.
    pub(crate) fn new(
        policy: Policy,
        ledger: Ledger,
        report: Report,
        polls: Arc<Polls>,
        restored: Option<Document>,
    ) -> Self {
        let document = restored;
        let fleet = Fleet {
            outcome: Arc::default(),
            daemons: Vec::new(),
            refused_sockets: 0,
            revision: revision(document.as_ref()),
            starting: true,
            stale: document.is_some(),
            base_domain: policy.base_domain.clone(),
            polls: polls.clone(),
            state: report.clone(),
            proxy_check: Path::new("").into(),
            routes: OnceLock::new(),
        };
        let state = State { phase: Phase::Starting, document: document.clone(), views: Arc::new(fleet) };
        let state = watch::Sender::new(state);
        let (cache, findings) = (Cache::default(), BTreeSet::new());
        Self {
            policy,
            cache,
            ledger,
            state,
            polls,
            report,
            findings,
            document,
            routers: 0,
            proxy_check: Path::new("").into(),
        }
    }

    /// The same, which shows what stands in this file.
    pub(crate) fn showing(mut self, proxy_check: &Path) -> Self {
        self.proxy_check = proxy_check.into();
        self
    }

    /// What is served.
    pub(crate) fn subscribe(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// What is served: of the time before the start until something was published.
    pub(crate) fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }

    /// How many routers there were at the last publishing.
    pub(crate) fn routers(&self) -> usize {
        self.routers
    }

    /// Who owns what, as of the last publishing.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The same, for the operator to change, and what it has to obey; the next publishing goes by it.
    pub(crate) fn ledger_and_policy(&mut self) -> (&mut Ledger, &Policy) {
        (&mut self.ledger, &self.policy)
    }

    /// Makes routes of a snapshot and publishes them, unless the view is not full yet: then only the JSON
    /// endpoints show it. Returns when to do it again although nothing changes, and who was seen to listen.
    pub(crate) fn publish(
        &mut self,
        snapshot: &Snapshot,
        phase: Phase,
        now: Timestamp,
    ) -> (Option<Timestamp>, Comparison) {
        let mut outcome = synthesize(snapshot, &self.policy, &self.ledger, &mut self.cache, now);
        let ledger = std::mem::take(&mut outcome.ledger);
        // A view that is not full proves nothing about who was first.
        if phase == Phase::Serving {
            self.ledger = ledger;
        }
        let comparison = compare(outcome.publication.routes(), snapshot);
        outcome.publication.withhold(&comparison.withheld);
        outcome.findings.extend(comparison.findings.iter().cloned());
        outcome.findings.sort();
        self.tell(&outcome);
        if phase == Phase::Serving {
            self.write(&outcome);
        }
        self.routers = outcome.publication.routers().total;
        let next = outcome.next_deadline;
        let fleet = Fleet {
            daemons: daemons(snapshot),
            refused_sockets: snapshot.refused_sockets.len(),
            revision: revision(self.document.as_ref()),
            starting: phase == Phase::Starting,
            stale: self.document.is_some() && (phase == Phase::Starting || is_stale(snapshot)),
            base_domain: self.policy.base_domain.clone(),
            polls: self.polls.clone(),
            state: self.report.clone(),
            proxy_check: self.proxy_check.clone(),
            outcome: Arc::new(outcome),
            routes: OnceLock::new(),
        };
        self.state.send_replace(State { phase, document: self.document.clone(), views: Arc::new(fleet) });
        (next, comparison)
    }

    /// Writes the document; when that cannot be done the last one stays.
    fn write(&mut self, outcome: &Outcome) {
        match outcome.publication.document() {
            Ok(yaml) => {
                let known = self.document.as_ref().is_some_and(|document| *document.revision == *yaml.revision);
                if !known {
                    let routers = outcome.publication.routers().total;
                    tracing::info!(revision = yaml.revision, routers, bytes = yaml.text.len(), "published");
                    self.document = Some(Document { revision: yaml.revision.into(), yaml: Bytes::from(yaml.text) });
                }
            }
            Err(error) => tracing::error!(error = chain(&error), "the document cannot be written; the last one stays"),
        }
    }

    /// Logs which findings are new and which are gone.
    fn tell(&mut self, outcome: &Outcome) {
        let findings: BTreeSet<_> = outcome.findings.iter().cloned().collect();
        for finding in findings.difference(&self.findings) {
            log(finding);
        }
        for finding in self.findings.difference(&findings) {
            tracing::debug!(finding = %finding, "resolved");
        }
        self.findings = findings;
    }
}

fn revision(document: Option<&Document>) -> Arc<str> {
    document.map_or_else(|| "".into(), |document| document.revision.clone())
}

/// Whether routes may stand on what a daemon no longer says.
fn is_stale(snapshot: &Snapshot) -> bool {
    snapshot.daemons.values().any(|view| view.link == Link::Stale && !view.containers.is_empty())
}

fn log(finding: &Finding) {
    match finding.severity {
        Severity::Error | Severity::Warning => tracing::warn!(finding = %finding, "finding"),
        Severity::Info => tracing::debug!(finding = %finding, "finding"),
    }
}
