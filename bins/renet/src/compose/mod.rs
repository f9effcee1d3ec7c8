//! `renet compose`: assigns addresses, writes what is added to the user's files, and becomes docker compose.

mod find;

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode, Output, Stdio},
};

use command_line::Failure;
use compose_inject::{Invocation, Model, Place, Plan, Problem, Severity};
use repo_network::SlotFile;

use self::find::Files;
use crate::{
    cli::ComposeOptions,
    files,
    repository::{Repository, bare_command},
};

/// Runs docker compose with what it was asked for.
pub(crate) fn run(options: &ComposeOptions) -> Result<ExitCode, Failure> {
    let invocation = Invocation::parse(&options.arguments).map_err(|error| Failure::usage("docker compose", &error))?;
    if !invocation.has_project() {
        return become_compose(bare_command(&program()), &options.arguments);
    }
    let repository = Repository::find(&options.repository)?;
    if invocation.needs_daemon() {
        repository.needs_daemon()?;
    }
    let Some(files) = find::files(&invocation)? else {
        // `down -p NAME` and the like ask the daemon alone.
        if invocation.project_name.is_some() || env::var_os("COMPOSE_PROJECT_NAME").is_some() {
            let command = repository.command(&program(), &repository.slots()?);
            return become_compose(command, &options.arguments);
        }
        return Err(Failure::Usage(format!(
            "no compose file: none of {} is here or in a directory above; give -f FILE after the --",
            find::NAMES.join(", ")
        )));
    };
    if files.names.iter().any(|name| name == "-") {
        return Err(Failure::Usage("-f - can't be read more than once; write it to a file and name that".to_owned()));
    }
    let session = Session { repository, invocation, files };
    session.run()
}

/// One call, with all that is known about it.
struct Session {
    repository: Repository,
    invocation: Invocation,
    files: Files,
}

/// What a call of compose that only asks came to: its output, or the exit code behind its own message.
type Asked = Result<String, ExitCode>;

// === impl Session ===

impl Session {
    fn run(self) -> Result<ExitCode, Failure> {
        let lock = self.repository.lock()?;
        // Without interpolation: the addresses that the files may name are not known yet.
        let flags = self.invocation.flags_with(&self.files.names);
        let structure = ["--profile", "*", "config", "--no-interpolate", "--format", "json"];
        let mut slots = self.repository.slots()?;
        let mut model = match self.ask(&flags, &structure, &slots)? {
            Ok(json) => parse(&json)?,
            Err(code) => return Ok(code),
        };
        self.assign(&model, &mut slots)?;
        if !is_project_name(&model.project) {
            // A name with a variable in it.
            match self.ask(&flags, &["config", "--format", "json"], &slots)? {
                Ok(json) => model.project = parse(&json)?.project,
                Err(code) => return Ok(code),
            }
        }
        let (plan, document) = self.write(&model, &slots)?;
        let flags = self.invocation.flags_with(self.files.names.iter().chain([&document]));
        if self.invocation.creates() {
            match self.ask(&flags, &["config", "--format", "json"], &slots)? {
                Ok(json) => refuse(&plan.verify(&json).map_err(|error| Failure::runtime("docker compose", &error))?)?,
                Err(code) => return Ok(code),
            }
        }
        drop(lock);
        let mut command = self.repository.command(&program(), &slots);
        command.args(flags);
        become_compose(command, &self.invocation.command)
    }

    /// Every service has a slot from here on.
    fn assign(&self, model: &Model, slots: &mut SlotFile) -> Result<(), Failure> {
        let file = self.files.shown(&self.repository.root);
        let place = self.repository.slot_file();
        for name in model.services.keys() {
            // Two projects that both call a service so would share its address.
            if let Some(other) = slots.file_of(name).filter(|other| **other != file)
                && self.defines(other, name, slots)
            {
                return Err(Failure::Refused(format!(
                    "service {name:?} is defined in {other} and in {file}; within a repository a name is used once: \
                     rename one of them"
                )));
            }
        }
        let names = || model.services.keys().map(String::as_str);
        slots.assign(names()).map_err(|error| Failure::refused(place.display(), &error))?;
        slots.define(names(), &file);
        self.repository.save(slots)
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
        let state = self.repository.project_state(&model.project)?;
        let text = |path: &Path| {
            let text = path.to_str().map(str::to_owned);
            text.ok_or_else(|| Failure::Usage(format!("the path {path:?} is not UTF-8; rename the directory")))
        };
        let (hosts, document) = (state.join("hosts"), state.join("override.yml"));
        let place =
            Place::new(self.repository.id, &text(&hosts)?).map_err(|error| Failure::usage("the repository", &error))?;
        let plan = Plan::new(model, slots, &place);
        refuse(&plan.problems)?;
        files::write_in_place(&hosts, &plan.hosts_file(), 0o644)?;
        files::replace(&document, &plan.override_document(), 0o600)?;
        Ok((plan, text(&document)?))
    }

    /// What compose says; its own message and code when it refuses.
    fn ask(&self, flags: &[String], what: &[&str], slots: &SlotFile) -> Result<Asked, Failure> {
        let mut command = self.repository.command(&program(), slots);
        let output = command.args(flags).args(what).stdin(Stdio::null()).stderr(Stdio::piped()).output();
        let Output { status, stdout, stderr } = output.map_err(|error| no_compose(&error))?;
        if !status.success() {
            io::stderr().write_all(&stderr).map_err(|error| Failure::output(&error))?;
            return Ok(Err(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))));
        }
        let text = String::from_utf8(stdout);
        text.map(Ok).map_err(|error| Failure::runtime("docker compose printed what is not UTF-8", &error))
    }
}

/// Fails when there is an error among the problems; says the rest.
fn refuse(problems: &[Problem]) -> Result<(), Failure> {
    let line = |problem: &Problem| format!("{}: {}; {}", problem.key, problem.message, problem.hint);
    let (errors, others): (Vec<_>, Vec<_>) = problems.iter().partition(|problem| problem.severity == Severity::Error);
    for problem in others {
        let written = writeln!(io::stderr(), "renet: warning: {}", line(problem));
        written.map_err(|error| Failure::output(&error))?;
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(errors.into_iter().map(line).collect::<Vec<_>>().join("\nrenet: ")))
}

fn parse(json: &str) -> Result<Model, Failure> {
    Model::parse(json).map_err(|error| Failure::runtime("docker compose", &error))
}

/// As compose itself makes them; so it is the name of a directory too.
fn is_project_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.bytes().all(plain)
}

/// docker compose, or what is to be used in its place.
fn program() -> Vec<OsString> {
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
