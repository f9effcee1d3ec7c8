//! Where a repository's daemons run: a control group, a view of the control groups that begins there, and a mount
//! namespace, kept by a process that does nothing else (the holder).
//!
//! containerd and dockerd must share one mount namespace: the first mounts what the second starts containers from.
//! Mounts that are made outside later are seen inside, and none leaks out.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
    time::{Duration, Instant},
};

use command_line::Failure;
use repo_network::NetworkId;
use rustix::process::{Pid, Signal, kill_process};

use super::fence::{Fence, Standing, note_file};
use crate::{
    files::{fault, read, replace},
    paths::Paths,
    programs::output_of,
};

/// Where a process sees the control groups.
const CGROUPS: &str = "/sys/fs/cgroup";
/// The group, below the repository's, of the daemons and of what containerd starts beside containers.
pub(super) const DAEMON: &str = "daemon";

/// How long killed processes may take to end.
const END: Duration = Duration::from_secs(10);

/// Says to the holder that its own control group is the repository's: the one of its unit, which systemd delegates.
const DELEGATED: &str = "REDIACC_DELEGATED";

/// The control group of a repository, as seen from outside: where its holder said that it is.
pub(super) fn group(id: NetworkId) -> Result<PathBuf, Failure> {
    Ok(noted_group(id)?.unwrap_or_else(|| own_group(id)))
}

/// The same, where a holder has said it: another root's repository of this network may have a group of that name.
pub(super) fn noted_group(id: NetworkId) -> Result<Option<PathBuf>, Failure> {
    Ok(read(&group_file(id))?.map(PathBuf::from))
}

/// Where control groups of version 2 are: beside the version-1 hierarchies they have a place of their own.
pub(super) fn unified() -> PathBuf {
    let beside = Path::new(CGROUPS).join("unified");
    if beside.join("cgroup.procs").exists() { beside } else { PathBuf::from(CGROUPS) }
}

fn own_group(id: NetworkId) -> PathBuf {
    unified().join(format!("rediacc-{id}"))
}

/// The group that this process is in.
fn present_group() -> Result<PathBuf, Failure> {
    let path = Path::new("/proc/self/cgroup");
    let text = fs::read_to_string(path).map_err(fault("read", path))?;
    let group = text.lines().find_map(|line| line.strip_prefix("0::/"));
    group.map(|group| unified().join(group)).ok_or_else(|| {
        Failure::Runtime("this machine has no control groups of version 2; repositories need them".to_owned())
    })
}

/// The first step of the holder: into the control group, and on into namespaces of its own.
pub(crate) fn hold(id: NetworkId) -> Result<ExitCode, Failure> {
    let group = if std::env::var_os(DELEGATED).is_some() { present_group()? } else { own_group(id) };
    fs::create_dir_all(&group).map_err(fault("create", &group))?;
    join(&group)?;
    let file = group_file(id);
    // After a reboot it is the first that needs it.
    let run = Paths::of_this_machine().run().join(id.to_string());
    fs::create_dir_all(&run).map_err(fault("create", &run))?;
    replace(&file, &group.to_string_lossy(), 0o644)?;
    fence_in(id);
    let own = std::env::current_exe().map_err(fault("find", Path::new("this program")))?;
    let mut command = Command::new("unshare");
    command.args(["--cgroup", "--mount", "--propagation", "slave", "--"]).arg(own);
    let error = command.args(["internal", "hold-inside", &id.to_string()]).exec();
    Err(Failure::runtime("cannot run unshare", &error))
}

/// Before anything of the repository runs. Where there can be no fence it runs without one, as `up` and `renet fence
/// status` say.
fn fence_in(id: NetworkId) {
    let noted = super::Repository::of_network(id).and_then(|it| {
        let fence = Fence::of(id, &it.root)?;
        let put_up = fence.put_up();
        let standing = fence.standing();
        fence.note(&standing)?;
        put_up.map(|()| standing)
    });
    let reason = match noted {
        Ok(Standing::Fenced) => return,
        Ok(Standing::Not(reason)) => reason,
        Err(failure) => failure.reason().unwrap_or_default().to_owned(),
    };
    // Into its log; nobody may read it.
    let _ = writeln!(io::stderr(), "renet: the fence is not whole: {reason}");
}

