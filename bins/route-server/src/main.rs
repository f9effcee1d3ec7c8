//! Follows every Docker daemon of a machine, turns container labels into Traefik's dynamic configuration and serves
//! it on a loopback address, where Traefik polls it.

mod changes;
mod check;
mod claims;
mod cli;
mod clock;
mod control;
mod demo;
mod exit;
mod fleet;
mod health;
mod labels;
mod listeners;
mod logging;
mod published;
mod publisher;
mod render;
mod routes;
mod rule;
mod serve;
mod settings;
mod state;
mod systemd;
mod tasks;
mod traefik_api;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    cli::{Cli, Command},
    exit::{Failure, PROGRAM},
};

fn main() -> ExitCode {
    PROGRAM.end(match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => Failure::flags(&error, PROGRAM),
    })
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(options)) => serve::run(&options),
        Some(Command::Check(options)) => check::run(&options),
        Some(Command::Render(options)) => render::run(&options),
        Some(Command::Labels(options)) => labels::run(&options),
        Some(Command::Rule(options)) => rule::run(&options),
        Some(Command::Routes(options)) => routes::run(&options),
        Some(Command::Claims(options)) => claims::run(&options),
        Some(Command::Demo(options)) => demo::run(&options),
    }
}
