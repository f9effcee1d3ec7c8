use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use repo_network::NetworkId;

use crate::socket::{Candidate, Identity, Socket, choose};

/// A directory that changed less than this ago may change again without its time showing it.
const FRESH: Duration = Duration::from_secs(1);

/// A full look is taken this often in any case: symbolic links and some file systems change unseen.
const FULL_LOOK: Duration = Duration::from_secs(5);

/// Looks for sockets.
#[derive(Debug)]
pub(crate) struct Scanner {
    patterns: Vec<Pattern>,
    malformed: BTreeMap<String, String>,
    last: Option<Look>,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sockets {
    /// The daemons to follow.
    pub(crate) daemons: BTreeMap<NetworkId, Socket>,
    /// Paths that name no daemon, with the reason.
    pub(crate) refused: BTreeMap<String, String>,
    /// Whether everything could be seen; what is missing from an incomplete look may be there. A look that found none
    /// of its directories is incomplete: a directory that is missing proves nothing about the daemons of the machine.
    pub(crate) complete: bool,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    /// The directory that it is about, where it is a single one.
    directory: Option<PathBuf>,
}

/// When a full look was taken and how the directories looked then.
#[derive(Debug)]
struct Look {
    at: Instant,
    directories: Vec<Directory>,
    /// Whether the same directories mean the same sockets.
    settled: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Directory {
    There(Identity),
    Unseen(io::ErrorKind),
}

/// What a look has brought so far.
#[derive(Debug, Default)]
struct Seen {
    candidates: BTreeMap<PathBuf, Candidate>,
    refused: BTreeMap<String, String>,
    complete: bool,
}

// === impl Scanner ===

impl Scanner {
    pub(crate) fn new(globs: &[String]) -> Self {
        let mut malformed = BTreeMap::new();
        let mut patterns = Vec::new();
        for text in globs {
            match glob::Pattern::new(text) {
                Ok(_) => patterns.push(Pattern::new(text)),
                Err(error) => drop(malformed.insert(text.clone(), format!("is no shell pattern: {}", error.msg))),
            }
        }
        Self { patterns, malformed, last: None }
    }

    /// Takes a full look, or `None` when nothing can have changed since the last one.
    pub(crate) fn scan(&mut self) -> Option<Sockets> {
        let directories: Option<Vec<_>> = self.patterns.iter().map(|pattern| pattern.look()).collect();
        if let (Some(last), Some(now)) = (&self.last, &directories)
            && last.settled
            && last.at.elapsed() < FULL_LOOK
            && last.directories == *now
        {
            return None;
        }
        let settled = directories.as_ref().is_some_and(|all| all.iter().all(Directory::is_settled));
        let proves = directories.as_ref().is_none_or(|all| all.iter().any(Directory::is_there));
        self.last = Some(Look { at: Instant::now(), directories: directories.unwrap_or_default(), settled });
        Some(self.look(proves))
    }

    /// `proves`: that nothing is found means that nothing is there.
    fn look(&self, proves: bool) -> Sockets {
        let complete = proves && self.malformed.is_empty();
        let mut seen = Seen { refused: self.malformed.clone(), complete, ..Seen::default() };
        for entry in self.patterns.iter().filter_map(|pattern| glob::glob(&pattern.text).ok()).flatten() {
            match entry {
                Ok(path) => seen.path(&path),
                Err(error) => seen.unseen(error.path(), "cannot be searched for sockets", error.error()),
            }
        }
        let daemons = choose(seen.candidates.into_values().collect(), &mut seen.refused);
        Sockets { daemons, refused: seen.refused, complete: seen.complete }
    }
}

// === impl Seen ===

impl Seen {
    fn path(&mut self, path: &Path) {
        match Candidate::new(path) {
            Ok(candidate) => drop(self.candidates.insert(candidate.path.clone(), candidate)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.unseen(path, "cannot be looked at", &error),
            Err(_) if path.is_symlink() => {
                self.refused.insert(path.display().to_string(), "is a symbolic link to nothing".to_owned());
            }
            Err(_) => {}
        }
    }

    fn unseen(&mut self, path: &Path, what: &str, error: &io::Error) {
        self.complete = false;
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => "; the route server's user must be allowed into the directory",
            _ => "",
        };
        self.refused.insert(path.display().to_string(), format!("{what}: {}{hint}", error.kind()));
    }
}

// === impl Pattern ===

impl Pattern {
    fn new(text: &str) -> Self {
        let directory = match text.rsplit_once('/') {
            Some((directory, _)) if !directory.contains(['*', '?', '[']) => {
                Some(PathBuf::from(format!("{directory}/")))
            }
            _ => None,
        };
        Self { text: text.to_owned(), directory }
    }

    /// How its directory looks; `None` where it is about many.
    fn look(&self) -> Option<Directory> {
        self.directory.as_ref().map(|path| match fs::metadata(path) {
            Ok(metadata) => Directory::There(Identity::of(&metadata)),
            Err(error) => Directory::Unseen(error.kind()),
        })
    }
}

// === impl Directory ===

impl Directory {
    fn is_there(&self) -> bool {
        matches!(self, Self::There(_))
    }

