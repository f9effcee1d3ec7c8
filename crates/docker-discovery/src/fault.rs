use std::{io, path::Path, time::Duration};

/// The longest piece of a daemon's own words that a reason quotes, in characters.
const QUOTED: usize = 120;

/// What is asked of a daemon, as reasons name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// `GET /containers/json`.
    List,
    /// `GET /events`.
    Events,
}

/// Why a daemon is lost. The text is for people and the same for the same cause.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The path is a directory, a regular file, …
    #[error("{path} is {what}, not a socket")]
    NotASocket { path: String, what: &'static str },
    /// The socket may not be opened.
    #[error(
        "cannot open {path}: permission denied; the route server's user must be in the group that owns the socket, \
         and be allowed into its directory"
    )]
    Forbidden { path: String },
    /// There is a socket that nobody listens on.
    #[error("no daemon listens on {path}: connection refused")]
    NobodyThere { path: String },
    /// The daemon accepts no connections, and as many as can be are waiting.
    #[error("the daemon does not accept connections on {path}")]
    QueueFull { path: String },
    /// Opening the socket failed otherwise.
    #[error("cannot open {path}: {source}")]
    Open { path: String, source: io::Error },
    /// Not one byte of an answer came in time.
    #[error("the daemon accepts connections but did not answer the request for {call} within {limit:?}")]
    Silent { call: Call, limit: Duration },
    /// A part of an answer came in time.
    #[error("{call} did not arrive completely within {limit:?}")]
    Slow { call: Call, limit: Duration },
    /// More bytes than are allowed.
    #[error("{call} has more than {limit} bytes")]
    TooLarge { call: Call, limit: usize },
    /// An answer of another status than 2xx.
    #[error("the daemon answered the request for {call} with status {status}: {message}")]
    Status { call: Call, status: u16, message: String },
    /// HTTP whose content is not what was asked for.
    #[error("{call} could not be read: {detail}")]
    Unreadable { call: Call, detail: String },
    /// Not even HTTP.
    #[error("what listens on the socket does not speak HTTP")]
    NotHttp,
    /// The connection broke.
    #[error("the daemon closed the connection before {call} was complete")]
    BrokenOff { call: Call },
    /// The event stream ended in good order, as it does when a daemon stops.
    #[error("the daemon ended its event stream")]
    EventsEnded,
    /// The question has no written form.
    #[error("the question cannot be put to the daemon")]
    Unaskable,
}

// === impl Call ===

impl Call {
    /// Where it is asked. Nothing else is ever asked of a daemon.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::List => "/containers/json",
            Self::Events => "/events",
        }
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::List => "the container list",
            Self::Events => "the event stream",
        })
    }
}

// === impl Fault ===

impl Fault {
    /// From the error of a connection attempt.
    pub(crate) fn opening(path: &Path, source: io::Error) -> Self {
        let path = path.display().to_string();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Forbidden { path },
            io::ErrorKind::ConnectionRefused => Self::NobodyThere { path },
            io::ErrorKind::WouldBlock => Self::QueueFull { path },
            _ => Self::Open { path, source },
        }
    }

    /// From an answer of another status than 2xx.
    pub(crate) fn refused(call: Call, status: u16, body: &[u8]) -> Self {
        let message = serde_json::from_slice::<serde_json::Value>(body).ok();
        let message = message.as_ref().and_then(|body| body.get("message")).and_then(serde_json::Value::as_str);
        let message = message.map_or_else(|| String::from_utf8_lossy(body), Into::into);
        Self::Status { call, status, message: quote(&message) }
    }

    /// From what the parser says.
    pub(crate) fn unreadable(call: Call, error: &serde_json::Error) -> Self {
        Self::Unreadable { call, detail: without_values(&error.to_string()) }
    }
}

/// A parser's message without its position, which changes from answer to answer, and without the
/// text that it quotes, which may be a label's value.
fn without_values(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    if message.starts_with("invalid unicode code point") {
        return "it holds bytes that are not UTF-8".to_owned();
    }
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            let (head, tail) = (message.get(..first).unwrap_or_default(), message.get(last + 1..).unwrap_or_default());
            quote(&format!("{head}…{tail}"))
        }
        _ => quote(message),
    }
}

/// Foreign text, cut and without control characters.
fn quote(text: &str) -> String {
    text.trim().chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_stable_and_quote_no_values() {
        assert_eq!(
            without_values("invalid type: string \"s3cret \\\" x\", expected a map at line 1 column 99"),
            "invalid type: string …, expected a map"
        );
        assert_eq!(
            without_values("invalid unicode code point at line 1 column 7"),
            "it holds bytes that are not UTF-8"
        );
        assert_eq!(without_values("unknown variant `x`, expected `y`"), "unknown variant `x`, expected `y`");
    }

    #[test]
    fn opening_says_what_to_do() {
        let reason = |kind: io::ErrorKind| Fault::opening(Path::new("/run/d.sock"), kind.into()).to_string();
        assert!(reason(io::ErrorKind::PermissionDenied).contains("/run/d.sock: permission denied; the route server's"));
        assert!(reason(io::ErrorKind::ConnectionRefused).contains("no daemon listens on /run/d.sock"));
        assert!(reason(io::ErrorKind::WouldBlock).contains("does not accept"));
        assert!(reason(io::ErrorKind::NotFound).contains("cannot open /run/d.sock: "));
    }
}
