//! What it costs when nothing happens.

use std::{net::Ipv4Addr, thread, time::Duration};

use docker_simulator::{Container, Simulator};
use end_to_end::{Error, Scratch};

use crate::{
    figures::{Figure, Report, Side, Unit},
    fleet,
    http::LongPoll,
    parts::{Programs, Provider, io},
    usage::Usage,
};

/// The daemons.
const NETWORKS: [u32; 3] = [6528, 6592, 6656];
/// The first addresses of their networks' services.
const HOSTS: [&str; 3] = ["127.0.25.130", "127.0.25.194", "127.0.26.2"];
/// Services of each.
const SERVICES: u32 = 20;
const PUBLIC: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 200, 7, 6), Ipv4Addr::new(127, 200, 7, 7)];
/// How long each sample takes.
const SAMPLE: Duration = Duration::from_secs(10);
/// What a start brings with it shall be over.
const SETTLE: Duration = Duration::from_secs(8);

pub(crate) fn run(programs: &Programs, seconds: u32, report: &mut Report) -> Result<(), Error> {
    report.about(&format!("Nothing happens, for {seconds} s, to three daemons with {SERVICES} services each"))?;
    let runtime = fleet::runtime()?;
    let _inside = runtime.enter();
    let scratch = Scratch::new()?;
    let daemons = daemons(&scratch)?;
    let server = programs.serve(&scratch, "route-server", &[])?;
    LongPoll::connect(server.address)?.document()?;
    let [ours, theirs] = PUBLIC;
    let follower = programs.traefik(&scratch, ours, Provider::LongPoll(server.address))?.answers()?;
    let first = daemons.first().map(Simulator::path).unwrap_or(scratch.path());
    let docker = programs.traefik(&scratch, theirs, Provider::Docker(first, Ipv4Addr::LOCALHOST))?.answers()?;
    thread::sleep(SETTLE);

    let pids = [server.process.id(), follower.process.id(), docker.process.id()];
    let names = ["route-server", "Traefik that follows route-server", "Traefik's Docker provider, one daemon"];
    let mut before = pids.map(Usage::of);
    let mut samples: [Vec<(f64, Usage)>; 3] = Default::default();
    for _ in 0..seconds.div_ceil(10).max(1) {
        thread::sleep(SAMPLE);
        for ((pid, before), samples) in pids.iter().zip(&mut before).zip(&mut samples) {
            let now = Usage::of(*pid)?;
            let earlier = std::mem::replace(before, Ok(now))?;
            samples.push((now.percent_since(&earlier), now));
        }
    }
    for (what, unit, target, of) in measures() {
        let [ours, follower, docker] = [0, 1, 2].map(|side: usize| {
            let all = samples.get(side).into_iter().flatten().map(of);
            Side::new(names.get(side).copied().unwrap_or_default(), all)
        });
        report.add(Figure::new(what, unit, ours).target(target).beside(follower).beside(docker))?;
    }
    Ok(())
}

type Measure = (&'static str, Unit, f64, fn(&(f64, Usage)) -> f64);

fn measures() -> [Measure; 2] {
    [
        ("share of one processor", Unit::CpuPercent, 0.1, |sample| sample.0),
        ("resident memory", Unit::MiB, 15.0, |sample| sample.1.rss_mib),
    ]
}

fn daemons(scratch: &Scratch) -> Result<Vec<Simulator>, Error> {
    let directory = scratch.sockets()?;
    let bind = |(network, host): (&u32, &&str)| {
        let daemon = Simulator::bind(directory.join(format!("docker-{network}.sock"))).map_err(io("bind a socket"))?;
        daemon.set_containers((0..SERVICES).map(|index| service(*network, host, index)));
        Ok(daemon)
    };
    NETWORKS.iter().zip(&HOSTS).map(bind).collect()
}

fn service(network: u32, host: &str, index: u32) -> Container {
    let name = format!("service{index}");
    let container = Container::new(&name)
        .label("rediacc.service_name", &name)
        .label("rediacc.service_ip", host)
        .label("rediacc.network_id", network.to_string());
    if index % 4 == 3 {
        return container;
    }
    container
        .label("traefik.enable", "true")
        .label(format!("traefik.http.routers.{name}.rule"), format!("Host(`{name}-{network}.example.org`)"))
        .label(format!("traefik.http.routers.{name}.entrypoints"), "web")
        .label(format!("traefik.http.services.{name}.loadbalancer.server.port"), "8080")
}
