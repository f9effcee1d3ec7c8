use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use container_snapshot::{Container, ContainerId};
use futures_util::FutureExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    Settings,
    event::Event,
    fault::{Call, Fault},
    meter::{Excess, Meter},
    summary::containers_from_json,
    transport::Line,
};

/// Answers of more bytes are read by a thread of their own, so that they do not delay other daemons.
const LARGE: usize = 256 << 10;

/// Asks one daemon; every call has a connection of its own, and bounds.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    socket: PathBuf,
    settings: Arc<Settings>,
}

/// What a list call brought.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) containers: Vec<Container>,
    /// How many bytes that took.
    pub(crate) bytes: usize,
}

/// A daemon's container events, from the subscription on.
pub(crate) struct Events {
    answer: Line,
    meter: Meter,
    settings: Arc<Settings>,
    /// What has arrived and was not looked at yet.
    piece: Bytes,
    /// The beginning of an event whose end has not arrived.
    begun: Vec<u8>,
}

// === impl Client ===

impl Client {
    pub(crate) fn new(socket: PathBuf, settings: Arc<Settings>) -> Self {
        Self { socket, settings }
    }

    /// All containers, or those with these IDs, in every state.
    pub(crate) async fn list(&self, ids: Option<&[ContainerId]>) -> Result<Listing, Fault> {
        let mut query = "all=true".to_owned();
        if let Some(ids) = ids {
            let ids: Vec<_> = ids.iter().map(ContainerId::as_str).collect();
            query = format!("{query}&{}", filters(&json!({ "id": ids })));
        }
        let meter = self.meter(self.settings.max_answer_bytes);
        let answer = async { Line::open(&self.socket, Call::List, &query, meter.clone()).await?.all().await };
        let answer = self.within(Call::List, &meter, answer).await?;
        let bytes = answer.len();
        let read = if bytes > LARGE {
            spawn_blocking(move || containers_from_json(&answer))
                .await
                .map_err(|_ended| Fault::BrokenOff { call: Call::List })?
        } else {
            containers_from_json(&answer)
        };
        let containers = read.map_err(|error| Fault::unreadable(Call::List, &error))?;
        Ok(Listing { containers, bytes })
    }

    /// Subscribes, to what happened since then, too, as far as the daemon remembers it: seconds since the Unix epoch. When
    /// this returns, the daemon has begun to answer.
    pub(crate) async fn events(&self, since: u64) -> Result<Events, Fault> {
        let query = format!("since={since}&{}", filters(&json!({ "type": ["container"] })));
        let meter = self.meter(self.settings.max_event_bytes);
        let opening = Line::open(&self.socket, Call::Events, &query, meter.clone());
        let answer = self.within(Call::Events, &meter, opening).await?;
        meter.restart();
        let settings = self.settings.clone();
        Ok(Events { answer, meter, settings, piece: Bytes::new(), begun: Vec::new() })
    }

    fn meter(&self, max_bytes: usize) -> Meter {
        Meter::new(max_bytes, self.settings.call_timeout)
    }

    /// The answer to a call, or what is wrong with it.
    async fn within<T>(
        &self,
        call: Call,
        meter: &Meter,
        answer: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        match timeout(self.settings.call_timeout, answer).await {
            Ok(answer) => answer.map_err(|fault| self.settings.fault(call, meter, fault)),
            Err(_elapsed) => Err(self.settings.late(call, meter)),
        }
    }
}

/// As Docker wants them in a query.
fn filters(filters: &serde_json::Value) -> String {
    format!("filters={}", utf8_percent_encode(&filters.to_string(), NON_ALPHANUMERIC))
}

// === impl Events ===

impl Events {
    /// The next event: a line. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Event, Fault> {
        loop {
            if let Some(line) = self.line() {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                self.meter.restart();
                return Event::from_json(&line).map_err(|error| Fault::unreadable(Call::Events, &error));
            }
            let piece =
                self.answer.piece().await.map_err(|fault| self.settings.fault(Call::Events, &self.meter, fault))?;
            self.piece = piece.ok_or(Fault::EventsEnded)?;
        }
    }

    /// The next event if it has arrived already.
    pub(crate) fn arrived(&mut self) -> Option<Result<Event, Fault>> {
        self.next().now_or_never()
    }

    /// The next whole line of what has arrived; its beginning is kept for later. Each byte is looked at once.
    fn line(&mut self) -> Option<Vec<u8>> {
        let Some(end) = self.piece.iter().position(|byte| *byte == b'\n') else {
            self.begun.extend_from_slice(&std::mem::take(&mut self.piece));
            return None;
        };
        let mut line = std::mem::take(&mut self.begun);
        line.extend_from_slice(&self.piece.split_to(end + 1));
        Some(line)
    }
}

// === impl Settings ===

impl Settings {
    /// What went wrong, given what the meter has seen: a connection that it ended only looks broken.
    fn fault(&self, call: Call, meter: &Meter, fault: Fault) -> Fault {
        match meter.excess() {
            Some(Excess::Bytes) => Fault::TooLarge {
                call,
                limit: match call {
                    Call::List => self.max_answer_bytes,
                    Call::Events => self.max_event_bytes,
                },
            },
            Some(Excess::Time) => Fault::Slow { call, limit: self.call_timeout },
            None => fault,
        }
    }

    fn late(&self, call: Call, meter: &Meter) -> Fault {
        let limit = self.call_timeout;
        if meter.read() == 0 { Fault::Silent { call, limit } } else { Fault::Slow { call, limit } }
    }
}
