//! `renet fence check` and `status`: what the kernel really does here, and what stands on each repository's groups.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use command_line::{Failure, printable};
use loopback_fence::{Policy, Role, attach};
use repo_lifecycle::RepositoryName;
use repo_network::{NetworkId, Slot};
use rustix::net::{AddressFamily, SocketType, bind, connect, getsockname, listen, socket, sockopt};
use serde_json::{Value, json};

use super::{
    Repository,
    fence::{Fence, Standing},
    namespaces,
    registry::Book,
};
use crate::{
    containers::Existing,
    files::fault,
    output::{say, table},
    paths::Paths,
};

/// The last network that there can be, for a test that must not meet a repository: 127.255.255.192/26.
const SCRATCH: u32 = (1 << 24) - 64;

/// What is tried in a scratch control group, and what has to come of it.
struct Trial {
    what: &'static str,
    action: &'static str,
    address: &'static str,
    expected: fn(&str) -> bool,
}

/// Something that is tried: this program again, in a control group.
pub(crate) fn act(group: &Path, action: &str, address: SocketAddr) -> Result<ExitCode, Failure> {
    let tried = || -> io::Result<String> {
        fs::write(group.join("cgroup.procs"), "0")?;
        let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
        let socket = socket(family, SocketType::STREAM, None)?;
        if action == "connect" {
            connect(&socket, &address)?;
            return Ok("connected".to_owned());
        }
        if address.is_ipv6() {
            sockopt::set_ipv6_v6only(&socket, true)?;
        }
        bind(&socket, &address)?;
        listen(&socket, 1)?;
        SocketAddr::try_from(getsockname(&socket)?).map(|it| it.to_string()).map_err(io::Error::other)
    };
    say(tried().unwrap_or_else(|error| match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::PERM) => "refused".to_owned(),
        Some(rustix::io::Errno::CONNREFUSED) => "nobody listens".to_owned(),
        _ => error.to_string(),
    }))?;
    Ok(ExitCode::SUCCESS)
}

/// Tries the fence in a control group of its own; exit code 1 when something is not as it has to be.
pub(crate) fn check(as_json: bool) -> Result<ExitCode, Failure> {
    let scratch = Scratch::new()?;
    let mut rows = vec![["TRIED", "CAME OF IT", ""].map(str::to_owned)];
    let mut all = Vec::new();
    let mut is_good = true;
    for trial in &TRIALS {
        let said = scratch.tried(trial)?;
        let as_expected = (trial.expected)(&said);
        is_good &= as_expected;
        let verdict = if as_expected { "ok" } else { "WRONG" };
        rows.push([trial.what.to_owned(), printable(&said), verdict.to_owned()]);
        all.push(json!({"tried": trial.what, "came_of_it": said, "ok": as_expected}));
    }
    drop(scratch);
    if as_json {
        say(json!({"ok": is_good, "trials": all}))?;
    } else {
        table(&rows)?;
        say(if is_good { "the fence holds on this machine" } else { "the fence does not hold on this machine" })?;
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The service is on 127.255.255.194, a sibling on .195, a neighbour in the network before.
const TRIALS: [Trial; 6] = [
    Trial {
        what: "a service listens on 0.0.0.0",
        action: "bind",
        address: "0.0.0.0:8080",
        expected: |said| said == "127.255.255.194:8080",
    },
    Trial {
        what: "a service listens on localhost",
        action: "bind",
        address: "127.0.0.1:8080",
        expected: |said| said == "127.255.255.194:8080",
    },
    // Where the kernel keeps that flag is a constant of ours.
    Trial {
        what: "a service listens on [::] with IPV6_V6ONLY",
        action: "bind",
        address: "[::]:8080",
        expected: |said| said.starts_with("[::1]:") && !said.ends_with(":8080"),
    },
    Trial {
        what: "a service takes a neighbour's address",
        action: "bind",
        address: "127.255.255.130:8080",
        expected: |said| said == "refused",
    },
    Trial {
        what: "a service dials a neighbour",
        action: "connect",
        address: "127.255.255.130:8080",
        expected: |said| said == "refused",
    },
    Trial {
        what: "a service dials a sibling, where nobody listens",
        action: "connect",
        address: "127.255.255.195:8080",
        expected: |said| said == "nobody listens",
    },
];

/// A repository's control group and one service's, for a test; they go with it.
struct Scratch {
    group: PathBuf,
}

// === impl Scratch ===

impl Scratch {
    fn new() -> Result<Self, Failure> {
        let group = namespaces::unified().join(format!("rediacc-fence-check-{}", std::process::id()));
        let scratch = Self { group };
        let service = scratch.service();
        fs::create_dir_all(&service).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => {
                Failure::Runtime("only root may make control groups; the same with sudo".to_owned())
            }
            _ => fault("create", &service)(error),
        })?;
        let failed = |error: loopback_fence::FenceError| {
            Failure::Runtime(format!("there is no fence on this machine: {}", command_line::chain(&error)))
        };
        let id = NetworkId::try_from(SCRATCH).map_err(|error| Failure::runtime("the scratch network", &error))?;
        let slot = Slot::try_from(0).map_err(|error| Failure::runtime("a slot", &error))?;
        attach(&scratch.group, &Policy::guard(id)).map_err(failed)?;
        attach(&service, &Policy::new(id, Role::Slot(slot))).map_err(failed)?;
        Ok(scratch)
    }

    fn service(&self) -> PathBuf {
        self.group.join("slot-0")
    }

    fn tried(&self, trial: &Trial) -> Result<String, Failure> {
        let own = std::env::current_exe().map_err(fault("find", Path::new("this program")))?;
        let mut command = Command::new(own);
        command.args(["internal", "fence-act"]).arg(self.service()).args([trial.action, trial.address]);
        let output = command.stdin(Stdio::null()).output().map_err(fault("run", Path::new("this program")))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for group in [self.service(), self.group.clone()] {
            let _ = fs::remove_dir(group);
        }
    }
}

