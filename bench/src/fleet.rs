//! A simulated daemon with many containers: what a first view and an event cost.

use std::{
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

use docker_simulator::{Container, Counts, Simulator};
use end_to_end::{Error, Scratch};
use tokio::runtime::Runtime;

use crate::{
    figures::{Figure, Report, Side, Unit},
    http::{self, LongPoll},
    parts::{Programs, Provider, Running, Traefik, io},
    usage::Usage,
};

const NETWORK: u32 = 6464;
/// One address is enough, and lets the Docker provider reach it too.
const HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 25, 66);
const PUBLIC: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 200, 7, 4), Ipv4Addr::new(127, 200, 7, 5)];
const PATIENCE: Duration = Duration::from_secs(60);
/// How often each program is started for its first view.
const STARTS: u32 = 5;
/// Containers that are started, one after the other. A few: each takes the yardstick seconds.
const EVENTS: u32 = 6;
/// The same where there are many daemons.
const SPREAD_EVENTS: usize = 20;
/// Containers that are started at once.
const BURST: u32 = 100;
/// Between two events: beyond Traefik's throttle of two seconds, so that each is seen by itself.
const PAUSE: Duration = Duration::from_millis(2500);

const OURS: &str = "route-server";
const THROUGH: &str = "Traefik that follows route-server";
const YARDSTICK: &str = "Traefik's own Docker provider";

/// A daemon and what it holds.
struct Fleet {
    daemon: Simulator,
    scratch: Scratch,
    /// In which the daemon runs.
    _runtime: Runtime,
    size: u32,
}

/// What one side was seen to do.
#[derive(Default)]
struct Seen {
    first_view: Vec<f64>,
    event: Vec<f64>,
    /// Each over all events.
    cpu: f64,
    calls: f64,
    rss: f64,
    peak: f64,
}

pub(crate) fn run(programs: &Programs, size: u32, report: &mut Report) -> Result<(), Error> {
    report.about(&format!("A simulated daemon with {size} containers"))?;
    let fleet = Fleet::new(size)?;
    let ours = fleet.ours(programs)?;
    let (burst, calls) = fleet.burst(programs)?;
    let through = fleet.through(programs)?;
    let theirs = fleet.yardstick(programs)?;

    let sides = |of: fn(&Seen) -> Vec<f64>| {
        let ours = Side::new(OURS, of(&ours));
        (ours, Side::new(THROUGH, of(&through)), Side::new(YARDSTICK, of(&theirs)))
    };
    let add = |what: &str, unit, target: Option<f64>, of| {
        let (ours, through, theirs) = sides(of);
        let figure = Figure::new(what, unit, ours).beside(through).beside(theirs);
        report.add(match target {
            Some(target) => figure.target(target),
            None => figure,
        })
    };
    add("process started → whole fleet served", Unit::Seconds, (size == 1000).then_some(0.3), |it| {
        it.first_view.clone()
    })?;
    add("container started → served", Unit::Seconds, None, |it| it.event.clone())?;
    add("CPU for that", Unit::CpuSeconds, None, |it| vec![it.cpu])?;
    add("Docker API calls for that (two events: create, start)", Unit::Calls, None, |it| vec![it.calls])?;
    add("resident memory", Unit::MiB, None, |it| vec![it.rss])?;
    add("resident memory at its peak", Unit::MiB, None, |it| vec![it.peak])?;
    report.add(Figure::new(
        &format!("{BURST} containers started at once → all served"),
        Unit::Seconds,
        Side::new(OURS, [burst]),
    ))?;
    report.add(Figure::new("Docker API calls for that (200 events)", Unit::Calls, Side::new(OURS, [calls])))
}

