//! Reading who listens on the machine: only when something changed, at most once a second, and a while after the last
//! change once more, for those who take their time. A machine at rest is read only while something is found amiss, and
//! ever more seldom.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use container_snapshot::{Interest, Listener, Listeners, Owner, V6Wildcards};
use machine_sockets::{ControlGroups, Processes, TABLES};
use route_synthesis::{Comparison, TIME_TO_LISTEN};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use crate::{clock::steady, exit::chain};

/// Two readings are this far apart at least.
const APART: Duration = Duration::from_secs(1);
/// When everybody has had the time to begin, with a little to spare.
const LATE: Duration = TIME_TO_LISTEN.saturating_add(Duration::from_millis(200));
/// Readings while a daemon is away.
const CLOSE: Duration = Duration::from_secs(5);
/// While something is found amiss, waits double up to this.
const PATIENCE: Duration = Duration::from_secs(60);
/// A table of the kernel's that is larger than this is not read: some 400,000 sockets.
const MAX_TABLE: u64 = 64 << 20;

/// Knows who listens where backends are expected.
///
/// It is told of every change of containers ([`Self::changed`]) and of every publishing ([`Self::expect`]), and waited
/// for with [`Self::next`].
pub(crate) struct ListenerWatch {
    reader: Arc<Reader>,
    interest: Arc<Interest>,
    schedule: Schedule,
    known: Known,
    reading: Option<JoinHandle<(io::Result<Listeners>, Known)>>,
}

/// Owners that were found before. Looking for them is what costs; a socket keeps its own.
type Known = BTreeMap<(SocketAddr, u64), Owner>;

/// When to read.
#[derive(Debug, Default)]
struct Schedule {
    /// For what changed.
    soon: Option<Instant>,
    /// For who takes their time.
    late: Option<Instant>,
    wait: Duration,
    last: Option<Instant>,
}

/// Reads the kernel's tables.
struct Reader {
    processes: Processes,
    /// There is one reading at a time.
    groups: Mutex<ControlGroups>,
}

// === impl ListenerWatch ===

impl ListenerWatch {
    /// A watch over the machine that expects nobody yet, and so reads nothing.
    pub(crate) fn new() -> Self {
        let reader =
            Reader { processes: Processes::new("/proc"), groups: Mutex::new(ControlGroups::of_this_machine()) };
        Self {
            reader: Arc::new(reader),
            interest: Arc::default(),
            schedule: Schedule::default(),
            known: Known::new(),
            reading: None,
        }
    }

    /// What came of a publishing: where servers are expected from now on, and whether one has to be looked for again.
    /// Without news it is no change, so that it may be said of a publishing, too, that a reading brought about.
    pub(crate) fn expect(&mut self, comparison: &Comparison, now: Instant) {
        if *self.interest.backends() != comparison.backends {
            self.interest = Arc::new(Interest::of(comparison.backends.clone()));
            self.changed(now);
        } else if comparison.closely {
            self.schedule.closely(now);
        } else if !comparison.findings.is_empty() {
            self.schedule.again(now);
        }
    }

    /// Something changed that may have to do with who listens: a container began, ended, or became healthy.
    pub(crate) fn changed(&mut self, now: Instant) {
        if self.interest.backends().is_empty() {
            self.schedule = Schedule { last: self.schedule.last, ..Schedule::default() };
        } else {
            self.schedule.changed(now);
        }
    }

    /// The next reading; `None` when the machine does not let itself be read. Waits for ever while nothing is due.
    /// Nothing is lost when it is dropped before it is ready.
    pub(crate) async fn next(&mut self) -> Option<Listeners> {
        if self.reading.is_none() {
            match self.schedule.due() {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
            self.schedule.begun(Instant::now());
            let (reader, interest, known) = (self.reader.clone(), self.interest.clone(), self.known.clone());
            self.reading = Some(tokio::task::spawn_blocking(move || reader.read(interest, known)));
        }
        let ended = match &mut self.reading {
            Some(reading) => reading.await,
            None => std::future::pending().await,
        };
        self.reading = None;
        let read = ended.map_err(io::Error::other).and_then(|(listeners, known)| {
            self.known = known;
            listeners
        });
        read.inspect_err(|error| tracing::debug!(error = chain(error), "cannot read who listens")).ok()
    }
}

// === impl Schedule ===

impl Schedule {
    fn changed(&mut self, now: Instant) {
        let earliest = self.last.map_or(now, |last| now.max(last + APART));
        self.soon.get_or_insert(earliest);
        self.wait = LATE;
        self.late = Some(now + LATE);
    }

