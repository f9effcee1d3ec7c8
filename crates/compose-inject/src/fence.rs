//! Which control group a service gets, on a machine that fences its repositories.

use std::collections::BTreeMap;

use repo_network::{FENCE, Slot};
use serde::Serialize;

use crate::{Model, NetworkMode, Problem, ProblemCode, Service, Severity};

/// So long chains of `network_mode: service:…` are followed.
const MAX_CHAIN: usize = 16;

/// What a service's label says about the fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FenceMode {
    /// Nothing: it is fenced.
    On,
    /// It may bind the machine's other addresses, and UDP ports on all of them.
    Lan,
    /// It has no fence.
    Off,
}

/// How a service is fenced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fence {
    /// Whose control group it gets: its own, or that of the service whose network it shares.
    pub slot: Slot,
    /// How.
    pub mode: FenceMode,
    /// Whether raw sockets, which pass the fence, are taken from it.
    #[serde(skip)]
    pub(crate) drops_raw: bool,
}

// === impl Fence ===

impl Fence {
    /// The control group, as the repository's daemon sees it.
    #[must_use]
    pub fn group(&self) -> String {
        format!("/{}", self.slot.control_group())
    }
}

// === impl FenceMode ===

impl FenceMode {
    /// None: no such word.
    #[must_use]
    pub fn of_label(text: &str) -> Option<Self> {
        match text {
            "" | "on" => Some(Self::On),
            "lan" => Some(Self::Lan),
            "off" => Some(Self::Off),
            _ => None,
        }
    }

    /// Of a service's labels.
    fn of(labels: &BTreeMap<String, String>) -> Option<Self> {
        labels.get(FENCE).map_or(Some(Self::On), |text| Self::of_label(text))
    }
}

/// The fence of each service that gets one.
pub(crate) fn fences(model: &Model, slot: impl Fn(&str) -> Option<Slot>) -> BTreeMap<&str, Fence> {
    let fence = |name: &str, service: &Service| {
        if service.network_mode == NetworkMode::None || service.cgroup_parent.is_some() {
            return None;
        }
        // localhost is that of the service whose network it is in.
        let mut owner = name;
        for _ in 0..MAX_CHAIN {
            match model.services.get(owner).map(|service| &service.network_mode) {
                Some(NetworkMode::Service(other)) => owner = other,
                _ => break,
            }
        }
        // And so is what may be done there.
        let labels = &model.services.get(owner).unwrap_or(service).labels;
        let mode = FenceMode::of(labels).unwrap_or(FenceMode::On);
        let drops_raw = mode != FenceMode::Off && !service.wants_raw;
        Some(Fence { slot: slot(owner).or_else(|| slot(name))?, mode, drops_raw })
    };
    model.services.iter().filter_map(|(name, service)| Some((name.as_str(), fence(name, service)?))).collect()
}

/// What of it will not be as it was meant.
pub(crate) fn problems(model: &Model) -> impl Iterator<Item = Problem> + '_ {
    model.services.iter().flat_map(|(name, service)| [own_group(name, service), unknown_word(name, service)]).flatten()
}

fn own_group(name: &str, service: &Service) -> Option<Problem> {
    let group = service.cgroup_parent.as_ref()?;
    Some(Problem::of_service(
        Severity::Warning,
        ProblemCode::ControlGroup,
        name,
        "cgroup_parent",
        &format!("in control group {group} of its own it can bind its own address alone, and not 0.0.0.0 or localhost"),
        "remove cgroup_parent, or let it listen on its own address",
    ))
}

fn unknown_word(name: &str, service: &Service) -> Option<Problem> {
    let word = service.labels.get(FENCE).filter(|word| !word.contains('$') && FenceMode::of_label(word).is_none())?;
    Some(Problem::of_service(
        Severity::Warning,
        ProblemCode::FenceWord,
        name,
        "labels",
        &format!("{FENCE} is {word:?}, which means nothing; the service is fenced"),
        "write off or lan, or remove the label",
    ))
}
