//! Writing below a directory and nowhere else: no step goes through a symbolic link.

use std::{
    fs::{self, File},
    io::{self, Read, Write as _},
    os::{fd::OwnedFd, unix::fs::PermissionsExt as _},
    path::{Component, Path},
};

use command_line::Failure;
use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, mkdirat, openat, readlinkat, renameat, statat, symlinkat, syncfs, unlinkat},
    io::Errno,
};

use crate::files::fault;

/// What a file is called until all of it is there; one at a time, so that one that was cut off is written over.
const NEW: &str = ".rediacc-new";
const CHUNK: usize = 64 << 10;

/// A directory.
pub(super) struct Tree {
    root: OwnedFd,
    /// Look, and change nothing.
    dry_run: bool,
}

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    New,
    Changed,
}

// === impl Tree ===

impl Tree {
    pub(super) fn open(root: &Path, dry_run: bool) -> Result<Self, Failure> {
        let open = File::open(root).map_err(fault("open", root))?;
        Ok(Self { root: open.into(), dry_run })
    }

    /// Whether something is there; what cannot be reached is not.
    pub(super) fn exists(&self, path: &Path) -> bool {
        let parent = self.parent(path, false).ok().flatten();
        let name = path.file_name();
        parent.zip(name).is_some_and(|(parent, name)| statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok())
    }

    /// Makes sure that a directory is there.
    pub(super) fn directory(&self, path: &Path) -> io::Result<()> {
        self.walk(path, !self.dry_run).map(drop)
    }

