//! What people read on standard output.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

use command_line::Failure;

/// A line.
pub(crate) fn say(line: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| Failure::output(&error))
}

/// Rows in columns; the first one is the head.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> Result<(), Failure> {
    let written = write!(io::stdout(), "{}", command_line::table(rows));
    written.map_err(|error| Failure::output(&error))
}
