use std::fmt;

use container_snapshot::Container;
use repo_network::{NetworkId, Tier1};
use serde::{Serialize, Serializer};
use traefik_labels::{Code, Problem};

/// How much a [`Finding`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something that was asked for is not routed.
    Error,
    /// Something is routed, but surely not as it was meant.
    Warning,
    /// Something is as it should be, but people ask for it.
    Info,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of finding it is; stable, and explained in `docs/FINDINGS.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FindingCode {
            $($(#[$doc])* $name,)*
            /// A label that Traefik would refuse, or that is surely not meant; it keeps the code of the problem.
            Label(Code),
        }

        impl FindingCode {
            /// Every code of this crate, in order; those of labels are [`Code::ALL`].
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable text, e.g. `RS001`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Label(code) => code.as_str(),
                }
            }
        }
    };
}

codes! {
    /// A socket whose name gives no network ID.
    RefusedSocket = "RS001",
    /// A daemon that is not live.
    DaemonNotLive = "RS002",
    /// A container without a name.
    NoName = "RS003",
    /// A container whose labels are too large to be read.
    LabelsTooLarge = "RS004",
    /// A container that does not run.
    NotRunning = "RS005",
    /// A container of `docker compose run`.
    OneOff = "RS006",
    /// A container that its user switched off with `traefik.enable=false`.
    SwitchedOff = "RS007",
    /// `traefik.enable` with a value that is neither true nor false.
    EnableUnclear = "RS008",
    /// Labels of Traefik's without `traefik.enable=true`.
    EnableForgotten = "RS009",
    /// No `rediacc.service_ip`.
    NoServiceIp = "RS010",
    /// A `rediacc.service_ip` that is no address of the repository.
    ForeignServiceIp = "RS011",
    /// A `rediacc.network_id` that is not the daemon's.
    NetworkIdContradicted = "RS012",
    /// A service name that makes no DNS label.
    NoDnsLabel = "RS013",
    /// A `rediacc.service_port` that is no port.
    BadServicePort = "RS014",
    /// Auto-routes are off, because there is no base domain or no entry point for them.
    AutoRoutesOff = "RS015",
    /// A network mode in which nothing can be reached at the service's address.
    NetworkMode = "RS016",
    /// A router without a rule.
    NoRule = "RS017",
    /// A router that could belong to several services.
    AmbiguousService = "RS018",
    /// A service without a port.
    NoPort = "RS019",
    /// A port that is no number between 1 and 65535.
    BadPort = "RS020",
    /// A scheme other than `http`, `https` and `h2c`.
    BadScheme = "RS021",
    /// A server's URL or address in a label.
    ForeignBackend = "RS022",
    /// An entry point that does not exist.
    MissingEntryPoint = "RS023",
    /// A router that is left without an entry point.
    NoEntryPoint = "RS024",
    /// An entry point of another protocol.
    WrongEntryPoint = "RS025",
    /// A reference to something outside the repository.
    ForeignReference = "RS026",
    /// A reference to something that does not exist.
    DanglingReference = "RS027",
    /// A certificate resolver that does not exist.
    UnknownResolver = "RS028",
    /// A name that Traefik cannot refer to.
    BadName = "RS029",
    /// A name that an older container defines differently.
    Conflict = "RS030",
    /// A container that is not ready yet, or whose health check fails.
    NotReady = "RS031",
    /// The user switched the auto-route off and asked for nothing else.
    AutoRouteOff = "RS032",
    /// A service that needs a load balancer and has none.
    NoLoadBalancer = "RS033",
    /// A section that labels cannot share between repositories.
    NotShared = "RS034",
    /// Labels that define services or middlewares, and no router.
    NoRouter = "RS035",
    /// A host, SNI or certificate name that belongs to somebody else.
    HostTaken = "RS036",
    /// A rule that can match without an exact host, or a wildcard that was not granted.
    NotPinned = "RS037",
    /// An entry point that somebody else has, or shares.
    EntryPointTaken = "RS038",
    /// More new certificate names than a repository may ask for.
    TooManyCertificates = "RS039",
    /// No public port is left to allocate.
    NoPortLeft = "RS040",
    /// An address that Traefik would connect to for a label, and must not.
    ForeignAddress = "RS041",
    /// A plugin: code that runs in everybody's Traefik.
    Plugin = "RS042",
    /// A file of the host.
    HostFile = "RS043",
    /// A value with which one router could stop or exhaust everybody's Traefik.
    Hazard = "RS044",
    /// More middlewares than is good for anybody, once chains are written out.
    TooManyMiddlewares = "RS045",
    /// Something that no document can say.
    Unsayable = "RS046",
    /// More hosts than one repository may own.
    TooManyHosts = "RS047",
    /// Nothing listens where a backend is declared.
    NobodyListens = "RS050",
    /// A listener on every address receives what is meant for a backend.
    WildcardListener = "RS051",
    /// The backend's port has a listener on another address of the repository, or on localhost.
    OtherAddressListens = "RS052",
    /// The backend's address has listeners, on other ports.
    OtherPortListens = "RS053",
    /// Somebody else listens where a backend is declared; it is withheld.
    StrangerListens = "RS054",
    /// What has to outlive the route server could not be read, or cannot be written.
    StateDirectory = "RS060",
    /// Traefik does not take a router, or takes it otherwise than it is meant.
    TraefikRefuses = "RS061",
    /// Traefik's API does not say what it has applied, or Traefik is too old.
    TraefikUnclear = "RS062",
}

/// What a finding is about; what is not known is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Subject {
    /// The repository.
    pub network_id: Option<NetworkId>,
    /// The container's name.
    pub container: String,
    /// The service's name.
    pub service: String,
    /// The label.
    pub label: String,
}

/// Something that is not as it was meant, for the people who can change it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Finding {
    /// What kind.
    pub code: FindingCode,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// What is the matter.
    pub message: String,
    /// What to do, where that can be said.
    pub hint: Option<String>,
}

// === impl FindingCode ===

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FindingCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

// === impl Finding ===

impl Finding {
    /// A finding without a hint.
    #[must_use]
    pub fn new(code: FindingCode, severity: Severity, subject: Subject, message: impl Into<String>) -> Self {
        Self { code, severity, subject, message: message.into(), hint: None }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// About a label.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.subject.label = label.into();
        self
    }

    /// From a problem of a container's labels.
    #[must_use]
    pub fn from_problem(problem: &Problem, subject: Subject) -> Self {
        let severity = match problem.severity {
            traefik_labels::Severity::Error => Severity::Error,
            traefik_labels::Severity::Warning => Severity::Warning,
        };
        let finding = Self::new(FindingCode::Label(problem.code), severity, subject, problem.message.clone());
        Self { hint: problem.hint.clone(), ..finding.label(problem.label.clone()) }
    }
}

impl fmt::Display for Finding {
    /// One line: severity, code, where, what, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        write!(f, "{severity}[{}]", self.code)?;
        if let Some(id) = self.subject.network_id {
            write!(f, " {id}")?;
        }
        if !self.subject.container.is_empty() {
            write!(f, " {}", self.subject.container.escape_debug())?;
        }
        if !self.subject.label.is_empty() {
            write!(f, " {}", self.subject.label.escape_debug())?;
        }
        write!(f, ": {}", one_line(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, " ({})", one_line(hint)),
            None => Ok(()),
        }
    }
}

/// A text without what would end the line or steer a terminal: labels may hold anything.
fn one_line(text: &str) -> String {
    let steers = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

// === impl Subject ===

impl Subject {
    /// A repository as a whole.
    #[must_use]
    pub fn repository(id: NetworkId) -> Self {
        Self { network_id: Some(id), ..Self::default() }
    }

    /// One of its containers.
    #[must_use]
    pub fn container(id: NetworkId, container: &Container) -> Self {
        let service = Tier1::of(&container.labels).service_name().unwrap_or_default().to_owned();
        let name = if container.name.is_empty() { container.id.short() } else { &container.name };
        Self { container: name.to_owned(), service, ..Self::repository(id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        let codes: Vec<_> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "{codes:?}");
    }
}
