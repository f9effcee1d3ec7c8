//! What the JSON endpoints say.

use std::{
    fs::File,
    io::Read as _,
    path::Path,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, UNIX_EPOCH},
};

use bytes::Bytes;
use container_snapshot::{DaemonView, Defect, Link, MAX_LABEL_BYTES, Snapshot, Timestamp};
use route_api::{Counts, Daemon, FindingCounts, Health, ProxyCheck, StateDirectory, TraefikPolls};
use route_http::{Polls, Views};
use route_synthesis::{BaseDomain, Finding, Outcome, Route, Severity, Unrouted};
use serde::Serialize;

use crate::state::Report;

/// The most bytes of what `renet proxy check` found.
const MAX_CHECK: u64 = 1 << 20;

/// The most bytes of what `renet` says of a repository's fence.
const MAX_FENCE: u64 = 1 << 10;

/// One moment of the fleet, for whoever asks. What is written is kept: asking twice costs nothing.
pub(crate) struct Fleet {
    pub(crate) outcome: Arc<Outcome>,
    pub(crate) daemons: Vec<Daemon>,
    pub(crate) refused_sockets: usize,
    pub(crate) revision: Arc<str>,
    pub(crate) starting: bool,
    pub(crate) stale: bool,
    pub(crate) base_domain: Option<BaseDomain>,
    pub(crate) polls: Arc<Polls>,
    pub(crate) state: Report,
    /// Where `renet proxy check` writes; empty: nowhere.
    pub(crate) proxy_check: Arc<Path>,
    pub(crate) routes: OnceLock<Bytes>,
}

#[derive(Serialize)]
struct Routes<'a> {
    revision: &'a str,
    http: &'a [Route],
    tcp: &'a [Route],
    udp: &'a [Route],
    unrouted: &'a [Unrouted],
    findings: &'a [Finding],
}

/// All daemons of a snapshot, as `/health` shows them.
pub(crate) fn daemons(snapshot: &Snapshot) -> Vec<Daemon> {
    let daemons = snapshot.daemons.iter().map(|(id, view)| Daemon {
        network_id: *id,
        socket: view.socket.clone(),
        state: word(view.link).to_owned(),
        containers: view.container_count(),
        since: rfc3339(view.since),
        reason: view.reason.clone().or_else(|| damage(view)),
        fence: None,
    });
    daemons.collect()
}

fn word(link: Link) -> &'static str {
    match link {
        Link::Connecting => "connecting",
        Link::Live => "live",
        Link::Stale => "stale",
        Link::Gone => "gone",
    }
}

fn counts(counts: route_synthesis::Counts) -> Counts {
    Counts { http: counts.http, tcp: counts.tcp, udp: counts.udp, total: counts.total }
}

// === impl Fleet ===

impl Fleet {
    /// In a word: `starting` until there is a full view, `degraded` while a daemon is not live or there is a reason to
    /// look at it.
    pub(crate) fn status(&self) -> &'static str {
        let sound = self.daemons.iter().all(|daemon| daemon.state == word(Link::Live) && daemon.reason.is_none());
        match (self.starting, sound && self.refused_sockets == 0) {
            (true, _) => "starting",
            (false, true) => "ok",
            (false, false) => "degraded",
        }
    }

    fn findings(&self) -> FindingCounts {
        let mut counts = FindingCounts::default();
        for finding in &self.outcome.findings {
            match finding.severity {
                Severity::Error => counts.error += 1,
                Severity::Warning => counts.warning += 1,
                Severity::Info => counts.info += 1,
            }
        }
        counts
    }
}

impl Views for Fleet {
    fn health(&self) -> serde_json::Result<Bytes> {
        let publication = &self.outcome.publication;
        let health = Health {
            status: self.status().to_owned(),
            revision: self.revision.to_string(),
            stale: self.stale,
            auto_routes: self.base_domain.is_some(),
            base_domain: self.base_domain.as_ref().map(ToString::to_string),
            routers: counts(publication.routers()),
            services: counts(publication.services()),
            daemons: self.daemons.iter().map(with_fence).collect(),
            refused_sockets: self.refused_sockets,
            findings: self.findings(),
            state: StateDirectory {
                dir: self.state.dir().to_string_lossy().into_owned(),
                error: self.state.error().map(|error| error.to_string()),
            },
            traefik: TraefikPolls { last_poll_seconds: self.polls.seen().age(Instant::now()).map(|age| age.as_secs()) },
            proxy: read_check(&self.proxy_check),
        };
        serde_json::to_vec(&health).map(Bytes::from)
    }

    fn routes(&self) -> serde_json::Result<Bytes> {
        if let Some(written) = self.routes.get() {
            return Ok(written.clone());
        }
        let table = self.outcome.publication.table();
        let routes = Routes {
            revision: &self.revision,
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

    fn is_live(&self) -> bool {
        true
    }

    fn is_ready(&self) -> bool {
        !self.starting
    }
}

/// What `renet proxy check` found last, if anything; a damaged file is none.
fn read_check(path: &Path) -> Option<ProxyCheck> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_CHECK).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// With what renet wrote about its fence, beside its socket; whoever may write there is root.
fn with_fence(daemon: &Daemon) -> Daemon {
    let read = || {
        let path = Path::new(&daemon.socket).with_file_name(daemon.network_id.to_string()).join("fence");
        let mut text = String::new();
        File::open(path).ok()?.take(MAX_FENCE).read_to_string(&mut text).ok()?;
        Some(text.trim().to_owned())
    };
    Daemon { fence: read(), ..daemon.clone() }
}

/// RFC 3339, UTC.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at.as_millis())).to_string()
}

/// What is wrong with a daemon's descriptions of its containers: the first, and how many more.
fn damage(view: &DaemonView) -> Option<String> {
    let containers = view.containers.values().filter(|tracked| !tracked.removed).map(|tracked| &tracked.container);
    let mut damaged = containers.filter_map(|container| Some((container, container.defects.first()?)));
    let (container, defect) = damaged.next()?;
    let what = match defect {
        Defect::NoName => "has no name".to_owned(),
        Defect::LabelsTooLarge(bytes) => format!("has labels of {bytes} bytes, more than {MAX_LABEL_BYTES}"),
    };
    let more = match damaged.count() {
        0 => String::new(),
        count => format!(" (and {count} more are damaged)"),
    };
    Some(format!("container {} {what}{more}", container.id.short()))
}
