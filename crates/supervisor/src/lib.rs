//! Long-lived programs, behind one interface in two forms: units of systemd where it runs, else detached processes
//! with a file each that says which process it is. Both outlive the caller, and any later process can ask and stop
//! them.
//!
//! ```no_run
//! use supervisor::{Form, Service, Supervisor};
//! let supervisor = Supervisor::new(Form::of_this_machine(), "/run/rediacc/services", "/var/log/rediacc");
//! supervisor.start(&Service::new("rediacc-router", ["/usr/bin/route-server", "serve"]))?;
//! println!("{:?}", supervisor.state("rediacc-router")?);
//! # Ok::<(), supervisor::SupervisorError>(())
//! ```

mod detached;
mod service;
mod systemd;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

pub use service::Service;
pub use systemd::systemctl;

/// How programs are kept running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As units of systemd, which starts them again when they end and after a reboot.
    Systemd,
    /// As processes of their own, which nobody starts again.
    Detached,
}

/// What became of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs, as this process.
    Running(u32),
    /// It was started and has ended by itself.
    Ended,
    /// It was not started, or stopped.
    Stopped,
}

/// Starts and stops programs, and knows which run.
#[derive(Debug, Clone)]
pub struct Supervisor {
    form: Form,
    run: PathBuf,
    logs: PathBuf,
}

/// Why a program cannot be started, stopped or asked about.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The machine refuses something.
    #[error("cannot {action} {what}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        what: String,
        /// The machine's answer.
        #[source]
        source: io::Error,
    },
    /// The program ended as soon as it was started.
    #[error("{name} ended at once: {last_words}")]
    EndedAtOnce {
        /// The service.
        name: String,
        /// The end of its log.
        last_words: String,
    },
    /// systemd says no.
    #[error("systemctl {command}: {said}")]
    Systemd {
        /// What it was asked.
        command: String,
        /// What it said.
        said: String,
    },
    /// A process does not end.
    #[error("process {0} does not end, not even when it is killed")]
    Unkillable(u32),
}

// === impl Form ===

impl Form {
    /// systemd where it is this machine's first process (as sd_booted(3) finds out), unless `REDIACC_SUPERVISOR` says
    /// `detached`.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let asked = std::env::var("REDIACC_SUPERVISOR");
        let is_systemd = Path::new("/run/systemd/system").is_dir() && asked.as_deref() != Ok("detached");
        if is_systemd { Self::Systemd } else { Self::Detached }
    }
}

// === impl Supervisor ===

impl Supervisor {
    /// One that keeps what it knows in one directory and the programs' logs in another. Both are made when needed.
    pub fn new(form: Form, run: impl Into<PathBuf>, logs: impl Into<PathBuf>) -> Self {
        Self { form, run: run.into(), logs: logs.into() }
    }

    /// How it keeps programs running.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Starts a program, unless it runs. Under systemd its unit has to be there.
    ///
    /// # Errors
    /// When it can't be started, or ends at once.
    pub fn start(&self, service: &Service) -> Result<(), SupervisorError> {
        match self.form {
            Form::Systemd => systemd::start(&service.name),
            Form::Detached => self.start_detached(service),
        }
    }

    /// Asks a program to end, and kills it when it does not within this time. Returns whether it ran.
    ///
    /// # Errors
    /// When it can't be stopped.
    pub fn stop(&self, name: &str, patience: Duration) -> Result<bool, SupervisorError> {
        match self.form {
            Form::Systemd => systemd::stop(name),
            Form::Detached => self.stop_detached(name, patience),
        }
    }

    /// What became of a program.
    ///
    /// # Errors
    /// When that can't be found out.
    pub fn state(&self, name: &str) -> Result<State, SupervisorError> {
        match self.form {
            Form::Systemd => systemd::state(name),
            Form::Detached => self.detached_state(name),
        }
    }

    /// The last lines of a program's log.
    #[must_use]
    pub fn last_words(&self, name: &str, lines: usize) -> String {
        match self.form {
            Form::Systemd => systemd::last_words(name, lines),
            Form::Detached => {
                let text = fs::read(self.log(name)).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                let all: Vec<_> = text.lines().collect();
                all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
            }
        }
    }

    /// Where the log of a detached program is.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }
}

pub(crate) fn fault(action: &'static str, what: impl Into<String>) -> impl FnOnce(io::Error) -> SupervisorError {
    let what = what.into();
    move |source| SupervisorError::Io { action, what, source }
}
