use std::collections::{BTreeMap, BTreeSet};

use container_snapshot::Timestamp;
use repo_network::NetworkId;
use serde::{Deserialize, Serialize};

use crate::{hosts::HostPattern, table::Protocol};

/// Who owns what since when. An input and an output of synthesis: it stores transitions only, so it changes rarely,
/// and feeding it back changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Hosts (HTTP hosts, SNI and certificate names alike) and, where the operator assigned them, patterns such as
    /// `*.example.org` and `*`.
    pub hosts: BTreeMap<HostPattern, Claim>,
    /// TCP and UDP entry points.
    pub entry_points: BTreeMap<String, EntryPointClaims>,
    /// The ports that were allocated, in order of protocol and public port.
    pub ports: Vec<Allocation>,
    /// The names that certificates were asked for, by repository, with the time of the first asking.
    pub certificates: BTreeMap<NetworkId, BTreeMap<String, Timestamp>>,
}

/// One repository's right to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Whose it is.
    pub owner: NetworkId,
    /// Since when.
    pub since: Timestamp,
    /// Since when it is not used; none: it is in use, or it is not known because its daemon is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused_since: Option<Timestamp>,
    /// The operator assigned it; it is not released by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assigned: bool,
}

/// Who uses a TCP or UDP entry point.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EntryPointClaims {
    /// The one repository that has it for itself.
    pub exclusive: Option<Claim>,
    /// Those that share it, told apart by their SNI.
    pub shared: BTreeMap<NetworkId, Claim>,
}

/// A public port that was allocated to a service's port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Allocation {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The public port.
    pub public: u16,
    /// The repository.
    pub network_id: NetworkId,
    /// The service.
    pub service: String,
    /// The service's own port.
    pub port: u16,
    /// Since when.
    pub since: Timestamp,
    /// Since when it is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused_since: Option<Timestamp>,
}

/// What a synthesis used of the ledger.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) hosts: BTreeSet<HostPattern>,
    pub(crate) exclusive: BTreeSet<String>,
    pub(crate) shared: BTreeSet<(String, NetworkId)>,
    pub(crate) ports: BTreeSet<(Protocol, u16)>,
}

// === impl Claim ===

impl Claim {
    /// A claim by first use.
    #[must_use]
    pub fn new(owner: NetworkId, since: Timestamp) -> Self {
        Self { owner, since, unused_since: None, assigned: false }
    }
}

// === impl Ledger ===

impl Ledger {
    /// Gives a host or pattern to a repository, for good; whoever had it loses it. Returns whose it was.
    pub fn assign(&mut self, host: HostPattern, owner: NetworkId, now: Timestamp) -> Option<NetworkId> {
        let claim = Claim { assigned: true, ..Claim::new(owner, now) };
        self.hosts.insert(host, claim).map(|old| old.owner)
    }

    /// Takes a host or pattern back: the next to use it owns it. Returns whose it was.
    pub fn release(&mut self, host: &HostPattern) -> Option<NetworkId> {
        self.hosts.remove(host).map(|old| old.owner)
    }

    /// Forgets everything of a repository that is deleted.
    pub fn forget(&mut self, id: NetworkId) {
        self.hosts.retain(|_, claim| claim.owner != id);
        for claims in self.entry_points.values_mut() {
            claims.exclusive = claims.exclusive.filter(|claim| claim.owner != id);
            claims.shared.remove(&id);
        }
        self.entry_points.retain(|_, claims| !claims.is_empty());
        self.ports.retain(|allocation| allocation.network_id != id);
        self.certificates.remove(&id);
    }

    /// How many hosts each repository claimed by first use.
    pub(crate) fn owned(&self) -> BTreeMap<NetworkId, usize> {
        let mut owned = BTreeMap::new();
        for claim in self.hosts.values().filter(|claim| !claim.assigned) {
            *owned.entry(claim.owner).or_default() += 1;
        }
        owned
    }

    /// Notes what is used and since when the rest is not, and releases what nobody used for `claim_for`. A repository
    /// that is `lost` keeps everything as it is. Returns when the next claim is released.
    pub(crate) fn settle(
        &mut self,
        used: &Used,
        lost: &BTreeSet<NetworkId>,
        now: Timestamp,
        claim_for: std::time::Duration,
    ) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        let mut keep = |in_use: bool, owner: NetworkId, assigned: bool, unused_since: &mut Option<Timestamp>| {
            if in_use || lost.contains(&owner) {
                *unused_since = if in_use { None } else { *unused_since };
                return true;
            }
            let end = unused_since.get_or_insert(now).after(claim_for);
            if !assigned && now < end {
                next = Some(next.map_or(end, |next| next.min(end)));
            }
            assigned || now < end
        };
        self.hosts.retain(|host, it| keep(used.hosts.contains(host), it.owner, it.assigned, &mut it.unused_since));
        for (name, claims) in &mut self.entry_points {
            claims.exclusive = claims.exclusive.and_then(|mut it| {
                keep(used.exclusive.contains(name), it.owner, it.assigned, &mut it.unused_since).then_some(it)
            });
            claims.shared.retain(|id, it| {
                keep(used.shared.contains(&(name.clone(), *id)), it.owner, it.assigned, &mut it.unused_since)
            });
        }
        self.entry_points.retain(|_, claims| !claims.is_empty());
        self.ports.retain_mut(|it| {
            keep(used.ports.contains(&(it.protocol, it.public)), it.network_id, false, &mut it.unused_since)
        });
        next
    }
}

// === impl EntryPointClaims ===

impl EntryPointClaims {
    fn is_empty(&self) -> bool {
        self.exclusive.is_none() && self.shared.is_empty()
    }
}
