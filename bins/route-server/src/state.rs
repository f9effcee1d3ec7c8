//! What has to outlive the process, in a directory of its own: the ledger, what was published, what it was made of.
//!
//! `ledger.json` says who owns what; `published.yaml` is what Traefik was last told, and `snapshot` what the daemons had
//! said. Of each the generation before it is kept, with `.1` behind its name. A write replaces a file in one step, so that
//! whenever the process or the machine dies a whole one is there. What cannot be read is told, and no fault stops the
//! start.

mod entries;
mod format;
mod last;
mod report;
mod saver;
mod sealed;

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use route_synthesis::Ledger;

use self::format::FormatError;
pub(crate) use self::{
    last::keep_last,
    report::Report,
    saver::{RETRY, Saver},
};
use crate::exit::chain;

const FILE: &str = "ledger.json";
/// The generation before a file has this behind its name.
const PREVIOUS: &str = ".1";
/// What is written has this behind its name until it is whole.
const NEW: &str = ".new";
/// How many damaged files are kept to be looked at; the last place is used again.
const KEPT_ASIDE: u32 = 9;
/// The most bytes of a file that are read.
const MAX_FILE: u64 = 512 << 20;

/// The directory that `--state-dir` names.
#[derive(Debug, Clone)]
pub(crate) struct StateDir {
    path: PathBuf,
    report: Report,
    /// Why nothing may be written: something that is there must not be lost.
    hands_off: Arc<OnceLock<Arc<str>>>,
}

/// What a start begins with.
#[derive(Debug, Default, Clone)]
pub(crate) struct Loaded {
    /// The newest ledger that could be read.
    pub(crate) ledger: Ledger,
    /// The disk has something else, so it is to be written although nothing changed.
    pub(crate) outdated: bool,
    /// A newer version of the program wrote who owns what: this one cannot know.
    pub(crate) is_newer: bool,
}

/// Why a file can't be read or written.
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
    #[error("{path} cannot be used")]
    Damaged {
        path: PathBuf,
        #[source]
        source: FormatError,
    },
    /// It has no written form.
    #[error("it cannot be written as JSON")]
    Unwritable(#[source] serde_json::Error),
    /// What is there must not be lost.
    #[error("{0}")]
    HandsOff(Arc<str>),
}

// === impl StateDir ===

