//! The server: accepts connections, knows who is connected, and stops in order.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
    state::State,
};

/// Views that are made at once.
const VIEWS_AT_ONCE: usize = 2;

/// The pause after an error that will not go away by itself, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What all connections share.
pub(crate) struct Server {
    pub(crate) state: watch::Receiver<State>,
    pub(crate) settings: Settings,
    pub(crate) polls: Arc<Polls>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) view_permits: Arc<Semaphore>,
    open: Mutex<Admission<CancellationToken>>,
}

/// Serves `state` to everybody who connects, until `shutdown` is cancelled and all requests have ended.
///
/// The order to stop closes the listener and idle connections; held requests are answered at once, with what there
/// is, and nothing takes longer than [`Settings::stop_timeout`].
pub async fn serve(
    listener: TcpListener,
    state: watch::Receiver<State>,
    settings: Settings,
    polls: Arc<Polls>,
    shutdown: CancellationToken,
) {
    let server = Arc::new(Server::new(state, settings, polls, shutdown));
    let mut connections = JoinSet::new();
    let mut reported = None;
    loop {
        select! {
            biased;
            () = server.shutdown.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    reported = None;
                    welcome(&server, stream, &mut connections);
                    // Without this one, a flood of connections would push out a newer one before it is even read.
                    yield_now().await;
                }
                Err(error) => rest(&error, &mut reported).await,
            },
        }
    }
    drop(listener);
    finish(connections, server.settings.stop_timeout).await;
}

/// Starts the task of a new connection.
fn welcome(server: &Arc<Server>, stream: TcpStream, connections: &mut JoinSet<()>) {
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

impl Server {
    fn new(state: watch::Receiver<State>, settings: Settings, polls: Arc<Polls>, shutdown: CancellationToken) -> Self {
        let limits = Limits { trusted: settings.max_connections_trusted, other: settings.max_connections_other };
        Self {
            state,
            settings,
            polls,
            shutdown,
            view_permits: Arc::new(Semaphore::new(VIEWS_AT_ONCE)),
            open: Mutex::new(Admission::new(limits)),
        }
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
