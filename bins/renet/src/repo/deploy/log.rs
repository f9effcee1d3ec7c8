//! What the functions of a run print, kept in the repository.

use std::{
    cell::RefCell,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Below the repository's root.
pub(crate) const RUNS: &str = ".rediacc/runs";
/// So many runs are kept.
const KEPT: usize = 20;
/// So many bytes of one are.
const MAX_LOG: u64 = 16 << 20;

/// The log of one run. A disk that is full costs the log, not the run.
pub(super) struct Log {
    path: PathBuf,
    file: RefCell<Option<File>>,
    left: RefCell<u64>,
}

// === impl Log ===

impl Log {
    /// Begins one, and removes the oldest.
    pub(super) fn begin(root: &Path, what: &str) -> Self {
        let directory = root.join(RUNS);
        let at = humantime::format_rfc3339_millis(SystemTime::now()).to_string().replace([':', '.'], "-");
        let path = directory.join(format!("{at}-{what}.log"));
        // Not for everybody: functions may print what is secret.
        let create = || File::options().write(true).create_new(true).mode(0o600).open(&path);
        let file = fs::create_dir_all(&directory).and_then(|()| create()).ok();
        let mut logs = logs(&directory);
        let old = logs.len().saturating_sub(KEPT);
        for old in logs.drain(..old) {
            let _ = fs::remove_file(old);
        }
        Self { path, file: RefCell::new(file), left: RefCell::new(MAX_LOG) }
    }

    pub(super) fn line(&self, line: &str) {
        let mut left = self.left.borrow_mut();
        let length = line.len() as u64 + 1;
        let Some(rest) = left.checked_sub(length) else { return };
        *left = rest;
        let mut file = self.file.borrow_mut();
        if file.as_mut().is_some_and(|file| writeln!(file, "{line}").is_err()) {
            *file = None;
        }
    }

    /// Where it is; none: it could not be written.
    pub(super) fn path(&self) -> Option<&Path> {
        self.file.borrow().is_some().then_some(self.path.as_path())
    }
}

/// All logs of a directory, the oldest first.
pub(crate) fn logs(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut logs: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect();
    logs.sort();
    logs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_runs_are_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join(RUNS);
        fs::create_dir_all(&directory).unwrap();
        for number in 0..30 {
            fs::write(directory.join(format!("2020-01-01T00-00-{number:02}-up.log")), "").unwrap();
        }
        let log = Log::begin(scratch.path(), "up");
        log.line("a line");
        assert_eq!(fs::read_to_string(log.path().unwrap()).unwrap(), "a line\n");
        let kept = logs(&directory);
        assert_eq!((kept.len(), kept.last().map(PathBuf::as_path)), (KEPT, log.path()));
        *log.left.borrow_mut() = 3;
        log.line("too long");
        assert_eq!(fs::read_to_string(log.path().unwrap()).unwrap(), "a line\n");
    }
}
