//! Containers on a real dockerd, asked for through four real Traefiks at the same time.

use std::{
    net::{Ipv4Addr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use end_to_end::{Dockerd, Error, Image, Scratch, Service};
use repo_network::NetworkId;

use crate::{
    figures::{Figure, Report, Side, Unit},
    http,
    parts::{Programs, Provider, Running, Traefik},
};

const NETWORK: &str = "6400";
/// Where the Traefiks listen, in the order of [`World::traefiks`] and of [`NAMES`].
const PUBLIC: [Ipv4Addr; 4] = [
    Ipv4Addr::new(127, 200, 7, 1),
    Ipv4Addr::new(127, 200, 7, 2),
    Ipv4Addr::new(127, 200, 7, 3),
    Ipv4Addr::new(127, 200, 7, 8),
];
const NAMES: [&str; 4] = [
    "route-server, held requests",
    "route-server, plain 5 s polling",
    "Traefik's own Docker provider",
    "it, with a default certificate",
];
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two changes that follow one another closely.
const APART: Duration = Duration::from_millis(300);
const FIRST_PORT: u16 = 8080;

struct World {
    // Dropped in this order: Traefik first, the scratch directory last.
    traefiks: [Traefik; 4],
    _server: Running,
    dockerd: Dockerd,
    address: Ipv4Addr,
    _scratch: Scratch,
}

/// How long one container's start took to be seen, in seconds.
struct Sample {
    /// From the command to the container's own answer.
    own: f64,
    /// From the container's own answer to the one through each Traefik.
    beyond: [f64; 4],
    /// From the return of `docker run` to the same.
    returned: [f64; 4],
}

pub(crate) fn run(programs: &Programs, samples: u32, report: &mut Report) -> Result<(), Error> {
    let world = World::start(programs)?;
    report.about("A container starts (real dockerd, real Traefik)")?;
    let singles: Vec<_> = (0..samples).map(|index| world.single(index)).collect::<Result<_, _>>()?;
    let own = Side::new("the container itself", singles.iter().map(|sample| sample.own));
    report.add(Figure::new("docker run → its own httpd answers", Unit::Seconds, own))?;
    let beyond = |sample: &Sample| sample.beyond;
    report.add(figure("its own httpd answers → answered through Traefik", &singles, beyond))?;
    report.add(figure("docker run has returned → answered through Traefik", &singles, |sample| sample.returned))?;

    report.about("Two containers start 0.3 s apart")?;
    let pairs = (0..samples.div_ceil(2)).map(|index| world.pair(index)).collect::<Result<Vec<_>, _>>()?;
    let (firsts, seconds): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    report.add(figure("the first: its own httpd answers → answered through Traefik", &firsts, beyond))?;
    report.add(figure("the second: the same", &seconds, beyond))
}

fn figure(what: &str, samples: &[Sample], of: impl Fn(&Sample) -> [f64; 4]) -> Figure {
    let [ours, plain, docker, certified] = [0, 1, 2, 3].map(|index: usize| {
        let name = NAMES.get(index).copied().unwrap_or_default();
        Side::new(name, samples.iter().filter_map(|sample| of(sample).get(index).copied()))
    });
    Figure::new(what, Unit::Seconds, ours).target(0.3).beside(plain).beside(docker).beside(certified)
}

// === impl World ===

impl World {
    fn start(programs: &Programs) -> Result<Self, Error> {
        let scratch = Scratch::new()?;
        let image = Image::build(&scratch, &[])?;
        let id: NetworkId = NETWORK.parse().map_err(|error| Error::Unexpected(format!("{NETWORK}: {error}")))?;
        let dockerd = Dockerd::start(&scratch, id)?;
        dockerd.import(&image)?;
        let address = Service::pages("any", 0, FIRST_PORT).address(id);
        let server = programs.serve(&scratch, "route-server", &["--grace", "1s"])?;
        let [held, plain, docker, certified] = PUBLIC;
        let traefiks = [
            programs.traefik(&scratch, held, Provider::LongPoll(server.address))?.answers()?,
            programs.traefik(&scratch, plain, Provider::PlainPoll(server.address))?.answers()?,
            programs.traefik(&scratch, docker, Provider::Docker(dockerd.socket(), address))?.answers()?,
            programs
                .traefik(&scratch, certified, Provider::DockerAndCertificate(dockerd.socket(), address))?
                .answers()?,
        ];
        Ok(Self { traefiks, _server: server, dockerd, address, _scratch: scratch })
    }

    fn single(&self, index: u32) -> Result<Sample, Error> {
        // Spread over the five seconds: after a sample, the plain poll has always just been made.
        let phase = f64::from(index) * 0.618_033_99 % 1.0;
        thread::sleep(Duration::from_secs(2) + Duration::from_secs(5).mul_f64(phase));
        let name = format!("single{index}");
        let sample = self.sample(&name, FIRST_PORT)?;
        self.dockerd.remove(&name)?;
        Ok(sample)
    }

    fn pair(&self, index: u32) -> Result<(Sample, Sample), Error> {
        let phase = f64::from(index) * 0.618_033_99 % 1.0;
        thread::sleep(Duration::from_secs(2) + Duration::from_secs(5).mul_f64(phase));
        let (one, two) = (format!("one{index}"), format!("two{index}"));
        let samples = thread::scope(|scope| {
            let first = scope.spawn(|| self.sample(&one, FIRST_PORT));
            thread::sleep(APART);
            let second = self.sample(&two, FIRST_PORT + 1);
            (joined(first), second)
        });
        self.dockerd.remove(&one)?;
        self.dockerd.remove(&two)?;
        Ok((samples.0?, samples.1?))
    }

    /// Starts a container and asks for it everywhere, at the same time, until all have answered.
    fn sample(&self, name: &str, port: u16) -> Result<Sample, Error> {
        let host = format!("{name}.example.com");
        let service = Service::pages(name, 0, port)
            .label("traefik.enable=true")
            .label(&format!("traefik.http.routers.{name}.rule=Host(`{host}`)"))
            .label(&format!("traefik.http.routers.{name}.entrypoints=web"))
            .label(&format!("traefik.http.services.{name}.loadbalancer.server.port={port}"));
        let asked = |address: SocketAddr| {
            let host = host.clone();
            move || http::first(address, &host, "/", PATIENCE)
        };
        let begun = Instant::now();
        thread::scope(|scope| {
            let own = scope.spawn(asked(SocketAddr::from((self.address, port))));
            let through = self.traefiks.each_ref().map(|traefik| scope.spawn(asked(traefik.web)));
            self.dockerd.run(&service)?;
            let returned = Instant::now();
            let own = joined(own)?;
            let [held, plain, docker, certified] = through.map(joined);
            let through = [held?, plain?, docker?, certified?];
            Ok(Sample {
                own: seconds(begun, own),
                beyond: through.map(|answered| seconds(own, answered)),
                returned: through.map(|answered| seconds(returned, answered)),
            })
        })
    }
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, Result<T, Error>>) -> Result<T, Error> {
    thread.join().unwrap_or_else(|_panic| Err(Error::Unexpected("a thread of the benchmark fell over".to_owned())))
}

/// From one moment to another, which may be the earlier one.
fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() - from.saturating_duration_since(to).as_secs_f64()
}
