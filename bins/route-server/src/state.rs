//! What has to outlive the process, in a directory of its own: the ledger, what was published, what it was made of.
//!
//! `ledger.json` is the newest, `ledger.json.1` the one before it; `published.yaml` is what Traefik was last told, and
//! `snapshot` what the daemons had said. A write replaces a file in one step, so that whenever the process or the
//! machine dies a whole one is there.

mod format;
mod last;
mod saver;
mod sealed;

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use route_synthesis::Ledger;

use self::format::FormatError;
pub(crate) use self::{
    last::LastSaver,
    saver::{RETRY, Report, Saver},
};
use crate::exit::chain;

const FILE: &str = "ledger.json";
const PREVIOUS: &str = "ledger.json.1";
/// What is written is called this until it is whole: the file's own name with this behind it.
const NEW: &str = ".new";
const LINK: &str = "ledger.json.1.new";
/// How many damaged files are kept to be looked at; the last place is used again.
const KEPT_ASIDE: u32 = 9;
/// The most bytes of a ledger that are read.
const MAX_LEDGER: u64 = 256 << 20;

/// The directory that `--state-dir` names.
#[derive(Debug, Clone)]
pub(crate) struct StateDir(PathBuf);

/// What a start begins with.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// The newest ledger that could be read.
    pub(crate) ledger: Ledger,
    /// The disk has something else, so it is to be written although nothing changed.
    pub(crate) outdated: bool,
    /// Why the directory can't be used as it is.
    pub(crate) error: Option<String>,
}

/// Why the ledger can't be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// The operating system says no.
    #[error("cannot {action} {path}")]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file is not as it was written.
    #[error("{path} is damaged")]
    Damaged {
        path: PathBuf,
        #[source]
        source: FormatError,
    },
    /// The ledger has no written form.
    #[error("the ledger cannot be written as JSON")]
    Unwritable(#[source] serde_json::Error),
}

// === impl StateDir ===

impl StateDir {
    /// A directory that need not exist yet.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The newest ledger that is there. No fault stops the start: it is logged, and what is damaged is kept aside.
    pub(crate) fn load(&self) -> Loaded {
        if let Err(error) = self.create().and_then(|()| self.probe()) {
            let error = chain(&error);
            tracing::warn!(error, "the state directory cannot be written; claims last until the next restart");
            return Loaded { error: Some(error), ..self.read_newest() };
        }
        self.read_newest()
    }

    fn read_newest(&self) -> Loaded {
        match self.read(FILE) {
            Ok(ledger) => Loaded { ledger: ledger.unwrap_or_default(), ..Loaded::default() },
            Err(error) => self.recover(&error),
        }
    }

    /// Keeps the faulty file aside and goes back to the generation before it.
    fn recover(&self, fault: &StateError) -> Loaded {
        let fault = chain(fault);
        let aside = self.set_aside();
        let kept = aside.as_ref().map_or_else(|error| error.to_string(), |path| path.display().to_string());
        let error = aside.err().map(|error| chain(&error));
        let loaded = Loaded { outdated: true, error, ..Loaded::default() };
        match self.read(PREVIOUS) {
            Ok(Some(ledger)) => {
                tracing::warn!(fault, kept, "the ledger cannot be read; going on with the one before it");
                Loaded { ledger, ..loaded }
            }
            Ok(None) => {
                tracing::warn!(fault, kept, "the ledger cannot be read and there is none before it; starting empty");
                loaded
            }
            Err(previous) => {
                let previous = chain(&previous);
                tracing::warn!(fault, kept, previous, "neither ledger can be read; starting empty");
                loaded
            }
        }
    }

    /// Replaces the ledger on disk in one step; the one that was there becomes the previous one.
    pub(crate) fn save(&self, ledger: &Ledger) -> Result<(), StateError> {
        let bytes = format::encode(ledger).map_err(StateError::Unwritable)?;
        self.create()?;
        let new = self.write_new(FILE, &bytes)?;
        if let Err(error) = self.keep_previous() {
            // The newest one matters more than a second one.
            tracing::warn!(error = chain(&error), "the previous ledger is not kept");
        }
        self.put(&new, FILE)?;
        self.sync()
    }

