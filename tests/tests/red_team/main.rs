//! A red team on a real Traefik: strangers' labels against a victim with traffic, and honest neighbours beside them.
//!
//! Each attack is published; then the victim's and the neighbours' parts of the document are byte for byte what they
//! were, their traffic goes to them, a client certificate is still asked for, Traefik still takes changes, and the
//! attacker's finding says why. Containers are those of simulated daemons; what answers are little servers of the test.

mod attacks;
mod backends;
mod neighbours;
mod scenes;
#[path = "../shared/simulated.rs"]
mod simulated;
mod world;

use std::{
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use attacks::Attack;
use docker_simulator::Container;
use end_to_end::Error;
use libtest_mimic::{Arguments, Failed, Trial};
use neighbours::{expect, labelled, neighbours_are_served, unchanged, victim_is_served};
use world::{ATTACKER, World};

/// Started by the first test that runs; the reason when that failed.
type Shared = Arc<Mutex<Option<Result<World, String>>>>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They share one machine.
    arguments.test_threads = Some(1);
    let world = Shared::default();
    let mut trials: Vec<_> =
        attacks::all().map(|attack| trial(attack.name, &world, move |world| fend_off(world, attack))).collect();
    trials.extend(scenes::ALL.iter().map(|(name, scene)| trial(name, &world, scene)));
    trials.push(trial("honest neighbours are served after all that", &world, |world| neighbours_are_served(world)));
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
        test(world).map_err(|error| Failed::from(format!("{error}\n{}", world.tail())))
    })
}

fn fend_off(world: &mut World, Attack { code, labels, .. }: Attack) -> Result<(), Error> {
    let round = world.next();
    let name = format!("attacker-{round}");
    let container = labelled(Container::new(&name).generation(round), "attacker", ATTACKER, 0, &with_services(labels));
    let id = world.attacker.start(container);
    let outcome = fended_off(world, &name, code);
    world.attacker.remove(&id);
    outcome
}

/// Fails unless an attack that was published has changed nothing for others, and is explained.
pub(crate) fn fended_off(world: &mut World, container: &str, code: &str) -> Result<(), Error> {
    world.canary()?;
    unchanged(world)?;
    victim_is_served(world)?;
    let codes = world.codes(container)?;
    expect(code.is_empty() || codes.iter().any(|found| found.starts_with(code)), &(code, codes))
}

/// A router without any service could be refused for that already.
fn with_services(labels: &str) -> String {
    let mut all = labels.to_owned();
    for (protocol, port) in [("http", "80"), ("tcp", "993"), ("udp", "53")] {
        let has = |section: &str| labels.contains(&format!("{protocol}.{section}."));
        if (has("routers") || has("middlewares")) && !has("services") {
            all.push_str(&format!("\n{protocol}.services.a.loadbalancer.server.port={port}"));
        }
    }
    all
}
