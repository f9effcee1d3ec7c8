//! A directory of simulated daemons, discovery running on it, and a store that takes in what it tells.
#![expect(clippy::expect_used, clippy::panic, reason = "a test's helper fails the test")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use container_snapshot::{DaemonView, Event, Link, Snapshot, Store, Timestamp};
use docker_discovery::{Message, Settings, follow};
use docker_simulator::Simulator;
use repo_network::NetworkId;
use tempfile::TempDir;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Long enough for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Machine {
    pub(crate) directory: TempDir,
}

pub(crate) struct Watch {
    pub(crate) store: Store,
    /// Everything that was told, in order, without the containers.
    pub(crate) log: Vec<String>,
    pub(crate) refresh: Arc<Notify>,
    messages: mpsc::Receiver<Message>,
    shutdown: CancellationToken,
    following: JoinHandle<()>,
}

pub(crate) fn id(number: u32) -> NetworkId {
    NetworkId::try_from(number).expect("a network ID")
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    pub(crate) fn socket(&self, number: u32) -> PathBuf {
        self.directory.path().join(format!("docker-{number}.sock"))
    }

    pub(crate) fn daemon(&self, number: u32) -> Simulator {
        Simulator::bind(self.socket(number)).expect("a socket")
    }

    /// Quick in everything but giving up and listing again.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            globs: vec![glob(self.directory.path())],
            scan_interval: Duration::from_millis(10),
            call_timeout: PATIENCE,
            backoff_min: Duration::from_millis(5),
            backoff_max: Duration::from_millis(50),
            max_answer_bytes: 32 << 20,
            ..Settings::default()
        }
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch::new(self.settings())
    }
}

pub(crate) fn glob(directory: &Path) -> String {
    format!("{}/docker-*.sock", directory.display())
}

impl Watch {
    pub(crate) fn new(settings: Settings) -> Self {
        let (sender, messages) = mpsc::channel(16);
        let (refresh, shutdown) = (Arc::new(Notify::new()), CancellationToken::new());
        let following = tokio::spawn(follow(settings, sender, refresh.clone(), shutdown.clone()));
        Self { store: Store::default(), log: Vec::new(), refresh, messages, shutdown, following }
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        self.store.snapshot()
    }

    pub(crate) fn view(&self, number: u32) -> &DaemonView {
        self.snapshot().daemons.get(&id(number)).expect("a daemon")
    }

    pub(crate) fn is(&self, number: u32, link: Link) -> bool {
        self.snapshot().daemons.get(&id(number)).is_some_and(|view| view.link == link)
    }

    /// The names of the containers that exist and serve.
    pub(crate) fn serving(&self, number: u32) -> Vec<&str> {
        let daemon = self.snapshot().daemons.get(&id(number));
        let tracked = daemon.into_iter().flat_map(|view| view.containers.values());
        let mut names: Vec<_> = tracked
            .filter(|tracked| !tracked.removed && tracked.container.is_serving())
            .map(|tracked| tracked.container.name.as_str())
            .collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn has_told(&self, entry: &str) -> bool {
        self.log.iter().any(|told| told == entry)
    }

    /// Takes in messages until something holds.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !holds(self) {
            match tokio::time::timeout_at(deadline, self.messages.recv()).await {
                Ok(Some(message)) => self.take(message),
                Ok(None) => panic!("discovery ended before {what}"),
                Err(_) => panic!("not in time: {what}; told: {:?}", self.log),
            }
        }
    }

    pub(crate) async fn until_live(&mut self, number: u32) {
        self.until("the daemon is live", |watch| watch.is(number, Link::Live)).await;
    }

    pub(crate) async fn until_serving(&mut self, number: u32, names: &[&str]) {
        self.until("the containers serve", |watch| watch.serving(number) == names).await;
    }

    pub(crate) async fn until_lost(&mut self, number: u32, because: &str) {
        let lost = |watch: &Self| {
            let view = watch.snapshot().daemons.get(&id(number));
            view.is_some_and(|view| view.reason.as_deref().is_some_and(|reason| reason.contains(because)))
        };
        self.until(because, lost).await;
    }

    /// Takes in what comes within a time.
    pub(crate) async fn pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok(Some(message)) = tokio::time::timeout_at(end.into(), self.messages.recv()).await {
            self.take(message);
        }
    }

    pub(crate) async fn end(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.following).await.expect("an end in time").expect("no panic");
    }

    /// Nobody listens any more: discovery ends by itself.
    pub(crate) async fn deafen(self) {
        drop(self.messages);
        tokio::time::timeout(PATIENCE, self.following).await.expect("an end in time").expect("no panic");
    }

    fn take(&mut self, message: Message) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        let now = Timestamp::from_millis(u64::try_from(now).expect("before the end of time"));
        match message {
            Message::Scanned => self.log.push("scanned".to_owned()),
            Message::RefusedSockets(refused) => {
                self.log.push(format!("{} refused", refused.len()));
                self.store.refuse_sockets(refused);
            }
            Message::Daemon { id, event } => {
                self.log.push(match &event {
                    Event::Found { .. } => format!("{id} found"),
                    Event::Listed(all) => format!("{id} listed {}", all.len()),
                    Event::Changed { asked, found } => format!("{id} changed {} {}", asked.len(), found.len()),
                    Event::Ended(ids) => format!("{id} ended {}", ids.len()),
                    Event::Lost { .. } => format!("{id} lost"),
                    Event::Vanished => format!("{id} vanished"),
                });
                self.store.apply(id, event, now);
            }
        }
    }
}
