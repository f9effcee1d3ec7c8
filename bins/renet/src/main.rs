//! Repositories of a machine: their compose projects, their daemons, the proxy.

mod cli;
mod compose;
mod docker;
mod files;
mod http;
mod output;
mod paths;
mod proxy;
mod repo;
mod repository;

use std::process::ExitCode;

use clap::Parser as _;
use command_line::{Failure, Program};

use crate::cli::{Cli, Command, InternalCommand};

/// What its messages begin with.
const PROGRAM: Program = Program { name: "renet", variables: "REPOSITORY_" };

fn main() -> ExitCode {
    PROGRAM.end(match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => Failure::flags(&error, PROGRAM),
    })
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Compose(options) => compose::run(&options),
        Command::Docker(options) => docker::run(&options),
        Command::Proxy(command) => proxy::run(&command),
        Command::Repo(command) => repo::run(&command),
        Command::Internal(InternalCommand::Hold { id }) => repo::namespaces::hold(id),
        Command::Internal(InternalCommand::HoldInside { id }) => repo::namespaces::hold_inside(id),
        Command::Internal(InternalCommand::Enter { id, program }) => repo::namespaces::enter(id, &program),
    }
}
