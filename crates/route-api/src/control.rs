//! The control socket: one JSON line in, one JSON line out.

use std::{
    io::{self, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use repo_network::NetworkId;
use serde::{Deserialize, Serialize};

use crate::client::{MAX_ANSWER, Stream as _, left, read_to_end};

/// Longer than the server may wait for its disk.
const PATIENCE: Duration = Duration::from_secs(15);

/// A line that is sent to the control socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// About who owns which host.
    Claims(Claims),
    /// About Traefik's requests for the document.
    Polls(Polls),
    /// About a repository.
    Repository(Repository),
}

/// What becomes of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Repository {
    /// Its daemon and containers were stopped on purpose: its routes go at once. One that only loses its daemon keeps
    /// them.
    Stopped {
        /// The repository.
        network_id: NetworkId,
    },
}

/// What is to become of Traefik's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polls {
    /// All that are held are answered, and who had a connection gets nothing new on it for ten seconds: Traefik, which is
    /// about to be stopped, would wait for the answer, and hang over one that is news.
    Release,
}

/// What is asked about claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Claims {
    /// Who owns what.
    List,
    /// Gives a host or pattern to a repository.
    Assign {
        /// As it was typed.
        host: String,
        /// The repository.
        network_id: NetworkId,
    },
    /// Takes a host or pattern back.
    Release {
        /// As it was typed.
        host: String,
    },
    /// Takes back everything that a repository has: hosts, patterns, entry points, public ports.
    Forget {
        /// The repository, which is deleted.
        network_id: NetworkId,
    },
    /// What a repository has, for an export of it.
    Holdings {
        /// The repository.
        network_id: NetworkId,
    },
    /// Gives a repository that was imported what it had, as far as nobody else has it.
    Restore {
        /// The repository.
        network_id: NetworkId,
        /// What it had.
        holdings: Holdings,
    },
}

/// What a repository has of a machine's proxy, so that it has the same again elsewhere, or later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Holdings {
    /// Hosts that it claimed by using them first.
    pub hosts: Vec<String>,
    /// Hosts and patterns that the operator assigned to it.
    pub assigned: Vec<String>,
    /// Entry points of TCP and UDP that it has for itself.
    pub exclusive: Vec<String>,
    /// Entry points that it shares with others, told apart by their SNI.
    pub shared: Vec<String>,
    /// Public ports of services.
    pub ports: Vec<HeldPort>,
}

/// A public port that was allocated to a service's port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPort {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The public port.
    pub public: u16,
    /// The service.
    pub service: String,
    /// The service's own port.
    pub port: u16,
}

/// The line that is sent back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// All claims, in order of the host.
    Claims(Vec<Claim>),
    /// A host or pattern has a new owner.
    Assigned(Change),
    /// A host or pattern has none any more.
    Released(Change),
    /// A repository has nothing any more.
    Forgotten,
    /// What a repository has.
    Holdings(Holdings),
    /// A repository has what it had, but for these: each with whose it is, for people.
    Restored {
        /// Sentences.
        not: Vec<String>,
    },
    /// Nobody is held.
    PollsReleased,
    /// The routes of a repository are gone.
    RoutesGone,
    /// It was not done.
    Error {
        /// For programs: `bad_request`, `bad_host`, `not_claimed`, `refused`, `ending`.
        code: String,
        /// For people.
        message: String,
    },
}

/// One claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The host or pattern.
    pub host: String,
    /// Whose it is.
    pub network_id: NetworkId,
    /// Since when: RFC 3339, UTC.
    pub since: String,
    /// Since when nobody uses it: RFC 3339, UTC; none: it is in use, or its daemon is lost.
    pub unused_since: Option<String>,
    /// Whether it is by the operator, for good.
    pub assigned: bool,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The host or pattern.
    pub host: String,
    /// Whose it is now.
    pub network_id: Option<NetworkId>,
    /// Whose it was.
    pub previous: Option<NetworkId>,
    /// What the operator should know about it.
    pub notes: Vec<String>,
}

