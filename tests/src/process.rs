use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::Error;

/// How long a process may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(15);

/// A program that runs beside the tests, its output in a file. Stopped on drop.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

// === impl Process ===

impl Process {
    /// Starts a program; its output goes to `{directory}/{name}.log`.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be started.
    pub fn start(name: &str, directory: &Path, command: &Command) -> Result<Self, Error> {
        let log = directory.join(format!("{name}.log"));
        let open = || File::options().create(true).append(true).open(&log);
        let (out, err) = open().and_then(|out| Ok((out, open()?))).map_err(Error::io(log.display().to_string()))?;
        let child = bound_to_us(command)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(Error::io(format!("start {name} ({command:?})")))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// The process ID.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails, with the end of the log, when the process has ended.
    ///
    /// # Errors
    /// [`Error::Unexpected`] as above.
    pub fn check(&mut self) -> Result<(), Error> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            ended => Err(Error::Unexpected(format!("{} ended by itself: {ended:?}\n{}", self.name, self.tail(20)))),
        }
    }

    /// The last lines of its log, under its name.
    #[must_use]
    pub fn tail(&self, count: usize) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(count);
        format!("--- {} ---\n{}\n", self.name, lines.get(from..).unwrap_or_default().join("\n"))
    }

    /// Asks it to end, waits, and kills it when it does not.
    ///
    /// # Errors
    /// [`Error::Io`] when it could not even be killed.
    pub fn stop(&mut self) -> Result<(), Error> {
        self.signal(Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            if self.child.try_wait().map_err(Error::io(self.name.clone()))?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill()
    }

    /// Ends it without a warning.
    ///
    /// # Errors
    /// [`Error::Io`] when that fails.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.child.kill().and_then(|()| self.child.wait()).map_err(Error::io(format!("kill {}", self.name)))?;
        Ok(())
    }

    /// Sends a signal, unless the process has ended already: its ID may then be another's.
    pub fn signal(&mut self, signal: Signal) {
        if let Ok(None) = self.child.try_wait() {
            let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            let _: Option<io::Result<()>> = pid.map(|pid| Ok(kill_process(pid, signal)?));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// The same command, ended by the kernel when the thread that started it is gone: a killed test run leaves nothing.
fn bound_to_us(command: &Command) -> Command {
    let mut bound = Command::new("setpriv");
    bound.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(name, value),
            None => bound.env_remove(name),
        };
    }
    bound
}

/// Runs a command to its end and returns what it printed on stdout.
///
/// # Errors
/// [`Error::Command`], with all that it printed, when it fails.
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    let output = command.output().map_err(Error::io(format!("{command:?}")))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let output = format!("{}: {stdout}{}", output.status, String::from_utf8_lossy(&output.stderr));
    Err(Error::Command { command: format!("{command:?}"), output })
}
