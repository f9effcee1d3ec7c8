use std::{env, error::Error, fmt, process::ExitCode};

use clap::error::{ContextKind, ContextValue};

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

    /// What is wrong with the flags, in one line; the help or the version, which clap tells the same way, is printed.
    pub(crate) fn flags(error: &clap::Error) -> Result<ExitCode, Self> {
        if !error.use_stderr() {
            return error.print().map(|()| ExitCode::SUCCESS).map_err(|error| Self::output(&error));
        }
        let text = error.to_string();
        let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
        let said = lines.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
        let said = said.collect::<Vec<_>>().join(" ").replace(" tip: ", "; ");
        let said = said.strip_prefix("error: ").unwrap_or(&said);
        let from = variable(error).map(|name| format!(" (from {name})")).unwrap_or_default();
        Err(Self::Usage(format!("{said}{from}; see route-server --help")))
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

/// The environment variable that the refused value of a flag came from, if it did.
fn variable(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return None };
    let flag = argument.split(' ').next()?;
    let typed = env::args_os().any(|typed| typed.to_string_lossy().starts_with(flag));
    let name = format!("REDIACC_ROUTER_{}", flag.trim_start_matches('-').replace('-', "_").to_uppercase());
    env::var_os(&name).filter(|_| !typed).map(|_| name)
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
