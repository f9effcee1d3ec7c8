//! What `/health` says.

use std::{
    fs::File,
    io::Read as _,
    path::Path,
    time::{Duration, Instant, UNIX_EPOCH},
};

use bytes::Bytes;
use container_snapshot::{DaemonView, Defect, Link, MAX_LABEL_BYTES, Snapshot, Timestamp};
use repo_network::NetworkId;
use route_api::{Counts, Daemon, FindingCounts, Health, ProxyCheck, StateDirectory};
use route_http::Phase;
use route_synthesis::Severity;

use crate::published::Published;

/// The most bytes of what `renet proxy check` found.
const MAX_CHECK: u64 = 1 << 20;

/// The most bytes of what `renet` says of a repository's fence.
const MAX_FENCE: u64 = 1 << 10;

/// All daemons of a snapshot.
fn daemons(snapshot: &Snapshot) -> Vec<Daemon> {
    let daemons = snapshot.daemons.iter().map(|(id, view)| Daemon {
        network_id: *id,
        socket: view.socket.clone(),
        state: word(view.link).to_owned(),
        containers: view.container_count(),
        since: rfc3339(view.since),
        reason: view.reason.clone().or_else(|| damage(view)),
        fence: fence(Path::new(&view.socket), *id),
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

/// In a word: `starting` until there is a full view, `degraded` while a daemon is not live or there is a reason to look at
/// it.
fn status(phase: Phase, daemons: &[Daemon], refused_sockets: usize) -> &'static str {
    let sound = daemons.iter().all(|daemon| daemon.state == word(Link::Live) && daemon.reason.is_none());
    match (phase, sound && refused_sockets == 0) {
        (Phase::Starting, _) => "starting",
        (Phase::Serving, true) => "ok",
        (Phase::Serving, false) => "degraded",
    }
}

// === impl Published ===

impl Published {
    /// `/health`
    pub(crate) fn health(&self) -> serde_json::Result<Bytes> {
        let publication = &self.outcome.publication;
        let (daemons, refused_sockets) = (daemons(&self.snapshot), self.snapshot.refused_sockets.len());
        let machine = &self.machine;
        let health = Health {
            status: status(self.phase, &daemons, refused_sockets).to_owned(),
            revision: self.revision().to_owned(),
            stale: self.is_stale(),
            auto_routes: machine.base_domain.is_some(),
            base_domain: machine.base_domain.as_ref().map(ToString::to_string),
            routers: counts(publication.routers()),
            services: counts(publication.services()),
            daemons,
            refused_sockets,
            findings: self.findings(),
            state: StateDirectory {
                dir: machine.state.dir().to_string_lossy().into_owned(),
                error: machine.state.error().map(|error| error.to_string()),
                notes: machine.state.notes(),
            },
            traefik: machine.traefik.state(machine.polls.seen().age(Instant::now()).map(|age| age.as_secs())),
            proxy: read_check(&machine.proxy_check),
        };
        serde_json::to_vec(&health).map(Bytes::from)
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

/// What `renet proxy check` found last, if anything; a damaged file is none.
fn read_check(path: &Path) -> Option<ProxyCheck> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_CHECK).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// What renet wrote about a repository's fence, beside its socket; whoever may write there is root.
fn fence(socket: &Path, network_id: NetworkId) -> Option<String> {
    let path = socket.with_file_name(network_id.to_string()).join("fence");
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_FENCE).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
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
