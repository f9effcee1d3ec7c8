//! Writing files so that whoever reads them sees all of the old or all of the new text.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
};

use command_line::{Failure, printable};
use rustix::{
    fs::{FallocateFlags, OFlags, fallocate},
    io::Errno,
};
use tempfile::NamedTempFile;

/// The most bytes of a text: more than all paths of a push.
const MAX_TEXT: u64 = 128 << 20;
/// The most bytes of a lock's file that are read.
const MAX_HOLDER: u64 = 1000;

/// For `map_err`: what was being done to a file when the machine refused.
pub(crate) fn fault(action: &str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let what = format!("cannot {action} {}", path.display());
    move |error| Failure::runtime(what, &error)
}

/// The text of a file, or none when there is no such file. What stands in a repository may be anything: a pipe is not waited
/// for, and a file without end is no text.
pub(crate) fn read(path: &Path) -> Result<Option<String>, Failure> {
    let read = || {
        let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let mut text = String::new();
        file.take(MAX_TEXT).read_to_string(&mut text)?;
        if text.len() as u64 == MAX_TEXT {
            return Err(io::Error::other(format!("it has more than {} MiB", MAX_TEXT >> 20)));
        }
        Ok(text)
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault("read", path)(error)),
    }
}

/// Replaces a file in one step, unless it is like that already.
pub(crate) fn replace(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    replace_for(path, text, mode, None)
}

/// The same, with a group whom it belongs to.
pub(crate) fn replace_for(path: &Path, text: &str, mode: u32, group: Option<u32>) -> Result<(), Failure> {
    stage(path, text, mode, group)?.map_or(Ok(()), Staged::put)
}

/// A file's new text, on the disk and not yet under its name. Dropped, it is gone.
pub(crate) struct Staged {
    file: NamedTempFile,
    path: PathBuf,
}

/// Writes a file's new text beside it; none: it is like that already. Several files are staged before the first is put
/// in its place, so that a full disk changes none of them.
pub(crate) fn stage(path: &Path, text: &str, mode: u32, group: Option<u32>) -> Result<Option<Staged>, Failure> {
    let same = || fs::read(path).is_ok_and(|old| old == text.as_bytes());
    let is_so =
        |it: fs::Metadata| it.permissions().mode() & 0o7777 == mode && group.is_none_or(|group| it.gid() == group);
    if same() && fs::metadata(path).is_ok_and(is_so) {
        return Ok(None);
    }
    let write = || {
        let mut file = NamedTempFile::new_in(path.parent().unwrap_or_else(|| Path::new(".")))?;
        file.write_all(text.as_bytes())?;
        if group.is_some() {
            fchown(file.as_file(), None, group)?;
        }
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        Ok(Some(Staged { file, path: path.to_owned() }))
    };
    write().map_err(fault("write", path))
}

// === impl Staged ===

impl Staged {
    /// Puts it in its place, in one step.
    pub(crate) fn put(self) -> Result<(), Failure> {
        let Self { file, path } = self;
        let directory = path.parent().unwrap_or_else(|| Path::new("."));
        let put = file.persist(&path).map_err(|error| error.error);
        put.and_then(|_file| File::open(directory)?.sync_all()).map_err(fault("write", &path))
    }
}

/// Takes a lock that another renet may have: then it is said which, and waited for.
pub(crate) fn lock(path: &Path) -> Result<File, Failure> {
    let open = File::options().create(true).read(true).write(true).truncate(false).open(path);
    let mut file = open.map_err(fault("open", path))?;
    if file.try_lock().is_err() {
        let mut holder = String::new();
        // Nothing yet, where it was taken just now.
        let _ = (&file).take(MAX_HOLDER).read_to_string(&mut holder);
        // Nobody may be left to read it.
        let _ = writeln!(io::stderr(), "renet: waiting for another one: {}", printable(holder.trim()));
        file.lock().map_err(fault("lock", path))?;
    }
    let words: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with("--caller-version")).collect();
    let holder = format!("renet {}, process {}\n", words.join(" "), std::process::id());
    // It only serves a message.
    let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
    Ok(file)
}

/// Writes a file in place: containers that have it mounted would not see another one under its name. The new text goes
/// over the old one in one write, so that a reader finds every line whole; what is left of a longer old text goes after.
/// On a full disk the old text stays as it was.
pub(crate) fn write_in_place(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let write = || {
        if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
            return fs::set_permissions(path, Permissions::from_mode(mode));
        }
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(mode).open(path)?;
        reserve(&file, text.len() as u64)?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)?;
        file.set_permissions(Permissions::from_mode(mode))
    };
    write().map_err(fault("write", path))
}

/// The room for so many bytes, before the first of them is written.
fn reserve(file: &File, length: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, length) {
        // File systems that know no reserving, or an empty text.
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_told_and_not_waited_for() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        assert_eq!(read(&path).unwrap(), None);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let said = |path: &Path| read(path).unwrap_err().reason().unwrap().to_owned();
        assert!(said(&path).ends_with("it is no file"));
        assert!(said(scratch.path()).contains("it is no file"));
        fs::remove_file(&path).unwrap();
        File::create(&path).unwrap().set_len(MAX_TEXT + 1).unwrap();
        assert!(said(&path).ends_with("it has more than 128 MiB"));
        assert!(read(Path::new("/proc/self/comm")).unwrap().is_some_and(|it| !it.is_empty()));
    }

    #[test]
    fn in_place_keeps_the_file_and_replacing_does_not() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("hosts");
        write_in_place(&path, "a longer text\n", 0o644).unwrap();
        let inode = fs::metadata(&path).unwrap().ino();
        write_in_place(&path, "short\n", 0o644).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "short\n");
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
        replace(&path, "new\n", 0o600).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.ino() == inode, metadata.permissions().mode() & 0o777), (false, 0o600));
        let inode = metadata.ino();
        replace(&path, "new\n", 0o600).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode, "nothing to do");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_staged_is_nothing_until_it_is_put() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        replace(&path, "old\n", 0o600).unwrap();
        drop(stage(&path, "new\n", 0o600, None).unwrap().unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\n");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
        stage(&path, "new\n", 0o600, None).unwrap().unwrap().put().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert!(stage(&path, "new\n", 0o600, None).unwrap().is_none());
    }
}
