//! The loopback fence of a repository: what is put on its control groups, and when.
//!
//! The guard stands on the repository's group before its daemons start. A service's group and what belongs on that are
//! made when compose is about to start it, and again for every known service when the daemons start, since containers may
//! come back by themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::Ipv4Addr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use command_line::{Failure, chain};
use compose_inject::{Allowed, FenceMode};
use loopback_fence::{FenceError, Policy, Role, State, attach, detach, resolvers, state};
use repo_lifecycle::Daemon;
use repo_network::{NetworkId, Slot, SlotFile};
use serde::{Deserialize, Serialize};

use super::namespaces::{self, DAEMON};
use crate::{
    compose,
    files::{fault, read, replace},
    paths::Paths,
    repository::SLOT_FILE,
};

/// Below the repository's root: which services asked for something else than the usual fence. What of it holds is for the
/// operator to say, each time anew.
const MODES: &str = ".rediacc/fence.json";
/// Where the machine says whom it asks for names.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The modes of services, by slot.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Modes {
    lan: BTreeSet<Slot>,
    off: BTreeSet<Slot>,
}

/// The fence of one repository.
pub(crate) struct Fence {
    id: NetworkId,
    root: PathBuf,
    /// Its control group; none: it is not up.
    group: Option<PathBuf>,
    resolvers: Vec<Ipv4Addr>,
    allowed: Allowed,
}

/// What a machine does with fences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is there.
    Fenced,
    /// It is not, and why.
    Not(String),
}

// === impl Fence ===

impl Fence {
    pub(crate) fn of(id: NetworkId, root: &Path) -> Result<Self, Failure> {
        let group = namespaces::noted_group(id)?.filter(|group| group.is_dir());
        let text = fs::read_to_string(RESOLV_CONF).unwrap_or_default();
        // A file of the operator's that cannot be taken allows nothing, and takes no fence away; compose says what is wrong.
        let allowed = compose::allowed(root).unwrap_or_default();
        Ok(Self { id, root: root.to_owned(), group, resolvers: resolvers(&text), allowed })
    }

    /// Whether its services are fenced.
    pub(crate) fn standing(&self) -> Standing {
        let looked = match &self.group {
            // Of another policy, as after a change of what the operator allows, it is a fence all the same.
            Some(group) => state(group, &self.guard(group)).map(|state| state != State::Absent),
            None => return Standing::Not("its daemon does not run, or was not started by renet".to_owned()),
        };
        match looked {
            Ok(true) => Standing::Fenced,
            Ok(false) => {
                Standing::Not("its daemon was started without one; renet repo unmount and up start it anew".to_owned())
            }
            Err(error) => Standing::Not(chain(&error)),
        }
    }

    /// The same, for whoever is about to start services: with the fence that the repository had when its daemon started, or
    /// not at all. Without a slot they would be made anew, and could bind nothing.
    pub(crate) fn is_there(&self) -> Result<bool, Failure> {
        match self.standing() {
            Standing::Fenced => Ok(true),
            Standing::Not(reason)
                if self.group.is_some() && self.noted()?.is_some_and(|text| text.starts_with("on")) =>
            {
                Err(Failure::Runtime(format!("the repository is fenced, and its fence cannot be seen: {reason}")))
            }
            Standing::Not(_) => Ok(false),
        }
    }

    fn noted(&self) -> Result<Option<String>, Failure> {
        read(&note_file(self.id))
    }

    /// A second layer for a unit of systemd's: what its processes send to 127/8 by raw sockets and the like, which the
    /// programs do not see. None where a service may have no fence, or a wider one.
    pub(crate) fn packet_filter(&self) -> Option<String> {
        if self.allowed.fence(FenceMode::Lan) {
            return None;
        }
        let mut allowed = vec![format!("{}/26", self.id.network()), "127.0.0.1".to_owned()];
        allowed.extend(self.resolvers.iter().filter(|it| **it != Ipv4Addr::LOCALHOST).map(ToString::to_string));
        Some(format!("IPAddressDeny=127.0.0.0/8\nIPAddressAllow={}\n", allowed.join(" ")))
    }