    /// Puts a file into its place, unless it is like that already.
    pub(super) fn file(&self, path: &Path, mode: u32, size: u64, reader: &mut impl Read) -> io::Result<Change> {
        let Some(name) = path.file_name() else { return Err(io::ErrorKind::InvalidInput.into()) };
        let Some(parent) = self.parent(path, !self.dry_run)? else {
            // Its directory would be made.
            io::copy(reader, &mut io::sink())?;
            return Ok(Change::New);
        };
        let old = match openat(
            &parent,
            name,
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        ) {
            Ok(old) => Some(File::from(old)),
            Err(Errno::NOENT) => None,
            // A link is replaced, and what it leads to stays.
            Err(Errno::LOOP) => None,
            Err(error) => return Err(error.into()),
        };
        let metadata = old.as_ref().map(File::metadata).transpose()?;
        if metadata.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(of_the_tree("a directory is there"));
        }
        let old = old.zip(metadata).filter(|(_, metadata)| metadata.is_file());
        let kind = if old.is_some() { Change::Changed } else { Change::New };
        let mut writer = Writer { parent: &parent, old: None, new: None, equal: 0, dry_run: self.dry_run };
        let mut is_as_it_was = old.as_ref().is_some_and(|(_, metadata)| metadata.len() == size);
        if let Some((old, _)) = old.as_ref().filter(|_| is_as_it_was) {
            writer.old = Some(old);
        } else {
            writer.begin()?;
        }
        let (mut chunk, mut left) = (vec![0; CHUNK], size);
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let Some(bytes) = chunk.get_mut(..wanted) else { break };
            reader.read_exact(bytes)?;
            writer.take(bytes)?;
            left -= bytes.len() as u64;
        }
        is_as_it_was &= writer.old.is_some();
        if is_as_it_was {
            let Some((old, metadata)) = &old else { return Ok(Change::None) };
            if metadata.permissions().mode() & 0o777 == mode {
                return Ok(Change::None);
            }
            if !self.dry_run {
                old.set_permissions(fs::Permissions::from_mode(mode))?;
            }
            return Ok(Change::Changed);
        }
        if let Some(new) = writer.new.take() {
            new.set_permissions(fs::Permissions::from_mode(mode))?;
            renameat(&parent, NEW, &parent, name)?;
        }
        Ok(kind)
    }

    /// Puts a symbolic link into its place.
    pub(super) fn link(&self, path: &Path, target: &Path) -> io::Result<Change> {
        let Some(name) = path.file_name() else { return Err(io::ErrorKind::InvalidInput.into()) };
        let Some(parent) = self.parent(path, !self.dry_run)? else { return Ok(Change::New) };
        let kind = match readlinkat(&parent, name, Vec::new()) {
            Ok(old) if old.as_bytes() == target.as_os_str().as_encoded_bytes() => return Ok(Change::None),
            Ok(_) => Change::Changed,
            Err(Errno::NOENT) => Change::New,
            // Something else than a link.
            Err(_) if self.is_directory(&parent, name) => return Err(of_the_tree("a directory is there")),
            Err(_) => Change::Changed,
        };
        if !self.dry_run {
            // One that was cut off.
            let _ = unlinkat(&parent, NEW, AtFlags::empty());
            symlinkat(target, &parent, NEW)?;
            renameat(&parent, NEW, &parent, name)?;
        }
        Ok(kind)
    }

    /// Removes a file or link, and directories that are empty then; returns whether it was there.
    pub(super) fn remove(&self, path: &Path) -> io::Result<bool> {
        let Some(name) = path.file_name() else { return Ok(false) };
        let Ok(Some(parent)) = self.parent(path, false) else { return Ok(false) };
        if self.is_directory(&parent, name) {
            return Ok(false);
        }
        if self.dry_run {
            return Ok(statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok());
        }
        match unlinkat(&parent, name, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        for directory in path.ancestors().skip(1).filter(|directory| !directory.as_os_str().is_empty()) {
            let Some(name) = directory.file_name() else { break };
            let Ok(Some(parent)) = self.parent(directory, false) else { break };
            // One that has something else stays.
            if unlinkat(&parent, name, AtFlags::REMOVEDIR).is_err() {
                break;
            }
        }
        Ok(true)
    }

    /// Has all of it on the disk.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        syncfs(&self.root).map_err(|error| Failure::runtime("cannot write to the disk", &error))
    }

    fn is_directory(&self, parent: &OwnedFd, name: &std::ffi::OsStr) -> bool {
        let seen = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
        seen.is_ok_and(|seen| FileType::from_raw_mode(seen.st_mode) == FileType::Directory)
    }

    /// The directory that a path is in; none: it is not there, and is not to be made.
    fn parent(&self, path: &Path, make: bool) -> io::Result<Option<OwnedFd>> {
        self.walk(path.parent().unwrap_or_else(|| Path::new("")), make)
    }

    fn walk(&self, path: &Path, make: bool) -> io::Result<Option<OwnedFd>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at = openat(&self.root, ".", flags, Mode::empty())?;
        for component in path.components() {
            let Component::Normal(name) = component else { return Err(io::ErrorKind::InvalidInput.into()) };
            let opened = match openat(&at, name, flags, Mode::empty()) {
                Err(Errno::NOENT) if make => {
                    mkdirat(&at, name, Mode::from_raw_mode(0o755))?;
                    openat(&at, name, flags, Mode::empty())
                }
                Err(Errno::NOENT) => return Ok(None),
                other => other,
            };
            at = match opened {
                Ok(next) => next,
                Err(Errno::LOOP | Errno::NOTDIR) => {
                    return Err(of_the_tree("a link or a file is where a directory has to be"));
                }
                Err(error) => return Err(error.into()),
            };
        }
        Ok(Some(at))
    }
}

/// Compares as long as nothing differs, and writes from there on.
struct Writer<'a> {
    parent: &'a OwnedFd,
    /// What is compared with; none: it differs.
    old: Option<&'a File>,
    new: Option<File>,
    equal: u64,
    dry_run: bool,
}

// === impl Writer ===

impl Writer<'_> {
    fn begin(&mut self) -> io::Result<()> {
        if self.dry_run {
            return Ok(());
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.new = Some(openat(self.parent, NEW, flags, Mode::from_raw_mode(0o600))?.into());
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(mut old) = self.old {
            let mut seen = vec![0; bytes.len()];
            if old.read_exact(&mut seen).is_ok() && seen == bytes {
                self.equal += bytes.len() as u64;
                return Ok(());
            }
            self.old = None;
            self.begin()?;
            if let Some(new) = &mut self.new {
                io::Seek::rewind(&mut old)?;
                io::copy(&mut old.take(self.equal), new)?;
            }
        }
        self.new.as_mut().map_or(Ok(()), |new| new.write_all(bytes))
    }
}

impl Drop for Writer<'_> {
    /// What is not in its place is not left lying about.
    fn drop(&mut self) {
        if self.new.is_some() {
            let _ = unlinkat(self.parent, NEW, AtFlags::empty());
        }
    }
}

