//! The containerd and the dockerd of a repository.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use command_line::Failure;
use repo_lifecycle::{AtItsEnd, Daemon};
use repo_network::NetworkId;
use serde_json::{Value, json};
use supervisor::{Form, Service, State, Supervisor};

use super::{
    Repository,
    fence::{Fence, Standing},
    moved, namespaces,
};
use crate::{
    cli::DaemonProgram,
    containers::Existing,
    files::{fault, lock, read, replace},
    output::say,
    paths::{self, Paths, form},
    units::{self, Packaged},
};

/// What the services of a repository are called, each with its network ID behind an `@`.
const CGROUP: &str = "cgroup";
const CONTAINERD: &str = "containerd";
const DOCKERD: &str = "docker";
/// Their units under systemd.
const PACKAGED: [Packaged; 3] = [
    ("rediacc-cgroup@.service", include_str!("../../../../packaging/systemd/rediacc-cgroup@.service")),
    ("rediacc-containerd@.service", include_str!("../../../../packaging/systemd/rediacc-containerd@.service")),
    ("rediacc-docker@.service", include_str!("../../../../packaging/systemd/rediacc-docker@.service")),
];

/// How long a daemon may take to answer: with many containers to bring back it takes seconds.
const START: Duration = Duration::from_secs(60);
/// How long one may take to end: containers that ignore SIGTERM get 10 s of it.
const STOP: Duration = Duration::from_secs(30);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(10);

/// The programs of one repository's daemon.
pub(super) struct Daemons {
    daemon: Daemon,
    supervisor: Supervisor,
    run: PathBuf,
    image: Option<String>,
}

// === impl Daemons ===

impl Daemons {
    pub(super) fn of(repository: &Repository) -> Self {
        let paths = Paths::of_this_machine();
        let daemon = repository.daemon();
        let supervisor = Supervisor::new(form(), paths.run().join("services"), paths.logs());
        let image = repository.image.as_ref().map(|image| image.to_string_lossy().into_owned());
        Self { run: PathBuf::from(&daemon.run), daemon, supervisor, image }
    }

    /// Two at a time: the second waits, and says so.
    pub(super) fn lock(&self) -> Result<File, Failure> {
        fs::create_dir_all(&self.run).map_err(fault("create", &self.run))?;
        lock(&self.run.join("lock"))
    }

