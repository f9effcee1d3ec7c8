//! `renet repo` with the built program, as far as no daemon is needed.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Output, Stdio},
};

use tar::{Builder, EntryType, Header};

fn renet(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_renet"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("REDIACC_ROOT", root);
    command.env("REDIACC_SUPERVISOR", "detached").args(arguments).output().unwrap()
}

fn done(root: &Path, arguments: &[&str]) -> String {
    let output = renet(root, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(root: &Path, code: i32, arguments: &[&str]) -> String {
    let output = renet(root, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(code), 1), "{said}");
    said
}

#[test]
fn created_listed_and_refused_when_something_is_taken() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let said = done(root, &["repo", "create", "my-app"]);
    assert!(said.starts_with("repository my-app: network 2816 (127.0.11.0/26), in "), "{said}");
    let file = fs::read_to_string(root.join("mnt/rediacc/my-app/.rediacc.json")).unwrap();
    assert!(file.contains("\"network_id\": 2816"), "{file}");
    assert_eq!(done(root, &["repo", "create", "my-app"]), said, "the same again");
    let said = refused(root, 3, &["repo", "create", "my-app", "--path", "/elsewhere"]);
    assert!(said.contains("there is a repository my-app already"), "{said}");
    let inside = root.join("mnt/rediacc/my-app/inside");
    let said = refused(root, 3, &["repo", "create", "x", "--path", inside.to_str().unwrap()]);
    assert!(said.contains("are one in the other"), "{said}");
    assert!(refused(root, 2, &["repo", "create", "x", "--path", "/"]).contains("/ is no directory for a repository"));
    assert!(refused(root, 2, &["repo", "create", "My App"]).contains("is no name of a repository"));

    // A copy of the first one's directory brings its network along.
    let copy = root.join("copy");
    fs::create_dir(&copy).unwrap();
    fs::write(copy.join(".rediacc.json"), &file).unwrap();
    let path = copy.to_str().unwrap();
    let said = refused(root, 3, &["repo", "create", "second", "--path", path]);
    assert!(said.contains("network 2816 belongs to repository my-app") && said.contains("remove the"), "{said}");
    fs::write(copy.join(".rediacc.json"), "{}").unwrap();
    done(root, &["repo", "create", "second", "--path", path]);
    let list = done(root, &["repo", "list"]);
    let lines: Vec<_> = list.lines().collect();
    assert!(
        lines.len() == 3 && lines.iter().any(|line| line.starts_with("second  2880     127.0.11.64/26  stopped")),
        "{list}"
    );
    let list: serde_json::Value = serde_json::from_str(&done(root, &["repo", "list", "--json"])).unwrap();
    assert_eq!(list.pointer("/repositories/0/network_id"), Some(&2816.into()));
}

#[test]
fn unknown_and_missing_ones() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    for command in ["up", "down", "status"] {
        let said = refused(root, 2, &["repo", command, "my-app"]);
        assert!(said.contains("there is no repository my-app; `renet repo create my-app` makes one"), "{said}");
    }
    done(root, &["repo", "create", "my-app"]);
    fs::remove_dir_all(root.join("mnt")).unwrap();
    assert!(refused(root, 1, &["repo", "up", "my-app"]).contains("is not there; mount it"));
    fs::write(root.join("var/lib/rediacc/repositories.json"), "{").unwrap();
    assert!(refused(root, 1, &["repo", "list"]).contains("repositories.json: EOF"));
}

#[test]
fn an_rdc_of_another_version_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let said = refused(scratch.path(), 3, &["--caller-version", "9.9.9", "repo", "list"]);
    assert!(
        said.contains("rdc is version 9.9.9 and renet here is version") && said.contains("copies the same version"),
        "{said}"
    );
    let patch = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"), ".99");
    done(scratch.path(), &["--caller-version", patch, "repo", "list"]);
}

