use repo_network::NetworkId;
use route_synthesis::HostPattern;
use serde::{Deserialize, Serialize};

/// A line that is sent to the control socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// About who owns which host.
    Claims(Claims),
}

/// What is asked about claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Claims {
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
}

/// The line that is sent back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// All claims, in order of the host.
    Claims(Vec<Claim>),
    /// A host or pattern has a new owner.
    Assigned(Change),
    /// A host or pattern has none any more.
    Released(Change),
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
pub(crate) struct Claim {
    pub(crate) host: HostPattern,
    /// Whose it is.
    pub(crate) network_id: NetworkId,
    /// RFC 3339, UTC.
    pub(crate) since: String,
    /// RFC 3339, UTC; none: it is in use, or its daemon is lost.
    pub(crate) unused_since: Option<String>,
    /// By the operator, for good.
    pub(crate) assigned: bool,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) host: HostPattern,
    /// Whose it is now.
    pub(crate) network_id: Option<NetworkId>,
    /// Whose it was.
    pub(crate) previous: Option<NetworkId>,
    /// What the operator should know about it.
    pub(crate) notes: Vec<String>,
}

// === impl Answer ===

impl Answer {
    /// That it was not done, and why.
    pub(crate) fn error(code: &str, message: impl ToString) -> Self {
        Self::Error { code: code.to_owned(), message: message.to_string() }
    }

    /// The same, with something to know about it.
    pub(crate) fn noting(mut self, note: String) -> Self {
        if let Self::Assigned(change) | Self::Released(change) = &mut self {
            change.notes.push(note);
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
}
