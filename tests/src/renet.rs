use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::{
    Dockerd, Error, Scratch,
    programs::{part, workspace_program},
};

/// The program under test, on a machine of its own: `REDIACC_ROOT` is a directory of the scratch directory.
#[derive(Debug)]
pub struct Renet {
    root: PathBuf,
    program: PathBuf,
    compose: PathBuf,
}

// === impl Renet ===

impl Renet {
    /// One that finds the daemons of this scratch directory, and a real docker compose.
    ///
    /// # Errors
    /// When a program is missing or something can't be written.
    pub fn new(scratch: &Scratch) -> Result<Self, Error> {
        let root = scratch.dir("root")?;
        let run = scratch.dir("root/var/run")?.join("rediacc");
        symlink(scratch.sockets()?, &run).map_err(Error::io(run.display().to_string()))?;
        Ok(Self { root, program: workspace_program("renet")?, compose: part("compose", "DOCKER_COMPOSE_BIN")? })
    }

    /// A repository of this daemon with this compose file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn repository(&self, name: &str, daemon: &Dockerd, compose_file: &str) -> Result<PathBuf, Error> {
        let path = self.root.join(name);
        let write = || {
            fs::create_dir_all(&path)?;
            fs::write(path.join(".rediacc.json"), format!("{{\"network_id\": {}}}", daemon.id()))?;
            fs::write(path.join("docker-compose.yml"), compose_file)
        };
        write().map_err(Error::io(path.display().to_string()))?;
        Ok(path)
    }

    /// What `renet` with these arguments came to, run in this directory.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn run(&self, directory: &Path, arguments: &[&str]) -> Result<Output, Error> {
        self.command(directory, arguments).output().map_err(Error::io("renet"))
    }

    /// `renet` with these arguments in this directory, to be started.
    #[must_use]
    pub fn command(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(directory).stdin(Stdio::null());
        command.env("REDIACC_ROOT", &self.root).env("DOCKER_COMPOSE_BIN", &self.compose);
        for name in ["REPOSITORY_PATH", "REPOSITORY_NETWORK_ID", "COMPOSE_FILE", "COMPOSE_PROJECT_NAME"] {
            command.env_remove(name);
        }
        command
    }

    /// What it prints when it is to succeed.
    ///
    /// # Errors
    /// When it fails.
    pub fn done(&self, directory: &Path, arguments: &[&str]) -> Result<String, Error> {
        let output = self.run(directory, arguments)?;
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            return Ok(stdout.into_owned());
        }
        Err(Error::Command {
            command: format!("renet {arguments:?}"),
            output: format!("{}: {stdout}{stderr}", output.status),
        })
    }
}
