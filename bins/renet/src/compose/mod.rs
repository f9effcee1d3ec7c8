//! `renet compose`: assigns addresses, writes what is added to the user's files, and becomes docker compose.

mod allow;
mod find;
mod plan;

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode, Output, Stdio},
};

use command_line::Failure;
use compose_inject::{Invocation, Model, Place, Places, Plan, Problem, Severity, refusals};
use repo_network::{SLOTS, SlotFile};

use self::find::Files;
use crate::{
    cli::{ComposeCommand, ComposeOptions, RepositoryOptions},
    files,
    repository::{Repository, bare_command},
};

/// Runs docker compose with what it was asked for.
pub(crate) fn run(options: &ComposeOptions) -> Result<ExitCode, Failure> {
    if let Some(ComposeCommand::Plan { json, arguments }) = &options.command {
        return match session(&options.repository, arguments)? {
            Begun::Session(session) => session.plan(*json),
            Begun::WithoutFiles(..) => Err(no_file()),
        };
    }
    if options.dry_run {
        return match session(&options.repository, &options.arguments)? {
            Begun::Session(session) => session.dry_run(),
            Begun::WithoutFiles(..) => Err(no_file()),
        };
    }
    let invocation = Invocation::parse(&options.arguments).map_err(|error| Failure::usage("docker compose", &error))?;
    if !invocation.has_project() {
        return become_compose(bare_command(&program()), &options.arguments);
    }
    match session(&options.repository, &options.arguments)? {
        Begun::Session(session) => {
            if session.invocation.needs_daemon() {
                session.repository.needs_daemon()?;
            }
            session.run()
        }
        // `down -p NAME` and the like ask the daemon alone.
        Begun::WithoutFiles(repository, invocation)
            if invocation.project_name.is_some() || env::var_os("COMPOSE_PROJECT_NAME").is_some() =>
        {
            repository.needs_daemon()?;
            let command = repository.command(&program(), &repository.slots()?);
            become_compose(command, &options.arguments)
        }
        Begun::WithoutFiles(..) => Err(no_file()),
    }
}

enum Begun {
    Session(Session),
    WithoutFiles(Repository, Invocation),
}

/// What a command line is about.
fn session(options: &RepositoryOptions, arguments: &[String]) -> Result<Begun, Failure> {
    let invocation = Invocation::parse(arguments).map_err(|error| Failure::usage("docker compose", &error))?;
    let repository = Repository::find(options)?;
    let Some(files) = find::files(&invocation)? else { return Ok(Begun::WithoutFiles(repository, invocation)) };
    let stdin = if files.names.iter().any(|name| name == "-") { Some(read_stdin()?) } else { None };
    Ok(Begun::Session(Session { repository, invocation, files, stdin }))
}

fn no_file() -> Failure {
    Failure::Usage(format!(
        "no compose file: none of {} is here or in a directory above; give -f FILE after the --",
        find::NAMES.join(", ")
    ))
}

/// One call, with all that is known about it.
struct Session {
    repository: Repository,
    invocation: Invocation,
    files: Files,
    /// What `-f -` names: compose reads it more than once.
    stdin: Option<File>,
}

/// What a call of compose that only asks came to: its output, or its own message and exit code.
type Asked = Result<String, Refusal>;

struct Refusal {
    words: Vec<u8>,
    code: ExitCode,
}

/// The most bytes of a compose file on standard input.
const MAX_STDIN: u64 = 64 << 20;
/// The first docker compose that knows `!reset` as it is used in the override document.
const OLDEST: (u32, u32, u32) = (2, 24, 4);
/// The whole project with the variables put in.
const EVERYTHING: [&str; 5] = ["--profile", "*", "config", "--format", "json"];

// === impl Session ===

