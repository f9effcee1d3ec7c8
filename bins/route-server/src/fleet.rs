use std::{collections::BTreeSet, time::Duration};

use container_snapshot::{Event, Store};
use docker_discovery::Message;
use repo_network::NetworkId;
use route_http::Phase;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    control::{self, Answer, Command, Reply},
    listeners::ListenerWatch,
    publisher::Publisher,
    render::now,
    state::Saver,
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
    grace: Duration,
    /// Until then the view need not be full.
    ready_by: Instant,
    /// All daemons that were there at the beginning are known.
    scanned: bool,
    /// Those of them that have not listed their containers yet.
    waiting: BTreeSet<NetworkId>,
    /// Who listens where backends are.
    watch: ListenerWatch,
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
    /// Nothing is known yet; what is by `ready_by` is served.
    pub(crate) fn new(publisher: Publisher, saver: Saver, grace: Duration, ready_by: Instant) -> Self {
        let (store, scanned, waiting, watch) = (Store::default(), false, BTreeSet::new(), ListenerWatch::new());
        Self { store, publisher, saver, grace, ready_by, scanned, waiting, watch }
    }

    /// Runs until discovery ends.
    pub(crate) async fn run(mut self, mut messages: mpsc::Receiver<Message>, mut commands: mpsc::Receiver<Command>) {
        let mut due = Due::default();
        let mut deadline: Option<Instant> = None;
        let mut phase = Phase::Starting;
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
                () = until((phase == Phase::Starting).then_some(self.ready_by)) => {}
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
                    }
                    Event::Listed(_) | Event::Vanished => {
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
                false
            }
        }
    }

    /// Does what the operator asked for; returns whether it changed who owns what.
    fn obey(&mut self, Command { claims, reply }: Command) -> bool {
        let answer = control::apply(claims, self.publisher.ledger_mut(), self.store.snapshot(), now());
        let changed = matches!(answer, Answer::Assigned(_) | Answer::Released(_));
        let written_by = changed.then(|| self.saver.offer(self.publisher.ledger()));
        // Whoever asked may be gone; it is done for all that.
        let _ = reply.send(Reply { answer, written_by });
        changed
    }

    /// A full view, or the time is up.
    fn is_ready(&self) -> bool {
        (self.scanned && self.waiting.is_empty()) || Instant::now() >= self.ready_by
    }

    fn say_ready(&self) {
        let daemons = self.store.snapshot().daemons.len();
        if self.waiting.is_empty() {
            tracing::info!(daemons, "the view is full");
        } else {
            tracing::warn!(daemons, silent = ?self.waiting, "serving without the daemons that have not answered");
        }
    }

    /// Publishes; returns when to do so again although nothing changes.
    fn publish(&mut self, phase: Phase) -> Option<Instant> {
        let now = now();
        self.store.prune(now, self.grace);
        let (next, comparison) = self.publisher.publish(self.store.snapshot(), phase, now);
        self.watch.expect(&comparison, Instant::now());
        self.saver.offer(self.publisher.ledger());
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
