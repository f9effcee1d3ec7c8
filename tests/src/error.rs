use std::{io, time::Duration};

/// What can go wrong around the parts; what they do wrong is the tests' to say.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The machine's answer.
        #[source]
        source: io::Error,
    },
    /// A program ended with a failure.
    #[error("{command}: {output}")]
    Command {
        /// The command line.
        command: String,
        /// What it printed.
        output: String,
    },
    /// Something awaited did not come.
    #[error("{what}: not within {waited:?}; last seen: {last}")]
    Timeout {
        /// What was awaited.
        what: String,
        /// For how long.
        waited: Duration,
        /// What was there instead.
        last: String,
    },
    /// A part is missing on this machine.
    #[error("{0}")]
    Missing(String),
    /// An answer is not what it has to be.
    #[error("{0}")]
    Unexpected(String),
}

// === impl Error ===

impl Error {
    /// For `map_err`: says what was being done when the machine refused.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
