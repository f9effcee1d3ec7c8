//! What people read on standard output.

use std::{
    fmt::Display,
    io::{self, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use command_line::Failure;

/// Whether standard output carries something else.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// From now on lines for people go to standard error: the output carries data.
pub(crate) fn take_output() {
    IS_TAKEN.store(true, Ordering::Relaxed);
}

/// A line.
pub(crate) fn say(line: impl Display) -> Result<(), Failure> {
    if IS_TAKEN.load(Ordering::Relaxed) {
        // Nobody may be left to read it.
        let _ = writeln!(io::stderr(), "{line}");
        return Ok(());
    }
    writeln!(io::stdout(), "{line}").map_err(|error| Failure::output(&error))
}

/// Rows in columns; the first one is the head.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> Result<(), Failure> {
    let written = write!(io::stdout(), "{}", command_line::table(rows));
    written.map_err(|error| Failure::output(&error))
}
