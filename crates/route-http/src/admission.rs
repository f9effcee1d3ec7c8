//! Who may stay connected.
//!
//! Any container of the machine can connect, so connections are limited without turning anybody away: one more than
//! the limit closes the one that was silent for longest. Connections that have shown the token are counted apart, and
//! no number of others closes one of them.

use std::collections::BTreeMap;

/// How many connections of each class may be open. Zero counts as one: the newest always stays.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Of [`Standing::Trusted`].
    pub(crate) trusted: usize,
    /// Of all others together.
    pub(crate) other: usize,
}

/// What a connection has shown of itself; it never loses standing. The order is the one of closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Nothing yet.
    Visitor,
    /// It has asked for the document where no token is needed: it may be Traefik.
    Poller,
    /// It has shown the token.
    Trusted,
}

/// Names a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(u64);

/// The connections that are open; `H` is what it takes to close one.
#[derive(Debug)]
pub(crate) struct Admission<H> {
    limits: Limits,
    open: BTreeMap<ConnectionId, Entry<H>>,
    /// Counts what happens; the order of uses is all that matters of time.
    ticks: u64,
}

#[derive(Debug)]
struct Entry<H> {
    standing: Standing,
    last_used: u64,
    handle: H,
}

// === impl ConnectionId ===

impl ConnectionId {
    /// The number, for logs.
    pub(crate) fn get(self) -> u64 {
        self.0
    }
}

// === impl Standing ===

impl Standing {
    fn is_trusted(self) -> bool {
        self == Self::Trusted
    }
}

// === impl Admission ===

impl<H> Admission<H> {
    /// Nobody connected yet.
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, open: BTreeMap::new(), ticks: 0 }
    }

    /// Lets a connection in; returns its name, and the connection to close for it.
    pub(crate) fn enter(&mut self, handle: H) -> (ConnectionId, Option<H>) {
        let id = ConnectionId(self.tick());
        self.open.insert(id, Entry { standing: Standing::Visitor, last_used: id.0, handle });
        (id, self.make_room(id, Standing::Visitor))
    }

    /// A request came on this connection and showed this standing; returns the connection to close for it.
    pub(crate) fn used(&mut self, id: ConnectionId, shown: Standing) -> Option<H> {
        let tick = self.tick();
        let entry = self.open.get_mut(&id)?;
        entry.last_used = tick;
        entry.standing = entry.standing.max(shown);
        let standing = entry.standing;
        self.make_room(id, standing)
    }

    /// A connection has ended, by itself or because it was closed for another.
    pub(crate) fn leave(&mut self, id: ConnectionId) {
        self.open.remove(&id);
    }

    /// Removes the first to go of a class that is over its limit, other than the one it is done for.
    fn make_room(&mut self, newest: ConnectionId, standing: Standing) -> Option<H> {
        let trusted = standing.is_trusted();
        let limit = if trusted { self.limits.trusted } else { self.limits.other };
        let class = || self.open.iter().filter(|(_, entry)| entry.standing.is_trusted() == trusted);
        if class().count() <= limit {
            return None;
        }
        let first_to_go = class()
            .filter(|(id, _)| **id != newest)
            .min_by_key(|(_, entry)| (entry.standing, entry.last_used))
            .map(|(id, _)| *id)?;
        self.open.remove(&first_to_go).map(|entry| entry.handle)
    }

    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(trusted: usize, other: usize) -> Admission<&'static str> {
        Admission::new(Limits { trusted, other })
    }

    #[test]
    fn one_too_many_closes_the_longest_silent() {
        let mut admission = admission(1, 2);
        let (a, _) = admission.enter("a");
        let (b, none) = admission.enter("b");
        assert_eq!(none, None);
        assert_eq!(admission.used(a, Standing::Visitor), None);
        assert_eq!(admission.enter("c").1, Some("b"));
        admission.leave(b);
        assert_eq!(admission.used(b, Standing::Trusted), None, "what was closed has nothing to say");
        admission.leave(a);
        assert_eq!(admission.enter("d").1, None, "who leaves makes room");
    }

    #[test]
    fn others_never_close_a_trusted_one() {
        let mut admission = admission(1, 3);
        let (traefik, _) = admission.enter("traefik");
        assert_eq!(admission.used(traefik, Standing::Trusted), None);
        let closed: Vec<_> = (0..1000).filter_map(|_| admission.enter("attacker").1).collect();
        assert_eq!(closed.len(), 997);
        assert!(closed.iter().all(|name| *name == "attacker"));
        assert_eq!(admission.open.len(), 4);
    }

    #[test]
    fn trusted_ones_have_a_limit_of_their_own() {
        let mut admission = admission(2, 1);
        let ids: Vec<_> = ["a", "b", "c"]
            .map(|name| {
                let (id, _) = admission.enter(name);
                (id, admission.used(id, Standing::Trusted))
            })
            .into();
        assert_eq!(ids.iter().map(|(_, closed)| *closed).collect::<Vec<_>>(), [None, None, Some("a")]);
        assert_eq!(admission.enter("visitor").1, None);
    }

    #[test]
    fn pollers_go_after_visitors() {
        let mut admission = admission(1, 2);
        let (poller, _) = admission.enter("poller");
        admission.used(poller, Standing::Poller);
        admission.enter("visitor");
        assert_eq!(admission.enter("another").1, Some("visitor"));
        assert_eq!(admission.enter("yet another").1, Some("another"));
        assert_eq!(admission.used(poller, Standing::Visitor), None);
        assert_eq!(admission.open[&poller].standing, Standing::Poller, "standing is kept");
    }

    #[test]
    fn the_newest_stays_even_among_pollers() {
        let mut admission = admission(1, 1);
        let (poller, _) = admission.enter("poller");
        admission.used(poller, Standing::Poller);
        let (visitor, closed) = admission.enter("visitor");
        assert_eq!(closed, Some("poller"));
        assert!(admission.open.contains_key(&visitor));
    }

    #[test]
    fn zero_is_one() {
        let mut admission = admission(0, 0);
        let (id, closed) = admission.enter("only");
        assert_eq!(closed, None);
        assert_eq!(admission.used(id, Standing::Trusted), None);
    }
}