// === impl Change ===

impl Change {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::None => "same",
            Self::New => "new",
            Self::Changed => "changed",
        }
    }
}

fn of_the_tree(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, what)
}

/// Whether it is what is there that is in the way, and not the disk.
pub(super) fn is_of_the_tree(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AlreadyExists && error.raw_os_error().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, Tree) {
        let scratch = tempfile::tempdir().unwrap();
        let tree = Tree::open(scratch.path(), false).unwrap();
        (scratch, tree)
    }

    fn put(tree: &Tree, path: &str, text: &[u8]) -> io::Result<Change> {
        tree.file(Path::new(path), 0o644, text.len() as u64, &mut &text[..])
    }

    #[test]
    fn what_is_the_same_is_not_written() {
        let (scratch, tree) = tree();
        let path = scratch.path().join("a/b");
        let long = vec![b'x'; 3 * CHUNK];
        assert_eq!(put(&tree, "a/b", &long).unwrap(), Change::New);
        let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
        let before = inode(&path);
        assert_eq!(put(&tree, "a/b", &long).unwrap(), Change::None);
        assert_eq!(inode(&path), before);
        // A difference near the end: what was equal is taken over.
        let mut other = long.clone();
        *other.last_mut().unwrap() = b'y';
        assert_eq!(put(&tree, "a/b", &other).unwrap(), Change::Changed);
        assert_eq!(fs::read(&path).unwrap(), other);
        assert_eq!(put(&tree, "a/b", &other[..10]).unwrap(), Change::Changed);
        assert_eq!(fs::read(&path).unwrap(), &other[..10]);
        assert_eq!(tree.file(Path::new("a/b"), 0o755, 10, &mut &other[..10]).unwrap(), Change::Changed, "its mode");
        assert_eq!(fs::read_dir(scratch.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn one_that_is_cut_off_leaves_the_old_one() {
        let (scratch, tree) = tree();
        put(&tree, "a", b"the old text").unwrap();
        let error = tree.file(Path::new("a"), 0o644, 100, &mut &b"half of"[..]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(fs::read(scratch.path().join("a")).unwrap(), b"the old text");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn no_step_goes_through_a_link() {
        let (scratch, tree) = tree();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), scratch.path().join("link")).unwrap();
        assert!(is_of_the_tree(&put(&tree, "link/x", b"x").unwrap_err()));
        assert!(!tree.remove(Path::new("link/x")).unwrap_or(false));
        // A link itself is replaced, and what it leads to stays.
        fs::write(outside.path().join("kept"), "kept").unwrap();
        std::os::unix::fs::symlink(outside.path().join("kept"), scratch.path().join("file")).unwrap();
        put(&tree, "file", b"new").unwrap();
        assert_eq!(fs::read_to_string(outside.path().join("kept")).unwrap(), "kept");
        assert_eq!(fs::read_to_string(scratch.path().join("file")).unwrap(), "new");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[test]
    fn links_and_what_is_removed() {
        let (scratch, tree) = tree();
        let (path, target) = (Path::new("d/link"), Path::new("../x"));
        assert_eq!(tree.link(path, target).unwrap(), Change::New);
        assert_eq!(tree.link(path, target).unwrap(), Change::None);
        assert_eq!(tree.link(path, Path::new("y")).unwrap(), Change::Changed);
        assert!(is_of_the_tree(&put(&tree, "d", b"x").unwrap_err()));
        assert!(tree.remove(path).unwrap() && !tree.remove(path).unwrap());
        assert!(!scratch.path().join("d").exists(), "the directory was empty");
    }

    #[test]
    fn a_dry_run_changes_nothing() {
        let (scratch, tree) = tree();
        put(&tree, "a", b"old").unwrap();
        let dry = Tree { dry_run: true, ..tree };
        assert_eq!(put(&dry, "a", b"new").unwrap(), Change::Changed);
        assert_eq!(put(&dry, "b/c", b"new").unwrap(), Change::New);
        assert_eq!(dry.link(Path::new("l"), Path::new("a")).unwrap(), Change::New);
        assert!(dry.remove(Path::new("a")).unwrap());
        assert_eq!(fs::read_to_string(scratch.path().join("a")).unwrap(), "old");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }
}
