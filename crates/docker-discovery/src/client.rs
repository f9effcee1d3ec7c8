use std::{collections::HashMap, path::PathBuf, pin::Pin, sync::Arc};

use bollard::{
    errors::Error,
    models::{ContainerSummary, EventMessage},
    query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder},
};
use container_snapshot::ContainerId;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::time::timeout;

use crate::{
    Settings,
    fault::{Call, Fault},
    meter::{Excess, Meter},
    transport::Line,
};

/// Asks one daemon; every call has a connection of its own, and bounds.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    socket: PathBuf,
    settings: Arc<Settings>,
}

/// A daemon's container events, from the subscription on.
pub(crate) struct Events {
    stream: Pin<Box<dyn Stream<Item = Result<EventMessage, Error>> + Send>>,
    line: Line,
    settings: Arc<Settings>,
}

// === impl Client ===

impl Client {
    pub(crate) fn new(socket: PathBuf, settings: Arc<Settings>) -> Self {
        Self { socket, settings }
    }

    /// All containers, or those with these IDs, in every state.
    pub(crate) async fn list(&self, ids: Option<&[ContainerId]>) -> Result<Vec<ContainerSummary>, Fault> {
        let limit = self.settings.call_timeout;
        let meter = Meter::new(self.settings.max_answer_bytes, limit);
        let (docker, line) = Line::open(&self.socket, meter).map_err(|error| Fault::calling(Call::List, error))?;
        let mut options = ListContainersOptionsBuilder::new().all(true);
        if let Some(ids) = ids {
            options = options.filters(&HashMap::from([("id", ids.iter().map(ContainerId::as_str).collect())]));
        }
        match timeout(limit, docker.list_containers(Some(options.build()))).await {
            Ok(answer) => answer.map_err(|error| self.settings.fault(Call::List, &line, error)),
            Err(_elapsed) => Err(self.settings.late(Call::List, &line)),
        }
    }

    /// Subscribes: when this returns, the daemon has begun to answer.
    pub(crate) async fn events(&self) -> Result<Events, Fault> {
        let limit = self.settings.call_timeout;
        let meter = Meter::new(self.settings.max_event_bytes, limit);
        let (docker, line) = Line::open(&self.socket, meter).map_err(|error| Fault::calling(Call::Events, error))?;
        let options = EventsOptionsBuilder::new().filters(&HashMap::from([("type", vec!["container"])])).build();
        let stream = Box::pin(docker.events(Some(options)));
        let mut events = Events { stream, line, settings: self.settings.clone() };
        match timeout(limit, events.begin()).await {
            Ok(begun) => begun.map(|()| events),
            Err(_elapsed) => Err(self.settings.late(Call::Events, &events.line)),
        }
    }
}

// === impl Events ===

impl Events {
    /// The next event. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<EventMessage, Fault> {
        match self.stream.next().await {
            Some(Ok(event)) => {
                self.line.meter().restart();
                Ok(event)
            }
            Some(Err(error)) => Err(self.settings.fault(Call::Events, &self.line, error)),
            None => Err(Fault::EventsEnded),
        }
    }

    /// The next event if it has arrived already.
    pub(crate) fn arrived(&mut self) -> Option<Result<EventMessage, Fault>> {
        self.next().now_or_never()
    }

    /// An event that comes with the very first bytes is dropped: everything is listed after this.
    async fn begin(&mut self) -> Result<(), Fault> {
        let outcome = tokio::select! {
            biased;
            () = self.line.answered() => Ok(()),
            item = self.stream.next() => match item {
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => Err(self.settings.fault(Call::Events, &self.line, error)),
                None => Err(Fault::EventsEnded),
            },
        };
        self.line.meter().restart();
        outcome
    }
}

// === impl Settings ===

impl Settings {
    /// What an error means, given what the line has seen: bollard does not pass on why it broke.
    fn fault(&self, call: Call, line: &Line, error: Error) -> Fault {
        match line.meter().excess() {
            Some(Excess::Bytes) => Fault::TooLarge {
                call,
                limit: match call {
                    Call::List => self.max_answer_bytes,
                    Call::Events => self.max_event_bytes,
                },
            },
            Some(Excess::Time) => Fault::Slow { call, limit: self.call_timeout },
            None => Fault::calling(call, error),
        }
    }

    fn late(&self, call: Call, line: &Line) -> Fault {
        let limit = self.call_timeout;
        if line.meter().read() == 0 { Fault::Silent { call, limit } } else { Fault::Slow { call, limit } }
    }
}
