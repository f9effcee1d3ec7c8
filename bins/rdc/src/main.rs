//! From the operator's desk: machines by name, their proxies, their repositories.

mod cli;
mod context;
mod logs;
mod push;
mod repo;
mod settings;
mod setup;

use std::process::ExitCode;

use clap::Parser as _;
use command_line::{Failure, Program};

use crate::cli::{Cli, Command};

/// What its messages begin with.
const PROGRAM: Program = Program { name: "rdc", variables: "RDC_" };

fn main() -> ExitCode {
    PROGRAM.end(match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => Failure::flags(&error, PROGRAM),
    })
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Context(command) => context::run(command),
        Command::Repo(command) => repo::run(&command),
    }
}
