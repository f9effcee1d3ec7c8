//! The server: accepts connections, knows who is connected, and stops in order.

use std::{
    future::poll_fn,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    select,
    sync::{Semaphore, watch},
    task::{JoinSet, yield_now},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    admission::{Admission, ConnectionId, Limits, Standing},
    connection::drive,
    polls::Polls,
    settings::Settings,
    state::{Endpoint, Published},
};

/// Views that are made at once.
const VIEWS_AT_ONCE: usize = 2;

/// The pause after an error that will not go away by itself, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is served, and how.
#[derive(Debug)]
pub struct Service<P: 'static> {
    /// What was published last.
    pub published: watch::Receiver<Arc<P>>,
    /// Which paths there are, in the order in which they are listed to those who miss them.
    pub endpoints: &'static [Endpoint<P>],
    /// Limits and times.
    pub settings: Settings,
    /// Where it is noted that the document was asked for.
    pub polls: Arc<Polls>,
}

/// What all connections share.
pub(crate) struct Server<P: 'static> {
    pub(crate) published: watch::Receiver<Arc<P>>,
    endpoints: &'static [Endpoint<P>],
    pub(crate) settings: Settings,
    pub(crate) polls: Arc<Polls>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) view_permits: Arc<Semaphore>,
    open: Mutex<Admission<CancellationToken>>,
}

/// Serves to everybody who connects to one of `listeners`, until `shutdown` is cancelled and all requests have ended.
/// `on_ready` is called when the first connection would be taken.
///
/// The order to stop closes the listeners and idle connections; held requests are answered at once, with what there
/// is, and nothing takes longer than [`Settings::stop_timeout`].
pub async fn serve<P: Published>(
    mut listeners: Vec<TcpListener>,
    service: Service<P>,
    on_ready: impl FnOnce(),
    shutdown: CancellationToken,
) {
    let server = Arc::new(Server::new(service, shutdown));
    let mut connections = JoinSet::new();
    let mut reported = None;
    on_ready();
    loop {
        select! {
            biased;
            () = server.shutdown.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listeners) => match accepted {
                Ok(stream) => {
                    reported = None;
                    welcome(&server, stream, &mut connections);
                    // The next one has the first turn, so that nobody is kept out by a crowd at another.
                    listeners.rotate_left(1);
                    // Without this one, a flood of connections would push out a newer one before it is even read.
                    yield_now().await;
                }
                Err(error) => rest(&error, &mut reported).await,
            },
        }
    }
    drop(listeners);
    finish(connections, server.settings.stop_timeout).await;
}

/// The next connection of any listener.
async fn accept(listeners: &[TcpListener]) -> io::Result<TcpStream> {
    poll_fn(|context| {
        let mut polled = listeners.iter().map(|listener| listener.poll_accept(context));
        polled.find(Poll::is_ready).unwrap_or(Poll::Pending).map_ok(|(stream, _)| stream)
    })
    .await
}

/// Starts the task of a new connection.
fn welcome<P: Published>(server: &Arc<Server<P>>, stream: TcpStream, connections: &mut JoinSet<()>) {
    // An answer is written in one go; waiting for more would only delay its last packet.
    _ = stream.set_nodelay(true);
    let (id, evicted) = server.enter();
    let server = Arc::clone(server);
    connections.spawn(async move {
        drive(stream, Arc::clone(&server), id, evicted).await;
        server.open().leave(id);
    });
}

/// Rests after an error of `accept`, so that one that stays does not keep the processor busy, nor fill the log.
async fn rest(error: &io::Error, reported: &mut Option<io::ErrorKind>) {
    let kind = error.kind();
    if concerns_one_connection(kind) {
        debug!(%error, "connection was gone before it was accepted");
        return;
    }
    match reported.replace(kind) {
        Some(before) if before == kind => debug!(%error, "still cannot accept connections"),
        _ => warn!(%error, "cannot accept connections"),
    }
    sleep(ACCEPT_PAUSE).await;
}

/// Whether the next `accept` has nothing to do with this error.
fn concerns_one_connection(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(kind, ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Waits for connections to end, and cuts those that take too long.
async fn finish(mut connections: JoinSet<()>, limit: Duration) {
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(limit, all).await.is_err() {
        info!(connections = connections.len(), "cut connections that did not end in time");
        connections.shutdown().await;
    }
}

// === impl Server ===

impl<P> Server<P> {
    fn new(service: Service<P>, shutdown: CancellationToken) -> Self {
        let Service { published, endpoints, settings, polls } = service;
        let limits = Limits { trusted: settings.max_connections_trusted, other: settings.max_connections_other };
        Self {
            published,
            endpoints,
            settings,
            polls,
            shutdown,
            view_permits: Arc::new(Semaphore::new(VIEWS_AT_ONCE)),
            open: Mutex::new(Admission::new(limits)),
        }
    }

    /// What is at a path.
    pub(crate) fn endpoint(&self, path: &str) -> Option<&'static Endpoint<P>> {
        self.endpoints.iter().find(|endpoint| endpoint.path == path)
    }

    /// All paths.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'static str> {
        self.endpoints.iter().map(|endpoint| endpoint.path)
    }

    /// A request came on a connection and showed this standing.
    pub(crate) fn used(&self, id: ConnectionId, shown: Standing) {
        let to_close = self.open().used(id, shown);
        close(to_close);
    }

    /// Lets a connection in; the token is cancelled when it has to make room.
    fn enter(&self) -> (ConnectionId, CancellationToken) {
        let evicted = CancellationToken::new();
        let (id, to_close) = self.open().enter(evicted.clone());
        close(to_close);
        (id, evicted)
    }

    fn open(&self) -> MutexGuard<'_, Admission<CancellationToken>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn close(connection: Option<CancellationToken>) {
    if let Some(evicted) = connection {
        evicted.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_table_of_files_is_given_time() {
        let mut reported = None;
        let before = tokio::time::Instant::now();
        rest(&io::Error::from(io::ErrorKind::ConnectionAborted), &mut reported).await;
        assert!(before.elapsed() < ACCEPT_PAUSE);
        assert_eq!(reported, None);
        let too_many_files = io::Error::from_raw_os_error(24);
        rest(&too_many_files, &mut reported).await;
        assert!(before.elapsed() >= ACCEPT_PAUSE);
        assert_eq!(reported, Some(too_many_files.kind()));
    }
}