    /// Replaces a file in one step; [`sync`](Self::sync) makes it last.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let new = self.write_new(name, bytes)?;
        self.put(&new, name)
    }

    fn put(&self, new: &Path, name: &str) -> Result<(), StateError> {
        let file = self.file(name);
        fs::rename(new, &file).map_err(fault("replace", &file))
    }

    fn sync(&self) -> Result<(), StateError> {
        File::open(&self.0).and_then(|directory| directory.sync_all()).map_err(fault("sync", &self.0))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Only the last part of the path is private: others may have things beside it.
    fn create(&self) -> Result<(), StateError> {
        if self.0.is_dir() {
            return Ok(());
        }
        let create = || {
            self.0.parent().map_or(Ok(()), fs::create_dir_all)?;
            DirBuilder::new().mode(0o700).create(&self.0)
        };
        create().map_err(fault("create", &self.0))
    }

    /// Says before there is anything to write whether it could be.
    fn probe(&self) -> Result<(), StateError> {
        let file = self.write_new("probe", b"")?;
        fs::remove_file(&file).map_err(fault("remove", &file))
    }

    /// Writes what is to become this file, and says where it is until then. What fails leaves nothing behind.
    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, StateError> {
        let path = self.file(&format!("{name}{NEW}"));
        let create = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let write = || {
            let mut file = create().or_else(|error| match error.kind() {
                // Left behind by a process that was killed; not written over, so that nobody's link is followed.
                io::ErrorKind::AlreadyExists => fs::remove_file(&path).and_then(|()| create()),
                _ => Err(error),
            })?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().inspect_err(|_| drop(fs::remove_file(&path))).map_err(fault("write", &path))?;
        Ok(path)
    }

    /// Gives the current file a second name, so that there is no moment without it.
    fn keep_previous(&self) -> Result<(), StateError> {
        let (file, link) = (self.file(FILE), self.file(LINK));
        let _ = fs::remove_file(&link);
        match fs::hard_link(&file, &link) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            linked => linked.map_err(fault("link", &file))?,
        }
        fs::rename(&link, self.file(PREVIOUS)).map_err(fault("replace", &self.file(PREVIOUS)))
    }

    fn set_aside(&self) -> Result<PathBuf, StateError> {
        let name = |n| self.file(&format!("{FILE}.damaged-{n}"));
        let free = (1..KEPT_ASIDE).map(name).find(|path| fs::symlink_metadata(path).is_err());
        let aside = free.unwrap_or_else(|| name(KEPT_ASIDE));
        let file = self.file(FILE);
        fs::rename(&file, &aside).map_err(fault("keep aside", &file))?;
        Ok(aside)
    }

    fn read(&self, name: &str) -> Result<Option<Ledger>, StateError> {
        let path = self.file(name);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_LEDGER).read_to_end(&mut bytes));
        match read.map_err(|error| (error.kind(), error)) {
            Err((io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, _)) => Ok(None),
            Err((_, error)) => Err(fault("read", &path)(error)),
            Ok(_) => format::decode(&bytes).map(Some).map_err(|source| StateError::Damaged { path, source }),
        }
    }
}

fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A ledger in which a host has this owner.
    pub(super) fn owned_by(owner: u32) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.assign("app.example.org".parse().unwrap(), owner.try_into().unwrap(), Default::default());
        ledger
    }

    fn names(state: &StateDir) -> Vec<String> {
        let entries = fs::read_dir(state.path()).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_saved_is_loaded_and_private() {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateDir::new(scratch.path().join("a/b"));
        assert_eq!(state.load().ledger, Ledger::default());
        state.save(&owned_by(64)).unwrap();
        fs::write(state.file("ledger.json.new"), "of a process that was killed").unwrap();
        state.save(&owned_by(128)).unwrap();
        assert_eq!(state.load().ledger, owned_by(128));
        assert_eq!(names(&state), [FILE, PREVIOUS]);
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(state.file(FILE)), mode(state.file(PREVIOUS))), (0o600, 0o600));
        assert_eq!(mode(state.path().to_owned()), 0o700);
    }

    #[test]
    fn a_damaged_file_is_kept_aside_and_the_one_before_it_is_used() {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateDir::new(scratch.path());
        state.save(&owned_by(64)).unwrap();
        state.save(&owned_by(128)).unwrap();
        fs::write(state.file(FILE), "{\"version\":1").unwrap();
        let loaded = state.load();
        assert_eq!((loaded.ledger, loaded.outdated, loaded.error), (owned_by(64), true, None));
        assert_eq!(names(&state), [PREVIOUS, "ledger.json.damaged-1"]);
        // The good one is still there when the next write is what gets damaged.
        state.save(&owned_by(192)).unwrap();
        fs::write(state.file(FILE), "").unwrap();
        assert_eq!(state.load().ledger, owned_by(64));
        assert_eq!(names(&state), [PREVIOUS, "ledger.json.damaged-1", "ledger.json.damaged-2"]);
    }

    #[test]
    fn with_both_damaged_it_starts_empty() {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateDir::new(scratch.path());
        for round in 0..12 {
            fs::write(state.file(FILE), format!("garbage {round}")).unwrap();
            fs::write(state.file(PREVIOUS), "garbage").unwrap();
            assert_eq!(state.load().ledger, Ledger::default());
        }
        assert_eq!(names(&state).len(), 1 + KEPT_ASIDE as usize, "what is kept aside does not fill the disk");
    }

    #[test]
    fn a_directory_that_cannot_be_used_is_an_error_and_no_panic() {
        let state = StateDir::new("/dev/null/x");
        let loaded = state.load();
        assert!(loaded.error.unwrap().starts_with("cannot create /dev/null/x"));
        assert!(state.save(&owned_by(64)).is_err());
    }
}
