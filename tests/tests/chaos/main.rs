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
mod world;

use std::{
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use end_to_end::Error;
use faults::{ALL, Fault};
use libtest_mimic::{Arguments, Failed, Trial};
use traffic::answered;
use world::World;

/// How long a fault lasts after `/health` has told of it.
const LASTS: Duration = Duration::from_millis(700);

/// The most memory that the route server may ever take here, in MiB: an answer of 64 MiB while it is read, and what is made
/// of it.
const MOST_MIB: u64 = 256;

/// Started by the first test that runs; the reason when that failed.
type Shared = Arc<Mutex<Option<Result<World, String>>>>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They share one machine.
    arguments.test_threads = Some(1);
    let world = Shared::default();
    let mut trials: Vec<_> =
        ALL.iter().map(|fault| trial(fault.name, &world, move |world| alone(world, *fault))).collect();
    trials.extend(scenes::SCENES.iter().map(|(name, scene)| trial(name, &world, scene)));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Here and not at exit, which would leave everything running.
    drop(world.lock().unwrap_or_else(PoisonError::into_inner).take());
    conclusion.exit_code()
}

fn trial(name: &str, shared: &Shared, test: impl FnOnce(&mut World) -> Result<(), Error> + Send + 'static) -> Trial {
    let shared = Arc::clone(shared);
    Trial::test(name.replace(' ', "_"), move || {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let world = shared.get_or_insert_with(|| World::start().map_err(|error| error.to_string()));
        let world = world.as_mut().map_err(|error| format!("the parts did not start: {error}"))?;
        let outcome = test(world).map_err(|error| Failed::from(format!("{error}\n{}", world.tail())));
        if outcome.is_err() {
            // What it left behind would fail all others.
            *shared = Some(Err("a test before this one failed".to_owned()));
        }
        outcome
    })
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