/// Many daemons, each with some of the containers: what an event of one of them costs. Nothing stands beside it: Traefik's
/// provider follows one daemon.
pub(crate) fn spread(programs: &Programs, daemons: u32, size: u32, report: &mut Report) -> Result<(), Error> {
    report.about(&format!("{size} containers on {daemons} simulated daemons"))?;
    let runtime = runtime()?;
    let scratch = Scratch::new()?;
    let sockets = scratch.sockets()?;
    let mut followed = Vec::new();
    for network in (0..daemons).map(|number| NETWORK + number * 64) {
        let _inside = runtime.enter();
        let daemon = Simulator::bind(sockets.join(format!("docker-{network}.sock"))).map_err(io("bind a socket"))?;
        let first = network * 1000;
        daemon.set_containers((first..first + size / daemons).map(|index| container_of(network, index)));
        followed.push((network, daemon));
    }
    let server = programs.serve(&scratch, "route-server", &[])?;
    let mut poll = LongPoll::connect(server.address)?;
    poll.document()?;
    thread::sleep(PAUSE);
    let mut seen = Vec::new();
    for (network, daemon) in followed.iter().cycle().take(SPREAD_EVENTS) {
        let index = network * 1000 + 900 + u32::try_from(seen.len()).unwrap_or_default() * 4 % 100;
        let begun = Instant::now();
        daemon.start(container_of(*network, index));
        let host = format!("{}.example.com", name(index));
        seen.push((poll.until(&host)? - begun).as_secs_f64());
        thread::sleep(PAUSE / 10);
    }
    report.add(Figure::new("container started → served", Unit::Seconds, Side::new(OURS, seen)).target(0.015))
}

/// The one on which simulated daemons live.
pub(crate) fn runtime() -> Result<Runtime, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(io("start a runtime"))
}

// === impl Fleet ===

impl Fleet {
    fn new(size: u32) -> Result<Self, Error> {
        let (runtime, scratch) = (runtime()?, Scratch::new()?);
        let daemon = {
            let _inside = runtime.enter();
            Simulator::bind(scratch.sockets()?.join(format!("docker-{NETWORK}.sock"))).map_err(io("bind a socket"))?
        };
        let fleet = Self { daemon, scratch, _runtime: runtime, size };
        fleet.reset();
        Ok(fleet)
    }

    /// Takes away what was started.
    fn reset(&self) {
        self.daemon.set_containers((0..self.size).map(container));
    }

    /// The document as it is served.
    fn ours(&self, programs: &Programs) -> Result<Seen, Error> {
        let mut seen = Seen::default();
        for _ in 1..STARTS {
            drop(self.serve(programs, &mut seen)?);
        }
        let (server, mut poll) = self.serve(programs, &mut seen)?;
        let text = |name: &str| format!("{name}.example.com");
        self.events(&mut seen, server.process.id(), |name| poll.until(&text(name)))?;
        Ok(seen)
    }

    fn serve(&self, programs: &Programs, seen: &mut Seen) -> Result<(Running, LongPoll), Error> {
        let begun = Instant::now();
        let server = programs.serve(&self.scratch, "route-server", &[])?;
        let mut poll = LongPoll::connect(server.address)?;
        poll.document()?;
        seen.first_view.push(begun.elapsed().as_secs_f64());
        Ok((server, poll))
    }

    /// Many containers at once: how long until the last is served, and how many calls it took.
    fn burst(&self, programs: &Programs) -> Result<(f64, f64), Error> {
        self.reset();
        let (_server, mut poll) = self.serve(programs, &mut Seen::default())?;
        thread::sleep(PAUSE);
        let calls = self.calls();
        let begun = Instant::now();
        for index in 0..BURST {
            self.daemon.start(container((self.size + index) * 4));
        }
        let last = format!("{}.example.com", name((self.size + BURST - 1) * 4));
        let all = poll.until(&last)? - begun;
        thread::sleep(PAUSE);
        Ok((all.as_secs_f64(), self.calls() - calls))
    }

