//! `renet proxy configure` with the built program: which files it writes, and what it refuses.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

fn configure(root: &Path, infra: &str) -> Output {
    run(root, &["configure"], infra)
}

fn run(root: &Path, arguments: &[&str], infra: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_renet"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("REDIACC_ROOT", root);
    command.env("REDIACC_SUPERVISOR", "detached").arg("proxy").args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(infra.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Inode and permissions of each file.
fn files(root: &Path) -> BTreeMap<PathBuf, (u64, u32)> {
    let entries = fs::read_dir(root.join("opt/rediacc/proxy")).unwrap().map(Result::unwrap);
    let of = |entry: fs::DirEntry| (PathBuf::from(entry.file_name()), entry.metadata().unwrap());
    entries.map(of).map(|(name, metadata)| (name, (metadata.ino(), metadata.mode() & 0o777))).collect()
}

/// Each test has an address of its own: whether its ports are free is tried.
fn infra(address: &str) -> String {
    format!(r#"{{"public_ipv4": "{address}", "base_domain": "example.com", "cf_dns_api_token": "s3cret"}}"#)
}

#[test]
fn secrets_are_private_and_the_same_twice_changes_nothing() {
    let infra = infra("127.200.0.1");
    let root = tempfile::tempdir().unwrap();
    let output = configure(root.path(), &infra);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("entry points listen on 127.200.0.1\nchanged in ") && !said.contains("s3cret"), "{said}");
    let before = files(root.path());
    let public: Vec<_> = before.iter().filter(|(_, (_, mode))| mode & 0o77 != 0).map(|(name, _)| name).collect();
    assert_eq!(public, [Path::new("router.env"), Path::new("traefik.env")]);

    let said = String::from_utf8(configure(root.path(), &infra).stdout).unwrap();
    assert_eq!(said, "entry points listen on 127.200.0.1\nnothing changed\n");
    assert_eq!(files(root.path()), before);

    // Without a token there is no file with one, and the secrets of this machine stay.
    let output = configure(root.path(), r#"{"public_ipv4": "127.200.0.1"}"#);
    assert!(output.status.success(), "{output:?}");
    let after = files(root.path());
    assert!(!after.contains_key(Path::new("cloudflare-token")));
    assert_eq!(after.get(Path::new("poll-token")), before.get(Path::new("poll-token")));
}

#[test]
fn a_default_certificate_that_is_none_is_made_anew_and_not_shown() {
    let infra = infra("127.200.0.5");
    let root = tempfile::tempdir().unwrap();
    configure(root.path(), &infra);
    let file = root.path().join("opt/rediacc/proxy/default-certificate.pem");
    let made = fs::read_to_string(&file).unwrap();
    fs::write(&file, "-----BEGIN PRIVATE KEY-----\nb2xk\n").unwrap();
    let said = String::from_utf8(configure(root.path(), &infra).stdout).unwrap();
    assert!(said.contains("--- default-certificate.pem: another secret\nchanged in "), "{said}");
    assert!(!said.contains("BEGIN") && !said.contains("b2xk"), "{said}");
    let anew = fs::read_to_string(&file).unwrap();
    assert!(anew != made && anew.contains("BEGIN CERTIFICATE") && anew.contains("BEGIN PRIVATE KEY"), "{anew}");
    // Another one that is whole stays.
    fs::write(&file, &made).unwrap();
    configure(root.path(), &infra);
    assert_eq!(fs::read_to_string(&file).unwrap(), made);
}

#[test]
fn a_dry_run_says_what_would_be_and_writes_nothing() {
    let infra = infra("127.200.0.2");
    let root = tempfile::tempdir().unwrap();
    let dry = |infra: &str| {
        let output = run(root.path(), &["configure", "--dry-run"], infra);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let said = dry(&infra);
    assert!(
        said.contains("+++ traefik.yml: new\n") && said.ends_with("nothing was changed: this was a dry run\n"),
        "{said}"
    );
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    configure(root.path(), &infra);
    assert!(dry(&infra).ends_with("\nnothing would change\n"));
    let said = dry(&infra.replace("s3cret", "an0ther").replace('}', r#", "tcp_ports": [2525]}"#));
    assert!(said.contains("+  tcp-2525:") && said.contains("--- cloudflare-token: another secret"), "{said}");
    assert!(!said.contains("s3cret") && !said.contains("an0ther"), "{said}");
}

#[test]
fn bad_input_is_one_line_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    for (infra, expected) in [
        ("", "the infra JSON: EOF"),
        (r#"{"tcp_ports": [70000]}"#, "70000 is no port; expected numbers from 1 to 65535"),
        (r#"{"base_domain": "a b"}"#, "base_domain: \"a b\" is no domain"),
    ] {
        let output = configure(root.path(), infra);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.starts_with("renet: proxy configure: ") && said.contains(expected), "{said}");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}

#[test]
fn an_answer_that_nobody_heard_is_told_the_next_time() {
    let infra = infra("127.200.0.3");
    let root = tempfile::tempdir().unwrap();
    let configured = || String::from_utf8(configure(root.path(), &infra).stdout).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_renet"));
    command.env("REDIACC_SUPERVISOR", "detached").args(["proxy", "--root"]).arg(root.path()).arg("configure");
    let mut child = command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    child.stdin.take().unwrap().write_all(infra.as_bytes()).unwrap();
    // The next line comes when everything is written: whoever asked is gone by then.
    let first = std::io::BufRead::lines(std::io::BufReader::new(reader)).next().unwrap().unwrap();
    assert_eq!(first, "entry points listen on 127.200.0.3");
    child.wait().unwrap();
    assert!(fs::read_to_string(root.path().join("opt/rediacc/proxy/traefik.yml")).unwrap().contains("tcp-5432"));
    let said = configured();
    assert!(
        said.contains(", whose answer nobody heard, is in force\n") && said.ends_with("nothing changed\n"),
        "{said}"
    );
    assert!(!configured().contains("nobody heard"), "it is told once");
}

#[test]
fn one_that_was_cut_off_is_gone_on_with() {
    let infra = infra("127.200.0.4");
    let root = tempfile::tempdir().unwrap();
    configure(root.path(), &infra);
    let file = root.path().join("opt/rediacc/proxy/configure.json");
    let left = r#"{"at":"2026-01-01T00:00:00Z","stage":"under-way","changed":["traefik.yml"],"sockets":false,"authority":false,"heard":false}"#;
    fs::write(&file, left).unwrap();
    let said = String::from_utf8(configure(root.path(), &infra).stdout).unwrap();
    assert!(
        said.contains("the configure of 2026-01-01T00:00:00Z was cut off; this one goes on from there\n"),
        "{said}"
    );
    assert!(said.contains("changed in ") && said.contains("traefik.yml\n") && said.ends_with("in force\n"), "{said}");
}

#[test]
fn without_https_nothing_is_served_and_so_nothing_is_changed() {
    // A port of somebody else's at 443, which only root may bind everywhere.
    let taken = std::net::TcpListener::bind("127.200.0.77:443");
    if fs::metadata("/proc/self").unwrap().uid() != 0 && taken.is_err() {
        return;
    }
    let _taken = taken.unwrap();
    let root = tempfile::tempdir().unwrap();
    let output = configure(root.path(), r#"{"public_ipv4": "127.200.0.77"}"#);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(" has 127.200.0.77:443, without which no site is served; stop it"), "{said}");
    assert!(!root.path().join("opt/rediacc/proxy/traefik.yml").exists());
}
