//! `renet repo`: the repositories of this machine and their daemons.

mod daemons;
mod deploy;
pub(crate) mod namespaces;
mod registry;
mod slots;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use command_line::Failure;
use repo_lifecycle::{Daemon, Entry, RepositoryName};
use repo_network::{NetworkId, SlotFile};
use serde_json::{Value, json};

use self::{daemons::Daemons, registry::Book};
use crate::{
    cli::{CreateOptions, DaemonProgram, RepoCommand},
    files::{fault, read, replace},
    output::{say, table},
    paths::Paths,
    repository::SLOT_FILE,
    units,
};

/// Does what was asked for.
pub(crate) fn run(command: &RepoCommand) -> Result<ExitCode, Failure> {
    match command {
        RepoCommand::Create(options) => create(options),
        RepoCommand::List { json } => list(*json),
        RepoCommand::Status { name, json } => status(name, *json),
        RepoCommand::Up { name, mount: _ } => up(name),
        RepoCommand::Down { name, daemon } => down(name, *daemon),
        RepoCommand::Slots { name, free, json } => slots::run(name, free.as_deref(), *json),
        RepoCommand::Receive { name } => receive(name),
    }
}

/// The names and roots of all repositories of this machine.
pub(crate) fn all() -> Result<Vec<(String, String)>, Failure> {
    let registry = Book::of_this_machine().read()?;
    Ok(registry.repositories().map(|(name, entry)| (name.to_string(), entry.path.clone())).collect())
}

/// A repository of this machine.
struct Repository {
    name: RepositoryName,
    id: NetworkId,
    root: PathBuf,
}

// === impl Repository ===

impl Repository {
    fn of(name: &RepositoryName, entry: &Entry) -> Self {
        Self { name: name.clone(), id: entry.network_id, root: PathBuf::from(&entry.path) }
    }

    fn find(name: &RepositoryName) -> Result<Self, Failure> {
        let registry = Book::of_this_machine().read()?;
        let entry = registry.get(name).map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(Self::of(name, entry))
    }

    /// A directory is mounted by being there.
    fn must_be_there(&self) -> Result<(), Failure> {
        if self.root.is_dir() {
            return Ok(());
        }
        Err(Failure::Runtime(format!("{} of repository {} is not there; mount it", self.root.display(), self.name)))
    }

    fn daemon(&self) -> Daemon {
        let paths = Paths::of_this_machine();
        let text = |path: &Path| path.to_string_lossy().into_owned();
        Daemon {
            id: self.id,
            root: text(&self.root),
            run: text(&paths.run().join(self.id.to_string())),
            socket: text(&paths.docker_socket(self.id)),
            // Without the proxy's units the route server is root's.
            group: units::group(units::ROUTER_USER).map(|_| units::ROUTER_USER.to_owned()),
        }
    }
}

/// Becomes a daemon of the repository that has this network.
pub(crate) fn run_daemon(id: NetworkId, program: DaemonProgram) -> Result<ExitCode, Failure> {
    let registry = Book::of_this_machine().read()?;
    let found = registry.repositories().find(|(_, entry)| entry.network_id == id);
    let (name, entry) = found.ok_or_else(|| Failure::Usage(format!("no repository has network {id}")))?;
    let repository = Repository::of(name, entry);
    repository.must_be_there()?;
    Daemons::of(&repository).become_daemon(program)
}

