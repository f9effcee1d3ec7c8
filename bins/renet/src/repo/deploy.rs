//! Runs the functions of a repository's Rediaccfiles.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

use command_line::Failure;
use repo_lifecycle::{Function, OnFailure, Rediaccfiles, Step};
use repo_network::{SlotFile, variable_name};

use super::Repository;
use crate::{
    files::{fault, read},
    output::say,
    paths::{Paths, own_directory},
    repository::SLOT_FILE,
};

/// Calls a function of a file, if it has it; `set -e` holds inside, so that the first command that fails ends it.
const CALL: &str = r#"set -e; source "$1"; if declare -F "$2" >/dev/null; then "$2"; fi"#;

/// All `prep`, then all `up`.
pub(super) fn deploy(repository: &Repository) -> Result<ExitCode, Failure> {
    let files = find(repository)?;
    run(repository, files.deploy())
}

/// All `down`.
pub(super) fn take_down(repository: &Repository) -> Result<ExitCode, Failure> {
    let files = find(repository)?;
    run(repository, files.take_down())
}

fn find(repository: &Repository) -> Result<Rediaccfiles, Failure> {
    let root = &repository.root;
    let entries = fs::read_dir(root).map_err(fault("read", root))?;
    let names = entries.filter_map(Result::ok).filter(|entry| file_in(&entry.path()).is_some());
    // A name that is not UTF-8 has no place in a message either.
    let names: Vec<_> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let files = Rediaccfiles::new(file_in(root).is_some(), names);
    if files.is_empty() {
        return Err(Failure::Usage(format!(
            "{} has no Rediaccfile, nor has a directory in it; `rdc repo push` brings the files",
            root.display()
        )));
    }
    Ok(files)
}

fn file_in(directory: &Path) -> Option<PathBuf> {
    Rediaccfiles::NAMES.iter().map(|name| directory.join(name)).find(|path| path.is_file())
}

fn run(repository: &Repository, steps: impl Iterator<Item = Step>) -> Result<ExitCode, Failure> {
    let mut failed = Vec::new();
    for step in steps {
        let what = format!("{} of {}", step.function, shown(&step.directory));
        let begun = Instant::now();
        let code = call(repository, &step)?;
        if code == Some(0) {
            say(format_args!("{what}: done ({} ms)", begun.elapsed().as_millis()))?;
            continue;
        }
        let code = code.map_or_else(|| "was killed".to_owned(), |code| format!("failed with exit code {code}"));
        match step.on_failure {
            OnFailure::Stop => {
                let rest =
                    if step.function == Function::Prep { "nothing was started" } else { "nothing more is started" };
                return Err(Failure::Runtime(format!(
                    "{what} {code}; {rest}. Mend it, and run the same command again"
                )));
            }
            OnFailure::GoOn => failed.push(format!("{what} {code}")),
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::Runtime(format!("{}; the others are done", failed.join(", "))))
}

fn call(repository: &Repository, step: &Step) -> Result<Option<i32>, Failure> {
    let directory = repository.root.join(&step.directory);
    let file = file_in(&directory).ok_or_else(|| Failure::Runtime(format!("{} has gone", directory.display())))?;
    let mut command = Command::new("bash");
    command.args(["-c", CALL, "bash"]).arg(&file).arg(step.function.as_str());
    command.current_dir(&directory).stdin(Stdio::null());
    let slots = match read(&repository.root.join(SLOT_FILE))? {
        Some(text) => SlotFile::parse(&text).map_err(|error| Failure::usage(SLOT_FILE, &error))?,
        None => SlotFile::default(),
    };
    for (service, slot) in slots.services() {
        command.env(variable_name(service), repository.id.service_ip(slot).to_string());
    }
    let socket = Paths::of_this_machine().docker_socket(repository.id);
    command
        .env("REPOSITORY_PATH", &repository.root)
        .env("REPOSITORY_NAME", repository.name.as_str())
        .env("REPOSITORY_NETWORK_ID", repository.id.to_string())
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .env_remove("DOCKER_CONTEXT");
    // `renet` is to be found, wherever this one is.
    let own = own_directory().map_err(fault("find", Path::new("this program")))?;
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([own].into_iter().chain(env::split_paths(&path)));
    command.env("PATH", path.map_err(|error| Failure::runtime("PATH", &error))?);
    let status = command.status().map_err(|error| Failure::runtime("cannot run bash", &error))?;
    Ok(status.code())
}

fn shown(directory: &str) -> &str {
    if directory == "." { "the root's Rediaccfile" } else { directory }
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
        (scratch, Repository { name, id, root })
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
        deploy(&repository).unwrap();
        let name = repository.root.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(told(&repository), format!("prep {name}\nmy-app 2816 {name}\nup a\nup b\n"));
        fs::remove_file(repository.root.join("told")).unwrap();
        take_down(&repository).unwrap();
        let host = "unix:///var/run/rediacc/docker-2816.sock";
        assert_eq!(told(&repository), format!("{host} b\n{host} a\n"));
    }

    #[test]
    fn a_failed_prep_stops_everything_and_a_failed_up_below_the_root_nothing() {
        let up = "up() { echo up >> \"$REPOSITORY_PATH/told\"; }";
        let (_scratch, first) = repository(&[(".", up), ("a", "prep() { false; true; }")]);
        let said = failure(deploy(&first));
        assert!(said.starts_with("prep of a failed with exit code 1; nothing was started."), "{said}");
        assert_eq!(told(&first), "");
        let (_scratch, second) = repository(&[(".", up), ("a", "up() { exit 7; }"), ("b", up)]);
        assert_eq!(failure(deploy(&second)), "up of a failed with exit code 7; the others are done");
        assert_eq!(told(&second), "up\nup\n");
        let (_scratch, third) = repository(&[(".", "up() { kill -9 $$; }"), ("a", up)]);
        let said = failure(deploy(&third));
        assert!(said.starts_with("up of the root's Rediaccfile was killed; nothing more is started."), "{said}");
        assert_eq!(told(&third), "");
    }

    #[test]
    fn without_a_file_it_says_so() {
        let (_scratch, repository) = repository(&[]);
        assert!(matches!(deploy(&repository), Err(Failure::Usage(said)) if said.contains("has no Rediaccfile")));
    }
}
