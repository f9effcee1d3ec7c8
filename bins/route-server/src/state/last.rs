//! What was published last and what it was made of. After a start the bytes are served at once, and the snapshot
//! stands in for daemons that have not answered yet.

use std::{fs, sync::Arc, time::Duration};

use bytes::Bytes;
use container_snapshot::Snapshot;
use route_http::{Document, Phase};
use tokio::{
    select,
    sync::watch,
    task::{JoinError, JoinHandle, spawn_blocking},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    StateDir, StateError,
    entries::{Lines, Read, decode},
    fault,
    format::FormatError,
    previous, sealed,
};
use crate::{exit::chain, published::Published};

const PUBLISHED: &str = "published.yaml";
const SNAPSHOT: &str = "snapshot";
/// At least this long between two writes for good, and four times as long as one took: a fleet that never rests does not keep
/// a processor or the disk busy with this.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a write may take before it is spoken of.
const SLOW: Duration = Duration::from_secs(3);
/// How soon a write that failed is tried again; a change that comes first does not wait for it.
const AGAIN: Duration = Duration::from_secs(3);

/// Writes what is published until nobody publishes any more; the newest wins, and the last one is written before the
/// end. The bytes at once, so that no crash of this process loses them; both on disk for good with pauses between, of
/// which there are none after `shutdown`.
pub(crate) async fn keep_last(
    dir: StateDir,
    mut published: watch::Receiver<Arc<Published>>,
    shutdown: CancellationToken,
) {
    let mut writer = Writer { dir, there: None, durable: None, lines: Lines::default() };
    let mut seen: Option<Last> = None;
    let mut pending: Option<Last> = None;
    let mut next = Instant::now();
    let mut breath = PAUSE;
    loop {
        select! {
            biased;
            () = sleep_until(next), if pending.is_some() => {
                let Some(last) = pending.take() else { continue };
                let begun = Instant::now();
                let written = writer.write_for_good(last.clone()).await;
                breath = PAUSE.max(begun.elapsed() * 4);
                next = Instant::now() + breath;
                if !written && !shutdown.is_cancelled() {
                    pending = Some(last);
                    next = Instant::now() + AGAIN;
                }
            }
            () = shutdown.cancelled(), if pending.is_some() && next > Instant::now() => next = Instant::now(),
            // What nobody has seen yet comes before the end.
            changed = published.changed() => match changed {
                Ok(()) => {
                    let Some(last) = Last::of(&published.borrow_and_update()) else { continue };
                    if seen.as_ref() != Some(&last) {
                        writer.write_bytes(&last.document).await;
                        seen = Some(last.clone());
                        pending = Some(last);
                        next = next.min(Instant::now() + breath);
                    }
                }
                Err(_closed) => break,
            },
        }
    }
    if let Some(last) = pending {
        writer.write_for_good(last).await;
    }
}

/// What is kept of what is published.
#[derive(Debug, Clone, PartialEq)]
struct Last {
    document: Document,
    snapshot: Snapshot,
}

// === impl Last ===

impl Last {
    /// None as long as it is not proved to be true.
    fn of(published: &Published) -> Option<Self> {
        let document = published.document.clone().filter(|_| published.phase == Phase::Serving)?;
        Some(Self { document, snapshot: published.snapshot.clone() })
    }
}

struct Writer {
    dir: StateDir,
    /// The revision of the bytes that are in the file, and of those that a power cut leaves there.
    there: Option<Arc<str>>,
    durable: Option<Arc<str>>,
    lines: Lines,
}

// === impl Writer ===

impl Writer {
    async fn write_bytes(&mut self, document: &Document) {
        if self.there.as_ref() == Some(&document.revision) {
            return;
        }
        // The generation before is one that a power cut does not take: what was found at the start is.
        let keep = self.there == self.durable;
        let (dir, written) = (self.dir.clone(), document.clone());
        let done = self.patiently(spawn_blocking(move || dir.save_bytes(&written, keep))).await;
        // What is wrong is told by the next write for good.
        self.there = matches!(done, Ok(Ok(()))).then(|| document.revision.clone());
    }

    /// Waits for the disk; one that hangs is told.
    async fn patiently<T>(&self, mut writing: JoinHandle<T>) -> Result<T, JoinError> {
        select! {
            done = &mut writing => done,
            () = sleep(SLOW) => {
                self.dir.report().published_written(Some("the disk does not answer"));
                writing.await
            }
        }
    }

    /// Returns whether it is written.
    async fn write_for_good(&mut self, last: Last) -> bool {
        let (dir, known, new) = (self.dir.clone(), self.durable.take(), last.document.revision.clone());
        let mut lines = std::mem::take(&mut self.lines);
        let written = spawn_blocking(move || {
            let saved = dir.save_last(&last, known.as_deref(), &mut lines);
            (saved, lines)
        });
        let error = match self.patiently(written).await {
            Ok((saved, lines)) => {
                self.lines = lines;
                saved.err().map(|error| chain(&error))
            }
            Err(error) => Some(chain(&error)),
        };
        self.durable = error.is_none().then(|| new.clone());
        if error.is_none() {
            self.there = Some(new);
        }
        self.dir.report().published_written(error.as_deref());
        error.is_none()
    }
}

