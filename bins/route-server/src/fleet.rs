use std::{collections::BTreeSet, time::Duration};

use container_snapshot::{Event, Snapshot, Store};
use docker_discovery::Message;
use repo_network::NetworkId;
use route_api::{Answer, Claims};
use route_http::Phase;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    control::{self, Command, Reply},
    listeners::ListenerWatch,
    publisher::Publisher,
    render::now,
    state::{LastSaver, Saver},
    systemd::Notifier,
};

/// Changes that come this soon after one another are published together.
const COALESCE: Duration = Duration::from_millis(50);
/// But no change waits longer than this.
const COALESCE_CAP: Duration = Duration::from_millis(500);

/// The one writer: takes in what discovery says and publishes what follows.
pub(crate) struct Fleet {
    store: Store,
    publisher: Publisher,
    saver: Saver,
    last: LastSaver,
    grace: Duration,
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
    last_publish: Option<Instant>,
}

// === impl Fleet ===

impl Fleet {
    /// Begins with what the daemons had said before the start, if that is known.
    pub(crate) fn new(
        publisher: Publisher,
        saver: Saver,
        last: LastSaver,
        restored: Option<Snapshot>,
        grace: Duration,
        start: Start,
    ) -> Self {
        let is_restored = restored.is_some();
        let store = restored.map_or_else(Store::default, |snapshot| Store::restored(snapshot, now()));
        Self {
            store,
            publisher,
            saver,
            last,
            grace,
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
        self.tell(phase);
        loop {
            tokio::select! {
                biased;
                () = until(due.at) => {
                    deadline = self.publish(phase);
                    due.published(Instant::now());
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
                () = until((phase == Phase::Starting).then(|| self.start.next(Instant::now())).flatten()) => {}
                // The loop's own: one that hangs gives none.
                () = self.notifier.sign() => {}
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
                let changed = self.store.apply(id, event, now());
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
                    changed |= self.store.apply(id, Event::Vanished, now());
                }
                changed
            }
        }
    }

    /// Does what the operator asked for; returns whether it changed who owns what.
    fn obey(&mut self, Command { claims, reply }: Command) -> bool {
        if let Claims::Forget { network_id } = &claims {
            // Its containers, which are gone, would claim everything anew as long as they are remembered.
            self.store.forget(*network_id, now());
        }
        let (ledger, policy) = self.publisher.ledger_and_policy();
        let answer = control::apply(claims, ledger, self.store.snapshot(), policy, now());
        let changed =
            matches!(answer, Answer::Assigned(_) | Answer::Released(_) | Answer::Forgotten | Answer::Restored { .. });
        let written_by = changed.then(|| self.saver.offer(self.publisher.ledger()));
        // Whoever asked may be gone; it is done for all that.
        let _ = reply.send(Reply { answer, written_by });
        changed
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
        let something = self.restored || (self.heard && self.publisher.document().is_none());
        (now >= self.start.first_view && something) || (now >= self.start.stale && self.publisher.document().is_some())
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
        let status = match phase {
            Phase::Starting => format!("starting: {} of {daemons} daemons have not answered", self.waiting.len()),
            Phase::Serving => format!("{} routers of {daemons} daemons", self.publisher.routers()),
        };
        self.notifier.tell(phase == Phase::Serving || self.publisher.document().is_some(), status);
    }

    /// Publishes; returns when to do so again although nothing changes.
    fn publish(&mut self, phase: Phase) -> Option<Instant> {
        let now = now();
        self.store.prune(now, self.grace);
        let (next, comparison) = self.publisher.publish(self.store.snapshot(), phase, now);
        self.watch.expect(&comparison, Instant::now());
        self.saver.offer(self.publisher.ledger());
        if let (Phase::Serving, Some(document)) = (phase, self.publisher.document()) {
            self.last.offer(document, self.store.snapshot());
        }
        self.tell(phase);
        next.map(|next| Instant::now() + next.since(now))
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
        let quiet = self.last_publish.is_none_or(|last| now >= last + COALESCE);
        self.at = match self.at {
            None if quiet => Some(now),
            Some(at) if at <= now => Some(at),
            _ => Some((now + COALESCE).min(first + COALESCE_CAP)),
        };
    }

    fn published(&mut self, now: Instant) {
        *self = Self { at: None, first_change: None, last_publish: Some(now) };
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
        due.published(start);
        due.change(after(10));
        assert_eq!(due.at, Some(after(60)));
        due.change(after(40));
        assert_eq!(due.at, Some(after(90)), "it waits for quiet");
        for millis in (60..1000).step_by(20) {
            due.change(after(millis));
        }
        assert!(due.at <= Some(after(510)), "but not for ever: {:?}", due.at.map(|at| at - start));
        due.published(after(510));
        due.change(after(2000));
        assert_eq!(due.at, Some(after(2000)));
    }
}
