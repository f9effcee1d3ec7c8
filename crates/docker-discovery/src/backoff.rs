use std::time::Duration;

use crate::Settings;

/// A daemon that was live for this long was a success: the next failure is a first one again.
const STABLE: Duration = Duration::from_secs(5);

/// How much longer the longest wait is when an attempt costs much.
const DEAR: u32 = 5;

/// What an attempt that failed has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// A connection and a few bytes.
    Small,
    /// An answer of the largest size that is allowed.
    Large,
}

/// How long to wait before the next attempt: doubling, from the least to the most.
#[derive(Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

// === impl Backoff ===

impl Backoff {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { min: settings.backoff_min, max: settings.backoff_max, next: settings.backoff_min }
    }

    /// The wait after a failure, before which the daemon was live for `lasted`.
    pub(crate) fn after(&mut self, lasted: Duration, cost: Cost) -> Duration {
        let most = match cost {
            Cost::Small => self.max,
            Cost::Large => self.max.saturating_mul(DEAR),
        };
        if lasted >= STABLE && cost == Cost::Small {
            self.next = self.min;
        }
        let wait = self.next.min(most);
        self.next = wait.saturating_mul(2);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_most_and_starts_over_after_a_success() {
        let mut backoff = Backoff::new(&Settings::default());
        let mut after = |lasted, cost| backoff.after(Duration::from_millis(lasted), cost).as_millis();
        let waits: Vec<_> = (0..6).map(|_| after(10, Cost::Small)).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        let waits: Vec<_> = (0..3).map(|_| after(10, Cost::Large)).collect();
        assert_eq!(waits, [2000, 4000, 5000]);
        assert_eq!(after(10, Cost::Small), 1000);
        assert_eq!(after(5000, Cost::Small), 100);
    }
}
