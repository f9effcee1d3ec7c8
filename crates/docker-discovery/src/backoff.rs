use std::time::Duration;

use crate::Settings;

/// A daemon that was live for this long was a success: the next failure is a first one again.
const STABLE: Duration = Duration::from_secs(5);

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

    /// The wait after a failure, before which the daemon was live for `live`.
    pub(crate) fn after(&mut self, live: Duration) -> Duration {
        if live >= STABLE {
            self.next = self.min;
        }
        let wait = self.next.min(self.max);
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
        let mut after = |live| backoff.after(Duration::from_millis(live)).as_millis();
        let waits: Vec<_> = (0..5).map(|_| after(10)).collect();
        assert_eq!(waits, [100, 200, 400, 800, 800]);
        assert_eq!(after(5000), 100);
    }
}
