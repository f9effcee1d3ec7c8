use std::{sync::Arc, time::Duration};

use route_synthesis::Ledger;
use tokio::{sync::watch, task::spawn_blocking, time::sleep};

use super::{Loaded, StateDir};
use crate::exit::chain;

/// How soon a write that failed is tried again when nothing changes.
pub(crate) const RETRY: Duration = Duration::from_secs(60);

/// Hands ledgers to the one task that writes them. It never waits: while one is written the newest replaces those
/// that wait. Dropped, it lets the task write the last one and end.
#[derive(Debug)]
pub(crate) struct Saver {
    newest: watch::Sender<Offer>,
}

/// A ledger to be written; each has a number, in order.
#[derive(Debug, Clone, Default)]
struct Offer {
    number: u64,
    ledger: Arc<Ledger>,
}

struct Writer {
    dir: StateDir,
    newest: watch::Receiver<Offer>,
    retry: Duration,
}

// === impl Saver ===

impl Saver {
    /// With the task that writes. A write that fails is tried again with the next change, and this often without one.
    pub(crate) fn new(dir: StateDir, loaded: &Loaded, retry: Duration) -> (Self, impl Future<Output = ()> + use<>) {
        let newest = watch::Sender::new(Offer { number: 0, ledger: Arc::new(loaded.ledger.clone()) });
        let mut receiver = newest.subscribe();
        if loaded.outdated {
            receiver.mark_changed();
        }
        (Self { newest }, Writer { dir, newest: receiver, retry }.run())
    }

    /// Has it written if it is another one than before. Returns the number to wait for: see [`Report::tried`](super::Report::tried).
    pub(crate) fn offer(&mut self, ledger: &Ledger) -> u64 {
        self.newest.send_if_modified(|offer| {
            let changed = *offer.ledger != *ledger;
            if changed {
                *offer = Offer { number: offer.number + 1, ledger: Arc::new(ledger.clone()) };
            }
            changed
        });
        self.newest.borrow().number
    }
}

// === impl Writer ===

impl Writer {
    async fn run(mut self) {
        loop {
            let failed = self.dir.report().ledger_failed();
            let ended = tokio::select! {
                changed = self.newest.changed() => changed.is_err(),
                () = sleep(self.retry), if failed => false,
            };
            if failed || !ended {
                self.write().await;
            }
            if ended {
                return;
            }
        }
    }

    async fn write(&mut self) {
        let Offer { number, ledger } = self.newest.borrow_and_update().clone();
        let dir = self.dir.clone();
        let error = match spawn_blocking(move || dir.save(&ledger)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(chain(&error)),
            Err(error) => Some(chain(&error)),
        };
        self.dir.report().ledger_written(number, error);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tests::owned_by;
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn only_changes_are_written_the_newest_wins_and_the_last_is_awaited() {
        run(async {
            let scratch = tempfile::tempdir().unwrap();
            let dir = StateDir::new(scratch.path());
            let (mut saver, writing) = Saver::new(dir.clone(), &dir.load(), SOON);
            let writing = tokio::spawn(writing);
            let report = dir.report();
            assert_eq!(saver.offer(&Ledger::default()), 0, "as it is on disk");
            assert_eq!(saver.offer(&owned_by(64)), 1);
            assert_eq!(saver.offer(&owned_by(64)), 1);
            assert_eq!(report.tried(1).await, None);
            assert_eq!(dir.load().ledger, owned_by(64));
            for owner in 2..=100 {
                saver.offer(&owned_by(owner * 64));
            }
            drop(saver);
            writing.await.unwrap();
            assert_eq!(dir.load().ledger, owned_by(6400));
            fs::write(scratch.path().join("ledger.json"), "damaged").unwrap();
            assert_eq!(dir.load().ledger, owned_by(64), "what came in between was never written");
        });
    }

    #[test]
    fn a_write_that_failed_is_tried_again() {
        run(async {
            let scratch = tempfile::tempdir().unwrap();
            let path = scratch.path().join("in the way");
            fs::write(&path, "").unwrap();
            let dir = StateDir::new(path.join("state"));
            let loaded = dir.load();
            let (mut saver, writing) = Saver::new(dir.clone(), &loaded, SOON);
            let writing = tokio::spawn(writing);
            let report = dir.report();
            assert!(report.error().is_some(), "known before anything is to be written");
            let number = saver.offer(&owned_by(64));
            assert!(report.tried(number).await.unwrap().starts_with("cannot create"));
            fs::remove_file(&path).unwrap();
            while report.error().is_some() {
                sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(dir.load().ledger, owned_by(64));
            drop(saver);
            writing.await.unwrap();
        });
    }

    #[test]
    fn what_was_recovered_is_written_although_nothing_changed() {
        run(async {
            let scratch = tempfile::tempdir().unwrap();
            let dir = StateDir::new(scratch.path());
            dir.save(&owned_by(64)).unwrap();
            dir.save(&owned_by(128)).unwrap();
            fs::write(scratch.path().join("ledger.json"), "damaged").unwrap();
            let (saver, writing) = Saver::new(dir.clone(), &dir.load(), SOON);
            let writing = tokio::spawn(writing);
            drop(saver);
            writing.await.unwrap();
            assert_eq!(dir.load().ledger, owned_by(64));
            assert!(scratch.path().join("ledger.json").exists());
        });
    }
}
