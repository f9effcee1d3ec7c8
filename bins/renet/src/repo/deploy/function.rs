//! One function of one Rediaccfile: run, watched, and ended when it has to be.

use std::{
    collections::BTreeMap,
    env, fmt, fs,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{atomic::Ordering, mpsc},
    thread,
    time::{Duration, Instant},
};

use command_line::{Failure, printable};
use repo_lifecycle::{Function, Step};
use repo_network::{SlotFile, variable_name};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{super::lines::each_line, Repository, Rules, file_in, log::Log};
use crate::{
    docker::{path_without_ours, write_docker},
    files::{fault, read},
    paths::{Paths, own_directory},
    repository::SLOT_FILE,
};

/// Calls a function of a file, if it has it; `set -e` holds inside, so that the first command that fails ends it. What
/// became of it stands in the third file: with nothing there it was ended by `exit`.
const CALL: &str =
    r#"set -e; source "$1"; if declare -F "$2" >/dev/null; then "$2"; echo done >"$3"; else echo missing >"$3"; fi"#;
/// How long a function may take to end when it is told to.
const END: Duration = Duration::from_secs(10);
/// How long its last words are waited for: something that it started may hold its output for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(10);

/// What became of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    /// The file does not have it.
    Missing,
    Code(i32),
    Killed,
    TimedOut(Duration),
    Interrupted,
}

/// Runs the functions of a repository.
pub(super) struct Runner<'a> {
    repository: &'a Repository,
    rules: &'a Rules,
    log: &'a Log,
    /// What the longest prefix needs.
    width: usize,
    environment: BTreeMap<String, String>,
    path: std::ffi::OsString,
}

// === impl Runner ===

