//! What systemd gives, and what it is told: sockets that it holds while this program is down, readiness, a status line,
//! and a sign of life. Without systemd all of it is nothing.

use std::{env, io, net::TcpListener, os::unix::net::UnixListener, time::Duration};

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// `FileDescriptorName=` of the socket on which routes are served.
const HTTP: &str = "http";
/// The same of the control socket.
const CONTROL: &str = "control";

/// Sockets that were opened by systemd. While this program is down nobody else can have them, and clients wait.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    pub(crate) http: Option<TcpListener>,
    pub(crate) control: Option<UnixListener>,
}

/// Tells systemd how it goes.
#[derive(Debug)]
pub(crate) struct Notifier {
    ready: bool,
    status: String,
    signs: Option<Interval>,
}

// === impl Sockets ===

impl Sockets {
    /// Those of this process, by their names.
    ///
    /// # Errors
    /// When one of them is of another kind than its name says, or has a name that is not known.
    pub(crate) fn take() -> io::Result<Self> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        Self::from(&mut ListenFd::from_env(), &names)
    }

    fn from(given: &mut ListenFd, names: &str) -> io::Result<Self> {
        let mut sockets = Self::default();
        for (at, name) in names.split(':').take(given.len()).enumerate() {
            match name {
                HTTP => {
                    sockets.http = given.take_tcp_listener(at)?;
                    // The mode belongs to the socket, and whoever opened it may have left it otherwise.
                    sockets.http.as_ref().map_or(Ok(()), |socket| socket.set_nonblocking(true))?;
                }
                CONTROL => {
                    sockets.control = given.take_unix_listener(at)?;
                    sockets.control.as_ref().map_or(Ok(()), |socket| socket.set_nonblocking(true))?;
                }
                other => {
                    let message = format!("systemd gave a socket {other:?}; FileDescriptorName is {HTTP} or {CONTROL}");
                    return Err(io::Error::other(message));
                }
            }
        }
        Ok(sockets)
    }
}

// === impl Notifier ===

impl Notifier {
    /// Of this process.
    pub(crate) fn of_this_process() -> Self {
        let signs = sd_notify::watchdog_enabled().map(|limit| {
            // Two may be lost before it counts as dead.
            let mut signs = interval((limit / 3).max(Duration::from_millis(10)));
            signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
            signs
        });
        Self { ready: false, status: String::new(), signs }
    }

    /// What is said to be going on, in a line; and, once, that it can answer truthfully.
    pub(crate) fn tell(&mut self, ready: bool, status: String) {
        let mut news = Vec::new();
        if ready && !self.ready {
            news.push(NotifyState::Ready);
        }
        if status != self.status {
            news.push(NotifyState::Status(&status));
        }
        if !news.is_empty() {
            say(&news);
        }
        self.ready |= ready;
        self.status = status;
    }

    /// Waits until the next sign of life is due, and gives it; for ever when nobody wants any.
    pub(crate) async fn sign(&mut self) {
        match &mut self.signs {
            Some(signs) => {
                signs.tick().await;
                say(&[NotifyState::Watchdog]);
            }
            None => std::future::pending().await,
        }
    }
}

/// That the end was asked for.
pub(crate) fn stopping() {
    say(&[NotifyState::Stopping]);
}

fn say(news: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    if let Err(error) = sd_notify::notify(news) {
        tracing::debug!(%error, "systemd does not listen");
    }
}
