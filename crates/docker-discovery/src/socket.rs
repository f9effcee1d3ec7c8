use std::{
    collections::BTreeMap,
    fs::{self, FileType, Metadata},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use repo_network::NetworkId;

/// A path that a daemon should listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Socket {
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    identity: Identity,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As it should be.
    Socket,
    /// Something else, as reasons name it.
    Other(&'static str),
}

/// Tells a file from a later one at the same path: device, inode and, as inode numbers are used
/// again, time of change (which connecting, `chmod` and `chown` leave alone).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    changed: Option<SystemTime>,
}

/// A path that fits a pattern.
#[derive(Debug)]
pub(crate) struct Candidate {
    is_link: bool,
    pub(crate) path: PathBuf,
    metadata: Metadata,
}

// === impl Identity ===

impl Identity {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), changed: metadata.modified().ok() }
    }

    /// Whether it has been as it is for longer than that.
    pub(crate) fn is_older_than(self, age: Duration) -> bool {
        self.changed.is_some_and(|at| at.elapsed().is_ok_and(|elapsed| elapsed > age))
    }
}

// === impl Candidate ===

impl Candidate {
    /// Follows a symbolic link to the file, and takes the directory's own path, so that `/var/run/…` and `/run/…` are one.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let is_link = fs::symlink_metadata(path)?.is_symlink();
        let metadata = fs::metadata(path)?;
        let directory = fs::canonicalize(path.parent().unwrap_or(Path::new("/")))?;
        Ok(Self { is_link, path: directory.join(path.file_name().unwrap_or_default()), metadata })
    }
}

// === impl Socket ===

impl From<Candidate> for Socket {
    fn from(candidate: Candidate) -> Self {
        let kind = Kind::of(candidate.metadata.file_type());
        let mut identity = Identity::of(&candidate.metadata);
        if kind != Kind::Socket {
            // A file that is written to, or a directory, is still no socket.
            identity.changed = None;
        }
        Self { path: candidate.path, kind, identity }
    }
}

// === impl Kind ===

impl Kind {
    fn of(file: FileType) -> Self {
        if file.is_socket() {
            Self::Socket
        } else if file.is_dir() {
            Self::Other("a directory")
        } else if file.is_file() {
            Self::Other("a regular file")
        } else {
            Self::Other("a special file")
        }
    }
}

/// One socket per network and one network per socket: real files before links, then by path.
pub(crate) fn choose(
    mut candidates: Vec<Candidate>,
    refused: &mut BTreeMap<String, String>,
) -> BTreeMap<NetworkId, Socket> {
    candidates.sort_by(|a, b| (a.is_link, &a.path).cmp(&(b.is_link, &b.path)));
    let mut daemons: BTreeMap<NetworkId, Socket> = BTreeMap::new();
    let mut files: BTreeMap<(u64, u64), (NetworkId, PathBuf)> = BTreeMap::new();
    for candidate in candidates {
        let shown = candidate.path.display().to_string();
        let name = candidate.path.file_name().unwrap_or_default().to_string_lossy();
        let id = match NetworkId::from_socket_name(&name) {
            Ok(id) => id,
            Err(error) => {
                refused.insert(shown, format!("the file name gives no network ID: {error}"));
                continue;
            }
        };
        let file = (candidate.metadata.dev(), candidate.metadata.ino());
        match (files.get(&file), daemons.get(&id)) {
            (Some((first, _)), _) if *first == id => {}
            (Some((_, path)), _) => {
                refused.insert(shown, format!("is the same socket as {}", path.display()));
            }
            (None, Some(first)) => {
                let reason = format!("network {id} is taken by {} already", first.path.display());
                refused.insert(shown, reason);
            }
            (None, None) => {
                files.insert(file, (id, candidate.path.clone()));
                daemons.insert(id, candidate.into());
            }
        }
    }
    daemons
}