// === impl StateDir ===

impl StateDir {
    /// The document that was published last, or the one before it. What cannot be read is told.
    pub(crate) fn load_published(&self) -> Option<Document> {
        self.load_newest(PUBLISHED, sealed::unseal_text).map(|yaml| {
            let revision = traefik_model::revision_of(&yaml);
            Document { revision: revision.into(), yaml: Bytes::from(yaml) }
        })
    }

    /// What the daemons had said by then. What is damaged of it is as it was one write before.
    pub(crate) fn load_snapshot(&self) -> Option<Snapshot> {
        let Read { mut snapshot, damaged } = self.load_newest(SNAPSHOT, decode)?;
        if damaged > 0 {
            let before = self.decoded(&previous(SNAPSHOT), decode).ok().flatten().unwrap_or_default().snapshot;
            let missing: Vec<_> =
                before.daemons.into_iter().filter(|(id, _)| !snapshot.daemons.contains_key(id)).collect();
            self.report().note(format!(
                "{}: {damaged} of its lines are damaged; {} daemons are taken as they were one write before",
                self.file(SNAPSHOT).display(),
                missing.len(),
            ));
            snapshot.daemons.extend(missing);
        }
        Some(snapshot)
    }

    /// The newest generation of a file that can be read.
    fn load_newest<T>(&self, name: &str, decode: fn(Vec<u8>) -> Result<T, FormatError>) -> Option<T> {
        let before = previous(name);
        let fault = match self.decoded(name, decode) {
            Ok(Some(found)) => return Some(found),
            Ok(None) => None,
            Err(fault) => Some(fault),
        };
        let older = self.decoded(&before, decode);
        let instead = match &older {
            Ok(Some(_)) => format!("going on with {before}"),
            Ok(None) if fault.is_none() => return None,
            Ok(None) => format!("there is no {before}"),
            Err(error) => chain(error),
        };
        let what = match fault {
            Some(fault) => self.put_away(&fault, name),
            None => format!("{name} is missing"),
        };
        self.report().note(format!("{what}; {instead}"));
        older.ok().flatten()
    }

    /// The bytes alone, in one step for whoever reads them, and not safe from a power cut yet: what one leaves is damaged,
    /// and the generation before it counts.
    fn save_bytes(&self, document: &Document, keep: bool) -> Result<(), StateError> {
        self.ready()?;
        let (path, temporary) = (self.file(PUBLISHED), self.file("published.yaml.next"));
        fs::write(&temporary, sealed::seal(&document.yaml)).map_err(fault("write", &temporary))?;
        if keep {
            self.keep_previous(PUBLISHED);
        }
        fs::rename(&temporary, &path).map_err(fault("replace", &path))
    }

    /// The snapshot first: with newer bytes than it, a start would take back what was published.
    fn save_last(&self, last: &Last, known: Option<&str>, lines: &mut Lines) -> Result<(), StateError> {
        self.ready()?;
        let bytes = lines.encode(&last.snapshot).map_err(StateError::Unwritable)?;
        self.replace(SNAPSHOT, &bytes)?;
        if known != Some(&*last.document.revision) {
            let new = self.write_new(PUBLISHED, &sealed::seal(&last.document.yaml))?;
            self.put(&new, PUBLISHED)?;
        }
        self.sync()
    }
}

#[cfg(test)]
mod tests {
    use container_snapshot::{DaemonView, Link, Timestamp};

    use super::*;
    use crate::published::Machine;

    fn document(yaml: &'static str) -> Document {
        Document { revision: traefik_model::revision(yaml).into(), yaml: yaml.into() }
    }

    fn snapshot(id: u32) -> Snapshot {
        let view = DaemonView {
            socket: "/run/x".to_owned(),
            link: Link::Live,
            since: Timestamp::from_millis(5),
            reason: None,
            containers: Default::default(),
        };
        Snapshot { daemons: [(id.try_into().unwrap(), Arc::new(view))].into(), ..Snapshot::default() }
    }

    fn published(yaml: &'static str, id: u32) -> Arc<Published> {
        let document = (!yaml.is_empty()).then(|| document(yaml));
        let outcome = route_synthesis::Outcome::default();
        Arc::new(Published::new(Phase::Serving, document, outcome, snapshot(id), Machine::of_nothing()))
    }

