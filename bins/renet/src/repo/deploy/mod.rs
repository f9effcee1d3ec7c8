//! Runs the functions of a repository's Rediaccfiles; without any, what docker compose needs.

mod function;
mod log;

use std::{
    fs,
    io::{self, BufRead as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use command_line::{Failure, printable};
use repo_lifecycle::{Function, OnFailure, Rediaccfiles, Slip, Step, slips};

pub(super) use self::log::{RUNS, logs};
use self::{
    function::{Ended, Runner},
    log::Log,
};
use super::Repository;
use crate::{
    cli::RunOptions,
    compose,
    files::{fault, read},
    interrupts::told_to_end,
    output::{say, table},
};

/// The most bytes of a Rediaccfile.
const MAX_FILE: u64 = 1 << 20;

/// How functions are run.
#[derive(Clone)]
pub(super) struct Rules {
    /// How long one may take.
    timeout: Option<Duration>,
    /// Set when somebody wants it to end.
    interrupted: Arc<AtomicBool>,
}

/// All `prep`, then all `up`.
pub(super) fn deploy(repository: &Repository, rules: &Rules) -> Result<ExitCode, Failure> {
    let files = find(repository)?;
    run(repository, rules, "up", &files.deploy().collect::<Vec<_>>())
}

/// All `down`.
pub(super) fn take_down(repository: &Repository, rules: &Rules) -> Result<ExitCode, Failure> {
    let files = find(repository)?;
    run(repository, rules, "down", &files.take_down().collect::<Vec<_>>())
}

fn find(repository: &Repository) -> Result<Rediaccfiles, Failure> {
    let root = &repository.root;
    let entries = fs::read_dir(root).map_err(fault("read", root))?;
    let names = entries.filter_map(Result::ok).filter(|entry| file_in(&entry.path()).is_some());
    // A name that is not UTF-8 has no place in a message either.
    let names: Vec<_> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let files = Rediaccfiles::new(file_in(root).is_some(), names);
    if !files.is_empty() {
        return Ok(files);
    }
    // A compose file alone says enough.
    if compose::NAMES.iter().any(|name| root.join(name).is_file()) {
        return Ok(Rediaccfiles::new(true, Vec::<String>::new()));
    }
    Err(Failure::Usage(format!(
        "{} has neither a Rediaccfile nor a compose file, nor has a directory in it a Rediaccfile; `rdc repo push` brings \
         the files",
        root.display()
    )))
}

fn file_in(directory: &Path) -> Option<PathBuf> {
    Rediaccfiles::NAMES.iter().map(|name| directory.join(name)).find(|path| path.is_file())
}

/// What is wrong with a file is told before anything runs.
fn look_at(repository: &Repository, step: &Step) -> Result<(), Failure> {
    let Some(file) = file_in(&repository.root.join(&step.directory)) else { return Ok(()) };
    let shown = file.strip_prefix(&repository.root).unwrap_or(&file).display().to_string();
    let length = fs::metadata(&file).map_err(fault("read", &file))?.len();
    if length > MAX_FILE {
        return Err(Failure::Usage(format!("{shown} has over 1 MiB; that is no Rediaccfile")));
    }
    let text = read(&file)?.unwrap_or_default();
    for slip in slips(&text) {
        match slip {
            Slip::WindowsLineEnds { line } => {
                return Err(Failure::Usage(format!(
                    "{shown}, line {line}: it has the line ends of Windows (CRLF), which bash takes for parts of words; \
                     `sed -i 's/\\r$//' {shown}` mends it"
                )));
            }
            Slip::SudoDocker { line } => {
                let written = writeln!(
                    io::stderr(),
                    "renet: warning: {shown}, line {line}: sudo takes away DOCKER_HOST, so that `sudo docker` talks to \
                     the machine's own daemon; functions run as root, leave out sudo"
                );
                written.map_err(|error| Failure::output(&error))?;
            }
        }
    }
    let output = Command::new("bash").arg("-n").arg(&file).stdin(Stdio::null()).env("LC_ALL", "C").output();
    let output = output.map_err(|error| Failure::runtime("cannot run bash", &error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or_default().replace(&*file.to_string_lossy(), &shown);
    Err(Failure::Usage(format!("{}; nothing was started", printable(&said))))
}

fn run(repository: &Repository, rules: &Rules, what: &str, steps: &[Step]) -> Result<ExitCode, Failure> {
    for step in steps.iter().filter(|step| step.function != Function::Up) {
        look_at(repository, step)?;
    }
    let log = Log::begin(&repository.root, what);
    let runner = Runner::new(repository, rules, &log, steps)?;
    let mut rows = vec![["FUNCTION", "OF", "RESULT", "TIME"].map(str::to_owned)];
    let mut failed = Vec::new();
    let mut end = None;
    for step in steps {
        let begun = Instant::now();
        let ended = runner.run(step)?;
        crate::step("a function has run");
        if ended == Ended::Missing {
            continue;
        }
        let (function, of) = (step.function, shown(&step.directory));
        let time = format!("{:.1} s", begun.elapsed().as_secs_f32());
        let row = [function.to_string(), of.to_owned(), ended.to_string(), time.clone()];
        rows.push(row);
        if ended == Ended::Done {
            continue;
        }
        let it = format!("{function} of {of} {ended}");
        if ended == Ended::Interrupted {
            end = Some((it, "nothing more is run".to_owned()));
            break;
        }
        if step.on_failure == OnFailure::Stop {
            let rest = if function == Function::Prep { "nothing was started" } else { "nothing more is started" };
            end = Some((it, format!("{rest}. Mend it, and run the same command again")));
            break;
        }
        failed.push(it);
    }
    // Nobody may be left to read it; what was done is done.
    let told = if rows.len() > 1 { table(&rows) } else { Ok(()) };
    let told = told.and_then(|()| log.path().map_or(Ok(()), |path| say(format_args!("log: {}", path.display()))));
    if rules.is_interrupted() {
        let (what, rest) = end.unwrap_or_else(|| (what.to_owned(), "nothing more is run".to_owned()));
        // As a shell says it of a program that ctrl-C ended.
        let _ = writeln!(io::stderr(), "renet: {what}; {rest}");
        return Ok(ExitCode::from(130));
    }
    if let Some((what, rest)) = end {
        return Err(Failure::Runtime(format!("{what}; {rest}")));
    }
    if !failed.is_empty() {
        return Err(Failure::Runtime(format!("{}; the others are done", failed.join(", "))));
    }
    told.map(|()| ExitCode::SUCCESS)
}

fn shown(directory: &str) -> &str {
    if directory == "." { "the root" } else { directory }
}

// === impl Rules ===

impl Rules {
    /// Whether somebody wants it to end.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// ctrl-C, the end of a session, and where it is said a line on standard input, end the function that runs; no
    /// further one is run.
    pub(super) fn new(options: &RunOptions) -> Result<Self, Failure> {
        let interrupted = told_to_end()?;
        if options.interrupts_on_stdin {
            let interrupted = Arc::clone(&interrupted);
            // Its end means nothing: a connection that breaks stops nothing.
            thread::spawn(move || {
                if io::stdin().lock().lines().map_while(Result::ok).any(|line| line == route_api::INTERRUPT) {
                    interrupted.store(true, Ordering::Relaxed);
                }
            });
        }
        Ok(Self { timeout: options.timeout.map(Into::into), interrupted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository whose Rediaccfiles write what they do into the file `told`.
    fn repository(files: &[(&str, &str)]) -> (tempfile::TempDir, Repository) {
        let scratch = tempfile::tempdir().unwrap();
        for (directory, text) in files {
            fs::create_dir_all(scratch.path().join(directory)).unwrap();
            fs::write(scratch.path().join(directory).join("Rediaccfile"), text).unwrap();
        }
        let root = scratch.path().to_owned();
        let (name, id) = ("my-app".parse().unwrap(), 2816.try_into().unwrap());
        (scratch, Repository { name, id, root, image: None })
    }

    fn rules() -> Rules {
        Rules { timeout: None, interrupted: Arc::new(AtomicBool::new(false)) }
    }

    fn log_of(repository: &Repository) -> String {
        let logs = log::logs(&repository.root.join(log::RUNS));
        fs::read_to_string(logs.last().unwrap()).unwrap()
    }

    fn told(repository: &Repository) -> String {
        fs::read_to_string(repository.root.join("told")).unwrap_or_default()
    }

    fn failure(outcome: Result<ExitCode, Failure>) -> String {
        match outcome {
            Err(Failure::Runtime(said)) => said,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn functions_run_in_their_directory_with_the_repositorys_variables() {
        let told_by = "tell() { echo \"$1 ${PWD##*/}\" >> \"$REPOSITORY_PATH/told\"; }\n";
        let root =
            format!("{told_by}prep() {{ tell prep; }}\nup() {{ tell \"$REPOSITORY_NAME $REPOSITORY_NETWORK_ID\"; }}");
        let sub = format!("{told_by}up() {{ tell up; }}\ndown() {{ tell \"$DOCKER_HOST\"; }}");
        let (_scratch, repository) =
            repository(&[(".", &root), ("b", &sub), ("a", &sub), (".hidden", "prep() { false; }")]);
        deploy(&repository, &rules()).unwrap();
        let name = repository.root.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(told(&repository), format!("prep {name}\nmy-app 2816 {name}\nup a\nup b\n"));
        fs::remove_file(repository.root.join("told")).unwrap();
        take_down(&repository, &rules()).unwrap();
        let host = "unix:///var/run/rediacc/docker-2816.sock";
        assert_eq!(told(&repository), format!("{host} b\n{host} a\n"));
    }

    #[test]
    fn a_failed_prep_stops_everything_and_a_failed_up_below_the_root_nothing() {
        let up = "up() { echo up >> \"$REPOSITORY_PATH/told\"; }";
        let (_scratch, first) = repository(&[(".", up), ("a", "prep() { false; true; }")]);
        let said = failure(deploy(&first, &rules()));
        assert!(said.starts_with("prep of a failed with exit code 1; nothing was started."), "{said}");
        assert_eq!(told(&first), "");
        let (_scratch, second) = repository(&[(".", up), ("a", "up() { exit 7; }"), ("b", up)]);
        assert_eq!(failure(deploy(&second, &rules())), "up of a failed with exit code 7; the others are done");
        assert_eq!(told(&second), "up\nup\n");
        let (_scratch, third) = repository(&[(".", "up() { kill -9 $$; }"), ("a", up)]);
        let said = failure(deploy(&third, &rules()));
        assert!(said.starts_with("up of the root was killed; nothing more is started."), "{said}");
        assert_eq!(told(&third), "");
    }

    #[test]
    fn without_a_file_it_says_so() {
        let (_scratch, repository) = repository(&[]);
        assert!(usage(&repository).contains("has neither a Rediaccfile nor a compose file"));
    }

    fn usage(repository: &Repository) -> String {
        match deploy(repository, &rules()) {
            Err(Failure::Usage(said)) => said,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_they_print_is_kept_with_whose_it_is() {
        let up = "up() { echo a line; printf 'half\\rline\\n'; echo to stderr >&2; printf '\\033[2Jx'; }";
        let (_scratch, repository) = repository(&[(".", up), ("api", "up() { echo second; }")]);
        deploy(&repository, &rules()).unwrap();
        let expected = "my-app | a line\nmy-app | half\nmy-app | line\nmy-app | to stderr\nmy-app | \u{fffd}[2Jx\napi    | second\n";
        assert_eq!(log_of(&repository), expected);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_before_anything_runs() {
        let up = "up() { echo up >> \"$REPOSITORY_PATH/told\"; }\n";
        let (_scratch, windows) = repository(&[(".", up), ("a", "prep() { :; }\r\n")]);
        assert!(usage(&windows).starts_with("a/Rediaccfile, line 1: it has the line ends of Windows"));
        let (_scratch, syntax) = repository(&[(".", up), ("a", "prep() { if; }\n")]);
        let said = usage(&syntax);
        assert!(
            said.starts_with("a/Rediaccfile: line 1: syntax error") && said.ends_with("; nothing was started"),
            "{said}"
        );
        assert_eq!((told(&windows), told(&syntax)), (String::new(), String::new()));
    }

    #[test]
    fn exit_within_a_function_is_noted() {
        let (_scratch, repository) = repository(&[(".", "up() { exit 0; echo never; }")]);
        deploy(&repository, &rules()).unwrap();
        assert!(log_of(&repository).starts_with("my-app | note: `exit` ended up before its end"));
    }

    #[test]
    fn one_that_takes_too_long_is_ended_with_all_that_it_started() {
        let up = "up() { echo $BASHPID >\"$REPOSITORY_PATH/told\"; sleep 60 & sleep 60; }";
        let (_scratch, repository) = repository(&[(".", up)]);
        let rules = Rules { timeout: Some(Duration::from_millis(300)), ..rules() };
        let said = failure(deploy(&repository, &rules));
        assert!(
            said.starts_with("up of the root was ended after 300ms (--timeout); nothing more is started."),
            "{said}"
        );
        let group = told(&repository);
        // Killed processes are there until somebody has reaped them.
        let is_left = || {
            let running = ["--pgroup", group.trim(), "--runstates", "RSD"];
            !Command::new("pgrep").args(running).output().unwrap().stdout.is_empty()
        };
        let begun = Instant::now();
        while is_left() {
            assert!(begun.elapsed() < Duration::from_secs(5), "something is left");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn when_it_is_interrupted_no_further_one_is_run() {
        let up = "up() { echo up >> \"$REPOSITORY_PATH/told\"; sleep 60; }";
        let (_scratch, repository) = repository(&[(".", up), ("a", "up() { echo a >> \"$REPOSITORY_PATH/told\"; }")]);
        let rules = rules();
        let interrupted = Arc::clone(&rules.interrupted);
        let path = repository.root.join("told");
        let asks = thread::spawn(move || {
            while !path.exists() {
                thread::sleep(Duration::from_millis(5));
            }
            interrupted.store(true, Ordering::Relaxed);
        });
        let code = deploy(&repository, &rules).unwrap();
        asks.join().unwrap();
        assert_eq!((format!("{code:?}"), told(&repository)), (format!("{:?}", ExitCode::from(130)), "up\n".to_owned()));
    }

    #[test]
    fn docker_within_a_file_is_ours() {
        let up = "up() { command -v docker renet >> \"$REPOSITORY_PATH/told\"; cat \"$(command -v docker)\" >> told; }";
        let (_scratch, repository) = repository(&[(".", up)]);
        deploy(&repository, &rules()).unwrap();
        let said = told(&repository);
        let root = repository.root.display();
        assert!(said.starts_with(&format!("{root}/.rediacc/bin/docker\n")), "{said}");
        assert!(said.contains("' internal docker -- \"$@\"\n"), "{said}");
    }
}
