//! Control groups of two repositories, made for a test and removed with it, and processes in them.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use end_to_end::Error;
use loopback_fence::{Policy, Role, attach};
use repo_network::{NetworkId, Slot};

use crate::{act::ACT, done};

/// Far from whatever a machine has.
pub(crate) const OWN: u32 = 16_384_000;
pub(crate) const NEIGHBOUR: u32 = OWN + 64;

/// Two repositories with two services each.
pub(crate) struct Ground {
    root: PathBuf,
}

/// A process that goes on until this is dropped.
pub(crate) struct Server {
    child: Child,
    /// What it said first: where it listens, or why not.
    pub(crate) said: String,
}

// === impl Ground ===

impl Ground {
    pub(crate) fn new(is_fenced: bool) -> Result<Self, Error> {
        let beside = Path::new("/sys/fs/cgroup/unified");
        let unified = if beside.join("cgroup.procs").exists() { beside } else { Path::new("/sys/fs/cgroup") };
        let root = unified.join(format!("fence-test-{}-{is_fenced}", std::process::id()));
        let ground = Self { root };
        for network in [OWN, NEIGHBOUR] {
            for group in ["daemon", "slot-0", "slot-1", "unslotted/nested"] {
                let path = ground.group(network, group);
                fs::create_dir_all(&path).map_err(Error::io(format!("make {}", path.display())))?;
            }
            if is_fenced {
                let id = id(network);
                done(attach(&ground.group(network, ""), &Policy::guard(id)))?;
                for slot in [0, 1] {
                    let role = Role::Slot(Slot::try_from(slot).unwrap_or_else(|_| unreachable!("a slot")));
                    done(attach(&ground.group(network, &format!("slot-{slot}")), &Policy::new(id, role)))?;
                }
            }
        }
        Ok(ground)
    }

    pub(crate) fn group(&self, network: u32, name: &str) -> PathBuf {
        self.root.join(network.to_string()).join(name)
    }

    fn command(&self, group: Option<(u32, &str)>, words: &str) -> Result<Command, Error> {
        let own = std::env::current_exe().map_err(Error::io("find this program"))?;
        let group =
            group.map_or_else(|| "-".to_owned(), |(network, name)| self.group(network, name).display().to_string());
        let mut command = Command::new(own);
        command.arg(ACT).arg(group).args(words.split(' ')).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(command)
    }

    /// What comes of something that is tried in a control group (none: as the host).
    pub(crate) fn tried(&self, group: Option<(u32, &str)>, words: &str) -> Result<String, Error> {
        let output = self.command(group, words)?.output().map_err(Error::io("run this program"))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    pub(crate) fn serve(&self, group: Option<(u32, &str)>, kind: &str, address: &str) -> Result<Server, Error> {
        let mut command = self.command(group, &format!("{kind} serve {address}"))?;
        let mut child = command.spawn().map_err(Error::io("run this program"))?;
        let mut said = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut said).map_err(Error::io("read what it says"))?;
        }
        Ok(Server { child, said: said.trim().to_owned() })
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        fn remove(group: &Path) {
            let below = fs::read_dir(group).into_iter().flatten().filter_map(Result::ok);
            below.filter(|it| it.path().is_dir()).for_each(|it| remove(&it.path()));
            let _ = fs::remove_dir(group);
        }
        remove(&self.root);
    }
}

// === impl Server ===

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn id(number: u32) -> NetworkId {
    NetworkId::try_from(number).unwrap_or_else(|_| unreachable!("a network"))
}