impl StateDir {
    /// A directory that need not exist yet.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { report: Report::new(&path), path, hands_off: Arc::default() }
    }

    /// What there is to say of it.
    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    /// The newest ledger that is there.
    pub(crate) fn load(&self) -> Loaded {
        let usable = self.create().and_then(|()| self.probe());
        if let Err(error) = &usable {
            self.report.unwritable(chain(error));
        }
        match self.read(FILE) {
            Ok(Some(ledger)) => Loaded { ledger, ..Loaded::default() },
            // Between keeping it aside and writing it anew, this program may have been killed.
            Ok(None) => match self.read(&previous(FILE)) {
                Ok(None) => Loaded::default(),
                Ok(Some(ledger)) => {
                    self.report.note(format!("{FILE} is missing; who owns which host is as it was one change before"));
                    Loaded { ledger, outdated: true, ..Loaded::default() }
                }
                Err(fault) => self.recover(&fault, &previous(FILE), Ok(None)),
            },
            Err(fault) => self.recover(&fault, FILE, self.read(&previous(FILE))),
        }
    }

    /// Goes on without a file, and with the generation before it where that is of use.
    fn recover(&self, fault: &StateError, name: &str, before: Result<Option<Ledger>, StateError>) -> Loaded {
        let what = self.put_away(fault, name);
        let instead = match &before {
            Ok(Some(_)) => "who owns which host is as it was one change before".to_owned(),
            Ok(None) => "nobody owns a host until it is used again".to_owned(),
            Err(error) => format!("nobody owns a host until it is used again: {}", chain(error)),
        };
        self.report.note(format!("{what}; {instead}"));
        Loaded { ledger: before.ok().flatten().unwrap_or_default(), outdated: true, is_newer: fault.is_newer() }
    }

    /// Does with a file that cannot be read what is right: one that is damaged is kept aside, to be looked at, and one that
    /// somebody else can make use of, or that may be read again, is not touched. Says what is wrong, and what was done.
    fn put_away(&self, fault: &StateError, name: &str) -> String {
        let what = chain(fault);
        let until = match fault {
            _ if fault.is_newer() => Some("a newer route server runs, or the file is taken away"),
            _ if !fault.is_damage() => Some("the route server is started again and can read it"),
            _ => None,
        };
        if let Some(until) = until {
            let why = format!("{what}; nothing is written until {until}");
            self.hands_off.get_or_init(|| why.as_str().into());
            return why;
        }
        match self.set_aside(name) {
            Ok(kept) => format!("{what} (kept as {})", kept.display()),
            Err(error) => format!("{what} ({})", chain(&error)),
        }
    }

    /// Replaces the ledger on disk in one step; the one that was there becomes the previous one.
    pub(crate) fn save(&self, ledger: &Ledger) -> Result<(), StateError> {
        let bytes = format::encode(ledger).map_err(StateError::Unwritable)?;
        self.ready()?;
        self.replace(FILE, &bytes)?;
        self.sync()
    }

    /// Replaces a file in one step and keeps the one before it; [`sync`](Self::sync) makes it last.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let new = self.write_new(name, bytes)?;
        self.keep_previous(name);
        self.put(&new, name)
    }

    /// Whether something may be written, in a directory that is there.
    fn ready(&self) -> Result<(), StateError> {
        match self.hands_off.get() {
            Some(why) => Err(StateError::HandsOff(why.clone())),
            None => self.create(),
        }
    }

    fn put(&self, new: &Path, name: &str) -> Result<(), StateError> {
        let file = self.file(name);
        fs::rename(new, &file).map_err(fault("replace", &file))
    }

    fn sync(&self) -> Result<(), StateError> {
        File::open(&self.path).and_then(|directory| directory.sync_all()).map_err(fault("sync", &self.path))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Only the last part of the path is private: others may have things beside it.
    fn create(&self) -> Result<(), StateError> {
        if self.path.is_dir() {
            return Ok(());
        }
        let create = || {
            self.path.parent().map_or(Ok(()), fs::create_dir_all)?;
            DirBuilder::new().mode(0o700).create(&self.path)
        };
        create().map_err(fault("create", &self.path))
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

    /// Gives a file a second name, so that there is no moment without it.
    fn keep_previous(&self, name: &str) {
        let (file, link) = (self.file(name), self.file(&format!("{name}{PREVIOUS}{NEW}")));
        let _ = fs::remove_file(&link);
        let kept = fs::hard_link(&file, &link).and_then(|()| fs::rename(&link, self.file(&previous(name))));
        // The newest one matters more than a second one.
        match kept {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, name, "the generation before it is not kept");
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn set_aside(&self, name: &str) -> Result<PathBuf, StateError> {
        let place = |n| self.file(&format!("{name}.damaged-{n}"));
        let free = (1..KEPT_ASIDE).map(place).find(|path| fs::symlink_metadata(path).is_err());
        let aside = free.unwrap_or_else(|| place(KEPT_ASIDE));
        let file = self.file(name);
        fs::rename(&file, &aside).map_err(fault("keep aside", &file))?;
        Ok(aside)
    }

    fn read(&self, name: &str) -> Result<Option<Ledger>, StateError> {
        self.decoded(name, |bytes| format::decode(&bytes))
    }

    /// What a file says; none when there is no file.
    fn decoded<T>(
        &self,
        name: &str,
        decode: impl FnOnce(Vec<u8>) -> Result<T, FormatError>,
    ) -> Result<Option<T>, StateError> {
        let path = self.file(name);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes));
        match read.map_err(|error| (error.kind(), error)) {
            Err((io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, _)) => Ok(None),
            Err((_, error)) => Err(fault("read", &path)(error)),
            Ok(_) => decode(bytes).map(Some).map_err(|source| StateError::Damaged { path, source }),
        }
    }
}

// === impl StateError ===

impl StateError {
    fn is_newer(&self) -> bool {
        matches!(self, Self::Damaged { source, .. } if source.is_newer())
    }

    /// Whether the file is of no use to anybody as it is: a disk that fails to read it may read it the next time.
    fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory)
            }
            Self::Unwritable(_) | Self::HandsOff(_) => false,
        }
    }
}

