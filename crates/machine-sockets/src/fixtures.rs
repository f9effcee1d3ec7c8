//! A directory in the form of `/proc`, for tests.
#![expect(clippy::unwrap_used, reason = "for tests alone")]

use std::{fs, os::unix::fs::symlink, path::Path};

/// A container's ID.
pub const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Adds a process to a directory in the form of `/proc`.
pub fn process(proc: &Path, pid: u32, name: &str, cgroup: &str, mounts: &str, sockets: &[u64]) {
    let directory = proc.join(pid.to_string());
    fs::create_dir_all(directory.join("fd")).unwrap();
    fs::create_dir_all(directory.join("ns")).unwrap();
    fs::write(directory.join("comm"), format!("{name}\n")).unwrap();
    fs::write(directory.join("cgroup"), format!("0::{cgroup}\n")).unwrap();
    symlink(format!("mnt:[{mounts}]"), directory.join("ns/mnt")).unwrap();
    symlink("/dev/null", directory.join("fd/0")).unwrap();
    for (index, inode) in sockets.iter().enumerate() {
        symlink(format!("socket:[{inode}]"), directory.join(format!("fd/{}", index + 3))).unwrap();
    }
}
