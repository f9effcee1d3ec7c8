//! Repositories of a machine: their compose projects, their daemons, the proxy.

mod cli;
mod compose;
mod containers;
mod docker;
mod files;
mod interrupts;
mod labels;
mod output;
mod paths;
mod programs;
mod proxy;
mod repo;
mod repository;
mod steps;
mod units;

use std::process::ExitCode;

use clap::Parser as _;
use command_line::{Failure, Program};

use crate::cli::{Cli, Command, FenceCommand, InternalCommand, LabelsCommand};
pub(crate) use crate::steps::step;

/// What its messages begin with.
const PROGRAM: Program = Program { name: "renet", variables: "REPOSITORY_" };

fn main() -> ExitCode {
    PROGRAM.end(match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => Failure::flags(&error, PROGRAM).map_err(behind_the_dashes),
    })
}

/// What people forget most: what is docker compose's goes behind `--`.
fn behind_the_dashes(failure: Failure) -> Failure {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match (failure, words.first().map(String::as_str)) {
        (Failure::Usage(said), Some(command @ ("compose" | "docker"))) if !words.iter().any(|word| word == "--") => {
            Failure::Usage(format!("{said}; what is docker's own goes behind --: renet {command} -- …"))
        }
        (failure, _) => failure,
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    if let Some(theirs) = &cli.caller_version {
        agree(theirs)?;
    }
    match cli.command {
        Command::Compose(options) => compose::run(&options),
        Command::Docker(options) => docker::run(&options),
        Command::Proxy(options) => proxy::run(&options),
        Command::Repo(command) => repo::run(&command),
        Command::Fence(FenceCommand::Status { name, json }) => repo::fence_check::status(name.as_ref(), json),
        Command::Fence(FenceCommand::Check { json }) => repo::fence_check::check(json),
        Command::Labels(LabelsCommand::Check(options)) => labels::check(&options),
        Command::Internal(InternalCommand::Docker { arguments }) => docker::within_a_rediaccfile(&arguments),
        Command::Internal(InternalCommand::Mount { id }) => repo::mount_before_start(id),
        Command::Internal(InternalCommand::Hold { id }) => repo::namespaces::hold(id),
        Command::Internal(InternalCommand::FenceAct { group, action, address }) => {
            repo::fence_check::act(&group, &action, address)
        }
        Command::Internal(InternalCommand::ReleasePolls) => proxy::release_polls(),
        Command::Internal(InternalCommand::HoldInside { id }) => repo::namespaces::hold_inside(id),
        Command::Internal(InternalCommand::Run { id, program }) => repo::run_daemon(id, program),
    }
}

/// Versions that share all but the last number understand each other.
fn agree(theirs: &str) -> Result<(), Failure> {
    let ours = env!("CARGO_PKG_VERSION");
    let kind = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    if kind(theirs) == kind(ours) {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "rdc is version {theirs} and renet here is version {ours}; `rdc context setup` copies the same version to the machine"
    )))
}
