//! The control socket: how the operator asks a running route server who owns what, and decides it.
//!
//! A connection is one JSON line in and one JSON line out. Only root, and the user whom the server runs as, are
//! answered; nothing that they send can hold up the main loop.

mod apply;
mod holdings;
mod socket;

use std::{future::pending, io, path::PathBuf, sync::Arc, time::Duration};

use route_api::{Answer, Claims, Polls, Repository, Request};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{apply::apply, socket::bind};
use crate::state::Report;

/// The most bytes of a request, its line's end included.
const MAX_REQUEST: u64 = 64 << 10;
/// The most connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 8;
/// How long a client may take to ask, and how long to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer waits for the disk.
const DISK_PATIENCE: Duration = Duration::from_secs(5);
/// How long polls stay released: longer than Traefik takes to end.
const RELEASED: Duration = Duration::from_secs(10);
/// Pause after a failure of accepting, such as too many open files.
const BREATH: Duration = Duration::from_millis(100);

/// What the main loop is asked to do.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) order: Order,
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Order {
    /// With who owns what.
    Claims(Claims),
    /// With a repository.
    Repository(Repository),
}

/// What it says to that.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    /// The write that the answer has to wait for.
    pub(crate) written_by: Option<u64>,
}

/// Where the control socket is.
#[derive(Debug)]
pub(crate) enum Place {
    /// There is to be none.
    Nowhere,
    /// A file that is made.
    File(PathBuf),
    /// One that systemd has opened.
    Given(std::os::unix::net::UnixListener),
}

/// What a connection needs.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) report: Report,
    pub(crate) polls: Arc<route_http::Polls>,
}

/// Serves the control socket until shutdown; without one, or where it can't be had, the server goes on without it.
pub(crate) async fn run(place: Place, desk: Desk, shutdown: CancellationToken) {
    shutdown.run_until_cancelled(serve(place, desk)).await;
}

async fn serve(place: Place, desk: Desk) {
    match place {
        Place::Nowhere => tracing::info!("no control socket is wanted"),
        Place::Given(listener) => match UnixListener::from_std(listener) {
            Ok(listener) => accept(&listener, &desk).await,
            Err(error) => tracing::warn!(%error, "the control socket that systemd gave cannot be used"),
        },
        Place::File(path) => match bind(&path).await {
            Ok(bound) => {
                tracing::info!(path = %path.display(), "the control socket is open");
                accept(&bound.listener, &desk).await;
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "no control socket; claims cannot be listed or assigned");
            }
        },
    }
    pending().await
}

/// Takes connections; dropped, it drops them all.
async fn accept(listener: &UnixListener, desk: &Desk) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(converse(stream, desk.clone(), place))),
            Err(error) => {
                tracing::debug!(%error, "cannot accept on the control socket");
                sleep(BREATH).await;
            }
        }
    }
}

/// One question, one answer.
async fn converse(mut stream: UnixStream, desk: Desk, _place: OwnedSemaphorePermit) {
    let answer = match admitted(&stream) {
        Ok(()) => match timeout(PATIENCE, read(&mut stream)).await {
            Ok(Ok(line)) => desk.answer(&line).await,
            Ok(Err(error)) => Answer::error("bad_request", error),
            Err(_elapsed) => Answer::error("bad_request", "no request came in time"),
        },
        Err(uid) => {
            tracing::warn!(uid, "a stranger on the control socket was refused");
            Answer::error("refused", "only root, and the user whom the route server runs as, are answered")
        }
    };
    // Whoever asked may be gone.
    let _ = timeout(PATIENCE, write(&mut stream, &answer)).await;
}

/// The mode of the socket keeps others out; this holds where it does not.
fn admitted(stream: &UnixStream) -> Result<(), u32> {
    let own = rustix::process::geteuid().as_raw();
    let uid = stream.peer_cred().map_or(u32::MAX, |peer| peer.uid());
    if uid == 0 || uid == own { Ok(()) } else { Err(uid) }
}

async fn read(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(MAX_REQUEST)).read_until(b'\n', &mut line).await?;
    if line.last() != Some(&b'\n') && line.len() as u64 >= MAX_REQUEST {
        return Err(io::Error::other(format!("the request is longer than {MAX_REQUEST} bytes")));
    }
    Ok(line)
}

async fn write(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.shutdown().await
}

// === impl Desk ===

impl Desk {
    async fn answer(mut self, line: &[u8]) -> Answer {
        let order = match serde_json::from_slice(line) {
            Ok(Request::Claims(claims)) => Order::Claims(claims),
            Ok(Request::Repository(repository)) => Order::Repository(repository),
            Ok(Request::Polls(Polls::Release)) => {
                self.polls.release(RELEASED);
                return Answer::PollsReleased;
            }
            Err(error) => return Answer::error("bad_request", error),
        };
        match self.ask(order).await {
            Some(Reply { answer, written_by: Some(number) }) => self.with_disk(answer, number).await,
            Some(Reply { answer, written_by: None }) => answer,
            None => Answer::error("ending", "the route server is ending"),
        }
    }

    async fn ask(&self, order: Order) -> Option<Reply> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command { order, reply }).await.ok()?;
        answer.await.ok()
    }

    /// What was decided outlives the server only when it is on disk; whoever decided it is told.
    async fn with_disk(&mut self, answer: Answer, number: u64) -> Answer {
        let error = match timeout(DISK_PATIENCE, self.report.tried(number)).await {
            Ok(None) => return answer,
            Ok(Some(error)) => error,
            Err(_elapsed) => "the disk does not answer".into(),
        };
        answer.noting(format!("it holds until the route server is restarted, for it cannot be written down: {error}"))
    }
}
