//! What was published last and what it was made of. After a start the bytes are served at once, and the snapshot
//! stands in for daemons that have not answered yet.

use std::{
    fs::File,
    io::{self, Read as _},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use container_snapshot::Snapshot;
use route_http::Document;
use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{StateDir, StateError, fault, sealed};
use crate::exit::chain;

const PUBLISHED: &str = "published.yaml";
const SNAPSHOT: &str = "snapshot";
/// The most bytes of each that are read.
const MAX_FILE: u64 = 512 << 20;
/// At least this long between two writes, and four times as long as one took: a fleet that never rests does not keep
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

async fn write_newest(dir: StateDir, mut newest: watch::Receiver<Option<Last>>, shutdown: CancellationToken) {
    let mut failed = None;
    let mut revision = None;
    // What nobody has seen yet comes before the end.
    while newest.changed().await.is_ok() {
        let Some(last) = newest.borrow_and_update().clone() else { continue };
        let begun = Instant::now();
        let (dir, known, new) = (dir.clone(), revision.take(), last.document.revision.clone());
        let written = spawn_blocking(move || dir.save_last(&last, known.as_deref())).await;
        let error = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(chain(&error)),
            Err(error) => Some(chain(&error)),
        };
        match (&failed, &error) {
            (before, Some(error)) if before.as_ref() != Some(error) => {
                tracing::warn!(error, "what is published cannot be written; a restart begins with older routes");
            }
            (Some(_), None) => tracing::info!("what is published is written again"),
            _ => {}
        }
        revision = error.is_none().then_some(new);
        failed = error;
        shutdown.run_until_cancelled(sleep(PAUSE.max(begun.elapsed() * 4))).await;
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
