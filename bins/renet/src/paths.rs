use std::{
    env, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use command_line::Failure;
use repo_network::NetworkId;
use supervisor::Form;
use traefik_static::Directories;

/// What `--root` says.
static ROOT: OnceLock<PathBuf> = OnceLock::new();

/// Where things are on a machine. `--root` and `REDIACC_ROOT` move all of it below another directory, for images,
/// tests and trials.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    root: PathBuf,
}

// === impl Paths ===

impl Paths {
    /// Of this machine.
    pub(crate) fn of_this_machine() -> Self {
        let variable = || env::var_os("REDIACC_ROOT").filter(|root| !root.is_empty()).map(PathBuf::from);
        Self { root: ROOT.get().cloned().or_else(variable).unwrap_or_else(|| PathBuf::from("/")) }
    }

    /// From now on everything is below this directory.
    pub(crate) fn move_to(root: &Path) -> Result<(), Failure> {
        let root = std::path::absolute(root).map_err(|error| Failure::usage("--root", &error))?;
        // The first one counts; there is only one command line.
        let _ = ROOT.set(root);
        Ok(())
    }

    /// The socket of a repository's daemon (requirements, section 1).
    pub(crate) fn docker_socket(&self, id: NetworkId) -> PathBuf {
        self.run().join(format!("docker-{id}.sock"))
    }

    /// What lasts until the next boot: sockets, and which processes run.
    pub(crate) fn run(&self) -> PathBuf {
        self.root.join("var/run/rediacc")
    }

    /// The route server's control socket.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.run().join("router.sock")
    }

    /// What `renet proxy configure` writes.
    pub(crate) fn proxy(&self) -> PathBuf {
        self.root.join("opt/rediacc/proxy")
    }

    /// The route server's state.
    pub(crate) fn router_state(&self) -> PathBuf {
        self.root.join("var/lib/rediacc/router")
    }

    /// The machine's own state: which repositories there are.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.join("var/lib/rediacc")
    }

    /// What the operator writes.
    pub(crate) fn etc(&self) -> PathBuf {
        self.root.join("etc/rediacc")
    }

    /// Where repositories are, when nothing else is said.
    pub(crate) fn repositories(&self) -> PathBuf {
        self.root.join("mnt/rediacc")
    }

    /// Logs of detached programs.
    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("var/log/rediacc")
    }

    /// The same, for the files that Traefik and the route server read.
    pub(crate) fn directories(&self) -> Directories {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        Directories { proxy: text(self.proxy()), state: text(self.router_state()), run: text(self.run()) }
    }
}

/// How programs are kept running: by systemd where it runs, and never by it for another root.
pub(crate) fn form() -> Form {
    if Paths::of_this_machine().root == Path::new("/") { Form::of_this_machine() } else { Form::Detached }
}

/// The absolute path of a program: where a variable says, else beside this one, else along PATH.
pub(crate) fn program(name: &str, variable: &str) -> Result<PathBuf, Failure> {
    if let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let beside = own_directory().map(|directory| directory.join(name)).ok();
    let path = env::var_os("PATH").unwrap_or_default();
    let along = env::split_paths(&path).map(|directory| directory.join(name));
    let found = beside.into_iter().chain(along).find(|path| path.is_absolute() && path.is_file());
    found.ok_or_else(|| {
        Failure::Runtime(format!(
            "{name} is not installed: it is neither beside renet nor in a directory of PATH ({variable} may name it)"
        ))
    })
}

/// The directory that this program is in.
pub(crate) fn own_directory() -> io::Result<PathBuf> {
    env::current_exe().map(|path| path.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned))
}
