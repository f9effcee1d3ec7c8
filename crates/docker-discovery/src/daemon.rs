use std::{
    convert::Infallible,
    future,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use container_snapshot::{Container, ContainerId, Event};
use repo_network::NetworkId;
use tokio::{
    sync::{mpsc, watch},
    time::{self, Interval},
};

use crate::{
    Message, Settings,
    backoff::Backoff,
    client::{Client, Events},
    fault::Fault,
    hints::{Asked, Hints, Question},
    summary,
};

/// After so many events in a row it is time to look at other things.
const BURST: usize = 1000;

/// Follows one daemon, until the task that runs it is aborted or nobody listens any more.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) id: NetworkId,
    pub(crate) socket: PathBuf,
    pub(crate) settings: Arc<Settings>,
    pub(crate) messages: mpsc::Sender<Message>,
    /// Changes when everything is to be listed at once.
    pub(crate) refresh: watch::Receiver<()>,
}

/// A list call that is under way.
type Call = Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send>>;

/// What a list call brought.
enum Answer {
    All(Vec<Container>),
    Some(Asked, Vec<Container>),
}

/// Why a session is over.
enum End {
    /// The daemon is lost.
    Lost(Fault),
    /// Nobody receives messages any more.
    Unheard,
}

/// What the log was last told, so that repeats are less loud.
#[derive(Debug, Default, PartialEq, Eq)]
enum Told {
    #[default]
    Nothing,
    Live,
    Lost(String),
}

// === impl Follower ===

impl Follower {
    /// Sessions, one after the other, with pauses between them.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new(&self.settings);
        let mut told = Told::default();
        loop {
            let mut live = None;
            let Err(end) = self.session(&mut told, &mut live).await;
            let End::Lost(fault) = end else { return };
            let wait = backoff.after(live.map_or(Duration::ZERO, |since: Instant| since.elapsed()));
            if self.lose(&fault, wait, &mut told).await.is_err() {
                return;
            }
            tokio::select! {
                () = time::sleep(wait) => {}
                Ok(()) = self.refresh.changed() => {}
            }
        }
    }

    /// Subscribes, lists everything, and then asks for what events name. At most one call is under
    /// way at a time; events that come meanwhile are gathered for the next.
    async fn session(&mut self, told: &mut Told, live: &mut Option<Instant>) -> Result<Infallible, End> {
        let client = Client::new(self.socket.clone(), self.settings.clone());
        let mut events = client.events().await?;
        let mut hints = Hints::default();
        hints.everything(Instant::now());
        let mut relist = relist(self.settings.relist_interval);
        let mut call = None;
        loop {
            if call.is_none() {
                call = hints.take(Instant::now()).map(|question| ask(&client, question, &mut relist));
            }
            let due = if call.is_none() { hints.due() } else { None };
            tokio::select! {
                event = events.next() => {
                    hints.note(event?, Instant::now());
                    gather(&mut events, &mut hints).await?;
                }
                answer = answered(&mut call) => {
                    call = None;
                    let event = answer?.into_event(&mut hints);
                    self.tell(event, told).await?;
                    live.get_or_insert_with(Instant::now);
                }
                _ = relist.tick() => hints.everything(Instant::now()),
                Ok(()) = self.refresh.changed() => hints.everything(Instant::now()),
                () = until(due) => {}
            }
        }
    }

    async fn tell(&self, event: Event, told: &mut Told) -> Result<(), End> {
        if let Event::Listed(containers) = &event {
            let containers = containers.len();
            if *told == Told::Live {
                tracing::debug!(network_id = %self.id, containers, "daemon listed again");
            } else {
                tracing::info!(network_id = %self.id, containers, "daemon is live");
                *told = Told::Live;
            }
        }
        self.send(event).await
    }

    async fn lose(&self, fault: &Fault, wait: Duration, told: &mut Told) -> Result<(), End> {
        let reason = fault.to_string();
        let lost = Told::Lost(reason.clone());
        if *told == lost {
            tracing::debug!(network_id = %self.id, reason, ?wait, "daemon is still lost");
        } else {
            tracing::info!(network_id = %self.id, reason, ?wait, "daemon is lost");
            *told = lost;
        }
        self.send(Event::Lost { reason }).await
    }

    async fn send(&self, event: Event) -> Result<(), End> {
        self.messages.send(Message::Daemon { id: self.id, event }).await.map_err(|_closed| End::Unheard)
    }
}

// === impl End ===

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Lost(fault)
    }
}

// === impl Answer ===

impl Answer {
    /// What it tells; where it contradicts the events that led to it, there is more to ask.
    fn into_event(self, hints: &mut Hints) -> Event {
        match self {
            Self::All(containers) => Event::Listed(containers),
            Self::Some(asked, mut found) => {
                hints.verify(&asked, &found, Instant::now());
                let asked = asked.all();
                found.retain(|container| asked.contains(&container.id));
                Event::Changed { asked, found }
            }
        }
    }
}

/// The first tick is one interval away: a session begins with a list of everything anyway.
fn relist(interval: Duration) -> Interval {
    let mut relist = time::interval_at(time::Instant::now() + interval, interval);
    relist.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    relist
}

/// Makes the call that a question needs.
fn ask(client: &Client, question: Question, relist: &mut Interval) -> Call {
    let client = client.clone();
    match question {
        Question::Everything => {
            relist.reset();
            Box::pin(async move { Ok(Answer::All(containers(&client, None).await?)) })
        }
        Question::About(asked) => Box::pin(async move {
            let open = asked.open();
            let found = if open.is_empty() { Vec::new() } else { containers(&client, Some(&open)).await? };
            Ok(Answer::Some(asked, found))
        }),
    }
}

async fn containers(client: &Client, ids: Option<&[ContainerId]>) -> Result<Vec<Container>, Fault> {
    Ok(summary::containers(client.list(ids).await?))
}

/// What a call brings, if one is under way.
async fn answered(call: &mut Option<Call>) -> Result<Answer, Fault> {
    match call {
        Some(call) => call.await,
        None => future::pending().await,
    }
}

/// Takes in the events that are there already: they come in bursts, and one question is enough.
async fn gather(events: &mut Events, hints: &mut Hints) -> Result<(), Fault> {
    for _ in 0..BURST {
        if let Some(event) = events.arrived() {
            hints.note(event?, Instant::now());
            continue;
        }
        // The task that reads the connection gets a turn.
        tokio::task::yield_now().await;
        match events.arrived() {
            Some(event) => hints.note(event?, Instant::now()),
            None => break,
        }
    }
    Ok(())
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => time::sleep_until(due.into()).await,
        None => future::pending().await,
    }
}