/// Prints what stands where; exit code 1 when a repository that runs is not fenced, or a container is outside.
pub(crate) fn status(name: Option<&RepositoryName>, as_json: bool) -> Result<ExitCode, Failure> {
    let registry = Book::of_this_machine().read()?;
    let all: Vec<_> = match name {
        Some(name) => vec![Repository::find(name)?],
        None => registry.repositories().map(|(name, entry)| Repository::of(name, entry)).collect(),
    };
    let mut rows = vec![["REPOSITORY", "FENCE", "SERVICES", "CONTAINERS OUTSIDE"].map(str::to_owned)];
    let mut seen = Vec::new();
    let mut is_good = true;
    for repository in all {
        let fence = Fence::of(repository.id, &repository.root)?;
        let group = namespaces::noted_group(repository.id)?.unwrap_or_default();
        let is_up = group.is_dir();
        let (words, is_fenced) = match fence.standing() {
            Standing::Fenced => ("on".to_owned(), true),
            Standing::Not(_) if !is_up => ("not up".to_owned(), false),
            Standing::Not(reason) => (format!("none: {reason}"), false),
        };
        let services = fence.services()?;
        let outside = if is_fenced { outside(repository.id, &group) } else { Vec::new() };
        is_good &= (is_fenced || !is_up) && outside.is_empty();
        let shown: Vec<_> = services.iter().map(|(slot, state)| format!("{slot}: {state}")).collect();
        let shown_outside = outside.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ");
        rows.push([repository.name.to_string(), words.clone(), shown.join(", "), shown_outside]);
        let services: Vec<Value> = services.iter().map(|(slot, state)| json!({"slot": slot, "state": state})).collect();
        seen.push(json!({
            "name": repository.name, "network_id": repository.id, "fenced": is_fenced, "words": words,
            "control_group": is_up.then_some(&group), "services": services, "containers_outside": outside,
        }));
    }
    if as_json {
        say(json!({"ok": is_good, "repositories": seen}))?;
    } else {
        table(&rows)?;
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Running containers whose control group is not below the repository's, which its guard does not see: whatever their
/// daemon says, the kernel knows where they are.
fn outside(id: NetworkId, group: &Path) -> Vec<String> {
    let socket = Paths::of_this_machine().docker_socket(id);
    let containers = Existing::all(&socket).unwrap_or_default();
    let running = containers.iter().filter(|container| container.state == "running");
    let has = |container: &&Existing| {
        if container.id().is_empty() {
            return false;
        }
        let below = fs::read_dir(group).into_iter().flatten().filter_map(Result::ok);
        below.map(|entry| entry.path().join(container.id())).any(|own| own.join("cgroup.procs").exists())
    };
    running.filter(|container| !has(container)).map(|container| container.name().to_owned()).collect()
}
