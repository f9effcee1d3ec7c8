use std::{collections::BTreeMap, sync::Arc, time::Duration};

use repo_network::{NetworkId, Tier1};
use serde::{Deserialize, Serialize};

use crate::{Container, ContainerId, ContainerState, Listeners, Timestamp};

/// The most containers of a daemon that are remembered although it no longer has them, and the most bytes of their
/// labels: whoever lists other ones every second costs no more.
const MAX_REMEMBERED: usize = 1000;
const MAX_REMEMBERED_BYTES: usize = 16 << 20;

/// What discovery says about one daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Its socket exists; nothing is known yet.
    Found {
        /// The path that is used.
        socket: String,
    },
    /// All its containers, in any order: what is not among them is removed.
    Listed(Vec<Container>),
    /// What it said when asked for these containers only: those not among the answers are removed.
    Changed {
        /// The containers that were asked for.
        asked: Vec<ContainerId>,
        /// The ones that exist.
        found: Vec<Container>,
    },
    /// It says that these ended. Whether they did, and what became of them, the next answer about them says; but nothing
    /// is to be sent to them meanwhile.
    Ended(Vec<ContainerId>),
    /// It does not answer, or not sensibly.
    Lost {
        /// What went wrong, for people.
        reason: String,
    },
    /// Its socket file is gone.
    Vanished,
}

/// How a daemon's view is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// It has not listed its containers yet.
    Connecting,
    /// The view is what the daemon says.
    Live,
    /// The daemon is lost: the view is the last good one.
    Stale,
    /// The socket is gone: the view is the last good one.
    Gone,
}

/// One container of a view, with what the store remembers about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// As the daemon last described it.
    pub container: Arc<Container>,
    /// Since when it does not run although it did; since when it exists, of one that was not seen running.
    pub down_since: Option<Timestamp>,
    /// Since when it is seen running.
    #[serde(default)]
    pub up_since: Option<Timestamp>,
    /// The daemon no longer has it; it is remembered until [`Store::prune`] drops it.
    pub removed: bool,
}

/// One daemon's last good view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonView {
    /// The path of its socket.
    pub socket: String,
    /// How the view is to be taken.
    pub link: Link,
    /// Since when `link` is what it is.
    pub since: Timestamp,
    /// Why it is not live, for people.
    pub reason: Option<String>,
    /// Its containers.
    pub containers: BTreeMap<ContainerId, Tracked>,
}

/// Everything that the daemons of the machine said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// By network ID, which the socket's name gives. Shared, so that keeping a snapshot costs little however many
    /// containers there are.
    pub daemons: BTreeMap<NetworkId, Arc<DaemonView>>,
    /// Socket paths that name no network, with the reason.
    pub refused_sockets: BTreeMap<String, String>,
    /// Who listens where, when that was read; it holds for the moment only and is not kept.
    #[serde(skip)]
    pub listeners: Option<Listeners>,
}

/// The one writer of a [`Snapshot`].
#[derive(Debug, Clone, Default)]
pub struct Store {
    snapshot: Snapshot,
}

// === impl Tracked ===

impl Tracked {
    fn new(container: Container, previous: Option<&Self>, now: Timestamp) -> Self {
        let running = container.state == ContainerState::Running;
        // Of one that nobody has seen run, nobody knows when it ended: it may be days ago, and routes that nobody misses
        // are not kept for it. When it was made is certain.
        let unseen = if previous.is_some() { now } else { container.created.min(now) };
        let down_since = (!running).then(|| previous.and_then(|old| old.down_since).unwrap_or(unseen));
        let up_since = running.then(|| previous.and_then(|old| old.up_since).unwrap_or(now));
        let container = match previous {
            Some(old) if *old.container == container => old.container.clone(),
            _ => Arc::new(container),
        };
        Self { container, down_since, up_since, removed: false }
    }

    /// Whether it is seen to listen, or somebody on its address.
    #[must_use]
    pub fn is_heard(&self, listeners: &Listeners) -> bool {
        !self.removed && listeners.has(Tier1::of(&self.container.labels).service_ip(), &self.container.id)
    }

    fn into_removed(mut self, now: Timestamp) -> Self {
        self.down_since.get_or_insert(now);
        self.up_since = None;
        self.removed = true;
        self
    }
}

// === impl Store ===

impl Store {
    /// A store that begins with what an earlier process knew. Nothing of it is confirmed: a daemon that was live is
    /// stale from now on, and one that had been lost already is lost for as long as it was then.
    ///
    /// The last thing that happened counts as if it happened now. So the machine's clock, which may have been set between the
    /// two processes, moves nothing; and what was waited for is waited for a little longer.
    #[must_use]
    pub fn restored(mut snapshot: Snapshot, now: Timestamp) -> Self {
        snapshot.listeners = None;
        snapshot.daemons.retain(|_, view| !view.containers.is_empty());
        let newest = snapshot.daemons.values().filter_map(|view| view.times().max()).max().unwrap_or(now);
        for view in snapshot.daemons.values_mut() {
            for time in Arc::make_mut(view).times_mut() {
                *time = now.before(newest.since(*time));
            }
        }
        for view in snapshot.daemons.values_mut().filter(|view| view.link != Link::Gone) {
            let reason = "it has not confirmed yet what it said before the route server's restart";
            Arc::make_mut(view).turn(Link::Stale, Some(reason.to_owned()), now);
        }
        Self { snapshot }
    }

