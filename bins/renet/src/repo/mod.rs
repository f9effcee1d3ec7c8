//! `renet repo`: the repositories of this machine and their daemons.

mod backup;
mod create;
mod daemons;
mod deploy;
pub(crate) mod fence;
pub(crate) mod fence_check;
mod image;
mod lines;
mod logs;
mod moved;
pub(crate) mod namespaces;
mod place;
mod receive;
mod registry;
mod routes;
mod send_logs;
mod show;
mod slots;
mod status;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use command_line::Failure;
use repo_lifecycle::{Daemon, Entry, RepositoryName};
use repo_network::NetworkId;

use self::{daemons::Daemons, deploy::Rules, image::Image, registry::Book};
use crate::{
    cli::{DaemonProgram, RepoCommand},
    output::say,
    paths::Paths,
    units,
};

/// Does what was asked for.
pub(crate) fn run(command: &RepoCommand) -> Result<ExitCode, Failure> {
    match command {
        RepoCommand::Create(options) => create::create(options),
        RepoCommand::Delete(options) => create::delete(options),
        RepoCommand::List { json } => status::list(*json),
        RepoCommand::Show { name, json } => show::run(name, *json),
        RepoCommand::Status { name, json } => status::status(name, *json),
        RepoCommand::Up { name, mount, wait, options } => up(name, *mount, (*wait).into(), &Rules::new(options)?),
        RepoCommand::Routes(options) => routes::run(options),
        RepoCommand::Down { name, daemon, options } => down(name, *daemon, &Rules::new(options)?),
        RepoCommand::Mount { name, path } => place::mount(name, path.as_deref()),
        RepoCommand::Unmount { name } => place::unmount(name),
        RepoCommand::Grow { name, size } => place::grow(name, *size),
        RepoCommand::Logs(options) => logs::run(options),
        RepoCommand::SendLogs { name } => send_logs::run(name),
        RepoCommand::Resume => place::resume(),
        RepoCommand::Slots { name, free, json } => slots::run(name, free.as_deref(), *json),
        RepoCommand::Receive(options) => receive::receive(options),
        RepoCommand::Export(options) => backup::export(options),
        RepoCommand::Import(options) => backup::import(options),
    }
}

/// The names and roots of all repositories of this machine.
pub(crate) fn all() -> Result<Vec<(String, String)>, Failure> {
    let registry = Book::of_this_machine().read()?;
    Ok(registry.repositories().map(|(name, entry)| (name.to_string(), entry.place.path.clone())).collect())
}

/// A repository of this machine.
struct Repository {
    name: RepositoryName,
    id: NetworkId,
    root: PathBuf,
    image: Option<PathBuf>,
}

// === impl Repository ===

impl Repository {
    fn of(name: &RepositoryName, entry: &Entry) -> Self {
        let image = entry.place.image.as_ref().map(PathBuf::from);
        Self { name: name.clone(), id: entry.network_id, root: PathBuf::from(&entry.place.path), image }
    }

    fn find(name: &RepositoryName) -> Result<Self, Failure> {
        let registry = Book::of_this_machine().read()?;
        let entry = registry.get(name).map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(Self::of(name, entry))
    }

    /// The one that has this network.
    fn of_network(id: NetworkId) -> Result<Self, Failure> {
        let registry = Book::of_this_machine().read()?;
        let found = registry.repositories().find(|(_, entry)| entry.network_id == id);
        let (name, entry) = found.ok_or_else(|| Failure::Usage(format!("no repository has network {id}")))?;
        Ok(Self::of(name, entry))
    }

    /// Its disk image, where it has one.
    fn image(&self) -> Option<Image> {
        self.image.clone().map(|file| Image { file, point: self.root.clone() })
    }

    /// Whether its files can be reached. A directory is mounted by being there.
    fn is_mounted(&self) -> Result<bool, Failure> {
        self.image().map_or(Ok(self.root.is_dir()), |image| image.is_mounted())
    }

    /// Whether a reboot is to bring it back.
    fn resumes(&self) -> Result<bool, Failure> {
        Ok(Book::of_this_machine().read()?.get(&self.name).is_ok_and(|entry| entry.resumes))
    }

    fn must_be_there(&self) -> Result<(), Failure> {
        if self.is_mounted()? {
            return Ok(());
        }
        let name = &self.name;
        Err(Failure::Runtime(match &self.image {
            Some(_) => {
                format!("repository {name} is not mounted; `renet repo mount {name}` does it, or up with --mount")
            }
            None => format!("{} of repository {name} is not there; mount it", self.root.display()),
        }))
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
    let repository = Repository::of_network(id)?;
    repository.must_be_there()?;
    Daemons::of(&repository).become_daemon(program)
}

/// Mounts the repository that has this network, where it has to be: before its daemons are started by systemd.
pub(crate) fn mount_before_start(id: NetworkId) -> Result<ExitCode, Failure> {
    let repository = Repository::of_network(id)?;
    if let Some(image) = repository.image() {
        image.mount()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn up(name: &RepositoryName, mount: bool, patience: Duration, rules: &Rules) -> Result<ExitCode, Failure> {
    let repository = Repository::find(name)?;
    let daemons = Daemons::of(&repository);
    let lock = daemons.lock()?;
    if mount {
        place::mount_now(&repository)?;
    }
    repository.must_be_there()?;
    daemons.start()?;
    place::note_that_it_resumes(&repository, true)?;
    let done = deploy::deploy(&repository, rules);
    // Who waits for the lock need not wait for certificates.
    drop(lock);
    if matches!(done, Ok(ExitCode::SUCCESS)) {
        routes::after_up(&repository, patience, &|| rules.is_interrupted())?;
    }
    // At the end, where it is read; it may be why something failed.
    status::warn_when_full(&repository)?;
    done
}

fn down(name: &RepositoryName, stop_daemon: bool, rules: &Rules) -> Result<ExitCode, Failure> {
    let repository = Repository::find(name)?;
    repository.must_be_there()?;
    let daemons = Daemons::of(&repository);
    let _lock = daemons.lock()?;
    let code = if daemons.answers() {
        deploy::take_down(&repository, rules)?
    } else {
        say(format_args!("the daemon of {name} does not run; nothing to stop"))?;
        ExitCode::SUCCESS
    };
    if stop_daemon {
        daemons.stop()?;
        place::note_that_it_resumes(&repository, false)?;
        // What runs on without its daemon, since it did not end as it was told to, keeps its routes.
        if code == ExitCode::SUCCESS {
            routes::gone(repository.id)?;
        }
    }
    Ok(code)
}
