//! When the document was last asked for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

/// Remembers when the document was last asked for, and what was sent: how one sees that Traefik still polls.
///
/// Counted are GET requests for the document that were allowed to have it. Without a token these can be anybody's.
#[derive(Debug, Default)]
pub struct Polls(watch::Sender<Seen>);

/// What [`Polls`] has seen until now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests for the document since the start.
    pub count: u64,
    /// When the last of them came in. It may still be held.
    pub last: Option<Instant>,
    /// The revision that was last sent to anybody.
    pub sent: Option<Arc<str>>,
}

// === impl Polls ===

impl Polls {
    /// What was seen until now.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.0.borrow().clone()
    }

    /// The document was asked for.
    pub(crate) fn asked(&self) {
        self.0.send_modify(|seen| {
            seen.count += 1;
            seen.last = Some(Instant::now());
        });
    }

    /// The document was sent.
    pub(crate) fn sent(&self, revision: &Arc<str>) {
        self.0.send_modify(|seen| seen.sent = Some(Arc::clone(revision)));
    }
}

// === impl Seen ===

impl Seen {
    /// Time since the last poll, or `None` if there was none.
    #[must_use]
    pub fn age(&self, now: Instant) -> Option<Duration> {
        self.last.map(|last| now.saturating_duration_since(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_dates_polls() {
        let polls = Polls::default();
        assert_eq!(polls.seen().age(Instant::now()), None);
        polls.asked();
        polls.asked();
        polls.sent(&"r1".into());
        let seen = polls.seen();
        assert_eq!((seen.count, seen.sent.as_deref()), (2, Some("r1")));
        let last = seen.last.unwrap();
        assert_eq!(seen.age(last + Duration::from_secs(3)), Some(Duration::from_secs(3)));
    }
}
