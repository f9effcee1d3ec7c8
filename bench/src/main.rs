//! Figures beside their yardstick, measured in one run on one machine: what is compared had the same containers, the
//! same moment and the same neighbours. No figure is asserted; docs/PERFORMANCE.md says what they mean.

mod endurance;
mod fence;
mod figures;
mod fleet;
mod http;
mod idle;
mod live;
mod parts;
mod usage;

use std::{io::Write as _, process::ExitCode};

use clap::{Parser, ValueEnum};
use end_to_end::Error;

use crate::{figures::Report, parts::Programs};

/// Measures, and prints the figures beside those of what is there already.
#[derive(Debug, Parser)]
struct Cli {
    /// What to measure
    #[arg(value_enum, default_value = "all")]
    what: What,

    /// Print one JSON object a line
    #[arg(long)]
    json: bool,

    /// Samples of a container that is started
    #[arg(long, default_value_t = 15)]
    samples: u32,

    /// Sizes of the simulated fleet, in containers
    #[arg(long, value_delimiter = ',', default_value = "100,1000,10000")]
    fleet: Vec<u32>,

    /// For how long to watch an idle fleet, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Containers on a real dockerd, asked for through a real Traefik
    Live,
    /// Simulated daemons with many containers
    Fleet,
    /// What it costs when nothing happens
    Idle,
    /// What the loopback fence costs; it needs root, and is not among all
    Fence,
    /// A fleet that never rests, for --seconds (300 for a day in five minutes); it is not among all
    Endurance,
    /// All of them
    All,
}

fn main() -> ExitCode {
    if let Some(code) = fence::worker() {
        return code;
    }
    let cli = Cli::parse();
    let outcome = run(&cli);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing to be done when nobody reads it.
            let _ = writeln!(std::io::stderr(), "bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Error> {
    let mut report = if cli.json { Report::json() } else { Report::text() };
    if cli.what == What::Fence {
        return fence::run(&mut report);
    }
    let programs = Programs::find()?;
    if cli.what == What::Endurance {
        return endurance::run(&programs, cli.seconds.max(180), &mut report);
    }
    let wanted = |what| cli.what == what || cli.what == What::All;
    if wanted(What::Live) {
        live::run(&programs, cli.samples, &mut report)?;
        fleet::spread(&programs, 20, 1000, &mut report)?;
    }
    if wanted(What::Fleet) {
        for &size in &cli.fleet {
            fleet::run(&programs, size, &mut report)?;
        }
    }
    if wanted(What::Idle) {
        idle::run(&programs, cli.seconds, &mut report)?;
    }
    Ok(())
}
