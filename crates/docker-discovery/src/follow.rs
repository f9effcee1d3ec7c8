use std::{collections::BTreeMap, sync::Arc};

use container_snapshot::Event;
use repo_network::NetworkId;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::{self, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Settings,
    daemon::Follower,
    fault::Fault,
    scan::{Scanner, Sockets},
    socket::{Kind, Socket},
};

/// What discovery tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Something about one daemon. The first is always [`Event::Found`], and nothing follows
    /// [`Event::Vanished`] but another [`Event::Found`].
    Daemon {
        /// Which one: its socket's name says so.
        id: NetworkId,
        /// What about it.
        event: Event,
    },
    /// All paths that match a glob and are not followed, each with the reason; sent when they change.
    RefusedSockets(BTreeMap<String, String>),
    /// Every daemon that was there at the beginning has been [found](Event::Found). Sent once, and
    /// not before every directory of the globs could be read: until then a machine without daemons
    /// is not proved to be one.
    Scanned,
}

/// Looks for daemons and follows them until `shutdown`, or until nobody receives the messages.
/// Whoever notifies `refresh` makes every daemon list everything now, also those that are being
/// waited for.
pub async fn follow(
    settings: Settings,
    messages: mpsc::Sender<Message>,
    refresh: Arc<Notify>,
    shutdown: CancellationToken,
) {
    let mut fleet = Fleet::new(settings, messages);
    let _ended = shutdown.run_until_cancelled(fleet.run(&refresh)).await;
    fleet.disband().await;
}

/// The daemons that are followed.
struct Fleet {
    settings: Arc<Settings>,
    messages: mpsc::Sender<Message>,
    scanner: Scanner,
    daemons: BTreeMap<NetworkId, Daemon>,
    refused: BTreeMap<String, String>,
    scanned: bool,
    refresh: watch::Sender<()>,
}

/// A daemon and its task, which ends with this.
struct Daemon {
    socket: Socket,
    task: Option<JoinHandle<()>>,
}

/// Nobody receives messages any more.
struct Unheard;

// === impl Fleet ===

impl Fleet {
    fn new(settings: Settings, messages: mpsc::Sender<Message>) -> Self {
        Self {
            scanner: Scanner::new(&settings.globs),
            settings: Arc::new(settings),
            messages,
            daemons: BTreeMap::new(),
            refused: BTreeMap::new(),
            scanned: false,
            refresh: watch::Sender::new(()),
        }
    }

    async fn run(&mut self, refresh: &Notify) -> Result<(), Unheard> {
        let mut looks = time::interval(self.settings.scan_interval);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let messages = self.messages.clone();
        loop {
            tokio::select! {
                _ = looks.tick() => self.look().await?,
                () = refresh.notified() => self.refresh.send_replace(()),
                () = messages.closed() => return Err(Unheard),
            }
        }
    }

    async fn look(&mut self) -> Result<(), Unheard> {
        self.revive().await?;
        match self.scanner.scan() {
            Some(sockets) => self.apply(sockets).await,
            None => Ok(()),
        }
    }

    async fn apply(&mut self, sockets: Sockets) -> Result<(), Unheard> {
        for id in sockets.vanished(self.daemons.keys()) {
            self.forget(id).await?;
        }
        for (id, socket) in sockets.daemons {
            if self.daemons.get(&id).is_none_or(|daemon| daemon.socket != socket) {
                self.adopt(id, socket).await?;
            }
        }
        if self.refused != sockets.refused {
            tracing::info!(refused = ?sockets.refused, "paths that are not followed");
            self.refused.clone_from(&sockets.refused);
            self.send(Message::RefusedSockets(sockets.refused)).await?;
        }
        if sockets.complete && !self.scanned {
            self.scanned = true;
            self.send(Message::Scanned).await?;
        }
        Ok(())
    }

    async fn adopt(&mut self, id: NetworkId, socket: Socket) -> Result<(), Unheard> {
        if let Some(mut old) = self.daemons.remove(&id) {
            old.end().await;
        }
        let path = socket.path.display().to_string();
        tracing::info!(network_id = %id, socket = path, "daemon found");
        self.tell(id, Event::Found { socket: path.clone() }).await?;
        let task = match socket.kind {
            Kind::Socket => Some(self.spawn(id, &socket)),
            Kind::Other(what) => {
                let reason = Fault::NotASocket { path, what }.to_string();
                tracing::info!(network_id = %id, reason, "daemon is lost");
                self.tell(id, Event::Lost { reason }).await?;
                None
            }
        };
        self.daemons.insert(id, Daemon { socket, task });
        Ok(())
    }

    async fn forget(&mut self, id: NetworkId) -> Result<(), Unheard> {
        let Some(mut daemon) = self.daemons.remove(&id) else { return Ok(()) };
        daemon.end().await;
        tracing::info!(network_id = %id, "daemon vanished");
        self.tell(id, Event::Vanished).await
    }

    /// A task only ends with its daemon. Should one fall over all the same, it starts again.
    async fn revive(&mut self) -> Result<(), Unheard> {
        let fallen = |daemon: &Daemon| daemon.task.as_ref().is_some_and(JoinHandle::is_finished);
        let fallen: Vec<_> = self.daemons.iter().filter(|(_, daemon)| fallen(daemon)).map(|(id, _)| *id).collect();
        for id in fallen {
            if let Some(daemon) = self.daemons.remove(&id) {
                tracing::error!(network_id = %id, "the task of a daemon fell over");
                self.adopt(id, daemon.socket.clone()).await?;
            }
        }
        Ok(())
    }

    fn spawn(&self, id: NetworkId, socket: &Socket) -> JoinHandle<()> {
        let follower = Follower {
            id,
            socket: socket.path.clone(),
            settings: self.settings.clone(),
            messages: self.messages.clone(),
            refresh: self.refresh.subscribe(),
        };
        tokio::spawn(follower.run())
    }

    async fn tell(&self, id: NetworkId, event: Event) -> Result<(), Unheard> {
        self.send(Message::Daemon { id, event }).await
    }

    async fn send(&self, message: Message) -> Result<(), Unheard> {
        self.messages.send(message).await.map_err(|_closed| Unheard)
    }

    async fn disband(self) {
        for mut daemon in self.daemons.into_values() {
            daemon.end().await;
        }
    }
}

// === impl Daemon ===

impl Daemon {
    /// Ends the task; when this returns, it sends nothing more.
    async fn end(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            // It was aborted; that is what the error says.
            let _ = task.await;
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