    /// Says how it stands, for the route server, which may not ask the kernel.
    pub(crate) fn note(&self, standing: &Standing) -> Result<(), Failure> {
        let file = note_file(self.id);
        let run = file.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(run).map_err(fault("create", run))?;
        let text = match standing {
            Standing::Fenced => "on\n".to_owned(),
            Standing::Not(reason) => format!("none: {reason}\n"),
        };
        replace(&file, &text, 0o644)
    }

    /// What is on the group of each service that has one.
    pub(crate) fn services(&self) -> Result<Vec<(Slot, &'static str)>, Failure> {
        let Some(group) = &self.group else { return Ok(Vec::new()) };
        let modes = self.modes();
        let entries = fs::read_dir(group).map_err(fault("read", group))?.filter_map(Result::ok);
        let slots = entries.filter_map(|entry| Slot::of_control_group(entry.file_name().to_str()?));
        let mut all: Vec<_> = slots.collect();
        all.sort();
        let look = |slot: Slot| {
            let mode = modes.of(slot);
            let policy = self.policy(Role::Slot(slot), mode == FenceMode::Lan);
            let state = state(&group.join(slot.control_group()), &policy).map_err(failure)?;
            Ok((
                slot,
                match (state, mode) {
                    (State::Whole, FenceMode::Lan) => "lan",
                    (State::Whole, _) => "on",
                    (State::Absent, FenceMode::Off) => "off",
                    (State::Absent, _) => "refused only",
                    (State::Other, _) => "of before",
                },
            ))
        };
        all.into_iter().map(look).collect()
    }

    /// Puts up the guard, and what belongs on the groups of all services that are known. The guard comes first: nothing
    /// that stands in the repository keeps it from being there.
    pub(crate) fn put_up(&self) -> Result<(), Failure> {
        let Some(group) = &self.group else { return Ok(()) };
        let daemon = group.join(DAEMON);
        fs::create_dir_all(&daemon).map_err(fault("create", &daemon))?;
        let modes = self.modes();
        for slot in &modes.off {
            self.make(*slot)?;
        }
        attach(group, &self.guard(group)).map_err(failure)?;
        let rest = group.join(Daemon::CONTAINERS);
        fs::create_dir_all(&rest).map_err(fault("create", &rest))?;
        attach(&rest, &self.policy(Role::Rest, false)).map_err(failure)?;
        let slots = match read(&self.root.join(SLOT_FILE))? {
            Some(text) => SlotFile::parse(&text).map_err(|error| Failure::usage(SLOT_FILE, &error))?,
            None => SlotFile::default(),
        };
        slots.services().try_for_each(|(_, slot)| self.put_up_slot(slot, modes.of(slot)))
    }

    /// Before compose starts services: their groups, as they are to be from now on.
    pub(crate) fn put_up_for(&self, services: &BTreeMap<Slot, FenceMode>) -> Result<(), Failure> {
        let Some(group) = &self.group else { return Ok(()) };
        let before = self.modes();
        let mut modes = before.clone();
        for (slot, mode) in services {
            modes.set(*slot, *mode);
        }
        if modes != before {
            let text = serde_json::to_string(&modes).map_err(|error| Failure::runtime(MODES, &error))?;
            replace(&self.root.join(MODES), &text, 0o600)?;
        }
        for slot in services.keys() {
            self.make(*slot)?;
        }
        // It knows the groups that have no fence.
        attach(group, &self.guard(group)).map_err(failure)?;
        services.iter().try_for_each(|(slot, mode)| self.put_up_slot(*slot, *mode))
    }