#[test]
fn slots_are_listed_and_not_freed_unseen() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    done(root, &["repo", "create", "my-app"]);
    let file = root.join("mnt/rediacc/my-app/.rediacc.json");
    fs::write(&file, r#"{"network_id": 2816, "services": {"my-db": {"slot": 3, "project": "app", "file": "a.yml"}}}"#)
        .unwrap();
    let list = done(root, &["repo", "slots", "my-app"]);
    assert!(list.contains("my-db    3     127.0.11.5  MY_DB_IP  a.yml  unknown"), "{list}");
    assert!(refused(root, 3, &["repo", "slots", "my-app", "--free", "my-db"]).contains("while the daemon is stopped"));
    assert!(refused(root, 2, &["repo", "slots", "my-app", "--free", "x"]).contains("no service \"x\" has a slot"));
}

#[test]
fn files_that_are_no_disk_images_are_refused_and_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let file = root.join("disk.img");
    let path = file.to_str().unwrap();
    let create = ["repo", "create", "x", "--image", path];
    assert!(refused(root, 2, &create).contains("is not there; with --size 10G it is made"));
    for bytes in [&b""[..], &[0xA5; 100_000]] {
        fs::write(&file, bytes).unwrap();
        assert!(refused(root, 2, &create).contains("is no disk image: there is no ext4 file system in it"));
        let said = refused(root, 2, &[&create[..], &["--size", "64M"]].concat());
        assert!(said.contains("is no disk image"), "{said}");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    assert!(refused(root, 2, &[&create[..], &["--size", "1K"]].concat()).contains("is no size of a disk image"));
    // A superblock that speaks of 4 GB in a file of 100 kB.
    let mut cut = vec![0; 100_000];
    for (at, bytes) in [(0x38, &[0x53, 0xEF][..]), (0x4, &[0, 0, 0x10, 0]), (0x18, &[2, 0, 0, 0])] {
        cut[1024 + at..1024 + at + bytes.len()].copy_from_slice(bytes);
    }
    fs::write(&file, &cut).unwrap();
    let said = refused(root, 1, &create);
    assert!(said.contains("is cut off: its file system has 4.0 GiB, the file 97.6 KiB"), "{said}");
    assert_eq!(done(root, &["repo", "list", "--json"]), "{\"repositories\":[]}\n");
}

#[test]
fn forgotten_with_and_without_its_files() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    done(root, &["repo", "create", "my-app"]);
    assert!(refused(root, 2, &["repo", "delete", "my-app"]).contains("Nobody is there to be asked; --yes says it"));
    let said = done(root, &["repo", "delete", "my-app", "--yes"]);
    assert!(
        said.contains("are not freed: no route server answers") && said.contains("mnt/rediacc/my-app stays"),
        "{said}"
    );
    assert!(root.join("mnt/rediacc/my-app/.rediacc.json").exists());
    done(root, &["repo", "create", "my-app"]);
    done(root, &["repo", "delete", "my-app", "--yes", "--files"]);
    assert!(!root.join("mnt/rediacc/my-app").exists());
}

