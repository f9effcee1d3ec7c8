//! Calls of docker compose: those that only ask, and the one that it is all about.

use std::{
    collections::{BTreeMap, BTreeSet},
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

use super::{
    Session,
    find::{MAX_FILE, too_large},
};

use crate::docker::real_docker;

/// What a call of compose that only asks came to: its output, or its own message and exit code.
pub(super) type Asked = Result<String, Refusal>;

pub(super) struct Refusal {
    words: Vec<u8>,
    code: ExitCode,
}

/// So many missing variables are named.
const MAX_MISSING: usize = 64;
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
                Err(refusal) => return self.explain(refusal, flags, &EVERYTHING, slots).map(Err),
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
            let missing = asked.as_ref().err().and_then(|refusal| missing_variable(&refusal.words));
            let address = missing.map(|(name, _)| name).filter(|name| name.ends_with("_IP"));
            match address.filter(|_| placeholders.len() < usize::from(SLOTS)) {
                Some(name) if placeholders.insert(name.clone()) => {}
                _ => return Ok(asked),
            }
        }
    }

    /// Why compose refuses, and its code. Compose names one missing variable and gives up; here all of them are named.
    pub(super) fn explain(
        &self,
        refusal: Refusal,
        flags: &[String],
        what: &[&str],
        slots: &SlotFile,
    ) -> Result<ExitCode, Failure> {
        let mut missing = BTreeMap::new();
        let mut next = missing_variable(&refusal.words);
        while let Some((name, words)) = next.take().filter(|_| missing.len() < MAX_MISSING) {
            if missing.insert(name, words).is_some() {
                break;
            }
            // With any value for those that are known to be missing, compose comes to the next one.
            let mut command = self.repository.command(&program(), slots);
            command.envs(missing.keys().map(|name: &String| (name, "1")));
            next = self.run_to_end(command, flags, what)?.err().and_then(|refusal| missing_variable(&refusal.words));
        }
        if missing.is_empty() {
            return refusal.say();
        }
        let shown = missing.iter().map(|(name, words)| match words.is_empty() {
            true => name.clone(),
            false => format!("{name} ({words})"),
        });
        Err(Failure::Runtime(format!(
            "the compose file needs variables that are not set: {}; set them in the environment, or in .env beside it",
            shown.collect::<Vec<_>>().join(", ")
        )))
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

    /// What compose reports on standard error while it does something.
    pub(super) fn reported(&self, flags: &[String], what: &[&str], slots: &SlotFile) -> Result<Asked, Failure> {
        let output = self.output(self.repository.command(&program(), slots), flags, what)?;
        Ok(judged(&output).map(|()| String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    fn run_to_end(&self, command: Command, flags: &[String], what: &[&str]) -> Result<Asked, Failure> {
        let output = self.output(command, flags, what)?;
        if let Err(refusal) = judged(&output) {
            return Ok(Err(refusal));
        }
        let text = String::from_utf8(output.stdout);
        text.map(Ok).map_err(|error| Failure::runtime("docker compose printed what is not UTF-8", &error))
    }

    fn output(&self, mut command: Command, flags: &[String], what: &[&str]) -> Result<Output, Failure> {
        let stdin = self.input()?.unwrap_or_else(Stdio::null);
        let output = command.args(flags).args(what).stdin(stdin).stderr(Stdio::piped()).output();
        output.map_err(|error| no_compose(&error))
    }
}

fn judged(output: &Output) -> Result<(), Refusal> {
    if output.status.success() {
        return Ok(());
    }
    let code = output.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Err(Refusal { words: output.stderr.clone(), code: ExitCode::from(code) })
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
        io::copy(&mut io::stdin().lock().take(MAX_FILE + 1), &mut file).map(|length| (file, length))
    };
    let (file, length) = keep().map_err(|error| Failure::runtime("cannot keep what -f - names", &error))?;
    if length > MAX_FILE { Err(too_large("standard input")) } else { Ok(file) }
}

/// The numbers of a version such as `v2.24.4-desktop.1`.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = text.trim().trim_start_matches('v').splitn(3, '.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part.get(..digits)?.parse().ok()
    });
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

/// The variable that compose misses, and what the compose file says of it, by compose's own words.
fn missing_variable(words: &[u8]) -> Option<(String, String)> {
    let words = String::from_utf8_lossy(words);
    let (name, rest) = words.split_once("required variable ")?.1.split_once(' ')?;
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let words = rest.strip_prefix("is missing a value")?.trim_start_matches(':').lines().next().unwrap_or_default();
    plain.then(|| (name.to_owned(), words.trim().to_owned()))
}

pub(super) fn parse(json: &str) -> Result<Model, Failure> {
    Model::parse(json).map_err(|error| Failure::runtime("docker compose", &error))
}

/// docker compose, or what is to be used in its place.
pub(crate) fn program() -> Vec<OsString> {
    match env::var_os("DOCKER_COMPOSE_BIN").filter(|path| !path.is_empty()) {
        Some(path) => vec![path],
        None => vec![real_docker().into_os_string(), "compose".into()],
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
    fn a_missing_variable_and_what_is_said_of_it() {
        let missing = |words: &str| super::missing_variable(words.as_bytes());
        let pair = |name: &str, words: &str| Some((name.to_owned(), words.to_owned()));
        let words = "error while interpolating services.a.command: required variable A_IP is missing a value: x y\n";
        assert_eq!(missing(words), pair("A_IP", "x y"));
        assert_eq!(missing("required variable TOKEN is missing a value"), pair("TOKEN", ""));
        assert_eq!(missing("required variable $(x)_IP is missing a value"), None);
        assert_eq!(missing("another error"), None);
    }
}
