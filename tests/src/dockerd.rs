use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use repo_network::NetworkId;
use serde_json::json;

use crate::{Error, Image, Process, Scratch, Service, client, process, programs::part, until};

/// A repository's Docker daemon, on a socket of the usual name. Its containers end with it.
#[derive(Debug)]
pub struct Dockerd {
    id: NetworkId,
    socket: PathBuf,
    directory: PathBuf,
    command: Command,
    log: PathBuf,
    process: Process,
}

// === impl Dockerd ===

impl Dockerd {
    /// Starts a daemon whose socket is `docker-{id}.sock` in the scratch directory's [`Scratch::sockets`].
    ///
    /// # Errors
    /// When it can't be started, or does not answer within 30 s.
    pub fn start(scratch: &Scratch, id: NetworkId) -> Result<Self, Error> {
        Self::start_with(scratch, id, &[])
    }

    /// The same with more arguments.
    ///
    /// # Errors
    /// As those of [`Self::start`].
    pub fn start_with(scratch: &Scratch, id: NetworkId, arguments: &[&str]) -> Result<Self, Error> {
        let socket = scratch.sockets()?.join(format!("docker-{}.sock", id.get()));
        let directory = scratch.dir(&format!("d{}", id.get()))?;
        let mut command = Command::new("dockerd");
        command
            .arg("--data-root")
            .arg(directory.join("data"))
            .arg("--exec-root")
            .arg(directory.join("exec"))
            .arg("--pidfile")
            .arg(directory.join("pid"))
            .arg("-H")
            .arg(format!("unix://{}", socket.display()))
            // As `renet repo` starts them.
            .args(["--iptables=false", "--bridge=none", "--host-gateway-ip=127.0.0.1", "--log-level=warn"])
            .args(arguments);
        let process = Process::start(&format!("dockerd-{}", id.get()), scratch.path(), &command)?;
        let log = scratch.path().to_owned();
        let mut dockerd = Self { id, socket, directory, command, log, process };
        dockerd.wait()?;
        Ok(dockerd)
    }

    /// Starts it again, after its process was ended.
    ///
    /// # Errors
    /// As those of [`Self::start`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        // One that was killed leaves it behind, and another process may have its number by now.
        let _ = fs::remove_file(self.directory.join("pid"));
        self.process = Process::start(&format!("dockerd-{}", self.id.get()), &self.log, &self.command)?;
        self.wait()
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn wait(&mut self) -> Result<(), Error> {
        until("dockerd answers", Duration::from_secs(30), || {
            self.process.check()?;
            self.docker(["version", "--format", "{{.Server.Version}}"])
        })
        .map(drop)
    }

    /// The repository's network ID.
    #[must_use]
    pub fn id(&self) -> NetworkId {
        self.id
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Runs the `docker` command against this daemon and returns what it printed.
    ///
    /// # Errors
    /// [`Error::Command`] when it fails.
    pub fn docker<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String, Error> {
        process::output(self.client().args(arguments))
    }

    /// Runs docker compose (`DOCKER_COMPOSE_BIN`, or the one that `scripts/parts` built) on a file, against this daemon.
    ///
    /// # Errors
    /// [`Error::Command`] when it fails.
    pub fn compose<'a>(&self, file: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Result<String, Error> {
        let mut command = Command::new(part("compose", "DOCKER_COMPOSE_BIN")?);
        command.env("DOCKER_HOST", format!("unix://{}", self.socket.display()));
        command.env("DOCKER_CONFIG", self.directory.join("client"));
        command.args(["--progress", "plain", "--file"]).arg(file).args(arguments).stdin(Stdio::null());
        process::output(&mut command)
    }

    /// Makes an image known to this daemon.
    ///
    /// # Errors
    /// When `docker import` fails.
    pub fn import(&self, image: &Image) -> Result<(), Error> {
        let archive = File::open(image.archive()).map_err(Error::io(image.archive().display().to_string()))?;
        process::output(self.client().args(["import", "-", Image::NAME]).stdin(archive)).map(drop)
    }

    /// Starts a service of this repository in a container that has the service's name.
    ///
    /// # Errors
    /// When `docker run` fails.
    pub fn run(&self, service: &Service) -> Result<(), Error> {
        let mut command = self.client();
        command.args(["run", "--detach", "--network", "host", "--stop-signal", "KILL", "--name", &service.name]);
        for (key, value) in service.labels_in(self.id) {
            command.args(["--label", &format!("{key}={value}")]);
        }
        for variable in service.environment_in(self.id) {
            command.args(["--env", &variable]);
        }
        process::output(command.arg(Image::NAME).args(&service.command)).map(drop)
    }

    /// The same through the daemon's API, which takes labels that are too long for a command line.
    ///
    /// # Errors
    /// When the daemon refuses.
    pub fn run_by_api(&self, service: &Service) -> Result<(), Error> {
        let body = json!({
            "Image": Image::NAME,
            "Cmd": service.command,
            "Labels": service.labels_in(self.id),
            "Env": service.environment_in(self.id),
            "StopSignal": "KILL",
            "HostConfig": {"NetworkMode": "host"},
        });
        let file = self.directory.join("create.json");
        fs::write(&file, body.to_string()).map_err(Error::io(file.display().to_string()))?;
        client::post(&self.socket, &format!("/v1.41/containers/create?name={}", service.name), &file)?;
        self.docker(["start", &service.name]).map(drop)
    }

    /// Removes a service's container, running or not.
    ///
    /// # Errors
    /// When `docker rm` fails.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        self.docker(["rm", "--force", name]).map(drop)
    }

    /// The end of the daemon's log and of its containers', for the report of a failure.
    #[must_use]
    pub fn tail(&self) -> String {
        let names = self.docker(["ps", "--all", "--format", "{{.Names}} {{.Status}}"]).unwrap_or_default();
        let mut text = self.process.tail(2);
        for line in names.lines() {
            let name = line.split(' ').next().unwrap_or_default();
            let logs = self.docker(["logs", "--tail", "3", name]).unwrap_or_default();
            text.push_str(&format!("{}: {line}\n{logs}", self.id.get()));
        }
        text
    }

    /// Ends all containers and the daemon; its socket is gone then.
    ///
    /// # Errors
    /// When the daemon can't be ended.
    pub fn stop(&mut self) -> Result<(), Error> {
        if self.process.check().is_ok() {
            let ids = self.docker(["ps", "--all", "--quiet"]).unwrap_or_default();
            if !ids.is_empty() {
                // Failing here only makes the daemon's own end, which stops them too, slower.
                let _ = self.docker(["rm", "--force"].into_iter().chain(ids.lines()));
            }
        }
        self.process.stop()?;
        let _ = fs::remove_file(&self.socket);
        Ok(())
    }

    fn client(&self) -> Command {
        let mut command = Command::new("docker");
        command
            .arg("--host")
            .arg(format!("unix://{}", self.socket.display()))
            .arg("--config")
            .arg(self.directory.join("client"))
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}