/// Why the control socket gave no answer; what it says tells what to do.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody is there.
    #[error("no route server answers on {path} ({error}); is it running (renet proxy status)?")]
    Nobody {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It may not be asked.
    #[error("only root may open {0}; the same with sudo, or as the user whom the route server runs as")]
    NotAllowed(PathBuf),
    /// It closed the connection.
    #[error("the route server on {0} went away without an answer")]
    WentAway(PathBuf),
    /// It took too long.
    #[error("the route server on {0} is too busy to answer; its log and /health say with what")]
    Busy(PathBuf),
    /// Something else.
    #[error("cannot ask the route server on {path}")]
    Other {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// Another program's answer.
    #[error("{path} did not answer as a route server does")]
    Json {
        /// The socket.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: serde_json::Error,
    },
}

/// Asks over the control socket.
///
/// # Errors
/// [`ControlError`] when there is no answer. That something was not done is an answer: [`Answer::Error`].
pub fn ask(path: &Path, request: &Request) -> Result<Answer, ControlError> {
    ask_within(path, request, PATIENCE)
}

/// The same within another time than that which a full disk may take the server.
///
/// # Errors
/// As those of [`ask`].
pub fn ask_within(path: &Path, request: &Request, patience: Duration) -> Result<Answer, ControlError> {
    let line = serde_json::to_vec(request).map_err(|error| ControlError::Json { path: path.to_owned(), error })?;
    let answer = exchange(path, line, patience).map_err(|error| ControlError::of(path, error))?;
    serde_json::from_slice(&answer).map_err(|error| ControlError::Json { path: path.to_owned(), error })
}

fn exchange(path: &Path, mut line: Vec<u8>, patience: Duration) -> io::Result<Vec<u8>> {
    let end = Instant::now() + patience;
    let mut stream = UnixStream::connect(path)?;
    line.push(b'\n');
    stream.limit(left(end)?)?;
    let asked = stream.write_all(&line);
    let mut answer = Vec::new();
    let answered = read_to_end(&mut stream, &mut answer, end, MAX_ANSWER);
    // Who is refused is told so without being heard: then there is an answer although the asking failed.
    if answer.is_empty() {
        asked.and(answered)?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}

// === impl ControlError ===

impl ControlError {
    fn of(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Self::Nobody { path, error },
            io::ErrorKind::PermissionDenied => Self::NotAllowed(path),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                Self::WentAway(path)
            }
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Busy(path),
            _ => Self::Other { path, error },
        }
    }
}

// === impl Claim ===

impl Claim {
    /// Claims as rows of a table, the first row being the head.
    #[must_use]
    pub fn rows(claims: &[Self]) -> Vec<[String; 4]> {
        let head = ["HOST", "NETWORK", "SINCE", "STATE"].map(str::to_owned);
        let rows = claims
            .iter()
            .map(|claim| [claim.host.clone(), claim.network_id.to_string(), seconds(&claim.since), claim.state()]);
        [head].into_iter().chain(rows).collect()
    }

    fn state(&self) -> String {
        match (self.assigned, &self.unused_since) {
            (false, None) => "in use".to_owned(),
            (false, Some(since)) => format!("unused since {}", seconds(since)),
            (true, None) => "assigned".to_owned(),
            (true, Some(since)) => format!("assigned, unused since {}", seconds(since)),
        }
    }
}

/// Milliseconds are for machines.
fn seconds(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}

// === impl Holdings ===

impl Holdings {
    /// How many things these are.
    #[must_use]
    pub fn count(&self) -> usize {
        let names = [&self.hosts, &self.assigned, &self.exclusive, &self.shared];
        names.iter().map(|names| names.len()).sum::<usize>() + self.ports.len()
    }
}

// === impl Change ===

impl Change {
    /// What was done, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let host = &self.host;
        match (self.network_id, self.previous) {
            (Some(id), None) => format!("{host} is assigned to network {id}; it was nobody's"),
            (Some(id), Some(previous)) if id == previous => {
                format!("{host} is assigned to network {id}, whose it was already")
            }
            (Some(id), Some(previous)) => format!("{host} is assigned to network {id}; it was network {previous}'s"),
            (None, Some(previous)) => {
                format!("{host} is released; it was network {previous}'s, and is the next one's that uses it")
            }
            (None, None) => format!("{host} is nobody's"),
        }
    }
}