fn create(options: &CreateOptions) -> Result<ExitCode, Failure> {
    let CreateOptions { name, path, network_id } = options;
    let root = path.clone().unwrap_or_else(|| Paths::of_this_machine().repositories().join(name.as_str()));
    let root = std::path::absolute(&root).map_err(fault("find", &root))?;
    let text = root.to_str().filter(|text| !text.chars().any(char::is_control));
    let text = text.ok_or_else(|| Failure::Usage(format!("--path {root:?} has characters that no file can carry")))?;
    let book = Book::of_this_machine();
    let _lock = book.lock()?;
    let mut registry = book.read()?;
    // One that was here before, or comes from another machine, keeps its network.
    let slot_file = root.join(SLOT_FILE);
    let slots = match read(&slot_file)? {
        Some(text) => SlotFile::parse(&text).map_err(|error| Failure::usage(slot_file.display(), &error))?,
        None => SlotFile::default(),
    };
    let wanted = network_id.or(slots.network_id());
    let created = registry.create(name.clone(), text, wanted);
    let id = created.map_err(|error| Failure::Refused(error.to_string()))?;
    let mut bound = slots;
    bound.bind(id).map_err(|error| Failure::refused(slot_file.display(), &error))?;
    fs::create_dir_all(&root).map_err(fault("create", &root))?;
    replace(&slot_file, &bound.format(), 0o644)?;
    // Last: what is in the registry is whole.
    book.write(&registry)?;
    say(format_args!("repository {name}: network {id} ({}/26), in {}", id.network(), root.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn list(as_json: bool) -> Result<ExitCode, Failure> {
    let registry = Book::of_this_machine().read()?;
    let mut rows = vec![["NAME", "NETWORK", "ADDRESSES", "DAEMON", "PATH"].map(str::to_owned)];
    let mut all = Vec::new();
    for (name, entry) in registry.repositories() {
        let repository = Repository::of(name, entry);
        let runs = Daemons::of(&repository).answers();
        let state = if runs { "running" } else { "stopped" };
        let addresses = format!("{}/26", entry.network_id.network());
        rows.push([name.to_string(), entry.network_id.to_string(), addresses, state.to_owned(), entry.path.clone()]);
        all.push(json!({"name": name, "network_id": entry.network_id, "path": entry.path, "daemon": state}));
    }
    if as_json {
        say(json!({"repositories": all}))?;
    } else {
        table(&rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn status(name: &RepositoryName, as_json: bool) -> Result<ExitCode, Failure> {
    let repository = Repository::find(name)?;
    let daemons = Daemons::of(&repository);
    let state = daemons.state()?;
    let containers = daemons.containers();
    if as_json {
        let mut all = state;
        if let Some(map) = all.as_object_mut() {
            map.insert("name".to_owned(), json!(name));
            map.insert("network_id".to_owned(), json!(repository.id));
            map.insert("path".to_owned(), json!(repository.root));
            map.insert("containers".to_owned(), json!(containers.as_ref().ok()));
        }
        say(all)?;
        return Ok(ExitCode::SUCCESS);
    }
    say(format_args!("{name}: network {}, in {}", repository.id, repository.root.display()))?;
    for program in ["namespaces", "containerd", "dockerd"] {
        let shown = state.get(program).and_then(Value::as_str).unwrap_or_default();
        say(format_args!("  {program:<11}{shown}"))?;
    }
    match containers {
        Ok(containers) => {
            let field =
                |container: &Value, key| container.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut rows = vec![["CONTAINER", "ADDRESS", "STATE"].map(str::to_owned)];
            rows.extend(containers.iter().map(|it| [field(it, "name"), field(it, "address"), field(it, "status")]));
            table(&rows)?;
        }
        Err(Failure::Runtime(reason)) => say(format_args!("  no containers to be seen: {reason}"))?,
        Err(failure) => return Err(failure),
    }
    Ok(ExitCode::SUCCESS)
}

fn up(name: &RepositoryName) -> Result<ExitCode, Failure> {
    let repository = Repository::find(name)?;
    repository.must_be_there()?;
    let daemons = Daemons::of(&repository);
    let _lock = daemons.lock()?;
    daemons.start()?;
    deploy::deploy(&repository)
}

fn down(name: &RepositoryName, stop_daemon: bool) -> Result<ExitCode, Failure> {
    let repository = Repository::find(name)?;
    repository.must_be_there()?;
    let daemons = Daemons::of(&repository);
    let _lock = daemons.lock()?;
    let code = if daemons.answers() {
        deploy::take_down(&repository)?
    } else {
        say(format_args!("the daemon of {name} does not run; nothing to stop"))?;
        ExitCode::SUCCESS
    };
    if stop_daemon {
        daemons.stop()?;
    }
    Ok(code)
}

/// Files of a repository as a tar stream on standard input: what `rdc repo push` sends.
fn receive(name: &RepositoryName) -> Result<ExitCode, Failure> {
    let repository = Repository::find(name)?;
    repository.must_be_there()?;
    // tar leaves absolute names, .. and links to the outside alone by itself; whose the files were means nothing here.
    let mut tar = std::process::Command::new("tar");
    tar.args([
        "--extract",
        "--file=-",
        "--no-same-owner",
        "--exclude=./.rediacc",
        "--exclude=./.rediacc.json",
        "--directory",
    ]);
    let status = tar.arg(&repository.root).status().map_err(|error| Failure::runtime("cannot run tar", &error))?;
    if status.success() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::Runtime(format!("not everything could be written to {}", repository.root.display())))
}
