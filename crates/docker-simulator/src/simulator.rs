use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{Container, Fault, State, api};

/// A simulated daemon on a socket of its own; it ends, and removes the socket, when it is dropped.
///
/// It needs a tokio runtime with IO, which it uses from [`Simulator::bind`] on.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    path: PathBuf,
    accepting: JoinHandle<()>,
    /// Which file is to be removed in the end; none when it shall stay.
    socket: Option<Identity>,
}

/// Tells a socket file from a later one at the same path, which often gets the same inode number.
type Identity = (u64, SystemTime);

/// How many requests of each kind a simulator has received since it was bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// `GET /containers/json`.
    pub lists: u64,
    /// `GET /containers/{id}/json`.
    pub inspects: u64,
    /// `GET /events`.
    pub events: u64,
    /// Anything else.
    pub others: u64,
}

/// What the connections of one simulator share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) lists: AtomicU64,
    pub(crate) inspects: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) others: AtomicU64,
    inner: Mutex<Inner>,
    dropped: watch::Sender<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) fault: Option<Fault>,
    pub(crate) containers: BTreeMap<String, Entry>,
    subscribers: Vec<mpsc::UnboundedSender<Bytes>>,
    /// The last events, each with its time in nanoseconds since 1970, for who asks for those since then.
    recent: VecDeque<(u64, Bytes)>,
}

/// So many events are remembered, as by dockerd (its `eventsLimit`).
const RECENT: usize = 256;

/// A container with its entry in the list, written once per change and not once per call.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) container: Container,
    pub(crate) summary: String,
}

// === impl Simulator ===

impl Simulator {
    /// Listens on a socket, taking the place of one that is there already, as dockerd does.
    ///
    /// # Errors
    /// What the operating system says: no such directory, a directory of that name, …
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        let socket = Some(identity(&path)?);
        Ok(Self { shared, path, accepting, socket })
    }

    /// The path of its socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces all containers, without a word to those who listen for events.
    pub fn set_containers(&self, containers: impl IntoIterator<Item = Container>) {
        let entries = containers.into_iter().map(|container| (container.id().to_owned(), Entry::new(container)));
        self.shared.lock().containers = entries.collect();
    }

    /// Adds a container, or starts the one with its ID again, and returns the ID. Events: `create`
    /// where it is new, `start`.
    pub fn start(&self, container: Container) -> String {
        let mut inner = self.shared.lock();
        let container = if container.is_up() { container } else { container.turned(State::Running) };
        let id = container.id().to_owned();
        let is_new = inner.containers.insert(id.clone(), Entry::new(container)).is_none();
        if is_new {
            inner.announce(&id, "create");
        }
        inner.announce(&id, "start");
        id
    }

    /// Ends a container. Events: `kill`, `die`, `stop`.
    pub fn stop(&self, id: &str) {
        self.change(id, &["kill", "die", "stop"], |container| container.turned(State::Exited));
    }

    /// Ends and starts a container. Events: `kill`, `die`, `stop`, `start`, `restart`.
    pub fn restart(&self, id: &str) {
        self.change(id, &["kill", "die", "stop", "start", "restart"], |container| container.turned(State::Running));
    }

    /// Removes a container. Event: `destroy`.
    pub fn remove(&self, id: &str) {
        let mut inner = self.shared.lock();
        inner.announce(id, "destroy");
        inner.containers.remove(id);
    }

    /// Changes a container in any way, then sends these events, such as `health_status: healthy`.
    pub fn change(&self, id: &str, actions: &[&str], change: impl FnOnce(Container) -> Container) {
        let mut inner = self.shared.lock();
        let Some(entry) = inner.containers.remove(id) else { return };
        let container = change(entry.container);
        let id = container.id().to_owned();
        inner.containers.insert(id.clone(), Entry::new(container));
        for action in actions {
            inner.announce(&id, action);
        }
    }

    /// Sends a line to all who listen for events, whatever it is.
    pub fn send_line(&self, line: impl Into<Vec<u8>>) {
        let mut line: Vec<u8> = line.into();
        line.push(b'\n');
        self.shared.lock().send(&line.into());
    }

    /// Ends all event streams properly.
    pub fn close_events(&self) {
        self.shared.lock().subscribers.clear();
    }

    /// Cuts all connections.
    pub fn drop_connections(&self) {
        self.shared.dropped.send_modify(|generation| *generation += 1);
        self.close_events();
    }

    /// Misbehaves from now on, or no longer. Event streams that are open stay as they are; see
    /// [`Simulator::drop_connections`].
    pub fn set_fault(&self, fault: impl Into<Option<Fault>>) {
        self.shared.lock().fault = fault.into();
    }

    /// The requests received so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let shared = &self.shared;
        Counts {
            lists: read(&shared.lists),
            inspects: read(&shared.inspects),
            events: read(&shared.events),
            others: read(&shared.others),
        }
    }

    /// How many event streams are open.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.shared.lock().subscribers.iter().filter(|subscriber| !subscriber.is_closed()).count()
    }

    /// Ends as a killed daemon does: connections are cut and the socket file stays.
    pub fn kill(mut self) {
        self.socket = None;
    }

    /// Ends as a daemon that was asked to: connections are cut and the socket file is removed. The
    /// same as dropping it.
    pub fn shut_down(self) {
        drop(self);
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.accepting.abort();
        if self.socket.is_some() && identity(&self.path).ok() == self.socket {
            // Whoever removes it in this very moment has done the work.
            let _ = fs::remove_file(&self.path);
        }
    }
}

// === impl Shared ===

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    fn announce(&mut self, id: &str, action: &str) {
        let Some(entry) = self.containers.get(id) else { return };
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        let line = Bytes::from(format!("{}\n", entry.container.event(action, nanos)));
        self.send(&line);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((nanos, line));
    }

    /// Adds who listens for events; those since that time, in seconds since 1970, come first.
    pub(crate) fn subscribe(&mut self, since: Option<u64>) -> mpsc::UnboundedReceiver<Bytes> {
        let (sender, lines) = mpsc::unbounded_channel();
        let since = since.map_or(u64::MAX, |since| since.saturating_mul(1_000_000_000));
        for (_, line) in self.recent.iter().filter(|(nanos, _)| *nanos >= since) {
            // The receiver is here.
            let _ = sender.send(line.clone());
        }
        self.subscribers.push(sender);
        lines
    }

    fn send(&mut self, line: &Bytes) {
        self.subscribers.retain(|subscriber| subscriber.send(line.clone()).is_ok());
    }
}

// === impl Entry ===

impl Entry {
    fn new(container: Container) -> Self {
        let summary = container.summary().to_string();
        Self { container, summary }
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.ino(), metadata.modified()?))
}

/// Serves connections until the task is aborted, which aborts them too.
async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve(stream, shared.clone()));
            },
        }
    }
}

async fn serve(mut stream: UnixStream, shared: Arc<Shared>) {
    if shared.lock().fault == Some(Fault::Garbage) {
        // The request is waited for, or closing would cut it off; the client may be gone for all that.
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"\x00\xff\xfe this is not HTTP\r\n\r\n").await;
        return;
    }
    let mut dropped = shared.dropped.subscribe();
    let service = service_fn(|request| api::answer(shared.clone(), request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = connection => {}
        _ = dropped.changed() => {}
    }
}