    #[test]
    fn the_last_one_is_written_before_the_end_and_damage_is_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = StateDir::new(scratch.path());
        assert!(dir.load_published().is_none() && dir.load_snapshot().is_none());
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let publish = watch::Sender::new(published("", 64));
            let keeping = tokio::spawn(keep_last(dir.clone(), publish.subscribe(), CancellationToken::new()));
            tokio::task::yield_now().await;
            for (yaml, id) in [("a: {}\n", 64), ("b: {}\n", 128), ("c: {}\n", 128)] {
                publish.send_replace(published(yaml, id));
                // Long before it is there for good.
                while dir.load_published() != Some(document(yaml)) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            publish.send_replace(published("b: {}\n", 128));
            drop(publish);
            keeping.await.unwrap();
        });
        assert_eq!(dir.load_published(), Some(document("b: {}\n")));
        assert_eq!(dir.load_snapshot(), Some(snapshot(128)));
        // One that is cut off is kept to be looked at, and what was there before it counts.
        for name in [PUBLISHED, SNAPSHOT] {
            let bytes = std::fs::read(dir.file(name)).unwrap();
            std::fs::write(dir.file(name), &bytes[..bytes.len() - 2]).unwrap();
        }
        assert_eq!(dir.load_published(), Some(document("a: {}\n")));
        let both: Vec<_> = dir.load_snapshot().unwrap().daemons.into_keys().map(|id| id.get()).collect();
        assert_eq!(both, [64, 128], "who is not there any more is found out soon");
        assert!(dir.file("published.yaml.damaged-1").exists());
        let notes = dir.report().notes();
        assert!(
            notes[0].ends_with(
                "its checksum does not hold (kept as PATH); going on with published.yaml.1"
                    .replace("PATH", &dir.file("published.yaml.damaged-1").display().to_string())
                    .as_str()
            ),
            "{notes:?}"
        );
        assert!(notes[1].contains("1 of its lines are damaged; 1 daemons"), "{notes:?}");
        std::fs::write(dir.file("published.yaml.1"), "x").unwrap();
        assert_eq!(dir.load_published(), None);
    }

    /// Writes this and ends.
    fn write(dir: &StateDir, yaml: &'static str, id: u32) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let publish = watch::Sender::new(published("", 64));
            let keeping = tokio::spawn(keep_last(dir.clone(), publish.subscribe(), CancellationToken::new()));
            tokio::task::yield_now().await;
            publish.send_replace(published(yaml, id));
            drop(publish);
            keeping.await.unwrap();
        });
    }

    #[test]
    fn what_a_newer_version_wrote_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        write(&StateDir::new(scratch.path()), "a: {}\n", 64);
        for name in [PUBLISHED, SNAPSHOT] {
            let dir = StateDir::new(scratch.path());
            let newer = "# version 9, of the future\n";
            let before = std::fs::read(dir.file(name)).unwrap();
            std::fs::write(dir.file(name), newer).unwrap();
            let found = (dir.load_published().is_some(), dir.load_snapshot().is_some());
            assert_eq!(found, (name != PUBLISHED, name != SNAPSHOT), "there is none before it yet");
            write(&dir, "b: {}\n", 128);
            assert_eq!(std::fs::read_to_string(dir.file(name)).unwrap(), newer);
            let error = dir.report().error().unwrap();
            assert!(error.contains("nothing is written until a newer route server runs"), "{error}");
            std::fs::write(dir.file(name), before).unwrap();
        }
        assert_eq!(StateDir::new(scratch.path()).load_published(), Some(document("a: {}\n")));
    }

    #[test]
    fn what_is_no_file_is_put_out_of_the_way() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = StateDir::new(scratch.path());
        for name in [PUBLISHED, SNAPSHOT] {
            std::fs::create_dir(dir.file(name)).unwrap();
        }
        assert!(dir.load_published().is_none() && dir.load_snapshot().is_none());
        assert_eq!(dir.report().notes().len(), 2, "{:?}", dir.report().notes());
        write(&dir, "a: {}\n", 64);
        assert_eq!((dir.load_published(), dir.load_snapshot()), (Some(document("a: {}\n")), Some(snapshot(64))));
        assert_eq!(dir.report().error(), None);
    }

    #[test]
    fn a_disk_that_is_full_is_told_and_tried_again() {
        let scratch = tempfile::tempdir().unwrap();
        // Nothing can be made below a file; that is as good as full.
        let path = scratch.path().join("in the way");
        std::fs::write(&path, "").unwrap();
        let dir = StateDir::new(path.join("state"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let publish = watch::Sender::new(published("", 64));
            let stop = CancellationToken::new();
            let keeping = tokio::spawn(keep_last(dir.clone(), publish.subscribe(), stop.clone()));
            tokio::task::yield_now().await;
            publish.send_replace(published("a: {}\n", 64));
            while dir.report().error().is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(dir.report().findings()[0].code.as_str(), "RS060");
            std::fs::remove_file(&path).unwrap();
            while dir.report().error().is_some() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(dir.load_published(), Some(document("a: {}\n")));
            std::fs::remove_dir_all(&path).unwrap();
            std::fs::write(&path, "").unwrap();
            publish.send_replace(published("b: {}\n", 64));
            while dir.report().error().is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            // What cannot be written does not hold up the end.
            stop.cancel();
            drop(publish);
            keeping.await.unwrap();
        });
    }
}
