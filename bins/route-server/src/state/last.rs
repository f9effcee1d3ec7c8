//! What was published last and what it was made of. After a start the bytes are served at once, and the snapshot
//! stands in for daemons that have not answered yet.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use container_snapshot::Snapshot;
use route_http::Document;
use tokio::{
    select,
    sync::watch,
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{StateDir, StateError, fault, sealed};
use crate::exit::chain;

const PUBLISHED: &str = "published.yaml";
const SNAPSHOT: &str = "snapshot";
/// The most bytes of each that are read.
const MAX_FILE: u64 = 512 << 20;
/// At least this long between two writes for good, and four times as long as one took: a fleet that never rests does not keep
/// a processor or the disk busy with this.
const PAUSE: Duration = Duration::from_millis(100);

/// Writes what is published, in a task of its own; the newest wins. Dropped, it has the last one written.
#[derive(Debug)]
pub(crate) struct LastSaver {
    newest: watch::Sender<Option<Last>>,
}

#[derive(Debug, Clone)]
struct Last {
    document: Document,
    snapshot: Arc<Snapshot>,
}

// === impl LastSaver ===

impl LastSaver {
    /// Starts the task; after `shutdown` it makes no pauses.
    pub(crate) fn start(dir: StateDir, shutdown: CancellationToken) -> (Self, JoinHandle<()>) {
        let newest = watch::Sender::new(None);
        let receiver = newest.subscribe();
        (Self { newest }, tokio::spawn(write_newest(dir, receiver, shutdown)))
    }

    /// Has it written if it is another one than before; it never waits. Who listens where is not kept.
    pub(crate) fn offer(&self, document: &Document, snapshot: &Snapshot) {
        self.newest.send_if_modified(|last| {
            let known = last.as_ref().is_some_and(|last| {
                last.document.revision == document.revision
                    && last.snapshot.daemons == snapshot.daemons
                    && last.snapshot.refused_sockets == snapshot.refused_sockets
            });
            if !known {
                *last = Some(Last { document: document.clone(), snapshot: Arc::new(snapshot.clone()) });
            }
            !known
        });
    }
}

/// The bytes at once, so that no crash of this process loses them; both on disk for good with pauses between.
async fn write_newest(dir: StateDir, mut newest: watch::Receiver<Option<Last>>, shutdown: CancellationToken) {
    let mut writer = Writer { dir, failed: None, there: None, durable: None };
    let mut pending: Option<Last> = None;
    let mut next = Instant::now();
    loop {
        select! {
            biased;
            () = sleep_until(next), if pending.is_some() => {
                let Some(last) = pending.take() else { continue };
                let begun = Instant::now();
                writer.write_for_good(last).await;
                next = Instant::now() + PAUSE.max(begun.elapsed() * 4);
            }
            () = shutdown.cancelled(), if pending.is_some() && next > Instant::now() => next = Instant::now(),
            // What nobody has seen yet comes before the end.
            changed = newest.changed() => match changed {
                Ok(()) => {
                    let Some(last) = newest.borrow_and_update().clone() else { continue };
                    writer.write_bytes(&last.document).await;
                    pending = Some(last);
                }
                Err(_closed) => break,
            },
        }
    }
    if let Some(last) = pending {
        writer.write_for_good(last).await;
    }
}

struct Writer {
    dir: StateDir,
    failed: Option<String>,
    /// The revision of the bytes that are in the file, and of those that a power cut leaves there.
    there: Option<Arc<str>>,
    durable: Option<Arc<str>>,
}

// === impl Writer ===

impl Writer {
    async fn write_bytes(&mut self, document: &Document) {
        if self.there.as_ref() == Some(&document.revision) {
            return;
        }
        let (dir, written) = (self.dir.clone(), document.clone());
        let done = spawn_blocking(move || dir.save_bytes(&written)).await;
        // What is wrong is told by the next write for good.
        self.there = matches!(done, Ok(Ok(()))).then(|| document.revision.clone());
    }

    async fn write_for_good(&mut self, last: Last) {
        let (dir, known, new) = (self.dir.clone(), self.durable.take(), last.document.revision.clone());
        let written = spawn_blocking(move || dir.save_last(&last, known.as_deref())).await;
        let error = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(chain(&error)),
            Err(error) => Some(chain(&error)),
        };
        match (&self.failed, &error) {
            (before, Some(error)) if before.as_ref() != Some(error) => {
                tracing::warn!(error, "what is published cannot be written; a restart begins with older routes");
            }
            (Some(_), None) => tracing::info!("what is published is written again"),
            _ => {}
        }
        self.durable = error.is_none().then(|| new.clone());
        if error.is_none() {
            self.there = Some(new);
        }
        self.failed = error;
    }
}

