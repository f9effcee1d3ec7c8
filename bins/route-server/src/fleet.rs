use std::{collections::BTreeSet, sync::Arc, time::Duration};

use container_snapshot::{Event, Snapshot, Store};
use docker_discovery::Message;
use repo_network::NetworkId;
use route_api::{Answer, Claims, Repository};
use route_http::Phase;
use route_synthesis::Policy;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, interval, sleep_until},
};

use crate::{
    clock::{now, steady, wall},
    control::{self, Command, Order, Reply},
    listeners::ListenerWatch,
    published::Pulse,
    publisher::{Made, Publisher},
    state::Saver,
    systemd::Notifier,
};

/// Changes that come this soon after Traefik was given something new are published together.
const COALESCE: Duration = Duration::from_millis(50);
/// But no change waits longer than this.
const COALESCE_CAP: Duration = Duration::from_millis(500);

/// The one writer: takes in what discovery says and publishes what follows.
pub(crate) struct Fleet {
    store: Store,
    publisher: Publisher,
    saver: Saver,
    /// Has every daemon list everything now.
    refresh: Arc<Notify>,
    grace: Duration,
    stale_for: Duration,
    start: Start,
    /// What the daemons had said before the start is known.
    restored: bool,
    /// All daemons that were there at the beginning are known.
    scanned: bool,
    /// Those of them that have not listed their containers yet.
    waiting: BTreeSet<NetworkId>,
    /// Those that were there at the beginning.
    found: BTreeSet<NetworkId>,
    /// Some daemon has listed its containers since the start.
    heard: bool,
    /// Who listens where backends are.
    watch: ListenerWatch,
    notifier: Notifier,
}

/// How long a view that is not full is not served.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// From then on what is known of each daemon, now or from before the start, is as much as will come.
    pub(crate) first_view: Instant,
    /// From then on what was published before the start counts no longer.
    pub(crate) stale: Instant,
}

/// When the next publishing is due, and since when a change waits for it.
#[derive(Default)]
struct Due {
    at: Option<Instant>,
    first_change: Option<Instant>,
    /// Until then a change waits for others.
    busy_until: Option<Instant>,
}

// === impl Fleet ===

impl Fleet {
    /// Begins with what the daemons had said before the start, if that is known.
    pub(crate) fn new(
        publisher: Publisher,
        saver: Saver,
        refresh: Arc<Notify>,
        restored: Option<Snapshot>,
        start: Start,
    ) -> Self {
        let Policy { grace, stale_for, .. } = *publisher.policy();
        let is_restored = restored.is_some();
        let store = restored.map_or_else(Store::default, |snapshot| Store::restored(snapshot, steady()));
        Self {
            store,
            publisher,
            saver,
            refresh,
            grace,
            stale_for,
            start,
            restored: is_restored,
            scanned: false,
            waiting: BTreeSet::new(),
            found: BTreeSet::new(),
            heard: false,
            watch: ListenerWatch::new(),
            notifier: Notifier::of_this_process(),
        }
    }

