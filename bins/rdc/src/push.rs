//! `rdc repo push`: the files of a directory, as a tar stream.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use command_line::Failure;
use ignore::{DirEntry, WalkBuilder};
use tar::{Builder, EntryType, Header};

/// What is not to be sent stands in a file of this name, as in a `.gitignore`.
const IGNORE_FILE: &str = ".rediaccignore";

/// Refuses early what cannot be sent.
pub(crate) fn must_be_directory(directory: &Path) -> Result<(), Failure> {
    if directory.is_dir() {
        return Ok(());
    }
    Err(Failure::Usage(format!("{} is no directory", directory.display())))
}

/// Writes all files of a directory, in the order of their names; the last entry says that they were all.
pub(crate) fn send(directory: &Path, to: &mut dyn Write) -> io::Result<()> {
    let mut archive = Builder::new(to);
    for entry in walk(directory) {
        let entry = entry.map_err(io::Error::other)?;
        let Ok(path) = entry.path().strip_prefix(directory) else { continue };
        if path.as_os_str().is_empty() {
            continue;
        }
        append(&mut archive, &entry, path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    }
    let mut end = header(EntryType::Regular, 0o600, 0);
    archive.append_data(&mut end, route_api::END_OF_PUSH, io::empty())?;
    archive.into_inner()?.flush()
}

fn append(archive: &mut Builder<&mut dyn Write>, entry: &DirEntry, path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(entry.path())?;
    let kind = metadata.file_type();
    let mode = metadata.permissions().mode() & 0o777;
    if kind.is_dir() {
        return archive.append_data(&mut header(EntryType::Directory, 0o755, 0), path, io::empty());
    }
    if kind.is_symlink() {
        let target = fs::read_link(entry.path())?;
        return archive.append_link(&mut header(EntryType::Symlink, 0o777, 0), path, target);
    }
    if !kind.is_file() {
        // Sockets, pipes: nothing to be sent.
        return Ok(());
    }
    let file = File::open(entry.path())?;
    let length = file.metadata()?.len();
    // One that grows is sent as it was; one that shrinks would shift all that follows.
    let exactly = file.take(length).chain(Shrunk);
    archive.append_data(&mut header(EntryType::Regular, mode, length), path, exactly.take(length))
}

fn header(kind: EntryType, mode: u32, length: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(length);
    header
}

fn walk(directory: &Path) -> ignore::Walk {
    let root = directory.to_owned();
    let mut walk = WalkBuilder::new(directory);
    // Nothing but our own file says what is left out: what git leaves out is often what has to run.
    walk.standard_filters(false).add_custom_ignore_filename(IGNORE_FILE).follow_links(false);
    walk.sort_by_file_name(std::ffi::OsStr::cmp).filter_entry(move |entry| is_sent(&root, entry));
    walk.build()
}

/// What renet keeps itself, and a history that nothing there reads, stay here.
fn is_sent(root: &Path, entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let is_ours = entry.path().parent() == Some(root) && (name == ".rediacc" || name == ".rediacc.json");
    !is_ours && name != ".git" && name != ".rediacc-new"
}

/// The place where a file that became shorter has no more bytes.
struct Shrunk;

// === impl Shrunk ===

impl io::Read for Shrunk {
    fn read(&mut self, _bytes: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("it became shorter while it was sent"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_and_what_is_left_out() {
        let scratch = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = scratch.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        };
        for path in
            ["a/b", ".env", ".git/HEAD", "a/.git/HEAD", ".rediacc/x", "a/.rediacc/kept", "x.log", "node_modules/y"]
        {
            put(path);
        }
        fs::write(scratch.path().join(IGNORE_FILE), "*.log\nnode_modules/\n").unwrap();
        std::os::unix::fs::symlink("a/b", scratch.path().join("link")).unwrap();
        let mut bytes = Vec::new();
        send(scratch.path(), &mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
        let names: Vec<_> = names.collect();
        let expected =
            [".env", IGNORE_FILE, "a", "a/.rediacc", "a/.rediacc/kept", "a/b", "link", route_api::END_OF_PUSH];
        assert_eq!(names, expected);
    }
}
