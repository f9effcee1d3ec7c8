use std::{
    convert::Infallible,
    future,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use container_snapshot::Event;
use repo_network::NetworkId;
use tokio::{
    sync::{mpsc, watch},
    time::{self, Interval},
};

use crate::{
    Message, Settings,
    backoff::Backoff,
    client::{Client, Events, Listing},
    fault::Fault,
    hints::{Asked, Hints, Question},
};

/// After so many events in a row it is time to look at other things.
const BURST: usize = 1000;

/// A subscription takes in what happened this long before it: the daemon remembers its last events, and tells them again.
const OVERLAP: Duration = Duration::from_secs(2);

/// After an answer of more bytes than this, nothing is asked for four times as long as it took: a daemon that always has
/// much to say leaves the processor to others.
const LARGE: usize = 1 << 20;

/// The longest of these rests.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// After so many bytes about single containers everything is listed: what was told of once and is there no more is
/// forgotten then.
const MOST_SINGLE: usize = 8 << 20;

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
struct Answer {
    /// About whom it was; all, otherwise.
    asked: Option<Asked>,
    listing: Listing,
    took: Duration,
}

/// What one daemon may cost.
#[derive(Default)]
struct Budget {
    /// Nothing is asked before.
    rested: Option<Instant>,
    /// Bytes about single containers since the last list of all.
    single: usize,
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
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(OVERLAP);
        let mut events = client.events(since.as_secs()).await?;
        let mut hints = Hints::default();
        hints.begin(Instant::now());
        let mut budget = Budget::default();
        let mut relist = relist(self.settings.relist_interval);
        let mut call = None;
        loop {
            if call.is_none() && budget.allows(Instant::now()) {
                call = hints.take(Instant::now()).map(|question| ask(&client, question, &mut relist));
            }
            let due = if call.is_none() { budget.due(hints.due()) } else { None };
            tokio::select! {
                event = events.next() => {
                    hints.note(event?, Instant::now());
                    gather(&mut events, &mut hints).await?;
                    let ended = hints.ended();
                    // Before the first list, it may be what was told again of before the subscription.
                    if live.is_some() && !ended.is_empty() {
                        self.tell(Event::Ended(ended), told).await?;
                    }
                }
                answer = answered(&mut call) => {
                    call = None;
                    let answer = answer?;
                    budget.spend(&answer, &mut hints, Instant::now());
                    let event = answer.into_event(&mut hints);
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
        let mut found = self.listing.containers;
        let Some(asked) = self.asked else { return Event::Listed(found) };
        let doubtful = hints.verify(&asked, &found, Instant::now());
        let mut asked = asked.all();
        asked.retain(|id| !doubtful.contains(id));
        found.retain(|container| asked.contains(&container.id));
        Event::Changed { asked, found }
    }
}

// === impl Budget ===

impl Budget {
    fn allows(&self, now: Instant) -> bool {
        self.rested.is_none_or(|rested| rested <= now)
    }

    /// When what is due then is done.
    fn due(&self, due: Option<Instant>) -> Option<Instant> {
        due.map(|due| self.rested.map_or(due, |rested| due.max(rested)))
    }

    fn spend(&mut self, answer: &Answer, hints: &mut Hints, now: Instant) {
        let bytes = answer.listing.bytes;
        self.rested = (bytes > LARGE).then(|| now + (answer.took * 4).min(LONGEST_REST));
        self.single = if answer.asked.is_some() { self.single.saturating_add(bytes) } else { 0 };
        if self.single > MOST_SINGLE {
            self.single = 0;
            hints.everything_soon(now);
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
    let asked = match question {
        Question::Everything => {
            relist.reset();
            None
        }
        Question::About(asked) => Some(asked),
    };
    Box::pin(async move {
        let begun = Instant::now();
        let open = asked.as_ref().map(Asked::open);
        let listing = match &open {
            Some(open) if open.is_empty() => Listing::default(),
            open => client.list(open.as_deref()).await?,
        };
        Ok(Answer { asked, listing, took: begun.elapsed() })
    })
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
