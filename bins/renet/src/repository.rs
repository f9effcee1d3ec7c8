//! Which repository a command is about: its root, its network, its slots.

use std::{
    env,
    ffi::OsString,
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use command_line::Failure;
use repo_network::{NetworkId, SlotFile, variable_name};

use crate::{
    cli::RepositoryOptions,
    docker::path_without_ours,
    files::{self, fault},
    paths::Paths,
};

/// The file in a repository's root that says which network it has and which slot each service.
pub(crate) const SLOT_FILE: &str = ".rediacc.json";
/// What renet writes for compose and containers.
const STATE: &str = ".rediacc";

/// A repository, as far as its files tell.
#[derive(Debug)]
pub(crate) struct Repository {
    pub(crate) root: PathBuf,
    pub(crate) id: NetworkId,
}

// === impl Repository ===

impl Repository {
    /// The one that is meant: by what was given, else by where we are.
    pub(crate) fn find(options: &RepositoryOptions) -> Result<Self, Failure> {
        let here = env::current_dir().map_err(fault("find", Path::new("the working directory")))?;
        let root = match &options.repository {
            Some(root) => root.clone(),
            None => match here.ancestors().find(|directory| directory.join(SLOT_FILE).is_file()) {
                Some(root) => root.to_owned(),
                None if options.network_id.is_some() => here.clone(),
                None => {
                    return Err(Failure::Usage(format!(
                        "no repository here: neither {} nor a directory above it has a {SLOT_FILE}; go into one, or \
                         give --repository DIR and --network-id ID",
                        here.display()
                    )));
                }
            },
        };
        let root = fs::canonicalize(&root).map_err(|error| {
            Failure::usage(format_args!("--repository {}: no such directory", root.display()), &error)
        })?;
        let file = read_slots(&root)?;
        let id = match (options.network_id, file.network_id()) {
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => {
                return Err(Failure::Usage(format!(
                    "{}: it does not say which network this is; give --network-id ID",
                    root.join(SLOT_FILE).display()
                )));
            }
        };
        let mut bound = file;
        bound.bind(id).map_err(|error| Failure::refused(root.join(SLOT_FILE).display(), &error))?;
        Ok(Self { root, id })
    }

    /// Keeps others from changing the slots; until it is dropped.
    pub(crate) fn lock(&self) -> Result<File, Failure> {
        let directory = self.state()?;
        let path = directory.join("lock");
        let file = File::options().create(true).append(true).open(&path).map_err(fault("open", &path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let written =
                    writeln!(io::stderr(), "renet: waiting for another renet that works on {}", self.root.display());
                written.map_err(|error| Failure::output(&error))?;
                file.lock().map_err(fault("lock", &path))?;
            }
            other => other.map_err(|error| fault("lock", &path)(error.into()))?,
        }
        Ok(file)
    }

    /// Its slots, as they stand in the file.
    pub(crate) fn slots(&self) -> Result<SlotFile, Failure> {
        read_slots(&self.root)
    }

    /// Writes the slots, and says for which network they are.
    pub(crate) fn save(&self, slots: &mut SlotFile) -> Result<(), Failure> {
        let path = self.root.join(SLOT_FILE);
        slots.bind(self.id).map_err(|error| Failure::refused(path.display(), &error))?;
        files::replace(&path, &slots.format(), 0o644)
    }

    /// Where the slots stand, for messages.
    pub(crate) fn slot_file(&self) -> PathBuf {
        self.root.join(SLOT_FILE)
    }

    /// The directory for what is written for a project; it outlives a reboot, and git does not see it.
    pub(crate) fn project_directory(&self, project: &str) -> PathBuf {
        self.root.join(STATE).join(project)
    }

    /// The same, which is there then.
    pub(crate) fn project_state(&self, project: &str) -> Result<PathBuf, Failure> {
        self.state()?;
        let directory = self.project_directory(project);
        fs::create_dir_all(&directory).map_err(fault("create", &directory))?;
        Ok(directory)
    }

    fn state(&self) -> Result<PathBuf, Failure> {
        let directory = self.root.join(STATE);
        fs::create_dir_all(&directory).map_err(fault("create", &directory))?;
        files::replace(&directory.join(".gitignore"), "*\n", 0o644)?;
        Ok(directory)
    }

    /// The socket of its daemon.
    pub(crate) fn socket(&self) -> PathBuf {
        Paths::of_this_machine().docker_socket(self.id)
    }

    /// Fails, saying what to do, when its daemon can't be there.
    pub(crate) fn needs_daemon(&self) -> Result<(), Failure> {
        let socket = self.socket();
        if fs::symlink_metadata(&socket).is_ok() {
            return Ok(());
        }
        Err(Failure::Runtime(format!(
            "the daemon of network {} is not running (no {}); `renet repo up NAME` starts it",
            self.id,
            socket.display()
        )))
    }

    /// A program that talks to its daemon and knows its addresses, and nothing of another daemon.
    pub(crate) fn command(&self, program: &[OsString], slots: &SlotFile) -> Command {
        let (name, arguments) =
            program.split_first().map_or((OsString::new(), &[][..]), |(name, rest)| (name.clone(), rest));
        let mut command = Command::new(name);
        command.args(arguments);
        for (service, slot) in slots.services() {
            command.env(variable_name(service), self.id.service_ip(slot).to_string());
        }
        command
            .env("PATH", path_without_ours())
            .env("DOCKER_HOST", format!("unix://{}", self.socket().display()))
            .env_remove("DOCKER_CONTEXT")
            .env_remove("DOCKER_TLS_VERIFY")
            .env("REPOSITORY_PATH", &self.root)
            .env("REPOSITORY_NETWORK_ID", self.id.to_string());
        command
    }
}

/// A program with its first arguments, in our own environment.
pub(crate) fn bare_command(program: &[OsString]) -> Command {
    let mut words = program.iter();
    let mut command = Command::new(words.next().cloned().unwrap_or_default());
    command.args(words);
    command
}

fn read_slots(root: &Path) -> Result<SlotFile, Failure> {
    let path = root.join(SLOT_FILE);
    match files::read(&path)? {
        Some(text) => SlotFile::parse(&text).map_err(|error| Failure::usage(path.display(), &error)),
        None => Ok(SlotFile::default()),
    }
}
