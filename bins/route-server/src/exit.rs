use std::{error::Error, fmt, process::ExitCode};

/// Why the program ends; each has its exit code (see `--help`).
#[derive(Debug)]
pub(crate) enum Failure {
    /// 1: something went wrong on the way.
    Runtime(String),
    /// 2: the flags, the environment or an input file make no sense.
    Usage(String),
    /// 3: the listening address is taken.
    AddressInUse(String),
    /// Whoever read the output is gone; that is no error.
    Closed,
}

// === impl Failure ===

impl Failure {
    /// Something that went wrong, with its causes.
    pub(crate) fn runtime(what: impl fmt::Display, cause: &dyn Error) -> Self {
        Self::Runtime(format!("{what}: {}", chain(cause)))
    }

    /// What to do about writing to a pipe.
    pub(crate) fn output(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::runtime("cannot write the output", error),
        }
    }

    /// Says it on standard error and gives the code.
    pub(crate) fn report(self) -> ExitCode {
        let (code, message) = match self {
            Self::Runtime(message) => (1, message),
            Self::Usage(message) => (2, message),
            Self::AddressInUse(message) => (3, message),
            Self::Closed => return ExitCode::SUCCESS,
        };
        #[expect(clippy::print_stderr, reason = "the last word of a program")]
        {
            eprintln!("route-server: {message}");
        }
        ExitCode::from(code)
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.join(": ")
}
