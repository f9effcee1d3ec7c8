//! `renet proxy`: Traefik and the route server of this machine.

mod addresses;
mod ask;
mod configure;
mod services;

use std::process::ExitCode;

use command_line::Failure;

use crate::cli::{ProxyCommand, StatusOptions};

/// Does what was asked for.
pub(crate) fn run(command: &ProxyCommand) -> Result<ExitCode, Failure> {
    match command {
        ProxyCommand::Configure => configure::run(),
        ProxyCommand::Up => services::up(),
        ProxyCommand::Down => services::down(),
        ProxyCommand::Status(StatusOptions { json }) => services::status(*json),
        ProxyCommand::Routes { json } => ask::routes(*json),
        ProxyCommand::Claims(action) => ask::claims(action),
    }
}