    /// The last lines of what both say, under their names.
    pub(super) fn last_words(&self, lines: usize) -> [(&'static str, String); 2] {
        [CONTAINERD, DOCKERD].map(|program| (program, self.supervisor.last_words(&self.name(program), lines)))
    }

    /// Whether dockerd answers. Its socket file alone proves nothing: a killed one leaves it behind.
    pub(super) fn answers(&self) -> bool {
        route_api::get_unix(Path::new(&self.daemon.socket), "/_ping", ANSWER).is_ok_and(|(status, _)| status == 200)
    }

    /// Starts what does not run. A containerd that was started means a dockerd that is started again: of containers
    /// that ended meanwhile it would say for ever that they run.
    pub(super) fn start(&self) -> Result<(), Failure> {
        if self.answers() && self.runs(CONTAINERD)? {
            self.fence(false)?;
            // An unmount that was cut off may have told it to end its containers with it.
            return self.tell(AtItsEnd::ContainersGoOn);
        }
        let begun = Instant::now();
        // Each daemon does it again at every start of its own; here what is wrong is told.
        self.write_files()?;
        if self.supervisor.form() == Form::Systemd {
            self.write_units()?;
        }
        self.start_namespaces()?;
        crate::step("the namespaces are there");
        if !self.runs(CONTAINERD)? {
            self.supervisor.stop(&self.name(DOCKERD), STOP).map_err(failure)?;
            self.start_inside(CONTAINERD, "containerd")?;
            crate::step("containerd is started");
        }
        let left = moved::settle(Path::new(&self.daemon.root))?;
        if left > 0 {
            say(format_args!("{left} containers of another place are not started; up makes them anew"))?;
        }
        self.start_inside(DOCKERD, "dockerd")?;
        crate::step("dockerd is started");
        self.wait(DOCKERD, || self.answers())?;
        say(format_args!("daemon of network {} runs ({} ms)", self.daemon.id, begun.elapsed().as_millis()))?;
        self.fence(true)
    }

    /// The fence is there since before it started; what the operator allows may have changed since. That there is none is
    /// told when the daemon was started.
    fn fence(&self, tells: bool) -> Result<(), Failure> {
        let fence = Fence::of(self.daemon.id, Path::new(&self.daemon.root))?;
        let standing = fence.standing();
        fence.note(&standing)?;
        match standing {
            Standing::Fenced => fence.put_up(),
            Standing::Not(reason) if tells => say(format_args!(
                "no fence: its containers reach other repositories' addresses, and theirs its own: {reason}"
            )),
            Standing::Not(_) => Ok(()),
        }
    }

    /// Becomes one of them, inside the namespaces.
    pub(super) fn become_daemon(&self, program: DaemonProgram) -> Result<ExitCode, Failure> {
        self.write_files()?;
        let (name, arguments) = match program {
            DaemonProgram::Containerd => ("containerd", self.daemon.containerd_arguments()),
            DaemonProgram::Dockerd => {
                moved::settle(Path::new(&self.daemon.root))?;
                self.remove_stale_pid_file();
                ("dockerd", self.daemon.dockerd_arguments())
            }
        };
        let path = paths::program(name, &format!("{}_BIN", name.to_uppercase()))?;
        let program: Vec<_> = [path.to_string_lossy().into_owned()].into_iter().chain(arguments).collect();
        namespaces::enter(self.daemon.id, &program)
    }

    /// The units of all repositories, and what is this one's: its directory has to be mounted first.
    fn write_units(&self) -> Result<(), Failure> {
        let places = [Some(self.daemon.root.as_str()), self.image.as_deref()].into_iter().flatten();
        let mounts = places.map(|place| units::quoted(Path::new(place))).collect::<Vec<_>>().join(" ");
        let filter = Fence::of(self.daemon.id, Path::new(&self.daemon.root))?.packet_filter().unwrap_or_default();
        let own = format!("# Written by renet repo up.\n[Unit]\nRequiresMountsFor={mounts}\n\n[Service]\n{filter}");
        let file = format!("{}.service.d/repository.conf", self.name(CGROUP));
        let changed = [units::write_packaged(&PACKAGED)?, units::write(&file, &own)?];
        if changed.contains(&true) { units::reload() } else { Ok(()) }
    }

    /// Stops dockerd, containerd and the holder; containers that run go on, where systemd does not end them.
    pub(super) fn stop(&self) -> Result<(), Failure> {
        self.stop_all()?;
        self.finish()
    }

    fn stop_all(&self) -> Result<(), Failure> {
        for name in [DOCKERD, CONTAINERD, CGROUP] {
            self.supervisor.stop(&self.name(name), STOP).map_err(failure)?;
            crate::step("a daemon is stopped");
        }
        if self.supervisor.form() == Form::Systemd {
            let directory = Path::new(units::UNITS).join(format!("{}.service.d", self.name(CGROUP)));
            // Not there: just as well.
            let _ = fs::remove_file(directory.join("repository.conf"));
            let _ = fs::remove_dir(&directory);
            units::reload()?;
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), Failure> {
        namespaces::remove(self.daemon.id)?;
        say(format_args!("daemon of network {} is stopped", self.daemon.id))
    }

    /// Stops everything, containers too. Those that are to run always come back with the daemon; `docker stop` would keep
    /// them down for good.
    pub(super) fn let_go(&self) -> Result<(), Failure> {
        if self.answers() {
            self.tell(AtItsEnd::ContainersEnd)?;
            crate::step("the daemon's containers will end with it");
        }
        self.stop_all()?;
        // Of a daemon that was not there to end them.
        namespaces::end(self.daemon.id)?;
        self.finish()
    }

    /// Whether anything of it runs.
    pub(super) fn is_there(&self) -> Result<bool, Failure> {
        let any =
            [DOCKERD, CONTAINERD, CGROUP].map(|name| self.runs(name)).into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(any.contains(&true) || namespaces::inhabitant(self.daemon.id)?.is_some())
    }

    /// Has a daemon that runs read its settings again, where they say something else by now, and waits until it has.
    fn tell(&self, at_its_end: AtItsEnd) -> Result<(), Failure> {
        let config = Path::new(&self.daemon.dockerd_config_file()).to_owned();
        let text = self.dockerd_config(at_its_end)?;
        if read(&config)?.as_ref() == Some(&text) {
            return Ok(());
        }
        replace(&config, &text, 0o600)?;
        let State::Running(pid) = self.supervisor.state(&self.name(DOCKERD)).map_err(failure)? else { return Ok(()) };
        let process = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        let told = process.map_or(Ok(()), |pid| rustix::process::kill_process(pid, rustix::process::Signal::HUP));
        told.map_err(|error| Failure::runtime(format_args!("cannot tell process {pid}"), &error))?;
        let wanted = at_its_end == AtItsEnd::ContainersGoOn;
        let begun = Instant::now();
        loop {
            let info = route_api::get_unix(Path::new(&self.daemon.socket), "/info", ANSWER);
            let info = info.ok().and_then(|(_, body)| serde_json::from_str::<Value>(&body).ok());
            if info.is_some_and(|info| info.get("LiveRestoreEnabled").and_then(Value::as_bool) == Some(wanted)) {
                return Ok(());
            }
            if begun.elapsed() > ANSWER {
                return Err(Failure::Runtime(format!(
                    "dockerd of network {} does not read its settings again; its log says why",
                    self.daemon.id
                )));
            }
            thread::sleep(STEP);
        }
    }

    /// What runs.
    pub(super) fn state(&self) -> Result<Value, Failure> {
        let shown = |name: &str| {
            let state = self.supervisor.state(&self.name(name)).map_err(failure)?;
            Ok::<_, Failure>(match state {
                State::Running(pid) => format!("running, process {pid}"),
                State::Ended => "has ended by itself".to_owned(),
                State::Stopped => "stopped".to_owned(),
            })
        };
        let holder = match namespaces::inhabitant(self.daemon.id)? {
            Some(other) if !self.runs(CGROUP)? => format!("kept by process {other}"),
            _ => shown(CGROUP)?,
        };
        Ok(json!({
            "namespaces": holder, "containerd": shown(CONTAINERD)?, "dockerd": shown(DOCKERD)?,
            "answers": self.answers(),
        }))
    }

    /// Its containers, running or not; or why they can't be seen.
    pub(super) fn containers(&self) -> Result<Vec<Value>, Failure> {
        let containers = Existing::all(Path::new(&self.daemon.socket))?;
        let shown = containers.into_iter().map(|container| {
            let address = container.address().map(|ip| ip.to_string());
            json!({"name": plain(container.name()), "address": address.unwrap_or_default(), "status": plain(&container.status)})
        });
        Ok(shown.collect())
    }

    fn dockerd_config(&self, at_its_end: AtItsEnd) -> Result<String, Failure> {
        let operators = Paths::of_this_machine().etc().join("dockerd.json");
        let config = Daemon::dockerd_config(read(&operators)?.as_deref(), at_its_end);
        config.map_err(|error| Failure::usage(operators.display(), &error))
    }

    fn write_files(&self) -> Result<(), Failure> {
        let config = self.dockerd_config(AtItsEnd::ContainersGoOn)?;
        let directory = Path::new(&self.daemon.root).join(".rediacc");
        for directory in [&self.run, &directory] {
            fs::create_dir_all(directory).map_err(fault("create", directory))?;
        }
        replace(Path::new(&self.daemon.containerd_config_file()), &self.daemon.containerd_config(), 0o600)?;
        replace(Path::new(&self.daemon.dockerd_config_file()), &config, 0o600)
    }

    /// Where somebody is in the namespaces still, they are used on: containers that outlived the holder are in them.
    fn start_namespaces(&self) -> Result<(), Failure> {
        let id = self.daemon.id;
        if namespaces::inhabitant(id)?.is_some() {
            return Ok(());
        }
        let mut holder = Service::new(self.name(CGROUP), internal(id, "hold")?);
        holder.environment = environment();
        self.supervisor.start(&holder).map_err(failure)?;
        self.wait(CGROUP, || match self.supervisor.state(&self.name(CGROUP)) {
            Ok(State::Running(pid)) => namespaces::is_ready(id, pid),
            _ => false,
        })
    }

    fn start_inside(&self, name: &str, program: &str) -> Result<(), Failure> {
        let mut command = internal(self.daemon.id, "run")?;
        command.push(program.to_owned());
        let mut service = Service::new(self.name(name), command);
        service.environment = environment();
        self.supervisor.start(&service).map_err(failure)
    }

    fn wait(&self, name: &str, holds: impl Fn() -> bool) -> Result<(), Failure> {
        let begun = Instant::now();
        while !holds() {
            let runs = self.runs(name)?;
            if !runs || begun.elapsed() > START {
                let what = if runs { "does not answer" } else { "has ended" };
                let words = self.supervisor.last_words(&self.name(name), 3);
                return Err(Failure::Runtime(format!("{name} of network {} {what}: {words}", self.daemon.id)));
            }
            thread::sleep(STEP);
        }
        Ok(())
    }

    fn runs(&self, name: &str) -> Result<bool, Failure> {
        Ok(matches!(self.supervisor.state(&self.name(name)).map_err(failure)?, State::Running(_)))
    }

    /// dockerd does not start while the process exists that its file names, whatever that is by now, and be it one
    /// that was killed and is still to be reaped.
    fn remove_stale_pid_file(&self) {
        let path = self.daemon.pid_file();
        let pid = fs::read_to_string(&path).unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        let lives = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(") "));
        if !lives.is_some_and(|(program, rest)| program == "dockerd" && !rest.starts_with(['Z', 'X'])) {
            // Not there: just as well.
            let _ = fs::remove_file(&path);
        }
    }

    fn name(&self, program: &str) -> String {
        format!("rediacc-{program}@{}", self.daemon.id)
    }
}

fn internal(id: NetworkId, command: &str) -> Result<Vec<String>, Failure> {
    let own = std::env::current_exe().map_err(fault("find", Path::new("this program")))?;
    Ok(vec![own.to_string_lossy().into_owned(), "internal".to_owned(), command.to_owned(), id.to_string()])
}

/// What a detached process shall not lose. A unit has its own.
fn environment() -> std::collections::BTreeMap<String, String> {
    ["PATH", "REDIACC_ROOT"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok().map(|value| (name.to_owned(), value)))
        .collect()
}

fn failure(error: supervisor::SupervisorError) -> Failure {
    Failure::runtime("the repository's daemon", &error)
}

/// A stranger's text for a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
