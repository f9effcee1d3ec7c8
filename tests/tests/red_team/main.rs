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
#[path = "../shared/trials.rs"]
mod trials;
mod world;

use std::process::ExitCode;

use attacks::Attack;
use docker_simulator::Container;
use end_to_end::Error;
use neighbours::{expect, labelled, neighbours_are_served, unchanged, victim_is_served};
use trials::Trials;
use world::{ATTACKER, World};

fn main() -> ExitCode {
    let mut trials = Trials::new();
    attacks::all().for_each(|attack| trials.add(attack.name, move |world| fend_off(world, attack)));
    scenes::ALL.iter().for_each(|(name, scene)| trials.add(name, scene));
    trials.add("honest neighbours are served after all that", |world| neighbours_are_served(world));
    trials.run(|_| {})
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
