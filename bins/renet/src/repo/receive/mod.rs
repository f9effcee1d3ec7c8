//! `renet repo receive`: files of a repository as a tar stream, each put into its place in one step. What `rdc repo push`
//! sends.

mod data;
mod tree;

use std::{
    collections::BTreeSet,
    io,
    path::{Component, Path, PathBuf},
    process::ExitCode,
};

use command_line::{Failure, printable};
use tar::{Archive, Entry, EntryType};

use self::{
    data::Data,
    tree::{Change, Tree},
};
use super::{Repository, daemons::Daemons};
use crate::{
    cli::ReceiveOptions,
    files::{read, replace},
    output::say,
};

/// Below the root: the paths that were pushed, so that what is no longer pushed can be told from what containers made.
const PUSHED: &str = ".rediacc/pushed";
/// The most bytes of a path.
const MAX_PATH: usize = 4096;
/// The most bytes of all paths together: they are kept until the end.
const MAX_PATHS: usize = 64 << 20;

/// What came of a push.
#[derive(Default)]
struct Push {
    received: BTreeSet<String>,
    /// So many bytes of paths came.
    paths: usize,
    changed: usize,
    same: usize,
    removed: usize,
    left: usize,
}

/// Reads the stream to its end. One that breaks off leaves whole files, and removes nothing.
pub(super) fn receive(options: &ReceiveOptions) -> Result<ExitCode, Failure> {
    let repository = Repository::find(&options.name)?;
    repository.must_be_there()?;
    let _lock = Daemons::of(&repository).lock()?;
    let pushed = repository.root.join(PUSHED);
    let before: BTreeSet<String> = read(&pushed)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let tree = Tree::open(&repository.root, options.dry_run)?;
    let data = Data::of(&repository.root)?;
    let mut push = Push::default();
    let whole = push.all(&tree, &data, &before);
    let is_whole = matches!(whole, Ok(true));
    if is_whole && options.delete {
        for path in before.difference(&push.received) {
            if tree.remove(Path::new(path)).map_err(|error| Failure::runtime(printable(path), &error))? {
                say(format_args!("removed  {}", printable(path)))?;
                push.removed += 1;
            }
        }
    }
    if !options.dry_run {
        // What was brought before and is still there stays known.
        let gone = is_whole && options.delete;
        let known: Vec<_> = if gone { push.received.iter().collect() } else { push.received.union(&before).collect() };
        let text = serde_json::to_string(&known).map_err(|error| Failure::runtime(PUSHED, &error))?;
        std::fs::create_dir_all(repository.root.join(".rediacc"))
            .map_err(crate::files::fault("create", &repository.root.join(".rediacc")))?;
        replace(&pushed, &text, 0o600)?;
        tree.sync()?;
    }
    let Push { changed, same, removed, left, .. } = push;
    let summary = format!("{changed} files are new or changed, {same} the same, {removed} removed, {left} left alone");
    match whole {
        Ok(true) if options.dry_run => say(format_args!("{summary}; nothing was changed: this was a dry run"))?,
        Ok(true) => say(summary)?,
        Ok(false) => {
            return Err(Failure::Runtime(format!(
                "not all files came; those that did are whole, and nothing was removed ({summary})"
            )));
        }
        Err(failure) => return Err(failure),
    }
    Ok(if left > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

// === impl Push ===

impl Push {
    /// Whether the stream came to its end.
    fn all(&mut self, tree: &Tree, data: &Data, before: &BTreeSet<String>) -> Result<bool, Failure> {
        let mut archive = Archive::new(io::stdin().lock());
        let Ok(entries) = archive.entries() else { return Ok(false) };
        for entry in entries {
            // A connection that breaks looks like an archive that is cut off.
            let Ok(mut entry) = entry else { return Ok(false) };
            let Some(path) = plain_path(&entry) else {
                let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                self.leave(&path, "its name is absolute, leads outside, or is no text")?;
                continue;
            };
            if path == Path::new(route_api::END_OF_PUSH) {
                return Ok(true);
            }
            let shown = path.to_string_lossy().into_owned();
            if path.starts_with(".rediacc") || path == Path::new(".rediacc.json") {
                self.leave(&shown, "renet keeps it itself")?;
                continue;
            }
            self.paths += shown.len();
            if self.paths > MAX_PATHS {
                return Err(Failure::Usage(format!("the names of the files alone have over {} MiB", MAX_PATHS >> 20)));
            }
            if data.has(&path) && !before.contains(&shown) && tree.exists(&path) {
                self.leave(&shown, "a container writes there, and it was not pushed before")?;
                continue;
            }
            let change = match entry.header().entry_type() {
                EntryType::Directory => tree.directory(&path).map(|()| Change::None),
                EntryType::Regular => {
                    let mode = entry.header().mode().unwrap_or(0o644) & 0o777;
                    let size = entry.size();
                    tree.file(&path, mode, size, &mut entry)
                }
                EntryType::Symlink => match link_target(&entry, &path) {
                    Some(target) => tree.link(&path, &target),
                    None => {
                        self.leave(&shown, "a link that leads outside of the repository")?;
                        continue;
                    }
                },
                _ => {
                    self.leave(&shown, "neither a file nor a directory nor a symbolic link")?;
                    continue;
                }
            };
            match change {
                Ok(Change::None) => self.same += usize::from(entry.header().entry_type() != EntryType::Directory),
                Ok(change) => {
                    say(format_args!("{:<8} {}", change.word(), printable(&shown)))?;
                    self.changed += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) if tree::is_of_the_tree(&error) => {
                    self.leave(&shown, &error.to_string())?;
                    continue;
                }
                Err(error) => return Err(Failure::runtime(format_args!("cannot write {}", printable(&shown)), &error)),
            }
            if entry.header().entry_type() != EntryType::Directory {
                self.received.insert(shown);
            }
        }
        Ok(false)
    }

    fn leave(&mut self, path: &str, reason: &str) -> Result<(), Failure> {
        self.left += 1;
        say(format_args!("left     {}: {reason}", printable(path)))
    }
}

/// A path that stays below the root, without `.` in it; none: it does not.
fn plain_path<R: io::Read>(entry: &Entry<'_, R>) -> Option<PathBuf> {
    let bytes = entry.path_bytes();
    let text = std::str::from_utf8(&bytes).ok().filter(|text| text.len() <= MAX_PATH && !text.contains('\0'))?;
    inside(Path::new(""), Path::new(text))
}

/// Where a link leads, when that is inside.
fn link_target<R: io::Read>(entry: &Entry<'_, R>, path: &Path) -> Option<PathBuf> {
    let bytes = entry.link_name_bytes()?;
    let target = PathBuf::from(std::str::from_utf8(&bytes).ok().filter(|text| text.len() <= MAX_PATH)?);
    inside(path.parent()?, &target).map(|_| target)
}

/// A path from a directory below the root on, written plainly; none when it is absolute or leaves the root on its way.
fn inside(from: &Path, path: &Path) -> Option<PathBuf> {
    let mut plain = from.to_owned();
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            // Only links may go up, and never further than to the root.
            Component::ParentDir if !from.as_os_str().is_empty() && plain.pop() => {}
            _ => return None,
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_stay_inside() {
        let of = |from: &str, path: &str| inside(Path::new(from), Path::new(path));
        assert_eq!(of("", "./a/./b"), Some(PathBuf::from("a/b")));
        assert_eq!(of("a/b", "../c"), Some(PathBuf::from("a/c")));
        assert_eq!(of("a/b", "../../c"), Some(PathBuf::from("c")));
        for (from, path) in
            [("", "/etc/passwd"), ("", "../x"), ("", "a/../../x"), ("", "a/../b"), ("a", "../../x"), ("a", "/x")]
        {
            assert_eq!(of(from, path), None, "{from} {path}");
        }
    }
}