    fn due(&self) -> Option<Instant> {
        self.soon.into_iter().chain(self.late).min()
    }

    fn begun(&mut self, now: Instant) {
        self.soon = None;
        self.late = self.late.filter(|late| *late > now);
        self.last = Some(now);
    }

    /// Nobody else tells.
    fn closely(&mut self, now: Instant) {
        if self.due().is_none() {
            self.wait = LATE;
            self.late = Some(now + CLOSE);
        }
    }

    /// Who is missed may still come, and who is too many may go, though nothing else tells.
    fn again(&mut self, now: Instant) {
        if self.due().is_none() {
            self.wait = (self.wait * 2).min(PATIENCE);
            self.late = Some(now + self.wait);
        }
    }
}

// === impl Reader ===

impl Reader {
    /// One reading, with the owners that were found before and those that are known after it.
    fn read(&self, interest: Arc<Interest>, known: Known) -> (io::Result<Listeners>, Known) {
        let rows = match self.rows(&interest) {
            Ok(rows) => rows,
            Err(error) => return (Err(error), known),
        };
        let known = self.owners(&rows, known);
        let mut listeners = Listeners {
            read_at: steady(),
            interest: Some(interest),
            v6_wildcards: self.v6_wildcards(),
            ..Listeners::default()
        };
        for row in rows {
            let owner = known.get(&(row.address, row.inode)).cloned();
            listeners.insert(row, owner.unwrap_or(Owner::Unknown));
        }
        (Ok(listeners), known)
    }

    fn rows(&self, interest: &Interest) -> io::Result<Vec<Listener>> {
        let mut rows = Vec::new();
        for (transport, name) in TABLES {
            let table = match read_bounded(&self.processes.root().join(name)) {
                Ok(table) => table,
                // Without IPv6 there is no table of it.
                Err(error) if error.kind() == io::ErrorKind::NotFound && name.ends_with('6') => continue,
                Err(error) => return Err(error),
            };
            rows.extend(Listener::all_of(transport, &table).filter(|listener| interest.covers(listener)));
        }
        Ok(rows)
    }

    fn owners(&self, rows: &[Listener], mut known: Known) -> Known {
        let there: BTreeSet<_> = rows.iter().map(|row| (row.address, row.inode)).collect();
        known.retain(|socket, _| there.contains(socket));
        let new: BTreeSet<_> = there.into_iter().filter(|socket| !known.contains_key(socket)).collect();
        if new.is_empty() {
            return known;
        }
        // By its control group a socket is a container's or a daemon's, whoever asks. Who else it may be shows only to who
        // may look at the process.
        let inodes: BTreeSet<u64> = new.iter().map(|(_, inode)| *inode).collect();
        let mut owners = self.groups.lock().unwrap_or_else(PoisonError::into_inner).owners(&inodes);
        let others = inodes.into_iter().filter(|inode| !owners.contains_key(inode)).collect();
        let holders = self.processes.holders(&others);
        owners.extend(holders.into_iter().map(|(inode, pid)| (inode, self.processes.owner(pid))));
        for (address, inode) in new {
            let owner = owners.get(&inode).filter(|owner| **owner != Owner::Unknown);
            known.extend(owner.map(|owner| ((address, inode), owner.clone())));
        }
        known
    }

    fn v6_wildcards(&self) -> V6Wildcards {
        let path = self.processes.root().join("sys/net/ipv6/bindv6only");
        match read_bounded(&path).as_deref().map(str::trim) {
            Ok("1") => V6Wildcards::Alone,
            _ => V6Wildcards::TakeV4,
        }
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(MAX_TABLE).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read == MAX_TABLE) {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more sockets than can be looked at"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
