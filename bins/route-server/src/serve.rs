use std::{collections::BTreeSet, io, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use container_snapshot::{Event, Store};
use docker_discovery::{Message, follow};
use repo_network::NetworkId;
use route_http::{Phase, Polls, Token};
use route_synthesis::Policy;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{Notify, mpsc},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{cli::ServeOptions, exit::Failure, holder, logging, publisher::Publisher, render::now, settings};

/// Changes that come this soon after one another are published together.
const COALESCE: Duration = Duration::from_millis(50);
/// But no change waits longer than this.
const COALESCE_CAP: Duration = Duration::from_millis(500);
/// How many messages of discovery may wait.
const BACKLOG: usize = 1024;

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(options: &ServeOptions) -> Result<ExitCode, Failure> {
    logging::init(options.log_format);
    let (policy, token) = settings::validated(options)?;
    runtime()?.block_on(serve(options, policy, token))?;
    Ok(ExitCode::SUCCESS)
}

/// One thread is enough: the work is small, and one slow thing cannot hide behind another.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::runtime("cannot start", &error))
}

/// Binds, follows the daemons, serves, and ends in order.
pub(crate) async fn serve(options: &ServeOptions, policy: Policy, token: Option<Token>) -> Result<(), Failure> {
    let listener = bind(options.listen).await?;
    let address = listener.local_addr().map_err(|error| Failure::runtime("cannot serve", &error))?;
    let shutdown = CancellationToken::new();
    let refresh = Arc::new(Notify::new());
    watch_signals(&shutdown, &refresh)?;
    let polls = Arc::new(Polls::default());
    let grace = policy.grace;
    let publisher = Publisher::new(policy, polls.clone());
    let http = route_http::Settings { token, ..Default::default() };
    let serving = tokio::spawn(route_http::serve(listener, publisher.subscribe(), http, polls, shutdown.clone()));
    tracing::info!(listen = %address, sockets = options.sockets.join(" "), "serving");

    let (sender, messages) = mpsc::channel(BACKLOG);
    let discovery = docker_discovery::Settings { globs: options.sockets.clone(), ..Default::default() };
    let following = tokio::spawn(follow(discovery, sender, refresh, shutdown.clone()));
    let ready_by = Instant::now() + options.first_view;
    let fleet = Fleet { store: Store::default(), publisher, grace, ready_by, scanned: false, waiting: BTreeSet::new() };
    shutdown.run_until_cancelled(fleet.run(messages)).await;
    shutdown.cancel();
    for task in [following, serving] {
        task.await.map_err(|error| Failure::runtime("a task ended badly", &error))?;
    }
    tracing::info!("ended");
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holder = holder::of_port(address).unwrap_or_else(|| "somebody whom this user cannot see".to_owned());
            Failure::AddressInUse(format!("{address} is taken by {holder}; stop that, or choose another --listen"))
        }
        _ => Failure::runtime(format_args!("cannot listen on {address}"), &error),
    })
}

/// SIGTERM and SIGINT end, SIGHUP asks all daemons again.
fn watch_signals(shutdown: &CancellationToken, refresh: &Arc<Notify>) -> Result<(), Failure> {
    let on = |kind| signal(kind).map_err(|error| Failure::runtime("cannot listen for signals", &error));
    let (mut terminate, mut interrupt, mut hangup) =
        (on(SignalKind::terminate())?, on(SignalKind::interrupt())?, on(SignalKind::hangup())?);
    let (shutdown, refresh) = (shutdown.clone(), refresh.clone());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => refresh.notify_one(),
            }
        }
        tracing::info!("ending");
        shutdown.cancel();
    });
    Ok(())
}

/// The one writer: takes in what discovery says and publishes what follows.
struct Fleet {
    store: Store,
    publisher: Publisher,
    grace: Duration,
    /// Until then the view need not be full.
    ready_by: Instant,
    /// All daemons that were there at the beginning are known.
    scanned: bool,
    /// Those of them that have not listed their containers yet.
    waiting: BTreeSet<NetworkId>,
}

/// When the next publishing is due, and since when a change waits for it.
#[derive(Default)]
struct Due {
    at: Option<Instant>,
    first_change: Option<Instant>,
    last_publish: Option<Instant>,
}

// === impl Fleet ===

impl Fleet {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut due = Due::default();
        let mut deadline: Option<Instant> = None;
        let mut phase = Phase::Starting;
        loop {
            tokio::select! {
                biased;
                () = until(due.at) => {
                    deadline = self.publish(phase);
                    due.published(Instant::now());
                }
                message = messages.recv() => match message {
                    Some(message) => {
                        if self.take(message) {
                            due.change(Instant::now());
                        }
                    }
                    None => return,
                },
                () = until((phase == Phase::Starting).then_some(self.ready_by)) => {}
                () = until(deadline) => {
                    deadline = None;
                    due.change(Instant::now());
                }
            }
            if phase == Phase::Starting && self.is_ready() {
                phase = Phase::Serving;
                self.say_ready();
                due.at = Some(Instant::now());
            }
        }
    }

    /// Takes in a message; returns whether anything changed.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Daemon { id, event } => {
                match &event {
                    Event::Found { .. } if !self.scanned => {
                        self.waiting.insert(id);
                    }
                    Event::Listed(_) | Event::Vanished => {
                        self.waiting.remove(&id);
                    }
                    _ => {}
                }
                self.store.apply(id, event, now())
            }
            Message::RefusedSockets(refused) => self.store.refuse_sockets(refused),
            Message::Scanned => {
                self.scanned = true;
                false
            }
        }
    }

    /// A full view, or the time is up.
    fn is_ready(&self) -> bool {
        (self.scanned && self.waiting.is_empty()) || Instant::now() >= self.ready_by
    }

    fn say_ready(&self) {
        let daemons = self.store.snapshot().daemons.len();
        if self.waiting.is_empty() {
            tracing::info!(daemons, "the view is full");
        } else {
            tracing::warn!(daemons, silent = ?self.waiting, "serving without the daemons that have not answered");
        }
    }

    /// Publishes; returns when to do so again although nothing changes.
    fn publish(&mut self, phase: Phase) -> Option<Instant> {
        let now = now();
        self.store.prune(now, self.grace);
        let next = self.publisher.publish(self.store.snapshot(), phase, now)?;
        Some(Instant::now() + next.since(now))
    }
}

/// Sleeps until then; for ever when there is no then.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

// === impl Due ===

impl Due {
    /// Something changed: at once when it is the first in a while, else together with what follows it closely.
    fn change(&mut self, now: Instant) {
        let first = *self.first_change.get_or_insert(now);
        let quiet = self.last_publish.is_none_or(|last| now >= last + COALESCE);
        self.at = match self.at {
            None if quiet => Some(now),
            Some(at) if at <= now => Some(at),
            _ => Some((now + COALESCE).min(first + COALESCE_CAP)),
        };
    }

    fn published(&mut self, now: Instant) {
        *self = Self { at: None, first_change: None, last_publish: Some(now) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_is_published_at_once_and_a_burst_together() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut due = Due::default();
        due.change(start);
        assert_eq!(due.at, Some(start));
        due.published(start);
        due.change(after(10));
        assert_eq!(due.at, Some(after(60)));
        due.change(after(40));
        assert_eq!(due.at, Some(after(90)), "it waits for quiet");
        for millis in (60..1000).step_by(20) {
            due.change(after(millis));
        }
        assert!(due.at <= Some(after(510)), "but not for ever: {:?}", due.at.map(|at| at - start));
        due.published(after(510));
        due.change(after(2000));
        assert_eq!(due.at, Some(after(2000)));
    }
}
