//! What goes out: one value for everybody who reads it, and where it is served.

use std::{
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use container_snapshot::{Link, Snapshot};
use route_http::{Document, Endpoint, Phase, Polls, View};
use route_synthesis::{BaseDomain, Finding, Outcome, Route, Unrouted};
use serde::Serialize;

use crate::{state::Report, traefik_api::Heard};

/// What was published last, and what it was made of. Whoever reads one has all of it from the same moment.
pub(crate) struct Published {
    pub(crate) phase: Phase,
    /// What Traefik is told: of the time before the start until something was published.
    pub(crate) document: Option<Document>,
    pub(crate) outcome: Outcome,
    /// What the daemons had said, without who listens where.
    pub(crate) snapshot: Snapshot,
    pub(crate) machine: Arc<Machine>,
    /// `/routes.json`, once somebody asked for it.
    routes: OnceLock<Bytes>,
}

/// What stands beside everything that is published, and changes without it.
pub(crate) struct Machine {
    pub(crate) base_domain: Option<BaseDomain>,
    pub(crate) polls: Arc<Polls>,
    /// What Traefik's API was heard to say.
    pub(crate) traefik: Heard,
    /// Documents are marked, so that it can say which one is applied.
    pub(crate) marks: bool,
    pub(crate) state: Report,
    /// Where `renet proxy check` writes; empty: nowhere.
    pub(crate) proxy_check: Arc<Path>,
    /// Beats while the loop goes round.
    pub(crate) pulse: Pulse,
}

/// When the loop last went round.
#[derive(Debug)]
pub(crate) struct Pulse {
    start: Instant,
    /// Milliseconds after that.
    last: AtomicU64,
}

/// A loop that does not go round for this long hangs; it does so every [`Pulse::EVERY`] when nothing happens.
const HANGS: Duration = Duration::from_secs(20);

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

/// All paths that are served.
pub(crate) static ENDPOINTS: [Endpoint<Published>; 7] = [
    Endpoint { path: "/routes.yaml", content_type: YAML, view: View::Document },
    Endpoint { path: "/routes", content_type: YAML, view: View::Document },
    Endpoint { path: "/health", content_type: JSON, view: View::Made(Published::health) },
    Endpoint { path: "/routes.json", content_type: JSON, view: View::Made(Published::routes) },
    Endpoint { path: "/ports", content_type: JSON, view: View::Made(Published::ports) },
    Endpoint { path: "/live", content_type: JSON, view: View::Verdict(|it| it.machine.pulse.beats()) },
    Endpoint { path: "/ready", content_type: JSON, view: View::Verdict(|it| it.phase == Phase::Serving) },
];

#[derive(Serialize)]
struct Routes<'a> {
    revision: &'a str,
    http: &'a [Route],
    tcp: &'a [Route],
    udp: &'a [Route],
    unrouted: &'a [Unrouted],
    findings: &'a [Finding],
}

// === impl Published ===

impl Published {
    pub(crate) fn new(
        phase: Phase,
        document: Option<Document>,
        outcome: Outcome,
        snapshot: Snapshot,
        machine: Arc<Machine>,
    ) -> Self {
        Self { phase, document, outcome, snapshot, machine, routes: OnceLock::new() }
    }

    /// The document's name; empty without one.
    pub(crate) fn revision(&self) -> &str {
        self.document.as_ref().map_or("", |document| &document.revision)
    }

    /// Whether routes may stand on what a daemon no longer says, or has not confirmed yet.
    pub(crate) fn is_stale(&self) -> bool {
        let mut views = self.snapshot.daemons.values();
        let away = |link| matches!(link, Link::Stale | Link::Gone);
        let unconfirmed = self.phase == Phase::Starting || views.any(|it| away(it.link) && !it.containers.is_empty());
        self.document.is_some() && unconfirmed
    }

    /// What is written is kept: asking twice costs nothing.
    fn routes(&self) -> serde_json::Result<Bytes> {
        if let Some(written) = self.routes.get() {
            return Ok(written.clone());
        }
        let table = self.outcome.publication.table();
        let routes = Routes {
            revision: self.revision(),
            http: &table.http,
            tcp: &table.tcp,
            udp: &table.udp,
            unrouted: &self.outcome.unrouted,
            findings: &self.outcome.findings,
        };
        let written = serde_json::to_vec(&routes).map(Bytes::from)?;
        Ok(self.routes.get_or_init(|| written).clone())
    }

    fn ports(&self) -> serde_json::Result<Bytes> {
        serde_json::to_vec(&self.outcome.ports).map(Bytes::from)
    }
}

// === impl Pulse ===

impl Pulse {
    /// How often it beats at least.
    pub(crate) const EVERY: Duration = Duration::from_secs(5);

    /// The loop goes round.
    pub(crate) fn beat(&self) {
        let since = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(since, Ordering::Relaxed);
    }

    /// Whether it did so lately.
    pub(crate) fn beats(&self) -> bool {
        self.start.elapsed() < Duration::from_millis(self.last.load(Ordering::Relaxed)) + HANGS
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(0) }
    }
}

#[cfg(test)]
impl Machine {
    /// One that has nothing.
    pub(crate) fn of_nothing() -> Arc<Self> {
        Arc::new(Self {
            base_domain: None,
            polls: Arc::default(),
            traefik: Heard::default(),
            marks: false,
            state: Report::new(Path::new("")),
            proxy_check: Path::new("").into(),
            pulse: Pulse::default(),
        })
    }
}

impl route_http::Published for Published {
    fn phase(&self) -> Phase {
        self.phase
    }

    fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_hangs_is_dead_until_it_goes_round_again() {
        let pulse = Pulse { start: Instant::now().checked_sub(HANGS * 2).unwrap(), last: AtomicU64::new(0) };
        assert!(!pulse.beats());
        pulse.beat();
        assert!(pulse.beats());
        assert!(Pulse::EVERY < HANGS / 2);
    }
}
