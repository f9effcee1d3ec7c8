use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use container_snapshot::{Owner, containers_of_cgroup};
use repo_network::NetworkId;

/// With more processes than this nobody's sockets are looked for.
const MAX_PROCESSES: usize = 20_000;
/// So many file descriptors are looked at, of all processes together.
const MAX_DESCRIPTORS: usize = 200_000;

/// The processes of the machine, as `/proc` shows them.
#[derive(Debug, Clone)]
pub struct Processes {
    proc: PathBuf,
}

// === impl Processes ===

impl Processes {
    /// As a directory of that form shows them: `/proc`.
    pub fn new(proc: impl Into<PathBuf>) -> Self {
        Self { proc: proc.into() }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.proc
    }

    /// Who holds these sockets, where that can be seen. The youngest processes are looked at first, and none when
    /// all are found: a socket that was not there a moment ago is mostly theirs.
    pub fn holders(&self, inodes: &BTreeSet<u64>) -> BTreeMap<u64, u32> {
        let mut found = BTreeMap::new();
        let mut budget = MAX_DESCRIPTORS;
        let mut pids = self.pids();
        if pids.len() > MAX_PROCESSES {
            tracing::debug!(processes = pids.len(), "too many processes to look for the holders of sockets");
            return found;
        }
        pids.sort_unstable();
        while let Some(pid) = pids.pop().filter(|_| found.len() < inodes.len() && budget > 0) {
            let Ok(descriptors) = fs::read_dir(self.path(pid, "fd")) else { continue };
            for descriptor in descriptors.filter_map(Result::ok).take(budget) {
                budget -= 1;
                if let Some(inode) = socket(&descriptor.path()).filter(|inode| inodes.contains(inode)) {
                    found.entry(inode).or_insert(pid);
                }
            }
        }
        found
    }

    /// The oldest process that holds one of these sockets: a child that was just forked holds its parent's for a moment.
    pub fn oldest_holder(&self, inodes: &BTreeSet<u64>) -> Option<u32> {
        let mut pids = self.pids();
        pids.sort_unstable();
        pids.into_iter().find(|pid| {
            let descriptors = fs::read_dir(self.path(*pid, "fd")).into_iter().flatten().filter_map(Result::ok);
            descriptors.take(MAX_DESCRIPTORS).any(|it| socket(&it.path()).is_some_and(|inode| inodes.contains(&inode)))
        })
    }

    /// Whose a process is.
    pub fn owner(&self, pid: u32) -> Owner {
        let containers = self.read(pid, "cgroup").map(|text| containers_of_cgroup(&text)).unwrap_or_default();
        if !containers.is_empty() {
            return Owner::Container(containers);
        }
        let name = self.name(pid);
        // Docker publishes ports by it, for a container that it does not name.
        if name == "docker-proxy" {
            return self.daemon(pid).map_or(Owner::Unknown, Owner::Daemon);
        }
        if self.is_of_the_machine(pid) { Owner::Process { name, pid } } else { Owner::Unknown }
    }

    /// What a process calls itself.
    pub fn name(&self, pid: u32) -> String {
        self.read(pid, "comm").unwrap_or_default().trim_end().to_owned()
    }

    /// The daemon that started a process, known by the socket in its arguments.
    fn daemon(&self, pid: u32) -> Option<NetworkId> {
        let status = self.read(pid, "status")?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
        let arguments = self.read(parent, "cmdline")?;
        let names = arguments.split(['\0', '/', '=']);
        names.into_iter().find_map(|name| NetworkId::from_socket_name(name).ok())
    }

    /// Whether a process sees the files that the first one sees, or this one. Every container has a view of its own,
    /// whereas its cgroup may be its daemon's (rootless, or without cgroups), so that the cgroup alone would accuse the
    /// innocent.
    fn is_of_the_machine(&self, pid: u32) -> bool {
        let view = |process: &str| fs::read_link(self.proc.join(process).join("ns/mnt")).ok();
        let its = view(&pid.to_string());
        its.is_some() && (view("1") == its || view("self") == its)
    }

    fn pids(&self) -> Vec<u32> {
        let entries = fs::read_dir(&self.proc).into_iter().flatten();
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
    }

    fn read(&self, pid: u32, file: &str) -> Option<String> {
        fs::read(self.path(pid, file)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn path(&self, pid: u32, file: &str) -> PathBuf {
        self.proc.join(pid.to_string()).join(file)
    }
}

/// The socket that a file descriptor is.
fn socket(descriptor: &Path) -> Option<u64> {
    let target = fs::read_link(descriptor).ok()?;
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{ID, process};

    #[test]
    fn containers_processes_and_daemons_are_told_apart() {
        let proc = tempfile::tempdir().unwrap();
        let add = |pid, name, cgroup: &str, mounts| process(proc.path(), pid, name, cgroup, mounts, &[]);
        add(1, "systemd", "/init.scope", "1");
        add(2, "nginx", "/system.slice/nginx.service", "1");
        add(3, "web", &format!("/system.slice/docker-{ID}.scope"), "9");
        add(4, "web", "/system.slice/rediacc.service", "9");
        add(5, "docker-proxy", "/system.slice/rediacc.service", "1");
        add(6, "dockerd", "/system.slice/rediacc.service", "1");
        fs::write(proc.path().join("5/status"), "Name:\tdocker-proxy\nPPid:\t6\n").unwrap();
        let processes = Processes::new(proc.path());
        assert_eq!(processes.owner(2), Owner::Process { name: "nginx".to_owned(), pid: 2 });
        assert_eq!(processes.owner(3), Owner::Container(vec![ID.into()]));
        assert_eq!(processes.owner(4), Owner::Unknown, "a container without a cgroup of its own");
        assert_eq!(processes.owner(5), Owner::Unknown);
        fs::write(proc.path().join("6/cmdline"), "dockerd\0-H\0unix:///run/rediacc/docker-2816.sock\0").unwrap();
        assert_eq!(processes.owner(5), Owner::Daemon("2816".parse().unwrap()));
        assert_eq!(processes.owner(99), Owner::Unknown, "gone");
    }

    #[test]
    fn the_youngest_holder_is_found() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 10, "a", "/", "1", &[5, 6]);
        process(proc.path(), 9, "b", "/", "1", &[6, 7]);
        let holders = Processes::new(proc.path()).holders(&BTreeSet::from([6, 7, 8]));
        assert_eq!(holders, BTreeMap::from([(6, 10), (7, 9)]));
    }
}
