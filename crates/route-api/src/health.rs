use repo_network::NetworkId;
use serde::{Deserialize, Serialize};

/// `/health`: how the route server is, and what it knows of the daemons.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`; `degraded` while there is a reason to look at it; `starting` until there is a full view.
    pub status: String,
    /// Of the document that is served.
    pub revision: String,
    /// Something that is served has not been confirmed by its daemon since it was lost, or since the start.
    #[serde(default)]
    pub stale: bool,
    /// Whether services are routed by themselves.
    pub auto_routes: bool,
    /// Below which domain; none: they are not.
    pub base_domain: Option<String>,
    /// How many routers are published.
    pub routers: Counts,
    /// How many services.
    pub services: Counts,
    /// The daemons, by network.
    pub daemons: Vec<Daemon>,
    /// Sockets that are no daemon's of a repository.
    #[serde(default)]
    pub refused_sockets: usize,
    /// How many findings there are; `/routes.json` has them.
    pub findings: FindingCounts,
    /// What outlives the process.
    #[serde(default)]
    pub state: StateDirectory,
    /// How Traefik asks.
    #[serde(default)]
    pub traefik: TraefikState,
    /// What the last `renet proxy check` found; none: there was none since the boot.
    #[serde(default)]
    pub proxy: Option<ProxyCheck>,
}

/// What came of looking for what keeps sites from being reached or from having a certificate (`renet proxy check`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyCheck {
    /// When: RFC 3339, UTC.
    pub checked_at: String,
    /// All that was looked at, the worst first.
    pub checks: Vec<Check>,
}

/// What came of looking at one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// How bad it is.
    pub severity: CheckSeverity,
    /// `service`, `port`, `dns`, `token`, `acme`, `order`, `certificate`, `authority` or `clock`.
    pub kind: String,
    /// What it is about: a host, an entry point, a file.
    pub subject: String,
    /// What was seen.
    pub message: String,
    /// What to do; empty when nothing is to be done.
    pub hint: String,
}

/// How bad something is that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckSeverity {
    /// As it has to be.
    Ok,
    /// It will go wrong, or is only half right.
    Warning,
    /// Something does not work.
    Error,
}

/// One daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    /// The repository's network.
    pub network_id: NetworkId,
    /// Its socket.
    pub socket: String,
    /// `connecting`, `live`, `stale` or `gone`.
    pub state: String,
    /// How many containers it has.
    pub containers: usize,
    /// In this state since: RFC 3339, UTC.
    pub since: String,
    /// Why it is not live, or what is wrong with what it says.
    pub reason: Option<String>,
    /// Whether its containers are kept on their own addresses, as renet found it when the daemon was started: `on`, or
    /// `none: ` and why; none: nobody has said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<String>,
}

/// How many there are of each protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// HTTP.
    pub http: usize,
    /// TCP.
    pub tcp: usize,
    /// UDP.
    pub udp: usize,
    /// All of them.
    pub total: usize,
}

/// How many findings there are of each severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingCounts {
    /// Something does not work.
    pub error: usize,
    /// Something will hardly do what was meant.
    pub warning: usize,
    /// Something could be better.
    pub info: usize,
}

/// The directory of what outlives the process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDirectory {
    /// Where.
    pub dir: String,
    /// Why the last write failed; none: it did not.
    pub error: Option<String>,
    /// What the start found amiss there, and what was done about it, as sentences.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What Traefik does with the document. But for the first field, all of it is what its API says, where the route server
/// was told to ask that.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraefikState {
    /// Seconds since it last asked for the document; none: never yet.
    pub last_poll_seconds: Option<u64>,
    /// Its version.
    pub version: Option<String>,
    /// The revision of the document that it has applied.
    pub applied_revision: Option<String>,
    /// How long it took to apply the newest document, or for how long it has not yet.
    pub lag_seconds: Option<f64>,
    /// The routers that it refuses, or takes otherwise than they are meant.
    pub refused: Vec<RefusedRouter>,
    /// Why its API cannot be asked.
    pub error: Option<String>,
}

/// A router of which Traefik's API says that something is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRouter {
    /// `http`, `tcp` or `udp`.
    pub protocol: String,
    /// Its name, without Traefik's `@http`.
    pub router: String,
    /// Traefik's own words.
    pub reason: String,
}

// === impl ProxyCheck ===

impl ProxyCheck {
    /// How many checks came to this.
    #[must_use]
    pub fn count(&self, severity: CheckSeverity) -> usize {
        self.checks.iter().filter(|check| check.severity == severity).count()
    }
}

// === impl Health ===

impl Health {
    /// The daemons that are not live, and those that say something odd.
    pub fn troubled_daemons(&self) -> impl Iterator<Item = &Daemon> {
        self.daemons.iter().filter(|daemon| daemon.state != "live" || daemon.reason.is_some())
    }
}