    /// The view as it is now.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Takes in what discovery says of one daemon. Returns whether the snapshot changed, so that
    /// a relist that finds nothing new costs nothing further down the line.
    pub fn apply(&mut self, id: NetworkId, event: Event, now: Timestamp) -> bool {
        match event {
            Event::Found { socket } => self.found(id, socket, now),
            Event::Listed(containers) => self.listed(id, containers, now),
            Event::Changed { asked, found } => self.changed(id, &asked, found, now),
            Event::Ended(ids) => self.ended(id, &ids, now),
            Event::Lost { reason } => self.lost(id, reason, now),
            Event::Vanished => self.vanished(id, now),
        }
    }

    /// Replaces the list of socket paths that name no network. Returns whether it changed.
    pub fn refuse_sockets(&mut self, refused: BTreeMap<String, String>) -> bool {
        let changed = self.snapshot.refused_sockets != refused;
        self.snapshot.refused_sockets = refused;
        changed
    }

    /// Replaces what is known of who listens where. Returns whether it changed.
    pub fn set_listeners(&mut self, listeners: Option<Listeners>) -> bool {
        let changed = self.snapshot.listeners != listeners;
        self.snapshot.listeners = listeners;
        changed
    }

    /// Forgets what a daemon said: its repository is deleted. One that is there after all is listed anew. Returns whether
    /// it changed anything.
    pub fn forget(&mut self, id: NetworkId, now: Timestamp) -> bool {
        let Some(view) = self.snapshot.daemons.get_mut(&id) else { return false };
        if view.link == Link::Gone {
            return self.snapshot.daemons.remove(&id).is_some();
        }
        let view = Arc::make_mut(view);
        view.containers.clear();
        view.turn(Link::Connecting, None, now);
        true
    }

    /// Forgets containers that are removed for longer than `grace`, and daemons whose socket is gone for longer than
    /// `stale_for` when nobody of theirs listens (without containers: than `grace`); what synthesis no longer shows need
    /// not be kept.
    pub fn prune(&mut self, now: Timestamp, grace: Duration, stale_for: Duration) -> bool {
        let mut changed = false;
        let Snapshot { daemons, listeners, .. } = &mut self.snapshot;
        daemons.retain(|_, view| {
            let patience = if view.containers.is_empty() { grace } else { stale_for };
            let keep = view.link != Link::Gone || now.since(view.since) < patience || view.is_heard(listeners.as_ref());
            changed |= !keep;
            keep
        });
        let is_over =
            |tracked: &Tracked| tracked.removed && tracked.down_since.is_none_or(|since| now.since(since) >= grace);
        for view in self.snapshot.daemons.values_mut() {
            if view.containers.values().any(is_over) {
                Arc::make_mut(view).containers.retain(|_, tracked| !is_over(tracked));
                changed = true;
            }
        }
        changed
    }

    fn found(&mut self, id: NetworkId, socket: String, now: Timestamp) -> bool {
        let view = self.snapshot.daemons.entry(id).or_insert_with(|| {
            Arc::new(DaemonView {
                socket: socket.clone(),
                link: Link::Gone,
                since: now,
                reason: None,
                containers: BTreeMap::new(),
            })
        });
        let view = Arc::make_mut(view);
        view.socket = socket;
        if view.link == Link::Gone {
            let link = if view.containers.is_empty() { Link::Connecting } else { Link::Stale };
            view.turn(link, None, now);
        }
        true
    }

    fn listed(&mut self, id: NetworkId, containers: Vec<Container>, now: Timestamp) -> bool {
        let Some(view) = self.snapshot.daemons.get_mut(&id) else { return false };
        let view = Arc::make_mut(view);
        let mut old = std::mem::take(&mut view.containers);
        let mut changed = view.turn(Link::Live, None, now);
        for container in containers {
            let id = container.id.clone();
            let previous = old.remove(&id);
            let tracked = Tracked::new(container, previous.as_ref(), now);
            changed |= previous.as_ref() != Some(&tracked);
            view.containers.insert(id, tracked);
        }
        for (id, tracked) in old {
            changed |= !tracked.removed;
            view.containers.insert(id, tracked.into_removed(now));
        }
        view.forget_the_longest_gone();
        changed
    }

