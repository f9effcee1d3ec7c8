//! Calls of docker compose: those that only ask, and the one that it is all about.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode, Output, Stdio},
};

use command_line::Failure;
use compose_inject::Model;
use repo_network::{SLOTS, SlotFile};

use super::Session;

/// What a call of compose that only asks came to: its output, or its own message and exit code.
pub(super) type Asked = Result<String, Refusal>;

pub(super) struct Refusal {
    words: Vec<u8>,
    code: ExitCode,
}

/// The most bytes of a compose file on standard input.
const MAX_STDIN: u64 = 64 << 20;
/// The first docker compose that knows `!reset` as it is used in the override document.
const OLDEST: (u32, u32, u32) = (2, 24, 4);
/// The whole project with the variables put in.
pub(super) const EVERYTHING: [&str; 5] = ["--profile", "*", "config", "--format", "json"];

// === impl Session ===

impl Session {
    /// The project as it is written: the addresses that it may name are not known yet. Where compose needs variables
    /// even for that (an `include` with one in its path) they are put in, as far as they are known.
    pub(super) fn structure(&self, flags: &[String], slots: &SlotFile) -> Result<Result<Model, ExitCode>, Failure> {
        let raw = ["--profile", "*", "config", "--no-interpolate", "--format", "json"];
        let json = match self.ask(flags, &raw, slots)? {
            Ok(json) => json,
            Err(_) => match self.with_placeholders(flags, slots)? {
                Ok(json) => json,
                Err(refusal) => return refusal.say().map(Err),
            },
        };
        parse(&json).map(Ok)
    }

    /// An old compose does not know the override document's tags, and says so in words that help nobody. One that does
    /// not say its version (`dev`) is taken for a new one.
    pub(super) fn is_new_enough(&self, slots: &SlotFile) -> Result<(), Failure> {
        let Ok(said) = self.run_to_end(self.repository.command(&program(), slots), &[], &["version", "--short"])?
        else {
            return Ok(());
        };
        match version(&said).filter(|version| *version < OLDEST) {
            Some(_) => Err(Failure::Refused(format!(
                "docker compose {} is too old: 2.24.4 or newer is needed; update it, or name another one in \
                 DOCKER_COMPOSE_BIN",
                said.trim()
            ))),
            None => Ok(()),
        }
    }

    /// The whole project with the variables put in, while some addresses are still to be assigned: what compose says that
    /// it cannot do without is any address, for the time being.
    fn with_placeholders(&self, flags: &[String], slots: &SlotFile) -> Result<Asked, Failure> {
        let mut placeholders = BTreeSet::new();
        loop {
            let mut command = self.repository.command(&program(), slots);
            command.envs(placeholders.iter().map(|name: &String| (name, "127.0.0.1")));
            let asked = self.run_to_end(command, flags, &EVERYTHING)?;
            let missing = asked.as_ref().err().and_then(|refusal| missing_address(&refusal.words));
            match missing.filter(|_| placeholders.len() < usize::from(SLOTS)) {
                Some(name) if placeholders.insert(name.clone()) => {}
                _ => return Ok(asked),
            }
        }
    }

    /// What `-f -` names, from its beginning.
    pub(super) fn input(&self) -> Result<Option<Stdio>, Failure> {
        let Some(file) = &self.stdin else { return Ok(None) };
        let again = || {
            let mut file = file.try_clone()?;
            file.rewind().map(|()| Stdio::from(file))
        };
        again().map(Some).map_err(|error| Failure::runtime("standard input", &error))
    }

    /// What compose says; its own message and code when it refuses.
    pub(super) fn ask(&self, flags: &[String], what: &[&str], slots: &SlotFile) -> Result<Asked, Failure> {
        self.run_to_end(self.repository.command(&program(), slots), flags, what)
    }

    fn run_to_end(&self, mut command: Command, flags: &[String], what: &[&str]) -> Result<Asked, Failure> {
        let stdin = self.input()?.unwrap_or_else(Stdio::null);
        let output = command.args(flags).args(what).stdin(stdin).stderr(Stdio::piped()).output();
        let Output { status, stdout, stderr } = output.map_err(|error| no_compose(&error))?;
        if !status.success() {
            let code = ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1));
            return Ok(Err(Refusal { words: stderr, code }));
        }
        let text = String::from_utf8(stdout);
        text.map(Ok).map_err(|error| Failure::runtime("docker compose printed what is not UTF-8", &error))
    }
}

// === impl Refusal ===

impl Refusal {
    /// Compose's own words, and its code.
    pub(super) fn say(self) -> Result<ExitCode, Failure> {
        io::stderr().write_all(&self.words).map_err(|error| Failure::output(&error))?;
        Ok(self.code)
    }
}

/// Standard input in a file without a name, to be read again and again.
pub(super) fn read_stdin() -> Result<File, Failure> {
    let keep = || {
        let mut file = tempfile::tempfile()?;
        io::copy(&mut io::stdin().lock().take(MAX_STDIN), &mut file).map(|_| file)
    };
    keep().map_err(|error| Failure::runtime("cannot keep what -f - names", &error))
}

/// The numbers of a version such as `v2.24.4-desktop.1`.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = text.trim().trim_start_matches('v').splitn(3, '.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part.get(..digits)?.parse().ok()
    });
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

/// The address variable that compose misses, by its own words.
fn missing_address(words: &[u8]) -> Option<String> {
    let words = String::from_utf8_lossy(words);
    let name = words.split("required variable ").nth(1)?.split(' ').next()?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (plain && name.ends_with("_IP")).then(|| name.to_owned())
}

pub(super) fn parse(json: &str) -> Result<Model, Failure> {
    Model::parse(json).map_err(|error| Failure::runtime("docker compose", &error))
}

/// docker compose, or what is to be used in its place.
pub(crate) fn program() -> Vec<OsString> {
    match env::var_os("DOCKER_COMPOSE_BIN").filter(|path| !path.is_empty()) {
        Some(path) => vec![path],
        None => vec!["docker".into(), "compose".into()],
    }
}

/// Hands everything over: terminal, signals, exit code.
pub(super) fn become_compose(mut command: Command, arguments: &[String]) -> Result<ExitCode, Failure> {
    Err(no_compose(&command.args(arguments).exec()))
}

fn no_compose(error: &io::Error) -> Failure {
    Failure::runtime(
        "cannot run docker compose; install the docker compose plugin (2.24.4 or newer), or name a program in \
         DOCKER_COMPOSE_BIN",
        error,
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions() {
        for (text, expected) in
            [("2.40.3\n", Some((2, 40, 3))), ("v2.24.4-desktop.1", Some((2, 24, 4))), ("dev", None), ("2.x.1", None)]
        {
            assert_eq!(super::version(text), expected, "{text}");
        }
        assert!(super::version("2.9.0") < Some(super::OLDEST));
    }

    #[test]
    fn a_missing_address_is_told_from_other_variables() {
        let missing = |words: &str| super::missing_address(words.as_bytes());
        let words = "error while interpolating services.a.command: required variable A_IP is missing a value: x";
        assert_eq!(missing(words).as_deref(), Some("A_IP"));
        assert_eq!(missing("required variable TOKEN is missing a value"), None);
        assert_eq!(missing("required variable $(x)_IP is missing"), None);
        assert_eq!(missing("another error"), None);
    }
}
