use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Error;

/// A temporary directory for one run. On drop, what is still mounted in it is unmounted, and it is removed.
#[derive(Debug)]
pub struct Scratch {
    directory: tempfile::TempDir,
}

// === impl Scratch ===

impl Scratch {
    /// Makes a new one; its path is short, because those of sockets are limited to 107 bytes.
    ///
    /// # Errors
    /// [`Error::Io`] when the directory can't be made.
    pub fn new() -> Result<Self, Error> {
        let directory =
            tempfile::Builder::new().prefix("rediacc-").tempdir().map_err(Error::io("make a temporary directory"))?;
        Ok(Self { directory })
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A directory in it, made when it is not there yet.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be made.
    pub fn dir(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path().join(name);
        fs::create_dir_all(&path).map_err(Error::io(format!("make {}", path.display())))?;
        Ok(path)
    }

    /// Where the sockets of the machine's daemons lie, as `/var/run/rediacc` on a real one.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be made.
    pub fn sockets(&self) -> Result<PathBuf, Error> {
        self.dir("run")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let inside = mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(|at| {
            // Not by text alone: /tmp/a is no parent of /tmp/ab.
            Path::new(at).starts_with(self.path())
        });
        for at in inside.collect::<Vec<_>>().into_iter().rev() {
            // Nothing to be done about a failure here; removing the directory will then report it to nobody either.
            let _ = Command::new("umount").arg("--lazy").arg(at).status();
        }
    }
}