impl<'a> Runner<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        rules: &'a Rules,
        log: &'a Log,
        steps: &[Step],
    ) -> Result<Self, Failure> {
        let socket = Paths::of_this_machine().docker_socket(repository.id);
        let environment = [
            ("REPOSITORY_PATH", repository.root.to_string_lossy().into_owned()),
            ("REPOSITORY_NAME", repository.name.to_string()),
            ("REPOSITORY_NETWORK_ID", repository.id.to_string()),
            ("DOCKER_HOST", format!("unix://{}", socket.display())),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        let width = steps.iter().map(|step| label(repository, step).chars().count()).max().unwrap_or_default();
        // `renet` is to be found, wherever this one is, and `docker` is ours.
        let own = own_directory().map_err(fault("find", Path::new("this program")))?;
        let before = [write_docker(&repository.root)?, own];
        let path = path_without_ours();
        let path = env::join_paths(before.into_iter().chain(env::split_paths(&path)));
        let path = path.map_err(|error| Failure::runtime("PATH", &error))?;
        Ok(Self { repository, rules, log, width, environment, path })
    }

    /// Runs one, and passes on what it prints.
    pub(super) fn run(&self, step: &Step) -> Result<Ended, Failure> {
        if self.rules.interrupted.load(Ordering::Relaxed) {
            return Ok(Ended::Interrupted);
        }
        let status = tempfile::NamedTempFile::new().map_err(fault("create", Path::new("a temporary file")))?;
        let (reader, writer) = io::pipe().map_err(|error| Failure::runtime("a pipe", &error))?;
        let mut command = self.command(step, status.path())?;
        let second = writer.try_clone().map_err(|error| Failure::runtime("a pipe", &error))?;
        // In a group of its own, so that all of it can be ended.
        command.stdin(Stdio::null()).stdout(writer).stderr(second).process_group(0);
        let mut child = command.spawn().map_err(|error| Failure::runtime("cannot run bash", &error))?;
        drop(command);
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || each_line(reader, |line| sender.send(line).is_ok()));
        let label = label(self.repository, step);
        let show = |line: String| {
            let line = format!("{label:<width$} | {}", printable(&line), width = self.width);
            // Nobody may be left to read it; the log is.
            let _ = writeln!(io::stdout(), "{line}");
            self.log.line(&line);
        };
        let ended = self.watch(&mut child, &lines, &show)?;
        let end = Instant::now() + LAST_WORDS;
        while let Ok(line) = lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            show(line);
        }
        if ended != Ended::Done {
            return Ok(ended);
        }
        let text = fs::read_to_string(status.path()).unwrap_or_default();
        match text.trim() {
            "missing" => return Ok(Ended::Missing),
            "done" => {}
            _ => show(format!(
                "note: `exit` ended {} before its end, and nothing behind it was run; `return` is meant",
                step.function
            )),
        }
        Ok(Ended::Done)
    }

    fn watch(
        &self,
        child: &mut Child,
        lines: &mpsc::Receiver<String>,
        show: &impl Fn(String),
    ) -> Result<Ended, Failure> {
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let signal = |signal| {
            // It may have ended meanwhile.
            let _ = group.map(|group| kill_process_group(group, signal));
        };
        let begun = Instant::now();
        let mut told: Option<(Ended, Instant)> = None;
        loop {
            while let Ok(line) = lines.try_recv() {
                show(line);
            }
            if let Some(status) = child.try_wait().map_err(|error| Failure::runtime("bash", &error))? {
                let by_itself = match status.code() {
                    Some(0) => Ended::Done,
                    Some(code) => Ended::Code(code),
                    None => Ended::Killed,
                };
                if told.is_some() {
                    // What it started and what did not end with it.
                    signal(Signal::KILL);
                }
                return Ok(told.map_or(by_itself, |(why, _)| why));
            }
            match told {
                None if self.rules.interrupted.load(Ordering::Relaxed) => {
                    signal(Signal::INT);
                    told = Some((Ended::Interrupted, Instant::now()));
                }
                None => {
                    if let Some(timeout) = self.rules.timeout.filter(|timeout| begun.elapsed() > *timeout) {
                        signal(Signal::TERM);
                        told = Some((Ended::TimedOut(timeout), Instant::now()));
                    }
                }
                Some((_, since)) if since.elapsed() > END => signal(Signal::KILL),
                Some(_) => {}
            }
            if let Ok(line) = lines.recv_timeout(STEP) {
                show(line);
            }
        }
    }

    fn command(&self, step: &Step, status: &Path) -> Result<Command, Failure> {
        let root = &self.repository.root;
        let directory = root.join(&step.directory);
        let mut command = match file_in(&directory) {
            Some(file) => {
                let mut command = Command::new("bash");
                command.args(["-c", CALL, "bash"]).arg(&file).arg(step.function.as_str()).arg(status);
                command
            }
            None if step.directory == "." => compose(step.function, status)?,
            None => return Err(Failure::Runtime(format!("{} has gone", directory.display()))),
        };
        command.current_dir(&directory).envs(&self.environment).env("PATH", &self.path);
        command.env_remove("DOCKER_CONTEXT").env_remove("DOCKER_TLS_VERIFY");
        let slots = match read(&root.join(SLOT_FILE))? {
            Some(text) => SlotFile::parse(&text).map_err(|error| Failure::usage(SLOT_FILE, &error))?,
            None => SlotFile::default(),
        };
        for (service, slot) in slots.services() {
            command.env(variable_name(service), self.repository.id.service_ip(slot).to_string());
        }
        Ok(command)
    }
}

/// What is run where there is no Rediaccfile but a compose file.
fn compose(function: Function, status: &Path) -> Result<Command, Failure> {
    let own = env::current_exe().map_err(fault("find", Path::new("this program")))?;
    let words = match function {
        Function::Prep => "pull --ignore-buildable",
        Function::Up => "up -d",
        Function::Down => "down",
    };
    let mut command = Command::new("bash");
    let script = format!("echo 'renet compose -- {words}'; \"$1\" compose -- {words} && echo done >\"$2\"");
    command.args(["-c", &script, "bash"]).arg(own).arg(status);
    Ok(command)
}

/// Whose line it is.
fn label(repository: &Repository, step: &Step) -> String {
    if step.directory == "." { repository.name.to_string() } else { step.directory.clone() }
}

// === impl Ended ===

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Missing => f.write_str("is not there"),
            Self::Code(code) => write!(f, "failed with exit code {code}"),
            Self::Killed => f.write_str("was killed"),
            Self::TimedOut(timeout) => {
                write!(f, "was ended after {} (--timeout)", humantime::format_duration(*timeout))
            }
            Self::Interrupted => f.write_str("was interrupted"),
        }
    }
}
