//! Nothing that happens to a daemon, to the route server, to its disk or its clock costs a request, as long as the
//! containers answer. Real dockerd, real Traefik, and traffic that never stops.
//!
//! `CHAOS_SECONDS` (60): how long the random sequence takes; `CHAOS_SEED`: which one; `CHAOS_AWAY` (20): how many seconds
//! dockerd is away under load.
#![expect(clippy::print_stderr, reason = "figures belong beside the results")]

mod faults;
mod scenes;
#[path = "../shared/simulated.rs"]
mod simulated;
mod traffic;
#[path = "../shared/trials.rs"]
mod trials;
mod world;

use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use end_to_end::Error;
use faults::{ALL, Fault};
use traffic::answered;
use trials::Trials;
use world::World;

/// How long a fault lasts after `/health` has told of it.
const LASTS: Duration = Duration::from_millis(700);

/// The most memory that the route server may ever take here, in MiB: an answer of 64 MiB while it is read, and what is made
/// of it.
const MOST_MIB: u64 = 256;

fn main() -> ExitCode {
    let mut trials = Trials::new();
    ALL.iter().for_each(|fault| trials.add(fault.name, move |world| alone(world, *fault)));
    scenes::SCENES.iter().for_each(|(name, scene)| trials.add(name, scene));
    trials.run(|_| {})
}

/// One fault: it is told, nothing is lost, and within a moment of its end all is as it was.
fn alone(world: &mut World, fault: Fault) -> Result<(), Error> {
    world.all_is_well()?;
    let begun = Instant::now();
    (fault.begin)(world)?;
    world.health(fault.name, fault.is_told)?;
    let told = begun.elapsed();
    thread::sleep(LASTS);
    let during = world.nothing_lost(&[])?;
    (fault.end)(world)?;
    let ended = Instant::now();
    world.health("all is well again", |health| health.pointer("/status") == Some(&"ok".into()))?;
    let healed = ended.elapsed();
    let after = world.nothing_lost(&[])?;
    let peak = world.peak()?;
    eprintln!(
        "figure: {}: told after {} ms, well {} ms after its end, {} requests, lost 0, at most {peak} MiB",
        fault.name,
        told.as_millis(),
        healed.as_millis(),
        answered(&during) + answered(&after)
    );
    if peak > MOST_MIB { Err(Error::Unexpected(format!("the route server took {peak} MiB"))) } else { Ok(()) }
}
