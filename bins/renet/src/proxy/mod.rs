//! `renet proxy`: Traefik and the route server of this machine.

mod addresses;
mod configure;
mod services;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use command_line::Failure;

use crate::cli::{ProxyCommand, StatusOptions};

/// Does what was asked for.
pub(crate) fn run(command: &ProxyCommand) -> Result<ExitCode, Failure> {
    match command {
        ProxyCommand::Configure => configure::run(),
        ProxyCommand::Up => services::up(),
        ProxyCommand::Down => services::down(),
        ProxyCommand::Status(StatusOptions { json }) => services::status(*json),
    }
}

/// A line for people on standard output.
fn say(line: impl std::fmt::Display) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| Failure::output(&error))
}
