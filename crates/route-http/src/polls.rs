//! When the document was last asked for, and letting go of those who wait for another one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

/// Remembers when the document was last asked for, and what was sent: how one sees that Traefik still polls.
///
/// Counted are GET requests for the document that were allowed to have it. Without a token these can be anybody's.
#[derive(Debug, Default)]
pub struct Polls {
    seen: watch::Sender<Seen>,
    /// When those who had a connection were released, and for how long.
    released: watch::Sender<Option<(Instant, Duration)>>,
}

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
        self.seen.borrow().clone()
    }

    /// Answers everybody who is held, and for this time gives a connection that is older than this moment what it had
    /// before, at once. Traefik's end waits for the answer to its poll; and a document that is news to it while it ends
    /// blocks it for ten seconds, after which it panics (seen with v3.7.9). The Traefik that is started then has a
    /// connection of its own.
    pub fn release(&self, duration: Duration) {
        self.released.send_replace(Some((Instant::now(), duration)));
    }

    /// Whether a connection that was opened then gets nothing new now.
    pub(crate) fn are_released(&self, opened: Instant) -> bool {
        is_released(*self.released.borrow(), opened)
    }

    /// Waits until that is so.
    pub(crate) async fn let_go(&self, opened: Instant) {
        let mut released = self.released.subscribe();
        // The sender is our own, and so there is no error.
        let _ = released.wait_for(|released| is_released(*released, opened)).await;
    }

    /// The document was asked for.
    pub(crate) fn asked(&self) {
        self.seen.send_modify(|seen| {
            seen.count += 1;
            seen.last = Some(Instant::now());
        });
    }

    /// The document was sent.
    pub(crate) fn sent(&self, revision: &Arc<str>) {
        self.seen.send_modify(|seen| seen.sent = Some(Arc::clone(revision)));
    }
}

fn is_released(released: Option<(Instant, Duration)>, opened: Instant) -> bool {
    released.is_some_and(|(at, duration)| opened < at && at.elapsed() < duration)
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

    #[tokio::test]
    async fn who_had_a_connection_is_let_go_for_a_while() {
        let polls = Polls::default();
        let (opened, short) = (Instant::now(), Duration::from_millis(50));
        assert!(tokio::time::timeout(short, polls.let_go(opened)).await.is_err());
        polls.release(short);
        polls.let_go(opened).await;
        assert!(polls.are_released(opened));
        assert!(!polls.are_released(Instant::now()), "who comes after it");
        tokio::time::sleep(2 * short).await;
        assert!(!polls.are_released(opened), "the while is over");
    }

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