// === impl Answer ===

impl Answer {
    /// That it was not done, and why.
    pub fn error(code: &str, message: impl ToString) -> Self {
        Self::Error { code: code.to_owned(), message: message.to_string() }
    }

    /// The same, with something to know about it.
    pub fn noting(mut self, note: String) -> Self {
        match &mut self {
            Self::Assigned(change) | Self::Released(change) => change.notes.push(note),
            Self::Restored { not } => not.push(note),
            _ => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_on_the_wire() {
        let read = |line: &str| serde_json::from_str::<Request>(line);
        let (host, network_id) = ("app.example.org".to_owned(), 2816.try_into().unwrap());
        for (line, claims) in [
            (r#"{"claims":"list"}"#, Claims::List),
            (
                r#"{"claims":{"assign":{"host":"app.example.org","network_id":2816}}}"#,
                Claims::Assign { host: host.clone(), network_id },
            ),
            (r#"{"claims":{"release":{"host":"app.example.org"}}}"#, Claims::Release { host }),
        ] {
            assert_eq!(read(line).unwrap(), Request::Claims(claims.clone()));
            assert_eq!(serde_json::to_string(&Request::Claims(claims)).unwrap(), line);
        }
        assert_eq!(read(r#"{"polls":"release"}"#).unwrap(), Request::Polls(Polls::Release));
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"claims":"all"}"#,
            r#"{"claims":{"assign":{"host":"a"}}}"#,
            r#"{"claims":{"assign":{"host":"a","network_id":100}}}"#,
            r#"{"claims":{"release":{"host":"a","network_id":64}}}"#,
            r#"{"claims":"list","more":1}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_table() {
        let claim = |host: &str, unused_since: Option<&str>, assigned| Claim {
            host: host.to_owned(),
            network_id: 2816.try_into().unwrap(),
            since: "2026-01-02T03:04:05.678Z".to_owned(),
            unused_since: unused_since.map(str::to_owned),
            assigned,
        };
        let unused = Some("2026-02-03T00:00:00.000Z");
        let claims = [
            claim("*.example.org", None, true),
            claim("app.example.org", None, false),
            claim("b.example.org", unused, false),
            claim("c.example.org", unused, true),
        ];
        let rows: Vec<_> = Claim::rows(&claims).into_iter().map(|row| row.join(" | ")).collect();
        let expected = [
            "HOST | NETWORK | SINCE | STATE",
            "*.example.org | 2816 | 2026-01-02T03:04:05Z | assigned",
            "app.example.org | 2816 | 2026-01-02T03:04:05Z | in use",
            "b.example.org | 2816 | 2026-01-02T03:04:05Z | unused since 2026-02-03T00:00:00Z",
            "c.example.org | 2816 | 2026-01-02T03:04:05Z | assigned, unused since 2026-02-03T00:00:00Z",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn sentences() {
        let change = |id: Option<u32>, previous: Option<u32>| Change {
            host: "a.b".to_owned(),
            network_id: id.map(|id| id.try_into().unwrap()),
            previous: previous.map(|id| id.try_into().unwrap()),
            notes: Vec::new(),
        };
        for (id, previous, expected) in [
            (Some(64), None, "a.b is assigned to network 64; it was nobody's"),
            (Some(64), Some(64), "a.b is assigned to network 64, whose it was already"),
            (Some(64), Some(128), "a.b is assigned to network 64; it was network 128's"),
            (None, Some(64), "a.b is released; it was network 64's, and is the next one's that uses it"),
        ] {
            assert_eq!(change(id, previous).sentence(), expected);
        }
    }

    #[test]
    fn why_there_is_no_answer() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("router.sock");
        let request = Request::Claims(Claims::List);
        let said = |path: &Path| ask(path, &request).unwrap_err().to_string();
        assert!(said(&path).starts_with("no route server answers on "), "{}", said(&path));
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            drop(listener.accept().unwrap());
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"nonsense\n").unwrap();
        });
        assert!(said(&path).ends_with("went away without an answer"));
        assert!(said(&path).ends_with("did not answer as a route server does"));
        server.join().unwrap();
    }
}
