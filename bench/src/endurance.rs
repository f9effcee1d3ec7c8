//! A day in five minutes: a large fleet that never rests. Does what it costs stay what it was?

use std::{
    fs,
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

use docker_simulator::{Container, Simulator};
use end_to_end::{Error, Scratch};

use crate::{
    figures::{Figure, Report, Side, Unit},
    fleet,
    http::LongPoll,
    parts::{Programs, io},
    usage::Usage,
};

const DAEMONS: u32 = 200;
/// Of each daemon.
const CONTAINERS: u32 = 25;
/// Two at a time: one container goes, another comes in its place.
const EVENTS_A_SECOND: u32 = 50;
const FIRST_NETWORK: u32 = 64_000;
const MINUTE: usize = 60;

/// One look at the process.
struct Look {
    usage: Usage,
    descriptors: f64,
}

pub(crate) fn run(programs: &Programs, seconds: u32, report: &mut Report) -> Result<(), Error> {
    let fleet = DAEMONS * CONTAINERS;
    report.about(&format!(
        "{DAEMONS} simulated daemons, {fleet} containers, {EVENTS_A_SECOND} events a second, for {seconds} s"
    ))?;
    let runtime = fleet::runtime()?;
    let _inside = runtime.enter();
    let scratch = Scratch::new()?;
    let sockets = scratch.sockets()?;
    let mut daemons = Vec::new();
    for network in (0..DAEMONS).map(|number| FIRST_NETWORK + number * 64) {
        let daemon = Simulator::bind(sockets.join(format!("docker-{network}.sock"))).map_err(io("bind a socket"))?;
        daemon.set_containers((0..CONTAINERS).map(|slot| container(network, slot, 0)));
        daemons.push((network, daemon));
    }
    let server = programs.serve(&scratch, "route-server", &[])?;
    let mut poll = LongPoll::connect(server.address)?;
    poll.document()?;
    // Traefik's part: whoever is told takes it, always.
    let address = server.address;
    thread::spawn(move || {
        let Ok(mut poll) = LongPoll::connect(address) else { return };
        while poll.document().is_ok() {}
    });
    let pid = server.process.id();
    let begun = Instant::now();
    let mut looks = Vec::new();
    let mut round = 0;
    while looks.len() < usize::try_from(seconds).unwrap_or(MINUTE) {
        for _ in 0..EVENTS_A_SECOND / 2 {
            round += 1;
            if let Some((network, daemon)) = daemons.get(usize::try_from(round * 7 % DAEMONS).unwrap_or_default()) {
                let slot = round / DAEMONS % CONTAINERS;
                daemon.remove(container(*network, slot, round.saturating_sub(DAEMONS * CONTAINERS)).id());
                daemon.start(container(*network, slot, round));
            }
            let due = begun + Duration::from_secs(1) * round * 2 / EVENTS_A_SECOND;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let open = fs::read_dir(format!("/proc/{pid}/fd")).map_err(io("look at the process"))?.count();
        looks.push(Look { usage: Usage::of(pid)?, descriptors: f64::from(u32::try_from(open).unwrap_or(u32::MAX)) });
    }
    let minute = |number: usize| looks.iter().skip(number * MINUTE).take(MINUTE);
    let last = looks.len() / MINUTE - 1;
    let side = |name: &str, number, of: fn(&Look) -> f64| Side::new(name, minute(number).map(of));
    let rss: fn(&Look) -> f64 = |look| look.usage.rss_mib;
    let open: fn(&Look) -> f64 = |look| look.descriptors;
    report.add(Figure::new("resident memory", Unit::MiB, side("the last minute", last, rss)).beside(side(
        "the second",
        1,
        rss,
    )))?;
    report.add(Figure::new("open descriptors", Unit::Calls, side("the last minute", last, open)).beside(side(
        "the second",
        1,
        open,
    )))?;
    let shares = looks.windows(2).filter_map(|pair| match pair {
        [earlier, later] => Some(later.usage.percent_since(&earlier.usage)),
        _ => None,
    });
    report.add(Figure::new("share of one processor", Unit::CpuPercent, Side::new("route-server", shares)))
}

fn container(network: u32, slot: u32, generation: u32) -> Container {
    let name = format!("service{slot}");
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 0, 2)) + network + slot);
    let router = format!("traefik.http.routers.{name}-{network}");
    Container::new(format!("{name}-{network}"))
        .generation(generation)
        .network_mode("host")
        .label("rediacc.service_name", &name)
        .label("rediacc.service_ip", address.to_string())
        .label("rediacc.service_port", (8000 + generation % 1000).to_string())
        .label("rediacc.network_id", network.to_string())
        .label("traefik.enable", "true")
        .label(format!("{router}.rule"), format!("Host(`{name}-{network}.example.org`)"))
        .label(format!("{router}.entrypoints"), "web")
}