    /// A Traefik that follows route-server, until its API shows it.
    fn through(&self, programs: &Programs) -> Result<Seen, Error> {
        self.reset();
        let server = programs.serve(&self.scratch, "route-server", &[])?;
        LongPoll::connect(server.address)?.document()?;
        let [on, _] = PUBLIC;
        self.traefik(&format!("-{NETWORK}@http"), || {
            programs.traefik(&self.scratch, on, Provider::LongPoll(server.address))
        })
    }

    /// A Traefik that follows the daemon itself.
    fn yardstick(&self, programs: &Programs) -> Result<Seen, Error> {
        self.reset();
        let [_, on] = PUBLIC;
        self.traefik("@docker", || programs.traefik(&self.scratch, on, Provider::Docker(self.daemon.path(), HOST)))
    }

    fn traefik(&self, suffix: &str, start: impl Fn() -> Result<Traefik, Error>) -> Result<Seen, Error> {
        let mut seen = Seen::default();
        let routed = |traefik: &Traefik, name: &str| {
            let path = format!("/api/http/routers/{name}{suffix}");
            http::first(traefik.api, "traefik", &path, PATIENCE)
        };
        let begin = |seen: &mut Seen| {
            let begun = Instant::now();
            let traefik = start()?;
            seen.first_view.push((routed(&traefik, &name(0))? - begun).as_secs_f64());
            Ok::<_, Error>(traefik)
        };
        for _ in 1..STARTS.min(3) {
            drop(begin(&mut seen)?);
        }
        let traefik = begin(&mut seen)?;
        self.events(&mut seen, traefik.process.id(), |name| routed(&traefik, name))?;
        Ok(seen)
    }

    /// Starts containers, one after the other.
    fn events(
        &self,
        seen: &mut Seen,
        pid: u32,
        mut shown: impl FnMut(&str) -> Result<Instant, Error>,
    ) -> Result<(), Error> {
        thread::sleep(PAUSE);
        let (before, calls) = (Usage::of(pid)?, self.calls());
        for index in 0..EVENTS {
            let index = (self.size + index) * 4;
            let begun = Instant::now();
            self.daemon.start(container(index));
            seen.event.push((shown(&name(index))? - begun).as_secs_f64());
            thread::sleep(PAUSE);
        }
        let after = Usage::of(pid)?;
        seen.cpu = after.cpu_since(&before) / f64::from(EVENTS);
        seen.calls = (self.calls() - calls) / f64::from(EVENTS);
        (seen.rss, seen.peak) = (after.rss_mib, after.peak_mib);
        Ok(())
    }

    fn calls(&self) -> f64 {
        let Counts { lists, inspects, others, .. } = self.daemon.counts();
        [lists, inspects, others].into_iter().map(|count| u32::try_from(count).map_or(f64::NAN, f64::from)).sum()
    }
}

fn name(index: u32) -> String {
    format!("service{index}")
}

fn container(index: u32) -> Container {
    container_of(NETWORK, index)
}

/// Three of four have seven labels of Traefik's, the fourth has none.
fn container_of(network: u32, index: u32) -> Container {
    let name = name(index);
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 0, 2)) + network);
    let container = Container::new(&name)
        .label("rediacc.service_name", &name)
        .label("rediacc.service_ip", address.to_string())
        .label("rediacc.network_id", network.to_string());
    if index % 4 == 3 {
        return container;
    }
    let (router, service) = (format!("traefik.http.routers.{name}"), format!("traefik.http.services.{name}"));
    let middleware = format!("traefik.http.middlewares.{name}-hsts.headers");
    container
        .label("traefik.enable", "true")
        .label(format!("{router}.rule"), format!("Host(`{name}.example.com`)"))
        .label(format!("{router}.entrypoints"), "web")
        .label(format!("{router}.middlewares"), format!("{name}-hsts"))
        .label(format!("{service}.loadbalancer.server.port"), "8080")
        .label(format!("{middleware}.stsSeconds"), "15768000")
        .label(format!("{middleware}.stsIncludeSubdomains"), "true")
}