    fn changed(&mut self, id: NetworkId, asked: &[ContainerId], found: Vec<Container>, now: Timestamp) -> bool {
        let Some(view) = self.snapshot.daemons.get_mut(&id) else { return false };
        let view = Arc::make_mut(view);
        let mut changed = view.turn(Link::Live, None, now);
        let mut missing: Vec<_> = asked.iter().collect();
        for container in found {
            let id = container.id.clone();
            missing.retain(|asked| **asked != id);
            let previous = view.containers.get(&id);
            let tracked = Tracked::new(container, previous, now);
            if previous != Some(&tracked) {
                changed = true;
                view.containers.insert(id, tracked);
            }
        }
        for id in missing {
            if let Some(tracked) = view.containers.get_mut(id).filter(|tracked| !tracked.removed) {
                changed = true;
                *tracked = tracked.clone().into_removed(now);
            }
        }
        view.forget_the_longest_gone();
        changed
    }

    fn ended(&mut self, id: NetworkId, ended: &[ContainerId], now: Timestamp) -> bool {
        let Some(view) = self.snapshot.daemons.get_mut(&id) else { return false };
        let runs = |tracked: &Tracked| !tracked.removed && tracked.container.state == ContainerState::Running;
        let running: Vec<_> = ended.iter().filter(|id| view.containers.get(*id).is_some_and(runs)).collect();
        if running.is_empty() {
            return false;
        }
        let view = Arc::make_mut(view);
        for id in running {
            if let Some(tracked) = view.containers.get_mut(id) {
                let ended = Container { state: ContainerState::Exited, ..Container::clone(&tracked.container) };
                *tracked = Tracked::new(ended, Some(tracked), now);
            }
        }
        true
    }

    fn lost(&mut self, id: NetworkId, reason: String, now: Timestamp) -> bool {
        let Some(view) = self.snapshot.daemons.get_mut(&id) else { return false };
        let view = Arc::make_mut(view);
        let link = match view.link {
            Link::Connecting => Link::Connecting,
            Link::Live | Link::Stale | Link::Gone => Link::Stale,
        };
        view.turn(link, Some(reason), now)
    }

    fn vanished(&mut self, id: NetworkId, now: Timestamp) -> bool {
        let Some(view) = self.snapshot.daemons.get_mut(&id) else { return false };
        if view.link == Link::Connecting {
            return self.snapshot.daemons.remove(&id).is_some();
        }
        Arc::make_mut(view).turn(Link::Gone, Some("its socket is gone".to_owned()), now)
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// The same without who listens where, which holds for the moment only. Costs little: the views are shared.
    #[must_use]
    pub fn without_listeners(&self) -> Self {
        Self { daemons: self.daemons.clone(), refused_sockets: self.refused_sockets.clone(), listeners: None }
    }
}

// === impl DaemonView ===

impl DaemonView {
    /// Changes the link, keeping `since` when it is the same; returns whether anything changed.
    fn turn(&mut self, link: Link, reason: Option<String>, now: Timestamp) -> bool {
        let changed = self.link != link || self.reason != reason;
        if self.link != link {
            self.since = now;
        }
        self.link = link;
        self.reason = reason;
        changed
    }

    /// Every time that the store noted.
    fn times(&self) -> impl Iterator<Item = Timestamp> {
        let tracked = self.containers.values().flat_map(|tracked| [tracked.down_since, tracked.up_since]);
        tracked.flatten().chain([self.since])
    }

    fn times_mut(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        let tracked = self.containers.values_mut();
        let tracked = tracked.flat_map(|tracked| [&mut tracked.down_since, &mut tracked.up_since]);
        tracked.flatten().chain([&mut self.since])
    }

    fn forget_the_longest_gone(&mut self) {
        let gone = self.containers.iter().filter(|(_, tracked)| tracked.removed);
        let size =
            |tracked: &Tracked| tracked.container.labels.iter().map(|(key, value)| key.len() + value.len()).sum();
        let (count, bytes) = gone.clone().fold((0, 0), |(count, bytes): (usize, usize), (_, it)| {
            let size: usize = size(it);
            (count + 1, bytes + size)
        });
        if count <= MAX_REMEMBERED && bytes <= MAX_REMEMBERED_BYTES {
            return;
        }
        let mut gone: Vec<_> = gone.map(|(id, tracked)| (tracked.down_since, id.clone(), size(tracked))).collect();
        gone.sort_unstable();
        let mut kept_bytes = 0;
        for (nth, (_, id, size)) in gone.into_iter().rev().enumerate() {
            kept_bytes += size;
            if nth >= MAX_REMEMBERED || kept_bytes > MAX_REMEMBERED_BYTES {
                self.containers.remove(&id);
            }
        }
    }

    /// Whether a container of it is seen to listen: it may well serve, whatever its daemon does.
    fn is_heard(&self, listeners: Option<&Listeners>) -> bool {
        let Some(listeners) = listeners else { return false };
        self.containers.values().any(|tracked| tracked.is_heard(listeners))
    }

    /// How many containers the daemon has, without the ones that are only remembered.
    #[must_use]
    pub fn container_count(&self) -> usize {
        self.containers.values().filter(|tracked| !tracked.removed).count()
    }
}

#[cfg(test)]
mod tests;