impl Session {
    fn run(self) -> Result<ExitCode, Failure> {
        let lock = self.repository.lock()?;
        let flags = self.invocation.flags_with(&self.files.names);
        let mut slots = self.repository.slots()?;
        let mut model = match self.structure(&flags, &slots)? {
            Ok(model) => model,
            Err(code) => return Ok(code),
        };
        self.assign(&model, &mut slots)?;
        if model.needs_variables() {
            match self.ask(&flags, &EVERYTHING, &slots)? {
                Ok(json) => model.with_variables(&parse(&json)?),
                Err(refusal) => return refusal.say(),
            }
        }
        self.define(&model, &mut slots)?;
        self.repository.save(&mut slots)?;
        let (mut plan, document) = self.write(&model, &slots)?;
        let flags = self.invocation.flags_with(self.files.names.iter().chain([&document]));
        if self.invocation.creates() {
            let json = match self.ask(&flags, &["config", "--format", "json"], &slots)? {
                Ok(json) => json,
                Err(refusal) => {
                    self.is_new_enough(&slots)?;
                    return refusal.say();
                }
            };
            let fault = |error| Failure::runtime("docker compose", &error);
            self.refuse(plan.verify(&json).map_err(fault)?)?;
            let (surroundings, allowed) = allow::around(&self.repository.root)?;
            self.refuse(refusals(&json, &surroundings, &allowed, &allow::real).map_err(fault)?)?;
            self.refuse(plan.warnings(&json, &model).map_err(fault)?)?;
            self.warn_of_labels(&plan, &json)?;
            plan.with_variables(&json).map_err(fault)?;
            self.write_hosts(&plan)?;
        }
        drop(lock);
        let mut command = self.repository.command(&program(), &slots);
        command.args(flags);
        if let Some(stdin) = self.input()? {
            command.stdin(stdin);
        }
        become_compose(command, &self.invocation.command)
    }

