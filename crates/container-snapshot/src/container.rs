use std::{borrow::Borrow, collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A container's labels, sorted by key.
pub type Labels = BTreeMap<String, String>;

/// The most bytes that the routing labels of one container may have together; more is a [`Defect`].
pub const MAX_LABEL_BYTES: usize = 256 * 1024;

/// Docker's identifier of a container: 64 hexadecimal digits from a real daemon, anything from a false one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerId(Arc<str>);

/// One container, as `GET /containers/json` describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Docker's identifier.
    pub id: ContainerId,
    /// The name, without the leading slash; empty with [`Defect::NoName`].
    pub name: String,
    /// The labels that routing looks at: `rediacc.*`, `traefik.*` (in any case) and `com.docker.compose.*`.
    pub labels: Arc<Labels>,
    /// When it was created (Docker tells whole seconds).
    pub created: Timestamp,
    /// What it does at the moment.
    pub state: ContainerState,
    /// What its health check says.
    pub health: Health,
    /// `HostConfig.NetworkMode`: `host`, `none`, `container:<id>`, …
    pub network_mode: String,
    /// What is wrong with the description itself.
    pub defects: Vec<Defect>,
}

/// Docker's container states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerState {
    /// Made, not started.
    Created,
    /// Running; the only state that receives traffic.
    Running,
    /// Frozen by `docker pause`.
    Paused,
    /// Between two starts by its restart policy.
    Restarting,
    /// Being removed.
    Removing,
    /// Ended.
    Exited,
    /// Could not be removed.
    Dead,
    /// A word that no known Docker says.
    Unknown,
}

/// What a container's health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It has no health check.
    Unchecked,
    /// Not checked successfully yet.
    Starting,
    /// The last check succeeded.
    Healthy,
    /// The last checks failed.
    Unhealthy,
}

/// What is wrong with a container's description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Defect {
    /// The daemon gave no name.
    NoName,
    /// The routing labels have this many bytes, more than [`MAX_LABEL_BYTES`]; they were left out.
    LabelsTooLarge(usize),
}

// === impl ContainerId ===

impl ContainerId {
    /// The first twelve characters, as the docker command shows it.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }

    /// The whole identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ContainerId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for ContainerId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Borrow<str> for ContainerId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Container ===

impl Container {
    /// Whether it can answer: running, and healthy where it has a health check.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.state == ContainerState::Running && matches!(self.health, Health::Unchecked | Health::Healthy)
    }

    /// Whether routing looks at this label at all.
    #[must_use]
    pub fn is_routing_label(key: &str) -> bool {
        let starts_with = |prefix: &str| key.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        key.starts_with("rediacc.") || key.starts_with("com.docker.compose.") || starts_with("traefik.")
    }
}

impl ContainerState {
    /// From the word in Docker's `State`.
    #[must_use]
    pub fn from_docker(word: &str) -> Self {
        match word {
            "created" => Self::Created,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "restarting" => Self::Restarting,
            "removing" => Self::Removing,
            "exited" => Self::Exited,
            "dead" => Self::Dead,
            _ => Self::Unknown,
        }
    }

    /// Docker's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }
}

impl Health {
    /// From Docker's word for it, which daemons say since API 1.52; none for another word.
    #[must_use]
    pub fn from_docker(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::Unchecked),
            "starting" => Some(Self::Starting),
            "healthy" => Some(Self::Healthy),
            "unhealthy" => Some(Self::Unhealthy),
            _ => None,
        }
    }

    /// From Docker's `Status` text, which ends in `(healthy)`, `(unhealthy)` or `(health: starting)`
    /// where there is a health check; the list call says it nowhere else.
    #[must_use]
    pub fn from_status(status: &str) -> Self {
        if status.ends_with("(healthy)") {
            Self::Healthy
        } else if status.ends_with("(unhealthy)") {
            Self::Unhealthy
        } else if status.ends_with("(health: starting)") {
            Self::Starting
        } else {
            Self::Unchecked
        }
    }
}