/// A tar stream. Names and targets stand in it as they are, whatever they are.
fn stream(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.name[..name.len()].copy_from_slice(name.as_bytes());
        let is_file = *kind == EntryType::Regular;
        if !is_file {
            gnu.linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        let content = if is_file { content.as_bytes() } else { b"" };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

const FILE: EntryType = EntryType::Regular;
const END: (&str, EntryType, &str) = (route_api::END_OF_PUSH, FILE, "");

fn receive(root: &Path, flags: &[&str], bytes: &[u8]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_renet"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("REDIACC_ROOT", root);
    command.args(["repo", "receive", "my-app"]).args(flags);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that has seen the end does not read what is behind it.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn what_is_pushed_goes_into_its_place_and_nowhere_else() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    done(root, &["repo", "create", "my-app"]);
    let (own, outside) = (root.join("mnt/rediacc/my-app"), root.join("outside"));
    fs::write(&outside, "outside").unwrap();
    let link = EntryType::Symlink;
    let absolute = outside.to_str().unwrap();
    let hostile = stream(&[
        ("a/file", FILE, "text"),
        ("../outside", FILE, "changed"),
        (absolute, FILE, "changed"),
        ("out", link, "../../../outside"),
        ("abs", link, "/etc/passwd"),
        ("inside", link, "a/file"),
        ("a/up", link, "../compose.yml"),
        ("inside/x", FILE, "through a link"),
        ("hard", EntryType::Link, "a/file"),
        ("device", EntryType::Char, ""),
        (".rediacc.json", FILE, "{}"),
        ("./.rediacc/pushed", FILE, "[]"),
        ("a\u{1b}[2J", FILE, "a name that moves the cursor"),
        END,
    ]);
    let (code, said) = receive(root, &[], &hostile);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.ends_with("4 files are new or changed, 0 the same, 0 removed, 9 left alone\n"), "{said}");
    assert!(
        said.contains("left     ../outside: its name is absolute, leads outside") && !said.contains('\u{1b}'),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&outside).unwrap(), "outside");
    assert_eq!(fs::read_to_string(own.join("inside")).unwrap(), "text");
    assert!(fs::read_to_string(own.join(".rediacc.json")).unwrap().contains("2816"));

    // The same again changes nothing; what does not come any more goes, when that is said, and nothing else.
    fs::write(own.join("made-by-a-container"), "kept").unwrap();
    let (code, said) = receive(root, &["--dry-run", "--delete"], &stream(&[("a/file", FILE, "text"), END]));
    assert!(code == Some(0) && said.contains("removed  inside\n") && said.contains("this was a dry run"), "{said}");
    assert!(own.join("inside").exists());
    let (code, said) = receive(root, &["--delete"], &stream(&[("a/file", FILE, "text"), END]));
    assert!(code == Some(0) && said.contains("0 files are new or changed, 1 the same, 3 removed"), "{said}");
    assert!(!own.join("inside").exists() && own.join("made-by-a-container").exists());
}

#[test]
fn a_push_that_breaks_off_leaves_whole_files_and_removes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    done(root, &["repo", "create", "my-app"]);
    let own = root.join("mnt/rediacc/my-app");
    let long = "x".repeat(100_000);
    receive(root, &[], &stream(&[("a", FILE, "old"), ("b", FILE, "old"), ("c", FILE, "old"), END]));
    let bytes = stream(&[("a", FILE, "new"), ("b", FILE, &long), END]);
    // At the end of an entry, in its middle, in its header, before the last entry.
    for length in [0, 700, 1024, 50_000, bytes.len() - 2048] {
        let (code, said) = receive(root, &["--delete"], &bytes[..length]);
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains("not all files came; those that did are whole, and nothing was removed"),
            "{length}: {said}"
        );
        let b = fs::read_to_string(own.join("b")).unwrap();
        assert!(b == "old" || b == long, "{length}");
        assert!(own.join("c").exists() && !own.join(".rediacc-new").exists());
    }
    let (code, said) = receive(root, &["--delete"], &bytes);
    assert!(code == Some(0) && said.contains("removed  c\n"), "{said}");
}

