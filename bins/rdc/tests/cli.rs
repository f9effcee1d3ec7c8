//! The built program, with a stand-in for ssh that notes what it is asked.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    fs::{self, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

struct Desk {
    scratch: TempDir,
}

// === impl Desk ===

impl Desk {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let ssh = scratch.path().join("ssh");
        // Arguments and standard input, a line of each; then what the test asks for. Where the input is kept open for
        // interrupts it has no end.
        let script = "#!/bin/sh\ncase \"$*\" in *--interrupts-on-stdin*) exec </dev/null ;; esac\n\
                      { echo \"$*\"; cat; echo; } >> \"${0%/*}/seen\"\necho \"$WORDS\" >&2\nexit ${CODE:-0}\n";
        fs::write(&ssh, script).unwrap();
        fs::set_permissions(&ssh, Permissions::from_mode(0o755)).unwrap();
        Self { scratch }
    }

    fn run(&self, line: &str, input: &str, more: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rdc"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).envs(more.iter().copied());
        command.env("RDC_CONFIG_DIR", self.scratch.path().join("config"));
        command.env("RDC_SSH_COMMAND", format!("{} -F none", self.scratch.path().join("ssh").display()));
        command.args(line.split(' ')).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Most commands read nothing.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn done(&self, line: &str) -> String {
        let output = self.run(line, "", &[]);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, code: i32, line: &str) -> String {
        let output = self.run(line, "", &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(code), 1), "{line}: {said}");
        said
    }

    fn seen(&self) -> String {
        fs::read_to_string(self.scratch.path().join("seen")).unwrap_or_default()
    }
}

#[test]
fn infra_is_kept_and_pushed_on_standard_input() {
    let desk = Desk::new();
    assert_eq!(
        desk.done("context create server-1 --ssh root@203.0.113.50:2222"),
        "context server-1: root@203.0.113.50:2222\n"
    );
    desk.done("context set-infra server-1 --public-ipv4 203.0.113.50 --base-domain example.com --tcp-ports 25,465");
    let output = desk.run("context set-infra server-1 --cf-dns-token -", "t0ken\n", &[]);
    assert!(output.status.success(), "{output:?}");
    // The same from a file.
    fs::write(desk.scratch.path().join("token"), "t0ken\n").unwrap();
    desk.done("context set-infra server-1 --cf-dns-token other");
    desk.done(&format!(
        "context set-infra server-1 --cf-dns-token-file {}",
        desk.scratch.path().join("token").display()
    ));
    desk.done("context set-infra server-1 --tcp-ports 587");
    assert!(!desk.done("context list --json").contains("t0ken"));
    desk.done("context push-infra server-1");
    let seen = desk.seen();
    let lines: Vec<_> = seen.lines().collect();
    let infra =
        r#"{"public_ipv4":"203.0.113.50","base_domain":"example.com","cf_dns_api_token":"t0ken","tcp_ports":[587]}"#;
    assert!(lines.contains(&infra), "{seen}");
    let calls: Vec<&&str> = lines.iter().filter(|line| line.starts_with("-F none")).collect();
    assert!(
        calls.iter().all(|call| !call.contains("t0ken") && call.contains("-p 2222 -- root@203.0.113.50 ")),
        "{seen}"
    );
    let shown = desk.done("context show server-1");
    assert!(shown.starts_with("server-1: root@203.0.113.50:2222\n  base_domain           example.com\n"), "{shown}");
    assert!(shown.contains("cf_dns_api_token_set  true\n") && !shown.contains("t0ken"), "{shown}");
    assert!(calls.len() == 1 && calls.iter().any(|call| call.contains(" proxy configure --up; ")), "{seen}");
}

#[test]
fn a_machine_that_was_chosen_is_meant_and_looked_at() {
    let desk = Desk::new();
    desk.done("context create box --ssh box");
    let said = desk.refused(2, "repo up my-app");
    assert!(said.contains("Name it with -m NAME, or choose one for good with `rdc context use NAME`"), "{said}");
    desk.done("context use box");
    desk.done("repo up my-app");
    desk.done("context check box --json");
    desk.done("context push-infra box --dry-run");
    let seen = desk.seen();
    for words in [" repo up my-app --interrupts-on-stdin; ", " proxy check --json; ", " proxy configure --dry-run; "] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
    assert!(!seen.contains("--up"), "a dry run starts nothing: {seen}");
    assert_eq!(desk.run("context check box", "", &[("CODE", "1")]).status.code(), Some(1));
}

