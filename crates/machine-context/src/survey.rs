//! What a machine has, as its operator's desk sees it over ssh, and what is missing.

use std::collections::BTreeMap;

/// The script that looks; [`Survey::parse`] reads what it prints. It changes nothing.
pub const SURVEY: &str = include_str!("survey.sh");

/// The argument with which [`SURVEY`] also tells checksums of our own programs.
pub const SUMS: &str = "sums";

/// The most lines that are read of a machine's answer.
const MAX_LINES: usize = 500;

/// Programs that others bring, each with what it is for.
const NEEDED: [(&str, &str); 9] = [
    ("dockerd", "each repository has a Docker daemon of its own"),
    ("containerd", "each repository has a containerd of its own"),
    ("runc", "they start containers with it"),
    ("docker", "renet docker and docker compose are done with it"),
    ("docker-compose", "renet compose wraps docker compose, version 2 or later"),
    ("iptables", "dockerd does not start without it"),
    ("tar", "files of repositories come as an archive"),
    ("unshare", "daemons of repositories have namespaces of their own (util-linux)"),
    ("nsenter", "and are entered (util-linux)"),
];

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    facts: BTreeMap<String, String>,
}

/// Something that others bring and that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The program.
    pub program: &'static str,
    /// What it is for.
    pub reason: &'static str,
}

// === impl Survey ===

impl Survey {
    /// Reads what [`SURVEY`] printed: lines of a key, a tab and a value. Others are skipped.
    #[must_use]
    pub fn parse(output: &str) -> Self {
        let lines = output.lines().take(MAX_LINES).filter_map(|line| line.split_once('\t'));
        let facts = lines.filter(|(_, value)| !value.is_empty());
        Self { facts: facts.map(|(key, value)| (key.to_owned(), value.to_owned())).collect() }
    }

    /// What it is, for people.
    #[must_use]
    pub fn system(&self) -> String {
        let systemd = if self.has_systemd() { "systemd" } else { "no systemd" };
        let known = |key| self.fact(key).unwrap_or("unknown");
        format!("{}, {}, kernel {}, {systemd}", known("name"), known("architecture"), known("kernel"))
    }

    /// Its processor, as `uname -m` calls it.
    #[must_use]
    pub fn architecture(&self) -> &str {
        self.fact("architecture").unwrap_or_default()
    }

    /// Whether systemd runs it.
    #[must_use]
    pub fn has_systemd(&self) -> bool {
        self.fact("systemd").is_some()
    }

    /// Whether its proxy has a configuration already.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.fact("configured").is_some()
    }

    /// Where a program is.
    #[must_use]
    pub fn path(&self, program: &str) -> Option<&str> {
        self.fact(&format!("path.{program}"))
    }

    /// What a program says of its version.
    #[must_use]
    pub fn version(&self, program: &str) -> Option<&str> {
        self.fact(&format!("version.{program}"))
    }

    /// The SHA-256 of one of our own programs, in hexadecimal digits, where [`SUMS`] was said.
    #[must_use]
    pub fn sha256(&self, program: &str) -> Option<&str> {
        self.fact(&format!("sha256.{program}"))
    }

    /// What others bring and is not there.
    #[must_use]
    pub fn missing(&self) -> Vec<Missing> {
        let gone = NEEDED.into_iter().filter(|(program, _)| self.path(program).is_none());
        gone.map(|(program, reason)| Missing { program, reason }).collect()
    }

    /// What no package mends: a kernel without control groups of version 2.
    #[must_use]
    pub fn unfit(&self) -> Option<&'static str> {
        let reason =
            "the kernel has no control groups of version 2; renet needs them (Debian 11, Ubuntu 21.10 or later)";
        self.fact("cgroup2").is_none().then_some(reason)
    }

    /// The line that installs what [`Survey::missing`] names, as root. Where no packages of the distribution's bring
    /// docker compose 2, it is Docker's own script.
    #[must_use]
    pub fn install_line(&self) -> String {
        let version = self.fact("version_id").and_then(|text| text.split('.').next()?.parse::<u32>().ok());
        let is_like = |name: &str| {
            let words = ["id", "id_like"].into_iter().filter_map(|key| self.fact(key));
            words.flat_map(str::split_whitespace).any(|word| word == name)
        };
        let version = version.unwrap_or_default();
        let apt = |packages: &str| {
            format!("apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes {packages}")
        };
        match self.fact("id") {
            Some("ubuntu") if version >= 22 => apt("docker.io docker-compose-v2 iptables tar util-linux"),
            // Before that, its docker-compose is version 1.
            Some("debian") if version >= 13 => apt("docker.io docker-cli docker-compose iptables tar util-linux"),
            Some("fedora") => {
                "dnf install --assumeyes moby-engine docker-cli docker-compose iptables tar util-linux".to_owned()
            }
            _ if is_like("debian") => {
                let docker = "curl --fail --silent --show-error --location https://get.docker.com | sh";
                format!("{} && {docker}", apt("ca-certificates curl iptables tar util-linux"))
            }
            _ => "curl --fail --silent --show-error --location https://get.docker.com | sh".to_owned(),
        }
    }

    fn fact(&self, key: &str) -> Option<&str> {
        self.facts.get(key).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_script_and_its_reader_agree() {
        let output = std::process::Command::new("sh").args(["-c", SURVEY]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let survey = Survey::parse(&String::from_utf8(output.stdout).unwrap());
        assert!(!survey.architecture().is_empty() && !survey.system().contains("unknown"), "{survey:?}");
        assert!(survey.path("tar").is_some_and(|path| path.starts_with('/')), "{survey:?}");
        assert_eq!(survey.path("no-such-program"), None);
    }

    #[test]
    fn what_is_missing_and_the_line_that_brings_it() {
        let survey = Survey::parse("id\tdebian\nversion_id\t13\npath.tar\t/usr/bin/tar\nnonsense\ncgroup2\tyes\n");
        let missing: Vec<_> = survey.missing().iter().map(|missing| missing.program).collect();
        assert!(missing.contains(&"dockerd") && !missing.contains(&"tar"), "{missing:?}");
        assert_eq!(survey.unfit(), None);
        let line = |text: &str| Survey::parse(text).install_line();
        for (text, expected) in [
            ("id\tdebian\nversion_id\t13", "docker.io docker-cli docker-compose "),
            ("id\tdebian\nversion_id\t12", "https://get.docker.com"),
            ("id\tubuntu\nversion_id\t24.04", "docker.io docker-compose-v2 "),
            ("id\tlinuxmint\nid_like\tubuntu debian", "apt-get install --yes ca-certificates curl"),
            ("id\tfedora\nversion_id\t42", "dnf install --assumeyes moby-engine"),
            ("", "https://get.docker.com"),
        ] {
            assert!(line(text).contains(expected), "{text}: {}", line(text));
        }
    }

    proptest! {
        #[test]
        fn any_answer_can_be_read(text in ".*") {
            let survey = Survey::parse(&text);
            let _ = (survey.system(), survey.missing(), survey.install_line());
        }
    }
}