/// The second step: the control groups as the daemons are to see them, then nothing for ever.
pub(crate) fn hold_inside(id: NetworkId) -> Result<ExitCode, Failure> {
    // What is mounted there shows the machine's groups; nothing can be mounted over version 2 itself.
    output_of("umount", &["--recursive", "--lazy", CGROUPS])?;
    output_of("mount", &["-t", "cgroup2", "-o", "nosuid,nodev,noexec", "cgroup2", CGROUPS])?;
    let daemon = Path::new(CGROUPS).join(DAEMON);
    fs::create_dir_all(&daemon).map_err(fault("create", &daemon))?;
    join(&daemon)?;
    let ready = ready_file(id);
    fs::write(&ready, std::process::id().to_string()).map_err(fault("write", &ready))?;
    // For a unit; without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    loop {
        thread::park();
    }
}

/// Becomes a program inside a repository's namespaces.
pub(super) fn enter(id: NetworkId, program: &[String]) -> Result<ExitCode, Failure> {
    let process = inhabitant(id)?.ok_or_else(|| Failure::Runtime(format!("network {id} has no namespaces")))?;
    // nsenter does not move a process into the control group.
    join(&group(id)?.join(DAEMON))?;
    let mut command = Command::new("nsenter");
    command.args(["--target", &process.to_string(), "--mount", "--cgroup", "--"]).args(program);
    Err(Failure::runtime("cannot run nsenter", &command.exec()))
}

/// Whether the holder (this process) has made its namespaces.
pub(super) fn is_ready(id: NetworkId, holder: u32) -> bool {
    fs::read_to_string(ready_file(id)).is_ok_and(|text| text == holder.to_string())
}

/// A process that is in the namespaces: the holder, else one of the daemons, else a shim of a container, for these
/// outlive it.
pub(super) fn inhabitant(id: NetworkId) -> Result<Option<u32>, Failure> {
    let path = group(id)?.join(DAEMON).join("cgroup.procs");
    let processes = read(&path)?.unwrap_or_default();
    // The lowest number is mostly the oldest; all that are there will do.
    let own = std::process::id();
    Ok(processes.lines().filter_map(|line| line.parse().ok()).filter(|process| *process != own && *process != 0).min())
}

/// Removes the control groups, when nobody is in them.
pub(super) fn remove(id: NetworkId) -> Result<(), Failure> {
    remove_groups(&group(id)?);
    for file in [ready_file(id), group_file(id), note_file(id)] {
        // Not there: just as well.
        let _ = fs::remove_file(file);
    }
    Ok(())
}

/// Ends whoever is left in the control groups, and removes them.
pub(super) fn end(id: NetworkId) -> Result<(), Failure> {
    let group = group(id)?;
    let begun = Instant::now();
    while group.is_dir() {
        for process in processes(&group) {
            // It may have ended meanwhile.
            let _ = kill_process(process, Signal::KILL);
        }
        remove_groups(&group);
        if begun.elapsed() > END {
            return Err(Failure::Runtime(format!(
                "processes of network {id} cannot be ended; they are in {}",
                group.display()
            )));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Who is in a control group or one below it.
fn processes(group: &Path) -> Vec<Pid> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let own = text.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?));
    let below = fs::read_dir(group).into_iter().flatten().filter_map(Result::ok);
    let below = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut all: Vec<_> = own.collect();
    all.extend(below.flat_map(|entry| processes(&entry.path())));
    all
}

fn remove_groups(group: &Path) {
    let below = fs::read_dir(group).into_iter().flatten().filter_map(Result::ok);
    below
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .for_each(|entry| remove_groups(&entry.path()));
    // One that still has somebody stays.
    let _ = fs::remove_dir(group);
}

fn group_file(id: NetworkId) -> PathBuf {
    Paths::of_this_machine().run().join(id.to_string()).join("cgroup")
}

fn ready_file(id: NetworkId) -> PathBuf {
    Paths::of_this_machine().run().join(id.to_string()).join("holder")
}

fn join(group: &Path) -> Result<(), Failure> {
    let path = group.join("cgroup.procs");
    let join = || fs::OpenOptions::new().write(true).open(&path)?.write_all(b"0");
    join().map_err(|error: io::Error| Failure::runtime(format_args!("cannot enter {}", group.display()), &error))
}