/// The name of the generation before a file.
fn previous(name: &str) -> String {
    format!("{name}{PREVIOUS}")
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
        let entries = fs::read_dir(&state.path).unwrap();
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
        assert_eq!(names(&state), [FILE, &previous(FILE)]);
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(state.file(FILE)), mode(state.file(&previous(FILE)))), (0o600, 0o600));
        assert_eq!(mode(state.path.clone()), 0o700);
    }

    #[test]
    fn a_damaged_file_is_kept_aside_and_the_one_before_it_is_used() {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateDir::new(scratch.path());
        state.save(&owned_by(64)).unwrap();
        state.save(&owned_by(128)).unwrap();
        fs::write(state.file(FILE), "{\"version\":1").unwrap();
        let loaded = state.load();
        assert_eq!((loaded.ledger, loaded.outdated, state.report.error()), (owned_by(64), true, None));
        assert_eq!(names(&state), ["ledger.json.1", "ledger.json.damaged-1"]);
        // The good one is still there when the next write is what gets damaged.
        state.save(&owned_by(192)).unwrap();
        fs::write(state.file(FILE), "").unwrap();
        assert_eq!(state.load().ledger, owned_by(64));
        assert_eq!(names(&state), ["ledger.json.1", "ledger.json.damaged-1", "ledger.json.damaged-2"]);
    }

    #[test]
    fn one_that_is_missing_has_a_generation_before_it() {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateDir::new(scratch.path());
        assert!(!state.load().outdated && state.report.notes().is_empty(), "nothing is missing at the first start");
        state.save(&owned_by(64)).unwrap();
        state.save(&owned_by(128)).unwrap();
        fs::remove_file(state.file(FILE)).unwrap();
        let loaded = state.load();
        assert_eq!((loaded.ledger, loaded.outdated), (owned_by(64), true));
        assert_eq!(
            state.report.notes(),
            ["ledger.json is missing; who owns which host is as it was one change before"]
        );
    }

    #[test]
    fn what_a_newer_version_wrote_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateDir::new(scratch.path());
        state.save(&owned_by(64)).unwrap();
        state.save(&owned_by(128)).unwrap();
        let newer = r#"{"version":2,"sha256":"","ledger":{}}"#;
        fs::write(state.file(FILE), newer).unwrap();
        let loaded = state.load();
        assert_eq!((loaded.ledger, loaded.is_newer), (owned_by(64), true));
        assert!(state.save(&owned_by(192)).is_err());
        assert_eq!(fs::read_to_string(state.file(FILE)).unwrap(), newer);
        assert_eq!(names(&state), [FILE, &previous(FILE)]);
        let findings = state.report.findings();
        let expected = "ledger.json cannot be used: its version 2 is not known to this program; nothing \
                        is written until a newer route server runs, or the file is taken away; who owns which host is as \
                        it was one change before";
        assert!(findings[0].message.ends_with(expected), "{findings:?}");
        // A version that never was is damage.
        let state = StateDir::new(scratch.path());
        fs::write(state.file(FILE), newer.replace('2', "0")).unwrap();
        assert!(!state.load().is_newer && state.save(&owned_by(192)).is_ok());
    }

    #[test]
    fn a_disk_that_fails_to_read_is_no_damage() {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateDir::new(scratch.path());
        let eio = StateError::Io { action: "read", path: "x".into(), source: io::Error::from_raw_os_error(5) };
        fs::write(state.file(FILE), "it may be read again").unwrap();
        let loaded = state.recover(&eio, FILE, Ok(Some(owned_by(64))));
        assert_eq!((loaded.ledger, loaded.is_newer), (owned_by(64), false));
        assert_eq!(names(&state), [FILE], "it is not kept aside");
        assert!(state.save(&owned_by(128)).is_err(), "and not written over");
    }

    #[test]
    fn a_directory_or_somebody_elses_file_in_its_place_is_put_out_of_the_way() {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateDir::new(scratch.path());
        fs::create_dir(state.file(FILE)).unwrap();
        assert_eq!(state.load().ledger, Ledger::default());
        state.save(&owned_by(64)).unwrap();
        assert_eq!(state.load().ledger, owned_by(64));
        assert_eq!(names(&state), [FILE, "ledger.json.damaged-1"]);
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        let foreign = StateError::Io { action: "read", path: "x".into(), source: refused };
        assert!(!state.recover(&foreign, FILE, Ok(None)).is_newer);
        assert!(state.save(&owned_by(128)).is_ok());
        assert!(state.file("ledger.json.damaged-2").exists());
    }

    #[test]
    fn with_both_damaged_it_starts_empty() {
        let scratch = tempfile::tempdir().unwrap();
        let state = StateDir::new(scratch.path());
        for round in 0..12 {
            fs::write(state.file(FILE), format!("garbage {round}")).unwrap();
            fs::write(state.file(&previous(FILE)), "garbage").unwrap();
            assert_eq!(state.load().ledger, Ledger::default());
        }
        assert_eq!(names(&state).len(), 1 + KEPT_ASIDE as usize, "what is kept aside does not fill the disk");
    }

    #[test]
    fn a_directory_that_cannot_be_used_is_an_error_and_no_panic() {
        let state = StateDir::new("/dev/null/x");
        assert_eq!(state.load().ledger, Ledger::default());
        assert!(state.report.error().unwrap().starts_with("cannot create /dev/null/x"));
        assert!(state.save(&owned_by(64)).is_err());
    }
}