// === impl StateDir ===

impl StateDir {
    /// The document that was published last. What is damaged is no document: it is logged.
    pub(crate) fn load_published(&self) -> Option<Document> {
        let yaml = self.unsealed(PUBLISHED)?;
        let yaml = String::from_utf8(yaml).ok()?;
        let revision = traefik_model::revision(&yaml);
        Some(Document { revision: revision.into(), yaml: Bytes::from(yaml) })
    }

    /// What the daemons had said by then.
    pub(crate) fn load_snapshot(&self) -> Option<Snapshot> {
        let json = self.unsealed(SNAPSHOT)?;
        let snapshot = serde_json::from_slice(&json);
        snapshot.inspect_err(|error| tracing::warn!(%error, "the last view of the daemons cannot be read")).ok()
    }

    /// The bytes alone, in one step for whoever reads them, and not safe from a power cut yet: what one leaves is damaged,
    /// and counts as nothing.
    fn save_bytes(&self, document: &Document) -> Result<(), StateError> {
        self.create()?;
        let (path, temporary) = (self.file(PUBLISHED), self.file("published.yaml.next"));
        fs::write(&temporary, sealed::seal(&document.yaml)).map_err(fault("write", &temporary))?;
        fs::rename(&temporary, &path).map_err(fault("replace", &path))
    }

    /// The snapshot first: with newer bytes than it, a start would take back what was published.
    fn save_last(&self, last: &Last, known: Option<&str>) -> Result<(), StateError> {
        self.create()?;
        let json = serde_json::to_vec(&*last.snapshot).map_err(StateError::Unwritable)?;
        self.replace(SNAPSHOT, &sealed::seal(&json))?;
        if known != Some(&*last.document.revision) {
            self.replace(PUBLISHED, &sealed::seal(&last.document.yaml))?;
        }
        self.sync()
    }

    fn unsealed(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.file(name);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes));
        let payload = match read {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return None;
            }
            Err(error) => Err(fault("read", &path)(error)),
            Ok(_) => sealed::unseal(bytes).map_err(|source| StateError::Damaged { path, source }),
        };
        payload.inspect_err(|error| tracing::warn!(error = chain(error), "what was published is not known")).ok()
    }
}

#[cfg(test)]
mod tests {
    use container_snapshot::{DaemonView, Link, Timestamp};

    use super::*;

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
        Snapshot { daemons: [(id.try_into().unwrap(), view)].into(), ..Snapshot::default() }
    }

    #[test]
    fn the_last_one_is_written_before_the_end_and_damage_is_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = StateDir::new(scratch.path());
        assert!(dir.load_published().is_none() && dir.load_snapshot().is_none());
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let (saver, saving) = LastSaver::start(dir.clone(), CancellationToken::new());
            saver.offer(&document("a: {}\n"), &snapshot(64));
            let mut seen = saver.newest.subscribe();
            saver.offer(&document("a: {}\n"), &snapshot(64));
            assert!(!seen.has_changed().unwrap(), "nothing changed, so nothing is written");
            saver.offer(&document("b: {}\n"), &snapshot(128));
            assert!(seen.has_changed().unwrap());
            seen.mark_unchanged();
            drop(seen);
            // Long before it is there for good.
            while dir.load_published() != Some(document("b: {}\n")) {
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            saver.offer(&document("c: {}\n"), &snapshot(128));
            while dir.load_published() != Some(document("c: {}\n")) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            saver.offer(&document("b: {}\n"), &snapshot(128));
            drop(saver);
            saving.await.unwrap();
        });
        assert_eq!(dir.load_published(), Some(document("b: {}\n")));
        assert_eq!(dir.load_snapshot(), Some(snapshot(128)));
        for name in [PUBLISHED, SNAPSHOT] {
            let bytes = std::fs::read(dir.file(name)).unwrap();
            std::fs::write(dir.file(name), &bytes[..bytes.len() - 1]).unwrap();
        }
        assert!(dir.load_published().is_none() && dir.load_snapshot().is_none());
    }
}