    /// Runs until discovery ends.
    pub(crate) async fn run(mut self, mut messages: mpsc::Receiver<Message>, mut commands: mpsc::Receiver<Command>) {
        let mut due = Due::default();
        let mut deadline: Option<Instant> = None;
        let mut phase = Phase::Starting;
        let mut disk = self.publisher.machine().state.changes();
        let mut traefik = self.publisher.machine().traefik.changes();
        let mut beats = interval(Pulse::EVERY);
        self.tell(phase);
        loop {
            self.publisher.machine().pulse.beat();
            tokio::select! {
                biased;
                () = until(due.at) => {
                    let begun = Instant::now();
                    let (next, is_news) = self.publish(phase);
                    deadline = next;
                    due.published(begun, Instant::now(), is_news);
                }
                // Before the messages: there are few of them, and a person waits.
                Some(command) = commands.recv() => {
                    if self.obey(command) {
                        due.at = Some(Instant::now());
                    }
                }
                message = messages.recv() => match message {
                    Some(message) => {
                        if self.take(message) {
                            due.change(Instant::now());
                        }
                    }
                    None => return,
                },
                listeners = self.watch.next() => {
                    if self.store.set_listeners(listeners) {
                        due.change(Instant::now());
                    }
                }
                // Only what the findings say of them.
                () = disk.next() => due.change(Instant::now()),
                () = traefik.next() => due.change(Instant::now()),
                () = until((phase == Phase::Starting).then(|| self.start.next(Instant::now())).flatten()) => {}
                // The loop's own: one that hangs gives none.
                () = self.notifier.sign() => {}
                _ = beats.tick() => {}
                () = until(deadline) => {
                    deadline = None;
                    due.change(Instant::now());
                }
            }
            if phase == Phase::Starting && self.is_ready() {
                phase = Phase::Serving;
                self.say_ready();
                due.at = Some(Instant::now());
            }
        }
    }

    /// Takes in a message; returns whether anything changed.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Daemon { id, event } => {
                match &event {
                    Event::Found { .. } if !self.scanned => {
                        self.waiting.insert(id);
                        self.found.insert(id);
                    }
                    Event::Listed(_) => {
                        self.waiting.remove(&id);
                        self.heard = true;
                    }
                    Event::Vanished => {
                        self.waiting.remove(&id);
                    }
                    _ => {}
                }
                let changed = self.store.apply(id, event, steady());
                if changed {
                    self.watch.changed(Instant::now());
                }
                changed
            }
            Message::RefusedSockets(refused) => self.store.refuse_sockets(refused),
            Message::Scanned => {
                self.scanned = true;
                // A daemon of the time before the start whose socket is proved to be gone.
                let known = self.store.snapshot().daemons.keys();
                let gone: Vec<_> = known.filter(|id| !self.found.contains(id)).copied().collect();
                let mut changed = false;
                for id in gone {
                    changed |= self.store.apply(id, Event::Vanished, steady());
                }
                changed
            }
        }
    }

    /// Does what the operator asked for; returns whether it changed anything.
    fn obey(&mut self, Command { order, reply }: Command) -> bool {
        let claims = match order {
            Order::Claims(claims) => claims,
            Order::Repository(Repository::Stopped { network_id }) => {
                tracing::info!(%network_id, "a repository was stopped; its routes go");
                let changed = self.forget(network_id);
                let _ = reply.send(Reply { answer: Answer::RoutesGone, written_by: None });
                return changed;
            }
        };
        if let Claims::Forget { network_id } = &claims {
            // Its containers, which are gone, would claim everything anew as long as they are remembered.
            self.forget(*network_id);
        }
        let (ledger, policy) = self.publisher.ledger_and_policy();
        let answer = control::apply(claims, ledger, self.store.snapshot(), policy, wall());
        let changed =
            matches!(answer, Answer::Assigned(_) | Answer::Released(_) | Answer::Forgotten | Answer::Restored { .. });
        let written_by = changed.then(|| self.saver.offer(self.publisher.ledger()));
        // Whoever asked may be gone; it is done for all that.
        let _ = reply.send(Reply { answer, written_by });
        changed
    }

    /// Forgets what a daemon said. One that runs after all tells it again at once.
    fn forget(&mut self, id: NetworkId) -> bool {
        self.refresh.notify_one();
        self.store.forget(id, steady())
    }

    /// Whether what would be published is the truth, as far as it can be known.
    ///
    /// With a full view it is. Without one, once the time is up: each daemon has its view of now or of before the
    /// start, and one that has neither has no routes to lose. With nothing of before the start, some daemon must have
    /// said something, or an empty document would come out of mere silence. With the document of before the start but
    /// not what it was made of, it stays until the view is full or the document is too old.
    fn is_ready(&self) -> bool {
        let now = Instant::now();
        if self.scanned && self.waiting.is_empty() {
            return true;
        }
        let something = self.restored || (self.heard && self.publisher.published().document.is_none());
        (now >= self.start.first_view && something)
            || (now >= self.start.stale && self.publisher.published().document.is_some())
    }

    fn say_ready(&self) {
        let daemons = self.store.snapshot().daemons.len();
        if self.waiting.is_empty() {
            tracing::info!(daemons, "the view is full");
        } else {
            tracing::warn!(daemons, silent = ?self.waiting, "serving without the daemons that have not answered");
        }
    }

    /// Tells systemd. It is ready when what it answers is true, be it from before the start.
    fn tell(&mut self, phase: Phase) {
        let daemons = self.store.snapshot().daemons.len();
        let published = self.publisher.published();
        let status = match phase {
            Phase::Starting => format!("starting: {} of {daemons} daemons have not answered", self.waiting.len()),
            Phase::Serving => {
                format!("{} routers of {daemons} daemons", published.outcome.publication.routers().total)
            }
        };
        self.notifier.tell(phase == Phase::Serving || published.document.is_some(), status);
    }

    /// Publishes; returns when to do so again although nothing changes, and whether Traefik has something new to read.
    fn publish(&mut self, phase: Phase) -> (Option<Instant>, bool) {
        let now = now();
        self.store.prune(now.steady, self.grace, self.stale_for);
        let Made { next, comparison, is_news } = self.publisher.publish(self.store.snapshot(), phase, now);
        self.watch.expect(&comparison, Instant::now());
        self.saver.offer(self.publisher.ledger());
        self.tell(phase);
        (next.map(|next| Instant::now() + next.since(now.steady)), is_news)
    }
}