#[test]
fn an_export_brings_everything_to_another_machine() {
    let scratch = tempfile::tempdir().unwrap();
    let (here, there) = (&scratch.path().join("here"), &scratch.path().join("there"));
    done(here, &["repo", "create", "my-app"]);
    let own = here.join("mnt/rediacc/my-app");
    fs::create_dir_all(own.join("data")).unwrap();
    fs::write(own.join("data/x"), "text").unwrap();
    fs::hard_link(own.join("data/x"), own.join("data/hard")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", own.join("data/soft")).unwrap();
    std::os::unix::net::UnixListener::bind(own.join("data/socket")).unwrap();
    // As a repository's user may have put there: it does not stand for the end.
    fs::write(own.join(".rediacc-end-of-export"), "mine").unwrap();
    fs::File::create(own.join("data/sparse")).unwrap().set_len(1 << 30).unwrap();
    let file = scratch.path().join("my-app.export");
    let path = file.to_str().unwrap();
    let said = done(here, &["repo", "export", "my-app", path]);
    assert!(said.starts_with(&format!("my-app is exported: {path}, ")), "{said}");
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert!(metadata.len() < 1 << 20, "{}: holes stay holes", metadata.len());
    assert!(refused(here, 3, &["repo", "export", "my-app", path]).contains("is there already"));
    let inside = own.join("my-app.export");
    let said = refused(here, 2, &["repo", "export", "my-app", inside.to_str().unwrap()]);
    assert!(said.contains("is in the repository itself") && !inside.exists(), "{said}");

    assert!(
        refused(here, 3, &["repo", "import", "x", path]).contains("network 2816 belongs to repository my-app here")
    );
    assert!(refused(there, 2, &["repo", "import", "x", path, "--image", "/x"]).contains("leave out --image"));
    let said = done(there, &["repo", "import", "again", path]);
    assert!(
        said.contains("repository again: network 2816") && said.ends_with("renet repo up again starts it\n"),
        "{said}"
    );
    let other = there.join("mnt/rediacc/again");
    let inode = |name: &str| fs::metadata(other.join(name)).unwrap().ino();
    assert_eq!(inode("data/x"), inode("data/hard"));
    assert_eq!(fs::read_link(other.join("data/soft")).unwrap(), Path::new("/etc/passwd"));
    assert_eq!(fs::metadata(other.join("data/sparse")).unwrap().blocks(), 0);
    assert!(!other.join("data/socket").exists() && !other.join(".rediacc-end-of-export").exists());
    let said = refused(there, 3, &["repo", "import", "other", path, "--path", other.to_str().unwrap()]);
    assert!(said.contains("is the directory of repository again"), "{said}");
}

#[test]
fn what_is_no_whole_export_leaves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let (here, there) = (&scratch.path().join("here"), &scratch.path().join("there"));
    done(here, &["repo", "create", "my-app"]);
    fs::write(here.join("mnt/rediacc/my-app/file"), "x".repeat(100_000)).unwrap();
    let file = scratch.path().join("my-app.export");
    let path = file.to_str().unwrap();
    done(here, &["repo", "export", "my-app", path]);
    let whole = fs::read(&file).unwrap();
    let end = whole.windows(22).position(|bytes| bytes == b".rediacc-end-of-export").unwrap();
    let import = ["repo", "import", "x", path];
    // In the manifest, between two entries, in a file, before the last entry: at the borders tar sees nothing amiss.
    for length in [600, 1024, 1536, 50_000, end] {
        fs::write(&file, &whole[..length]).unwrap();
        let output = renet(there, &import);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.lines().count() == 1, "{length}: {said}");
        assert!(said.contains("cut off"), "{length}: {said}");
    }
    for bytes in [&b""[..], &[0xA5; 4096]] {
        fs::write(&file, bytes).unwrap();
        assert!(refused(there, 2, &import).contains("it is no export of a repository"));
    }
    assert_eq!(fs::read_dir(there.join("mnt/rediacc")).unwrap().count(), 0);
    // What would leave the directory stays inside, or is not unpacked.
    let outside = scratch.path().join("outside");
    let link = EntryType::Symlink;
    let mut hostile = whole[..1024].to_vec();
    let (to_outside, absolute) = (format!("../../../../{}", "outside"), outside.to_str().unwrap());
    hostile.extend(stream(&[
        ("./out", link, &to_outside),
        ("./out", FILE, "through a link"),
        ("./up", link, ".."),
        ("./up/beside", FILE, "through a link"),
        (&to_outside, FILE, "up"),
        (absolute, FILE, "absolute"),
        (".rediacc-end-of-export", FILE, ""),
    ]));
    fs::write(&file, &hostile).unwrap();
    renet(there, &import);
    assert!(!outside.exists() && !there.join("mnt/rediacc/beside").exists());
}

#[test]
fn a_second_command_waits_and_says_for_which() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    done(root, &["repo", "create", "my-app"]);
    let run = root.join("var/run/rediacc/2816");
    fs::create_dir_all(&run).unwrap();
    let holder = fs::File::create(run.join("lock")).unwrap();
    holder.lock().unwrap();
    fs::write(run.join("lock"), "renet repo up my-app, process 4711\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_renet"));
    command.env("REDIACC_ROOT", root).args(["repo", "receive", "my-app"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "renet: waiting for another one: renet repo up my-app, process 4711");
    assert_eq!(child.try_wait().unwrap(), None, "it waits");
    drop(holder);
    child.stdin.take().unwrap().write_all(&stream(&[END])).unwrap();
    assert!(child.wait().unwrap().success());
}
