//! What the fence costs: the same calls in a control group with it and in one without, in turn.

use std::{
    env, fs,
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
    time::Instant,
};

use end_to_end::Error;
use loopback_fence::{FenceError, Policy, Role, attach};
use repo_network::{NetworkId, Slot};

use crate::{
    figures::{Figure, Report, Side, Unit},
    parts::io,
};

/// Tells this program that it is the one in a control group, and which.
const WORKER: &str = "BENCH_FENCE_GROUP";
/// Far from whatever a machine has: 127.250.1.0.
const NETWORK: u32 = 16_384_256;
const OWN: Ipv4Addr = Ipv4Addr::new(127, 250, 1, 2);
const SIBLING: Ipv4Addr = Ipv4Addr::new(127, 250, 1, 3);
/// Calls of a sample.
const CALLS: u32 = 20_000;
const ROUNDS: u32 = 15;
const KINDS: [&str; 3] = [
    "TCP: connect to a sibling, and close",
    "TCP: bind, listen, and close",
    "UDP: a datagram to a sibling, without connect",
];

/// In a control group: prints nanoseconds of each kind of call. None: this is not such a process.
pub(crate) fn worker() -> Option<ExitCode> {
    let group = env::var_os(WORKER)?;
    let measured = measure(Path::new(&group));
    let text = match &measured {
        Ok(figures) => figures.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_string(),
    };
    let _ = writeln!(io::stdout(), "{text}");
    Some(if measured.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(group: &Path) -> io::Result<[f64; 3]> {
    let udp = UdpSocket::bind((SIBLING, 0));
    let listener = TcpListener::bind((SIBLING, 0));
    let (udp, listener) = (udp?, listener?);
    // The sibling is outside of the group, as another service's container is.
    fs::write(group.join("cgroup.procs"), "0")?;
    let to = listener.local_addr()?;
    thread::spawn(move || listener.incoming().for_each(drop));
    let connect = timed(|| TcpStream::connect(to).map(drop))?;
    let bind = timed(|| TcpListener::bind((OWN, 0)).map(drop))?;
    let to = udp.local_addr()?;
    // Nobody reads: what does not fit is dropped, after the call.
    let sender = UdpSocket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
    let send = timed(|| sender.send_to(b"x", to).map(drop))?;
    Ok([connect, bind, send])
}

fn timed(mut call: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    let begun = Instant::now();
    for _ in 0..CALLS {
        call()?;
    }
    Ok(begun.elapsed().as_secs_f64() / f64::from(CALLS) * 1e6)
}

pub(crate) fn run(report: &mut Report) -> Result<(), Error> {
    report.about(&format!("The loopback fence: {CALLS} calls a sample, with and without it in turn"))?;
    let ground = Ground::new()?;
    let mut samples: [[Vec<f64>; 2]; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (side, group) in [&ground.fenced(), &ground.plain()].into_iter().enumerate() {
            let figures = asked(group)?;
            for (all, figure) in samples.iter_mut().zip(figures) {
                if let Some(all) = all.get_mut(side) {
                    all.push(figure);
                }
            }
        }
    }
    for (what, [fenced, plain]) in KINDS.into_iter().zip(samples) {
        report.add(
            Figure::new(what, Unit::Microseconds, Side::new("with the fence", fenced))
                .beside(Side::new("without", plain)),
        )?;
    }
    Ok(())
}

fn asked(group: &Path) -> Result<Vec<f64>, Error> {
    let own = env::current_exe().map_err(io("find this program"))?;
    let output = Command::new(own).env(WORKER, group).output().map_err(io("run this program"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    if figures.len() == KINDS.len() {
        Ok(figures)
    } else {
        Err(Error::Unexpected(format!("a process in {}: {said}", group.display())))
    }
}

/// Two control groups; they go with it.
struct Ground(PathBuf);

// === impl Ground ===

impl Ground {
    fn new() -> Result<Self, Error> {
        let beside = Path::new("/sys/fs/cgroup/unified");
        let unified = if beside.join("cgroup.procs").exists() { beside } else { Path::new("/sys/fs/cgroup") };
        let ground = Self(unified.join(format!("fence-bench-{}", std::process::id())));
        for group in [ground.fenced(), ground.plain()] {
            fs::create_dir_all(&group).map_err(io("make a control group"))?;
        }
        let wrong = |error: FenceError| Error::Unexpected(format!("no fence: {error}"));
        let id = NetworkId::try_from(NETWORK).map_err(|error| Error::Unexpected(error.to_string()))?;
        let slot = Slot::try_from(0).map_err(|error| Error::Unexpected(error.to_string()))?;
        attach(&ground.0.join("fenced"), &Policy::guard(id)).map_err(wrong)?;
        attach(&ground.fenced(), &Policy::new(id, Role::Slot(slot))).map_err(wrong)?;
        Ok(ground)
    }

    /// As deep as the other one.
    fn fenced(&self) -> PathBuf {
        self.0.join("fenced/slot-0")
    }

    fn plain(&self) -> PathBuf {
        self.0.join("plain/slot-0")
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for group in ["fenced/slot-0", "plain/slot-0", "fenced", "plain", ""] {
            let _ = fs::remove_dir(self.0.join(group));
        }
    }
}
