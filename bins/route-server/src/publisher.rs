use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use container_snapshot::{Snapshot, Timestamp};
use route_http::{Document, Phase};
use route_synthesis::{Cache, Comparison, Finding, Ledger, Moment, Outcome, Policy, Severity, compare, synthesize};
use tokio::sync::watch;

use crate::{
    exit::chain,
    published::{Machine, Published},
    state::Loaded,
};

/// Turns snapshots into what is published.
pub(crate) struct Publisher {
    policy: Policy,
    cache: Cache,
    ledger: Ledger,
    published: watch::Sender<Arc<Published>>,
    machine: Arc<Machine>,
    findings: BTreeSet<Finding>,
    /// Nobody knows who owns what: what was published stays.
    frozen: bool,
    synthesize: Synthesize,
}

/// How outcomes are made: a test lets something through that synthesis would never make.
type Synthesize = fn(&Snapshot, &Policy, &Ledger, &mut Cache, Moment) -> Outcome;

/// What came of a publishing.
pub(crate) struct Made {
    /// When to publish again although nothing changes.
    pub(crate) next: Option<Timestamp>,
    /// Who was seen to listen.
    pub(crate) comparison: Comparison,
    /// Traefik has something new to read.
    pub(crate) is_news: bool,
}

// === impl Publisher ===

impl Publisher {
    /// A publisher that does not know yet what is true; until then it serves what was published before the start.
    pub(crate) fn new(policy: Policy, machine: Arc<Machine>, restored: Option<Document>) -> Self {
        let (outcome, snapshot) = (Outcome::default(), Snapshot::default());
        let first = Published::new(Phase::Starting, restored, outcome, snapshot, machine.clone());
        Self {
            policy,
            cache: Cache::default(),
            ledger: Ledger::default(),
            published: watch::Sender::new(Arc::new(first)),
            machine,
            findings: BTreeSet::new(),
            frozen: false,
            synthesize,
        }
    }

    /// Begins with who owns what. Where only a newer version of the program knows that, what was published before the start
    /// stays: made anew without it, routes would change hands.
    pub(crate) fn begin(&mut self, Loaded { ledger, is_newer, .. }: Loaded) {
        self.ledger = ledger;
        self.frozen = is_newer && self.published.borrow().document.is_some();
    }