/// Sleeps until then; for ever when there is no then.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

// === impl Start ===

impl Start {
    /// The next of the two times.
    fn next(self, now: Instant) -> Option<Instant> {
        [self.first_view, self.stale].into_iter().find(|at| *at > now)
    }
}

// === impl Due ===

impl Due {
    /// Something changed: at once when it is the first in a while, else together with what follows it closely.
    fn change(&mut self, now: Instant) {
        let first = *self.first_change.get_or_insert(now);
        let quiet = self.busy_until.is_none_or(|until| now >= until);
        self.at = match self.at {
            None if quiet => Some(now),
            Some(at) if at <= now => Some(at),
            _ => Some((now + COALESCE).min(first + COALESCE_CAP)),
        };
    }

    /// A container is made, and a moment later it starts: what was no news to Traefik must not delay what will be. Only as
    /// long as it took itself, so that changes that never end leave half of the processor to others.
    fn published(&mut self, begun: Instant, now: Instant, is_news: bool) {
        let window = if is_news { COALESCE } else { now.saturating_duration_since(begun).min(COALESCE) };
        *self = Self { at: None, first_change: None, busy_until: Some(now + window) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_is_published_at_once_and_a_burst_together() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut due = Due::default();
        due.change(start);
        assert_eq!(due.at, Some(start));
        due.published(start, start, true);
        due.change(after(10));
        assert_eq!(due.at, Some(after(60)));
        due.change(after(40));
        assert_eq!(due.at, Some(after(90)), "it waits for quiet");
        for millis in (60..1000).step_by(20) {
            due.change(after(millis));
        }
        assert!(due.at <= Some(after(510)), "but not for ever: {:?}", due.at.map(|at| at - start));
        due.published(after(510), after(510), true);
        due.change(after(2000));
        assert_eq!(due.at, Some(after(2000)));
    }

    #[test]
    fn what_is_no_news_to_traefik_delays_nothing_but_a_flood() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut due = Due::default();
        due.published(start, after(2), false);
        due.change(after(5));
        assert_eq!(due.at, Some(after(5)));
        due.published(after(5), after(7), false);
        due.change(after(8));
        assert_eq!(due.at, Some(after(58)), "sooner than it took");
    }
}