    /// What asked for something else and may have it.
    fn modes(&self) -> Modes {
        // One that cannot be read asks for nothing.
        let text = read(&self.root.join(MODES)).ok().flatten().unwrap_or_default();
        let mut modes: Modes = serde_json::from_str(&text).unwrap_or_default();
        if !self.allowed.fence(FenceMode::Lan) {
            modes.lan.clear();
        }
        if !self.allowed.fence(FenceMode::Off) {
            modes.off.clear();
        }
        modes
    }

    fn policy(&self, role: Role, lan: bool) -> Policy {
        let host_ports = self.allowed.host_ports.clone();
        Policy { resolvers: self.resolvers.clone(), host_ports, lan, ..Policy::new(self.id, role) }
    }

    fn guard(&self, group: &Path) -> Policy {
        let modes = self.modes();
        // A group that is not there lets nobody out.
        let inode = |name: &str| fs::metadata(group.join(name)).map(|it| it.ino()).ok();
        let off = modes.off.iter().filter_map(|slot| inode(&slot.control_group())).collect();
        self.policy(Role::Guard { daemon: inode(DAEMON), off }, !modes.lan.is_empty())
    }

    fn make(&self, slot: Slot) -> Result<Option<PathBuf>, Failure> {
        let Some(group) = &self.group else { return Ok(None) };
        let group = group.join(slot.control_group());
        fs::create_dir_all(&group).map_err(fault("create", &group))?;
        Ok(Some(group))
    }

    fn put_up_slot(&self, slot: Slot, mode: FenceMode) -> Result<(), Failure> {
        let Some(group) = self.make(slot)? else { return Ok(()) };
        if mode == FenceMode::Off && self.allowed.fence(mode) {
            return detach(&group).map(drop).map_err(failure);
        }
        let lan = mode == FenceMode::Lan && self.allowed.fence(mode);
        attach(&group, &self.policy(Role::Slot(slot), lan)).map_err(failure)
    }
}

// === impl Modes ===

impl Modes {
    fn of(&self, slot: Slot) -> FenceMode {
        if self.off.contains(&slot) {
            FenceMode::Off
        } else if self.lan.contains(&slot) {
            FenceMode::Lan
        } else {
            FenceMode::On
        }
    }

    fn set(&mut self, slot: Slot, mode: FenceMode) {
        for (set, own) in [(&mut self.lan, FenceMode::Lan), (&mut self.off, FenceMode::Off)] {
            if mode == own {
                set.insert(slot)
            } else {
                set.remove(&slot)
            };
        }
    }
}

/// Where it is noted whether a repository is fenced; the route server reads it too.
pub(super) fn note_file(id: NetworkId) -> PathBuf {
    Paths::of_this_machine().run().join(id.to_string()).join("fence")
}

fn failure(error: FenceError) -> Failure {
    Failure::Runtime(chain(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_services_asked_for_counts_as_far_as_it_is_allowed() {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir_all(scratch.path().join(".rediacc")).unwrap();
        fs::write(scratch.path().join(MODES), r#"{"lan": [1], "off": [2], "more": 3}"#).unwrap();
        let modes = |words: &[&str]| {
            let allowed = Allowed { fence: words.iter().map(ToString::to_string).collect(), ..Allowed::default() };
            let id = "2816".parse().unwrap();
            let fence = Fence { id, root: scratch.path().to_owned(), group: None, resolvers: Vec::new(), allowed };
            [0_u64, 1, 2].map(|slot| fence.modes().of(slot.try_into().unwrap()))
        };
        use FenceMode::{Lan, Off, On};
        assert_eq!(modes(&[]), [On, On, On]);
        assert_eq!(modes(&["lan"]), [On, Lan, On]);
        assert_eq!(modes(&["off"]), [On, Lan, Off], "who may have none may have a wider one");
        fs::write(scratch.path().join(MODES), "nonsense").unwrap();
        assert_eq!(modes(&["lan", "off"]), [On, On, On]);
    }
}