    /// What is published, now and later.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Published>> {
        self.published.subscribe()
    }

    /// What was published last.
    pub(crate) fn published(&self) -> Arc<Published> {
        self.published.borrow().clone()
    }

    /// What it obeys.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What stands beside it.
    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
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
    /// endpoints show it.
    pub(crate) fn publish(&mut self, snapshot: &Snapshot, phase: Phase, now: impl Into<Moment>) -> Made {
        let mut outcome = (self.synthesize)(snapshot, &self.policy, &self.ledger, &mut self.cache, now.into());
        let ledger = std::mem::take(&mut outcome.ledger);
        // A view that is not full proves nothing about who was first.
        if phase == Phase::Serving {
            self.ledger = ledger;
        }
        let comparison = compare(outcome.publication.routes(), snapshot);
        outcome.publication.withhold(&comparison.withheld);
        outcome.findings.extend(comparison.findings.iter().cloned());
        // The last thing that is done to it: whatever went wrong before, Traefik takes what is left.
        outcome.findings.extend(outcome.publication.cut_out());
        outcome.findings.extend(self.machine.state.findings());
        outcome.findings.extend(self.machine.traefik.findings(&outcome.publication));
        outcome.findings.sort();
        outcome.findings.dedup();
        self.tell(&outcome);
        let before = self.published.borrow().document.clone();
        let document = match phase {
            Phase::Starting => before.clone(),
            Phase::Serving if self.frozen => before.clone(),
            Phase::Serving => written(&outcome, before.clone(), self.machine.marks),
        };
        let is_news = revision(document.as_ref()) != revision(before.as_ref());
        let next = outcome.next_deadline;
        let snapshot = snapshot.without_listeners();
        let published = Published::new(phase, document, outcome, snapshot, self.machine.clone());
        self.published.send_replace(Arc::new(published));
        Made { next, comparison, is_news }
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

/// The document of an outcome; when it cannot be written, or is the same, the one before.
fn written(outcome: &Outcome, before: Option<Document>, marked: bool) -> Option<Document> {
    let publication = &outcome.publication;
    match if marked { publication.marked_document() } else { publication.document() } {
        Ok(yaml) if revision(before.as_ref()) == Some(&*yaml.revision) => before,
        Ok(yaml) => {
            let routers = outcome.publication.routers().total;
            tracing::info!(revision = yaml.revision, routers, bytes = yaml.text.len(), "published");
            Some(Document { revision: yaml.revision.into(), yaml: Bytes::from(yaml.text) })
        }
        Err(error) => {
            tracing::error!(error = chain(&error), "the document cannot be written; the last one stays");
            before
        }
    }
}

fn revision(document: Option<&Document>) -> Option<&str> {
    document.map(|document| &*document.revision)
}

fn log(finding: &Finding) {
    match finding.severity {
        Severity::Error | Severity::Warning => tracing::warn!(finding = %finding, "finding"),
        Severity::Info => tracing::debug!(finding = %finding, "finding"),
    }
}

#[cfg(test)]
mod tests {
    use traefik_model::{Configuration, http};

    use super::*;

    /// Synthesis, if it let through what no document can say.
    fn unguarded(snapshot: &Snapshot, policy: &Policy, ledger: &Ledger, cache: &mut Cache, now: Moment) -> Outcome {
        let mut outcome = synthesize(snapshot, policy, ledger, cache, now);
        let router = |entry_point: &str| http::Router {
            rule: "Host(`a.b`)".into(),
            entry_points: vec![entry_point.into()],
            ..Default::default()
        };
        let mut configuration = Configuration::default();
        configuration.http.routers.insert("good-2816".to_owned(), router("websecure"));
        configuration.http.routers.insert("bad-2816".to_owned(), router("web\u{2551}other"));
        outcome.publication = outcome.publication.with_unchecked(configuration);
        outcome
    }

    fn publisher(synthesize: Synthesize) -> Publisher {
        Publisher { synthesize, ..Publisher::new(Policy::default(), Machine::of_nothing(), None) }
    }

    #[test]
    fn what_traefik_would_refuse_does_not_come_out_and_is_a_finding() {
        let mut publisher = publisher(unguarded);
        assert!(publisher.publish(&Snapshot::default(), Phase::Serving, Timestamp::default()).is_news);
        let published = publisher.published();
        let text = String::from_utf8(published.document.as_ref().unwrap().yaml.to_vec()).unwrap();
        assert!(text.contains("good-2816") && !text.contains("bad-2816") && !text.contains('\u{2551}'), "{text}");
        let findings: Vec<_> = published.outcome.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(findings, ["RS046"]);
    }

    #[test]
    fn what_only_a_newer_version_understands_leaves_the_routes_as_they_were() {
        let document = Document { revision: "r1".into(), yaml: "# as it was\n".into() };
        let publisher = |restored| {
            let mut publisher = Publisher::new(Policy::default(), Machine::of_nothing(), restored);
            publisher.begin(Loaded { is_newer: true, ..Loaded::default() });
            publisher.publish(&Snapshot::default(), Phase::Serving, Timestamp::default());
            publisher.published().document.clone()
        };
        assert_eq!(publisher(Some(document.clone())), Some(document));
        assert!(publisher(None).is_some(), "without any, those that can be made are better than none");
    }

    #[test]
    fn the_same_bytes_are_no_news() {
        let mut publisher = publisher(synthesize);
        let mut publish = |phase| publisher.publish(&Snapshot::default(), phase, Timestamp::default()).is_news;
        assert!(!publish(Phase::Starting), "nothing is proved yet");
        assert!(publish(Phase::Serving));
        assert!(!publish(Phase::Serving));
    }
}
