//! Detached processes: a session of their own, and a file that says which process it is.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::{Service, State, Supervisor, SupervisorError, fault, service::settings};

/// How long a program is watched after its start: one with bad flags ends by then.
const FIRST_STEPS: Duration = Duration::from_millis(100);
/// How often a process is looked at.
const STEP: Duration = Duration::from_millis(10);
/// How long a killed process may take to be gone.
const AFTER_KILL: Duration = Duration::from_secs(10);

/// Which process it is: its ID alone may be another's by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    pid: u32,
    /// When the kernel started it, in ticks since the machine's start: field 22 of `/proc/PID/stat`.
    start: u64,
}

// === impl Supervisor ===

impl Supervisor {
    pub(crate) fn start_detached(&self, service: &Service) -> Result<(), SupervisorError> {
        let name = &service.name;
        let _lock = self.lock(name)?;
        if matches!(self.detached_state(name)?, State::Running(_)) {
            return Ok(());
        }
        let mut child = self.spawn(service)?;
        // One that has ended already was started for all that.
        self.note(name, Identity::of(child.id()).unwrap_or(Identity::ENDED))?;
        let begun = Instant::now();
        while begun.elapsed() < FIRST_STEPS {
            if let Ok(Some(_ended)) = child.try_wait() {
                let last_words = self.last_words(name, 3);
                return Err(SupervisorError::EndedAtOnce { name: name.clone(), last_words });
            }
            thread::sleep(STEP);
        }
        Ok(())
    }

    fn spawn(&self, service: &Service) -> Result<Child, SupervisorError> {
        fs::create_dir_all(&self.logs).map_err(fault("create", self.logs.display().to_string()))?;
        let path = self.log(&service.name);
        let log = File::options().create(true).append(true).open(&path);
        let log = log.map_err(fault("open", path.display().to_string()))?;
        let errors = log.try_clone().map_err(fault("open", path.display().to_string()))?;
        // A session of its own: it gets no signal of the caller's terminal. setsid becomes the program, so that the
        // process is the program's; and all descriptors lead elsewhere, or an ssh session would wait for it.
        let mut command = Command::new("setsid");
        command.args(&service.command).stdin(Stdio::null()).stdout(log).stderr(errors).current_dir("/");
        for file in &service.environment_files {
            let text = match fs::read_to_string(file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                text => text.map_err(fault("read", file.display().to_string()))?,
            };
            command.envs(settings(&text));
        }
        command.envs(&service.environment);
        command.spawn().map_err(fault("start", service.name.clone()))
    }

    pub(crate) fn stop_detached(&self, name: &str, patience: Duration) -> Result<bool, SupervisorError> {
        let _lock = self.lock(name)?;
        let Some(identity) = self.identity(name)? else { return Ok(false) };
        let ran = identity.lives();
        if ran {
            identity.signal(Signal::TERM);
            if !identity.ends_within(patience) {
                identity.signal(Signal::KILL);
                if !identity.ends_within(AFTER_KILL) {
                    return Err(SupervisorError::Unkillable(identity.pid));
                }
            }
        }
        let path = self.run.join(format!("{name}.json"));
        fs::remove_file(&path).map_err(fault("remove", path.display().to_string()))?;
        Ok(ran)
    }

    pub(crate) fn detached_state(&self, name: &str) -> Result<State, SupervisorError> {
        let identity = self.identity(name)?;
        Ok(identity.map_or(State::Stopped, |it| if it.lives() { State::Running(it.pid) } else { State::Ended }))
    }

    /// Two callers at a time: the second waits.
    fn lock(&self, name: &str) -> Result<File, SupervisorError> {
        fs::create_dir_all(&self.run).map_err(fault("create", self.run.display().to_string()))?;
        let path = self.run.join(format!("{name}.lock"));
        let lock = || {
            let file = File::options().create(true).append(true).open(&path)?;
            file.lock().map(|()| file)
        };
        lock().map_err(fault("lock", path.display().to_string()))
    }