    /// The project as it is written: the addresses that it may name are not known yet. Where compose needs variables
    /// even for that (an `include` with one in its path) they are put in, as far as they are known.
    fn structure(&self, flags: &[String], slots: &SlotFile) -> Result<Result<Model, ExitCode>, Failure> {
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
    fn is_new_enough(&self, slots: &SlotFile) -> Result<(), Failure> {
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

    /// Every service has a slot from here on.
    fn assign(&self, model: &Model, slots: &mut SlotFile) -> Result<(), Failure> {
        let assigned = slots.assign(model.services.keys().map(String::as_str));
        assigned.map_err(|error| Failure::refused(self.repository.slot_file().display(), &error))
    }

    /// Two projects that both call a service so would share its address.
    fn define(&self, model: &Model, slots: &mut SlotFile) -> Result<(), Failure> {
        let file = self.files.shown(&self.repository.root);
        for name in model.services.keys() {
            if let Some(other) = slots.defined_elsewhere(name, &model.project)
                && self.defines(other, name, slots)
            {
                return Err(Failure::Refused(format!(
                    "service {name:?} is defined in {other} and in {file}; within a repository a name is used once: \
                     rename one of them"
                )));
            }
        }
        slots.define(model.services.keys().map(String::as_str), &model.project, &file);
        Ok(())
    }

    /// Whether another compose file of the repository still has this service.
    fn defines(&self, file: &str, service: &str, slots: &SlotFile) -> bool {
        let path = self.repository.root.join(file);
        if !path.is_file() {
            return false;
        }
        let mut command = self.repository.command(&program(), slots);
        command.arg("-f").arg(path).args(["--profile", "*", "config", "--no-interpolate", "--services"]);
        let output = command.stdin(Stdio::null()).output();
        // What cannot be read may have it.
        output.map_or(true, |it| {
            !it.status.success() || String::from_utf8_lossy(&it.stdout).lines().any(|it| it == service)
        })
    }

    /// Writes the override document and the hosts file; returns where the document is.
    fn write(&self, model: &Model, slots: &SlotFile) -> Result<(Plan, String), Failure> {
        let document = self.repository.project_state(&model.project)?.join("override.yml");
        let plan = self.planned(model, slots)?;
        self.refuse(plan.problems.clone())?;
        self.write_hosts(&plan)?;
        files::replace(&document, &plan.override_document(), 0o600)?;
        Ok((plan, text(&document)?))
    }

    /// What is to be added; nothing is written.
    fn planned(&self, model: &Model, slots: &SlotFile) -> Result<Plan, Failure> {
        if !is_project_name(&model.project) {
            return Err(Failure::Runtime(format!(
                "docker compose calls the project {:?}, which is no name",
                model.project
            )));
        }
        let state = text(&self.repository.project_directory(&model.project))?;
        let place = Place::new(self.repository.id, &state).map_err(|error| Failure::usage("the repository", &error))?;
        Ok(Plan::new(model, slots, &place))
    }

    /// In place, for running containers have them mounted; readable for everybody, or a user in a container is without.
    fn write_hosts(&self, plan: &Plan) -> Result<(), Failure> {
        let state = self.repository.project_state(&plan.project)?;
        let mut files = plan.hosts_files().into_iter();
        files.try_for_each(|(name, text)| files::write_in_place(&state.join(name), &text, 0o644))
    }

    /// Fails when there is an error among the problems; says the rest. Each with its place in the user's files.
    fn refuse(&self, mut problems: Vec<Problem>) -> Result<(), Failure> {
        // What could be better is said by `plan` alone.
        problems.retain(|problem| problem.severity != Severity::Info);
        if problems.is_empty() {
            return Ok(());
        }
        let places = self.places();
        problems.iter_mut().for_each(|problem| problem.locate(&places));
        let (errors, others): (Vec<_>, Vec<_>) = problems.iter().partition(|it| it.severity == Severity::Error);
        for problem in others {
            let written = writeln!(io::stderr(), "renet: warning: {problem}");
            written.map_err(|error| Failure::output(&error))?;
        }
        if errors.is_empty() {
            return Ok(());
        }
        Err(Failure::Refused(errors.into_iter().map(ToString::to_string).collect::<Vec<_>>().join("\nrenet: ")))
    }

    /// Where things stand in the user's files. What cannot be read has no places; compose has read it.
    fn places(&self) -> Vec<(String, Places)> {
        let read = |name: &String| Some((name.clone(), Places::of(&fs::read_to_string(name).ok()?)));
        self.files.names.iter().filter_map(read).collect()
    }

    /// What `-f -` names, from its beginning.
    fn input(&self) -> Result<Option<Stdio>, Failure> {
        let Some(file) = &self.stdin else { return Ok(None) };
        let again = || {
            let mut file = file.try_clone()?;
            file.rewind().map(|()| Stdio::from(file))
        };
        again().map(Some).map_err(|error| Failure::runtime("standard input", &error))
    }

    /// What compose says; its own message and code when it refuses.
    fn ask(&self, flags: &[String], what: &[&str], slots: &SlotFile) -> Result<Asked, Failure> {
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
    fn say(self) -> Result<ExitCode, Failure> {
        io::stderr().write_all(&self.words).map_err(|error| Failure::output(&error))?;
        Ok(self.code)
    }
}

/// Standard input in a file without a name, to be read again and again.
fn read_stdin() -> Result<File, Failure> {
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

fn parse(json: &str) -> Result<Model, Failure> {
    Model::parse(json).map_err(|error| Failure::runtime("docker compose", &error))
}

fn text(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::Usage(format!("the path {path:?} is not UTF-8; rename the directory")))
}

/// As compose itself makes them; so it is the name of a directory too.
fn is_project_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.bytes().all(plain)
}

/// docker compose, or what is to be used in its place.
pub(crate) fn program() -> Vec<OsString> {
    match env::var_os("DOCKER_COMPOSE_BIN").filter(|path| !path.is_empty()) {
        Some(path) => vec![path],
        None => vec!["docker".into(), "compose".into()],
    }
}

/// Hands everything over: terminal, signals, exit code.
fn become_compose(mut command: Command, arguments: &[String]) -> Result<ExitCode, Failure> {
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