    fn is_settled(&self) -> bool {
        match self {
            Self::There(identity) => identity.is_older_than(FRESH),
            Self::Unseen(_) => true,
        }
    }
}

// === impl Sockets ===

impl Sockets {
    /// The networks among `known` that are proved to be without a socket.
    pub(crate) fn vanished<'a>(&self, known: impl IntoIterator<Item = &'a NetworkId>) -> BTreeSet<NetworkId> {
        let missing = |id: &&NetworkId| self.complete && !self.daemons.contains_key(id);
        known.into_iter().filter(missing).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::{fs::symlink, net::UnixListener},
        time::SystemTime,
    };

    use super::*;
    use crate::socket::Kind;

    fn scan(globs: &[String]) -> Sockets {
        Scanner::new(globs).scan().unwrap()
    }

    fn ids(sockets: &Sockets) -> Vec<u32> {
        sockets.daemons.keys().map(|id| id.get()).collect()
    }

    fn bind(path: PathBuf) {
        drop(UnixListener::bind(path).unwrap());
    }

    #[test]
    fn names_that_give_no_network_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["docker-2816.sock", "docker-100.sock", "docker-foo.sock", "other.sock"] {
            bind(directory.path().join(name));
        }
        let sockets = scan(&[format!("{}/docker-*.sock", directory.path().display())]);
        assert_eq!(ids(&sockets), [2816]);
        let reasons: Vec<_> = sockets.refused.values().map(String::as_str).collect();
        assert_eq!(
            reasons,
            [
                "the file name gives no network ID: 100 is not a positive multiple of 64 below 16777216",
                "the file name gives no network ID: \"foo\" is not a plain decimal number",
            ]
        );
    }

    #[test]
    fn two_ways_to_a_directory_are_one() {
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("run"), directory.path().join("var"));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        bind(real.join("docker-64.sock"));
        let globs = [&link, &real].map(|path| format!("{}/docker-*.sock", path.display()));
        let sockets = scan(&globs);
        assert_eq!(ids(&sockets), [64]);
        assert!(sockets.refused.is_empty(), "{:?}", sockets.refused);
        assert_eq!(
            sockets.daemons.values().next().unwrap().path,
            fs::canonicalize(real).unwrap().join("docker-64.sock")
        );
    }

    #[test]
    fn one_socket_per_network_and_one_network_per_socket() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) = (directory.path().join("a"), directory.path().join("b"));
        for path in [&a, &b] {
            fs::create_dir(path).unwrap();
            bind(path.join("docker-64.sock"));
        }
        symlink(a.join("docker-64.sock"), a.join("docker-128.sock")).unwrap();
        symlink(a.join("nothing"), a.join("docker-192.sock")).unwrap();
        let sockets = scan(&[format!("{}/*/docker-*.sock", directory.path().display())]);
        assert_eq!(ids(&sockets), [64]);
        let reasons: Vec<_> = sockets.refused.values().map(|reason| reason.split('/').next().unwrap()).collect();
        assert_eq!(reasons, ["is the same socket as ", "is a symbolic link to nothing", "network 64 is taken by "]);
    }

    #[test]
    fn what_is_no_socket_is_known_as_such() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("docker-64.sock")).unwrap();
        fs::write(directory.path().join("docker-128.sock"), "").unwrap();
        let sockets = scan(&[format!("{}/docker-*.sock", directory.path().display())]);
        let kinds: Vec<_> = sockets.daemons.values().map(|socket| socket.kind).collect();
        assert_eq!(kinds, [Kind::Other("a directory"), Kind::Other("a regular file")]);
    }

    #[test]
    fn a_directory_that_has_not_changed_is_not_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let set_age = |seconds| {
            let time = SystemTime::now() - Duration::from_secs(seconds);
            fs::File::open(directory.path()).unwrap().set_modified(time).unwrap();
        };
        let mut scanner = Scanner::new(&[format!("{}/docker-*.sock", directory.path().display())]);
        assert!(scanner.scan().is_some());
        assert!(scanner.scan().is_some(), "it is too fresh to be sure");
        set_age(60);
        assert!(scanner.scan().is_some());
        assert!(scanner.scan().is_none());
        bind(directory.path().join("docker-64.sock"));
        assert_eq!(ids(&scanner.scan().unwrap()), [64]);
    }

    #[test]
    fn only_a_directory_that_was_read_proves_that_there_are_no_daemons() {
        let directory = tempfile::tempdir().unwrap();
        let (there, missing) = (format!("{}/docker-*.sock", directory.path().display()), "/nonexistent/docker-*.sock");
        let sockets = scan(&[missing.to_owned()]);
        assert!(!sockets.complete && sockets.daemons.is_empty());
        assert!(sockets.vanished([&64.try_into().unwrap()]).is_empty());
        let sockets = scan(&[missing.to_owned(), there]);
        assert!(sockets.complete, "one of the two usual places is enough");
        let sockets = scan(&["/nonexistent/***".to_owned()]);
        assert!(!sockets.complete);
        assert_eq!(sockets.refused.len(), 1);
    }
}