#[test]
fn repositories_are_asked_for_on_the_machine() {
    let desk = Desk::new();
    desk.done("context create box --ssh box");
    let output = desk.run("repo up my-app -m box --mount", "", &[("CODE", "3"), ("WORDS", "renet: no")]);
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(3), &b"renet: no\n"[..]),
        "renet's code and words"
    );
    assert!(desk.seen().contains(" repo up my-app --interrupts-on-stdin --mount; "), "{}", desk.seen());
    fs::create_dir_all(desk.scratch.path().join("app/.rediacc")).unwrap();
    fs::write(desk.scratch.path().join("app/Rediaccfile"), "up() { :; }").unwrap();
    desk.done(&format!("repo push my-app {} -m box", desk.scratch.path().join("app").display()));
    assert!(desk.seen().contains("up() { :; }") && !desk.seen().contains("./.rediacc/"));
    // The shell there says nothing when there is no renet.
    fs::write(desk.scratch.path().join("ssh"), "#!/bin/sh\nexit 127\n").unwrap();
    let said = desk.refused(1, "repo status my-app -m box");
    assert!(said.contains("box (box) has no renet in its PATH; `rdc context setup box` copies it there"), "{said}");
}

#[test]
fn a_push_that_is_cut_off_says_who_knows_what_became_of_it() {
    let desk = Desk::new();
    desk.done("context create box --ssh box");
    let output = desk.run("context push-infra box", "", &[("CODE", "255"), ("WORDS", "client_loop: send disconnect")]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("rdc: cannot reach box (box): client_loop: send disconnect; what arrived is carried out or taken back there as a whole; `rdc context push-infra box` again says which"), "{said}");
}

#[test]
fn setting_up_says_what_is_there_and_refuses_what_cannot_run() {
    let desk = Desk::new();
    desk.done("context create box --ssh box");
    let ssh = |answer: &str| {
        fs::write(desk.scratch.path().join("ssh"), format!("#!/bin/sh\ncat >/dev/null\nprintf '{answer}'\n")).unwrap();
    };
    let facts = "name\\tDebian 13\\narchitecture\\tPROCESSOR\\nkernel\\t6.12\\nid\\tdebian\\nversion_id\\t13\\ncgroup2\\tyes\\n\
                 path.renet\\t/usr/bin/renet\\npath.route-server\\t/usr/bin/route-server\\nversion.renet\\t0.0.1\\n\
                 path.docker\\t\\033[2J\\n";
    let here = facts.replace("PROCESSOR", std::env::consts::ARCH);
    ssh(&here);
    let program = env!("CARGO_BIN_EXE_rdc");
    let said = desk.done(&format!("context setup box --dry-run --traefik {program}"));
    for words in [
        "box (box): Debian 13, ",
        "kernel 6.12, no systemd",
        "\nrenet           0.0.1    ",
        &format!("\ntraefik         missing  copy {program} to /usr/local/bin\n"),
        "\ndockerd         missing  install it: each repository has",
        "  apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes docker.io docker-cli docker-compose",
        "\nnothing was changed: this was a dry run\n",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(desk.refused(2, "context setup box --traefik /nonexistent").contains("cannot read /nonexistent"));
    let said = desk.refused(2, &format!("context setup box --traefik {}/Cargo.toml", env!("CARGO_MANIFEST_DIR")));
    assert!(said.contains(" is no program for Linux on "), "{said}");
    ssh(&here.replace("cgroup2", "other"));
    let output = desk.run("context setup box --yes", "", &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(3) && said.contains("no control groups of version 2"), "{said}");
}

#[test]
fn what_makes_no_sense_is_one_line() {
    let desk = Desk::new();
    let said = desk.refused(2, "context set-infra server-1 --base-domain example.com");
    assert!(said.contains("make it with `rdc context create server-1 --ssh root@ADDRESS`"), "{said}");
    assert!(desk.refused(2, "repo up my-app -m server-1").contains("there is no context server-1"));
    assert!(desk.refused(2, "context create x").contains("--ssh"));
    assert!(desk.refused(2, "context create x --ssh=-oProxyCommand=x").contains("names no machine"));
    desk.done("context create x --local");
    assert!(desk.refused(3, "context create x --local").contains("there is a context x already"));
    assert!(desk.refused(2, "context set-infra x --tcp-ports 25,x").contains("--tcp-ports: \"x\" is no port"));
    assert!(desk.refused(2, "context set-infra x --public-ipv6 1.2.3.4").contains("is no IPv6 address"));
    assert!(desk.refused(2, "context set-infra x --cf-dns-token-file /nonexistent").contains("No such file"));
    assert!(desk.refused(2, "repo push my-app /nonexistent -m x").contains("is no directory"));
    assert_eq!(desk.seen(), "");
}
