//! `renet compose`: assigns addresses, writes what is added to the user's files, and becomes docker compose.

mod allow;
mod ask;
mod diff;
mod find;
mod plan;
mod policy;
mod taken;

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    process::{ExitCode, Stdio},
};

use command_line::Failure;
use compose_inject::{FenceMode, Invocation, Model, Place, Places, Plan, Problem, Severity, refusals};
use repo_network::{Slot, SlotFile};

pub(crate) use self::allow::allowed;
pub(crate) use self::ask::program;
pub(crate) use self::find::NAMES;
use self::{
    ask::{EVERYTHING, become_compose, parse, read_stdin},
    find::Files,
    policy::policy,
    taken::taken_names,
};
use crate::{
    cli::{ComposeCommand, ComposeOptions, RepositoryOptions},
    files,
    repo::fence::Fence,
    repository::{Repository, bare_command},
};

/// Runs docker compose with what it was asked for.
pub(crate) fn run(options: &ComposeOptions) -> Result<ExitCode, Failure> {
    let with_files = |arguments: &[String]| match session(&options.repository, arguments)? {
        Begun::Session(session) => Ok(session),
        Begun::WithoutFiles(..) => Err(no_file()),
    };
    match &options.command {
        Some(ComposeCommand::Plan { json, arguments }) => return with_files(arguments)?.plan(*json),
        Some(ComposeCommand::Diff { json, arguments }) => return with_files(arguments)?.diff(*json),
        None if options.dry_run => return with_files(&options.arguments)?.dry_run(),
        None => {}
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
    let mut invocation = Invocation::parse(arguments).map_err(|error| Failure::usage("docker compose", &error))?;
    let repository = Repository::find(options)?;
    let Some(files) = find::files(&invocation)? else { return Ok(Begun::WithoutFiles(repository, invocation)) };
    if let Some(name) = files.name_before(&invocation, &repository)? {
        invocation.flags.extend(["--project-name".to_owned(), name.clone()]);
        invocation.project_name = Some(name);
    }
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
                Err(refusal) => return self.explain(refusal, &flags, &EVERYTHING, &slots),
            }
        }
        self.define(&model, &mut slots)?;
        let mut plan = self.planned(&model, &slots)?;
        // Before anything is written: what is refused takes no slot.
        self.refuse(plan.problems.clone())?;
        self.repository.save(&mut slots)?;
        let document = self.write(&plan)?;
        let flags = self.invocation.flags_with(self.files.names.iter().chain([&document]));
        if self.invocation.creates() {
            let what = ["config", "--format", "json"];
            let json = match self.ask(&flags, &what, &slots)? {
                Ok(json) => json,
                Err(refusal) => {
                    self.is_new_enough(&slots)?;
                    return self.explain(refusal, &flags, &what, &slots);
                }
            };
            let fault = |error| Failure::runtime("docker compose", &error);
            self.refuse(plan.verify(&json).map_err(fault)?)?;
            let (surroundings, allowed) = allow::around(&self.repository.root)?;
            self.refuse(refusals(&json, &model, &surroundings, &allowed, &allow::real).map_err(fault)?)?;
            self.refuse(taken_names(&model, &self.repository))?;
            self.refuse(plan.warnings(&json, &model, &policy()?.entry_points.tcp_ports()).map_err(fault)?)?;
            self.warn_of_labels(&plan, &json)?;
            plan.with_variables(&json).map_err(fault)?;
            self.write_hosts(&plan)?;
            self.fence_in(&plan)?;
        }
        drop(lock);
        let mut command = self.repository.command(&program(), &slots);
        command.args(flags);
        if let Some(stdin) = self.input()? {
            command.stdin(stdin);
        }
        become_compose(command, &self.invocation.command)
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
    fn write(&self, plan: &Plan) -> Result<String, Failure> {
        let document = self.repository.project_state(&plan.project)?.join("override.yml");
        self.write_hosts(plan)?;
        files::replace(&document, &plan.override_document(), 0o600)?;
        text(&document)
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
        let is_fenced = Fence::of(self.repository.id, &self.repository.root)?.is_there()?;
        Ok(Plan::new(model, slots, &place.fenced(is_fenced)))
    }

    /// The control groups that the override document names.
    fn fence_in(&self, plan: &Plan) -> Result<(), Failure> {
        let fences = plan.services.iter().filter_map(|service| service.fence);
        let modes: BTreeMap<Slot, FenceMode> = fences.map(|fence| (fence.slot, fence.mode)).collect();
        if modes.is_empty() { Ok(()) } else { Fence::of(self.repository.id, &self.repository.root)?.put_up_for(&modes) }
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