    fn note(&self, name: &str, identity: Identity) -> Result<(), SupervisorError> {
        let path = self.run.join(format!("{name}.json"));
        let write = || {
            let mut file = NamedTempFile::new_in(&self.run)?;
            file.write_all(&serde_json::to_vec(&identity)?)?;
            file.persist(&path).map(drop).map_err(|error| error.error)
        };
        write().map_err(fault("write", path.display().to_string()))
    }

    fn identity(&self, name: &str) -> Result<Option<Identity>, SupervisorError> {
        let path = self.run.join(format!("{name}.json"));
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // What a cut-off file names does not run.
            bytes => {
                let bytes = bytes.map_err(fault("read", path.display().to_string()))?;
                Ok(Some(serde_json::from_slice(&bytes).unwrap_or(Identity::ENDED)))
            }
        }
    }
}

// === impl Identity ===

impl Identity {
    /// Of one that lives no more, whichever it was.
    const ENDED: Self = Self { pid: 0, start: 0 };

    /// Of a process that lives.
    fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything.
        let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
        let state = rest.next()?;
        let start = rest.nth(18)?.parse().ok()?;
        (state != "Z" && state != "X").then_some(Self { pid, start })
    }

    fn lives(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    fn ends_within(self, patience: Duration) -> bool {
        let begun = Instant::now();
        while self.lives() {
            if begun.elapsed() > patience {
                return false;
            }
            thread::sleep(STEP);
        }
        true
    }

    fn signal(self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            // Gone already: just as well.
            let _ = kill_process(pid, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Form;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn supervisor(scratch: &tempfile::TempDir) -> Supervisor {
        Supervisor::new(Form::Detached, scratch.path().join("run"), scratch.path().join("log"))
    }

    #[test]
    fn started_once_known_to_others_and_stopped() {
        let scratch = tempfile::tempdir().unwrap();
        let mut service = Service::new("x", ["sh", "-c", "echo $WHO $MORE; exec sleep 60"]);
        service.environment.insert("WHO".to_owned(), "me".to_owned());
        let file = scratch.path().join("env");
        fs::write(&file, "MORE=of it\n").unwrap();
        service.environment_files = vec![file, scratch.path().join("missing")];
        assert_eq!(supervisor(&scratch).state("x").unwrap(), State::Stopped);
        supervisor(&scratch).start(&service).unwrap();
        let State::Running(pid) = supervisor(&scratch).state("x").unwrap() else { panic!("it runs") };
        supervisor(&scratch).start(&service).unwrap();
        assert_eq!(supervisor(&scratch).state("x").unwrap(), State::Running(pid), "not a second one");
        assert_eq!(supervisor(&scratch).last_words("x", 5), "me of it");
        assert!(supervisor(&scratch).stop("x", PATIENCE).unwrap());
        assert_eq!(supervisor(&scratch).state("x").unwrap(), State::Stopped);
        assert!(!supervisor(&scratch).stop("x", PATIENCE).unwrap());
    }

    #[test]
    fn what_ends_by_itself_is_known_and_its_words_are_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let error = supervisor(&scratch).start(&Service::new("x", ["sh", "-c", "echo no; exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "x ended at once: no");
        assert_eq!(supervisor(&scratch).state("x").unwrap(), State::Ended);
        let error = supervisor(&scratch).start(&Service::new("y", ["/nonexistent/program"])).unwrap_err();
        assert!(error.to_string().starts_with("y ended at once: "), "{error}");
    }

    #[test]
    fn one_that_does_not_listen_is_killed_and_a_foreign_process_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let supervisor = supervisor(&scratch);
        supervisor.start(&Service::new("x", ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"])).unwrap();
        assert!(supervisor.stop("x", Duration::from_millis(100)).unwrap());
        // The ID is another process's by now: our own.
        supervisor.note("y", Identity { pid: std::process::id(), start: 1 }).unwrap();
        assert_eq!(supervisor.state("y").unwrap(), State::Ended);
        assert!(!supervisor.stop("y", PATIENCE).unwrap());
        fs::write(scratch.path().join("run/z.json"), "{\"pid\":").unwrap();
        assert_eq!(supervisor.state("z").unwrap(), State::Ended);
    }
}
