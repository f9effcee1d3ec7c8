//! More than one fault, and what takes longer.

use std::{
    env,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use end_to_end::{Error, Image, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{
    faults::{ALL, Fault},
    traffic::{answered, ask, lost},
    world::{FAULTY, GRACE, PATIENCE, REAL, World, container, host, page},
};

type Scene = fn(&mut World) -> Result<(), Error>;

pub(crate) const SCENES: &[(&str, Scene)] = &[
    ("the clock is set while a daemon is lost and a container is down", clock),
    ("a random sequence of all of them", random),
    ("killed every two seconds while containers are replaced", killed_again_and_again),
    ("dockerd is away under load for longer than any patience", away),
    ("a container ends while its daemon is away", ends_unseen),
    ("traefik starts again while all daemons are down", traefik_starts_again),
    ("a container is replaced under load without a 404", replaced),
];

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Numbers that look like chance and are the same each time (a linear congruential generator, Knuth's constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % sides.max(1)
    }
}

/// What was lost a moment ago must not count as lost for a day.
fn clock(world: &mut World) -> Result<(), Error> {
    let named = |name: &str| {
        let found = ALL.iter().find(|fault| fault.name == name).copied();
        found.ok_or_else(|| Error::Unexpected(format!("no fault {name:?}")))
    };
    let lost = named("a daemon speaks no HTTP")?;
    for clock in [named("the clock jumps a day forward")?, named("the clock jumps an hour backward")?] {
        world.all_is_well()?;
        (lost.begin)(world)?;
        world.health(lost.name, lost.is_told)?;
        world.server.process().kill()?;
        (clock.begin)(world)?;
        world.server.start_again()?;
        // Until the time of the first view is over, and what is known has to do.
        world.health("it serves as it is", |health| health.pointer("/status") == Some(&"degraded".into()))?;
        thread::sleep(Duration::from_secs(1));
        let seen = world.nothing_lost(&[])?;
        (lost.end)(world)?;
        (clock.end)(world)?;
        eprintln!("figure: {} between two processes, a daemon lost: {} requests, lost 0", clock.name, answered(&seen));
        grace(world, clock)?;
    }
    Ok(())
}

/// A container that went down a moment ago is answered with 503 for the time of grace, no shorter and no longer.
fn grace(world: &mut World, clock: Fault) -> Result<(), Error> {
    world.all_is_well()?;
    let (to, brief) = (SocketAddr::from((world.traefik.address(), 80)), host(FAULTY, 9));
    let is = |status: &str| {
        until(&format!("{brief} answers {status}"), PATIENCE, || {
            let answer = ask(to, &brief).unwrap_or_else(|error| error.to_string());
            if answer == status { Ok(()) } else { Err(Error::Unexpected(answer)) }
        })
    };
    let container = container(FAULTY, 9).generation(world.next());
    let id = world.faulty()?.start(container);
    // Nobody listens there.
    is("502")?;
    world.faulty()?.remove(&id);
    let down = Instant::now();
    is("503")?;
    (clock.begin)(world)?;
    thread::sleep(GRACE / 2);
    is("503")?;
    let soon = down.elapsed();
    is("404")?;
    let took = down.elapsed();
    (clock.end)(world)?;
    eprintln!("figure: {}: 503 for {took:.1?} of grace", clock.name);
    let in_time = (GRACE - Duration::from_millis(500)..GRACE + Duration::from_secs(2)).contains(&took);
    if soon < GRACE && in_time { Ok(()) } else { Err(Error::Unexpected(format!("a grace of {took:?}"))) }
}

/// Up to three at a time, each for a moment; each is told, nothing is lost, and in the end it is as if nothing had been.
fn random(world: &mut World) -> Result<(), Error> {
    world.all_is_well()?;
    let seed = number("CHAOS_SEED", 7);
    let end = Instant::now() + Duration::from_secs(number("CHAOS_SECONDS", 60));
    let mut dice = Dice(seed);
    let (mut under_way, mut count, mut requests): (Vec<Fault>, u32, u32) = (Vec::new(), 0, 0);
    let mut happened = Vec::new();
    while Instant::now() < end {
        let is_free = |fault: &&Fault| under_way.iter().all(|other| other.kind != fault.kind);
        let free: Vec<_> = ALL.iter().filter(is_free).copied().collect();
        if let Some(fault) = free.get(dice.roll(free.len())).filter(|_| under_way.len() < 3) {
            happened.push(fault.name);
            (fault.begin)(world)?;
            world.health(fault.name, fault.is_told)?;
            under_way.push(*fault);
            count += 1;
        }
        thread::sleep(Duration::from_millis(u64::try_from(dice.roll(1500)).unwrap_or_default()));
        if !under_way.is_empty() && (under_way.len() == 3 || dice.roll(2) == 0) {
            let fault = under_way.swap_remove(dice.roll(under_way.len()));
            (fault.end)(world)?;
        }
        let seen = world.nothing_lost(&[]).map_err(|error| Error::Unexpected(format!("{error} after {happened:?}")))?;
        requests += answered(&seen);
    }
    for fault in under_way {
        (fault.end)(world)?;
    }
    world.health("all is well again", |health| health.pointer("/status") == Some(&"ok".into()))?;
    requests += answered(&world.nothing_lost(&[])?);
    eprintln!("figure: seed {seed}: {count} faults, up to three at a time, {requests} requests, lost 0");
    world.as_if_nothing_had_been()
}

/// With each start a container has moved to another port; whoever did not move loses nothing.
fn killed_again_and_again(world: &mut World) -> Result<(), Error> {
    world.all_is_well()?;
    let moving = host(FAULTY, 9);
    let rounds = number("CHAOS_KILLS", 10);
    let mut longest = Duration::ZERO;
    let mut requests = 0;
    for round in 0..rounds {
        let port = 8090 + u16::try_from(round % 50).unwrap_or_default();
        world.server.process().kill()?;
        // While nobody looks, it is replaced: the same service, another container, another port.
        let generation = world.next();
        let moved = container(FAULTY, 9).generation(generation).label("rediacc.service_port", port.to_string());
        let faulty = world.faulty()?;
        let mut all: Vec<_> = (0..2).map(|number| container(FAULTY, number)).collect();
        all.push(moved);
        faulty.set_containers(all);
        world.server.start_again()?;
        let started = Instant::now();
        until("the new port is published", PATIENCE, || {
            let table = world.server.json("/routes.json")?.to_string();
            let is_live = table.contains(&moving) && table.contains(&format!(":{port}"));
            if is_live { Ok(()) } else { Err(Error::Unexpected(table)) }
        })?;
        longest = longest.max(started.elapsed());
        thread::sleep(Duration::from_secs(2).saturating_sub(started.elapsed()));
        requests += answered(&world.nothing_lost(&[])?);
    }
    world.faulty()?.set_containers((0..2).map(|number| container(FAULTY, number)));
    world.server.process().signal(Signal::HUP);
    eprintln!(
        "figure: killed {rounds} times: {requests} requests, lost 0; each change published at the latest {} ms after a start",
        longest.as_millis()
    );
    if longest > Duration::from_secs(1) {
        return Err(Error::Unexpected(format!("a change took {longest:?} after a start")));
    }
    Ok(())
}

/// With live-restore containers serve on for as long as it takes.
fn away(world: &mut World) -> Result<(), Error> {
    world.all_is_well()?;
    let away = Duration::from_secs(number("CHAOS_AWAY", 20));
    world.real.process().stop()?;
    let _ = std::fs::remove_file(world.real.socket());
    thread::sleep(away);
    let seen = world.nothing_lost(&[])?;
    world.real.start_again()?;
    world.health("all is well again", |health| health.pointer("/status") == Some(&"ok".into()))?;
    let after = world.nothing_lost(&[])?;
    eprintln!("figure: dockerd away for {away:?}: {} requests, lost 0", answered(&seen) + answered(&after));
    Ok(())
}

/// Nobody tells of it, but nobody listens any more: 503 instead of 502, and for that host alone.
fn ends_unseen(world: &mut World) -> Result<(), Error> {
    world.all_is_well()?;
    let (to, ended) = (SocketAddr::from((world.traefik.address(), 80)), host(REAL, 1));
    let pid = world.real.docker(["inspect", "--format", "{{.State.Pid}}", "s1"])?;
    world.real.process().stop()?;
    let _ = std::fs::remove_file(world.real.socket());
    world.health("dockerd is away", |health| health.pointer("/stale") == Some(&true.into()))?;
    let pid = pid.trim().parse().ok().and_then(Pid::from_raw);
    pid.map(|pid| kill_process(pid, Signal::KILL)).transpose().map_err(|error| Error::Unexpected(error.to_string()))?;
    let killed = Instant::now();
    until("nothing is sent there any more", PATIENCE, || {
        let answer = ask(to, &ended).unwrap_or_else(|error| error.to_string());
        if answer == "503" { Ok(()) } else { Err(Error::Unexpected(answer)) }
    })?;
    let took = killed.elapsed();
    let seen = world.nothing_lost(&[&ended])?;
    let told = world.server.json("/routes.json")?.to_string().contains("and its daemon is away");
    world.real.start_again()?;
    world.real.remove("s1")?;
    world.real.run(&page(1))?;
    eprintln!(
        "figure: a container killed while its daemon is away: 503 after {} ms; {} requests of others, lost 0",
        took.as_millis(),
        answered(&seen)
    );
    if told { Ok(()) } else { Err(Error::Unexpected("no finding says so".to_owned())) }
}

/// It knows nothing, and has all routes with its first poll.
fn traefik_starts_again(world: &mut World) -> Result<(), Error> {
    world.all_is_well()?;
    world.real.process().stop()?;
    world.faulty = None;
    world.health("two daemons are away", |health| health.pointer("/status") == Some(&"degraded".into()))?;
    world.traefik.restart()?;
    let started = Instant::now();
    let all = until("every host is answered", PATIENCE, || {
        world.traffic.take();
        thread::sleep(Duration::from_millis(100));
        let seen = world.traffic.take();
        if seen.len() == 8 && lost(&seen, &[]).is_empty() {
            Ok(())
        } else {
            Err(Error::Unexpected(format!("{seen:?}")))
        }
    });
    let took = started.elapsed();
    world.heal()?;
    world.real.start_again()?;
    all?;
    eprintln!(
        "figure: Traefik started again while daemons are down: all hosts answered {} ms after its API",
        took.as_millis()
    );
    Ok(())
}

/// `docker compose up -d` with another image: the old container goes, the new one comes. Its host is never unknown.
fn replaced(world: &mut World) -> Result<(), Error> {
    let id = world.real.id();
    let moved = host(REAL, 1);
    let file = world.scratch.path().join("compose.yml");
    let up = |world: &World, round: u32| {
        let image = format!("round:{round}");
        world.real.docker(["tag", Image::NAME, &image])?;
        let services = json!({ "name": "replaced", "services": { "s1": page(1).in_compose(id, &image) } });
        std::fs::write(&file, services.to_string()).map_err(|error| Error::Unexpected(error.to_string()))?;
        world.real.compose(&file, ["up", "--detach"])
    };
    world.real.remove("s1")?;
    up(world, 0)?;
    world.all_is_well()?;
    for round in 1..=5 {
        up(world, round)?;
        thread::sleep(Duration::from_secs(1));
    }
    let seen = world.nothing_lost(&[&moved])?;
    world.real.compose(&file, ["down"])?;
    world.real.run(&page(1))?;
    let own = seen.get(&moved).cloned().unwrap_or_default();
    eprintln!("figure: docker compose up -d with another image, five times, asked every 15 ms: {own:?}");
    if own.keys().all(|status| ["200", "502", "503"].contains(&status.as_str())) {
        world.all_is_well()
    } else {
        Err(Error::Unexpected(format!("{own:?}")))
    }
}
