//! How our programs end: one table of exit codes, one line that says why.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | something went wrong on the way |
//! | 2 | the request makes no sense |
//! | 3 | it is refused, or somebody holds what is needed |
//!
//! Where docker compose or docker ran, the code is theirs.

mod question;

use std::{env, error::Error, fmt, process::ExitCode};

use clap::error::{ContextKind, ContextValue};

pub use question::{ask, can_ask, must_agree};

/// A program, by what its messages begin with and its variables.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its name on the command line.
    pub name: &'static str,
    /// What the names of the variables begin with that stand for flags, e.g. `REDIACC_ROUTER_`.
    pub variables: &'static str,
}

/// Why a program ends; each has its exit code.
#[derive(Debug)]
pub enum Failure {
    /// 1: something went wrong on the way.
    Runtime(String),
    /// 2: the request makes no sense: flags, the environment or an input file.
    Usage(String),
    /// 3: it is refused, or somebody holds what is needed.
    Refused(String),
    /// Whoever read the output is gone; that is no error.
    Closed,
}

// === impl Failure ===

impl Failure {
    /// What went wrong, for people; none for [`Failure::Closed`].
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Runtime(reason) | Self::Usage(reason) | Self::Refused(reason) => Some(reason),
            Self::Closed => None,
        }
    }

    /// Something that went wrong, with its causes.
    pub fn runtime(what: impl fmt::Display, cause: &dyn Error) -> Self {
        Self::Runtime(format!("{what}: {}", chain(cause)))
    }

    /// What is wrong with the flags, in one line; the help or the version, which clap tells the same way, is printed.
    ///
    /// # Errors
    /// [`Failure::Usage`], unless it was the help.
    pub fn flags(error: &clap::Error, program: Program) -> Result<ExitCode, Self> {
        if !error.use_stderr() {
            return error.print().map(|()| ExitCode::SUCCESS).map_err(|error| Self::output(&error));
        }
        let text = error.to_string();
        if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            // The whole help, of which the usage says where one was.
            let usage = text.lines().find_map(|line| line.trim().strip_prefix("Usage:")).unwrap_or(program.name);
            let words = usage.split_whitespace().take_while(|word| !word.starts_with(['<', '[']));
            return Err(Self::Usage(format!(
                "a command is missing; see {} --help",
                words.collect::<Vec<_>>().join(" ")
            )));
        }
        let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
        let said = lines.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
        let said = said.collect::<Vec<_>>().join(" ").replace(" tip: ", "; ");
        let said = said.strip_prefix("error: ").unwrap_or(&said);
        let from = variable(error, program).map(|name| format!(" (from {name})")).unwrap_or_default();
        Err(Self::Usage(format!("{said}{from}; see {} --help", program.name)))
    }

    /// Something that is refused, with its causes.
    pub fn refused(what: impl fmt::Display, cause: &dyn Error) -> Self {
        Self::Refused(format!("{what}: {}", chain(cause)))
    }

    /// Something that makes no sense, with its causes.
    pub fn usage(what: impl fmt::Display, cause: &dyn Error) -> Self {
        Self::Usage(format!("{what}: {}", chain(cause)))
    }

    /// What to do about writing to a pipe.
    #[must_use]
    pub fn output(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::runtime("cannot write the output", error),
        }
    }
}

// === impl Program ===

impl Program {
    /// Says on standard error what went wrong, and gives the exit code.
    pub fn end(self, outcome: Result<ExitCode, Failure>) -> ExitCode {
        let (code, message) = match outcome {
            Ok(code) => return code,
            Err(Failure::Runtime(message)) => (1, message),
            Err(Failure::Usage(message)) => (2, message),
            Err(Failure::Refused(message)) => (3, message),
            Err(Failure::Closed) => return ExitCode::SUCCESS,
        };
        #[expect(clippy::print_stderr, reason = "the last word of a program")]
        {
            eprintln!("{}: {message}", self.name);
        }
        ExitCode::from(code)
    }
}

/// The environment variable that the refused value of a flag came from, if it did.
fn variable(error: &clap::Error, program: Program) -> Option<String> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return None };
    let flag = argument.split(' ').next()?;
    let typed = env::args_os().any(|typed| typed.to_string_lossy().starts_with(flag));
    let name = format!("{}{}", program.variables, flag.trim_start_matches('-').replace('-', "_").to_uppercase());
    env::var_os(&name).filter(|_| !typed).map(|_| name)
}

/// An error with its causes, in one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.join(": ")
}

/// Text that cannot move the cursor: names and rules are written by strangers.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Rows as lines, in columns as wide as they have to be; each cell is made [`printable`].
#[must_use]
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<_> = rows.iter().map(|row| row.each_ref().map(|cell| printable(cell))).collect();
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_are_as_wide_as_they_have_to_be_and_nothing_moves_the_cursor() {
        let rows = [["A", "LONG"], ["b\u{1b}[2J", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(super::table(&rows), "A      LONG\nb\u{fffd}[2J  x\n");
    }
}
