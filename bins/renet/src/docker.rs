use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use command_line::Failure;

use crate::{
    cli::DockerOptions,
    files::{fault, replace},
    repository::Repository,
};

/// What docker compose does without a project: it is left to docker.
const WITHOUT_A_PROJECT: [&str; 5] = ["version", "ls", "help", "--help", "-h"];

/// Below a repository's root: programs that its Rediaccfiles find first.
const OURS: &str = ".rediacc/bin";

/// Becomes docker, on the repository's daemon.
pub(crate) fn run(options: &DockerOptions) -> Result<ExitCode, Failure> {
    let repository = Repository::find(&options.repository)?;
    repository.needs_daemon()?;
    let program = [real_docker().into_os_string()];
    let error = repository.command(&program, &repository.slots()?).args(&options.arguments).exec();
    Err(Failure::runtime("cannot run docker; is it installed?", &error))
}

/// What `docker` means within a Rediaccfile: docker compose is done as `renet compose`, so that services get their
/// addresses and labels; all else is the real docker's.
pub(crate) fn within_a_rediaccfile(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    let is_compose = words.first().is_some_and(|word| word == "compose");
    let needs_no_project = words.get(1).is_none_or(|word| WITHOUT_A_PROJECT.contains(&&**word));
    if !is_compose || needs_no_project {
        let error = Command::new(real_docker()).args(arguments).env("PATH", path_without_ours()).exec();
        return Err(Failure::runtime("cannot run docker; is it installed?", &error));
    }
    let written = writeln!(io::stderr(), "note: docker compose … is carried out as renet compose -- …");
    written.map_err(|error| Failure::output(&error))?;
    let own = env::current_exe().map_err(fault("find", Path::new("this program")))?;
    let rest = arguments.iter().skip(1);
    let error = Command::new(own).args(["compose", "--"]).args(rest).env("PATH", path_without_ours()).exec();
    Err(Failure::runtime("cannot run renet", &error))
}

/// Writes the `docker` that Rediaccfiles of a repository find; returns its directory.
pub(crate) fn write_docker(root: &Path) -> Result<PathBuf, Failure> {
    let own = env::current_exe().map_err(fault("find", Path::new("this program")))?;
    let own = format!("'{}'", own.to_string_lossy().replace('\'', r"'\''"));
    let directory = root.join(OURS);
    fs::create_dir_all(&directory).map_err(fault("create", &directory))?;
    for (name, command) in [("docker", "internal docker --"), ("docker-compose", "internal docker -- compose")] {
        let text = format!("#!/bin/sh\n# Written by renet repo up.\nexec {own} {command} \"$@\"\n");
        replace(&directory.join(name), &text, 0o755)?;
    }
    Ok(directory)
}

/// PATH without what [`write_docker`] puts before it: the real docker must not be found as itself.
pub(crate) fn path_without_ours() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let others = env::split_paths(&path).filter(|directory| !directory.ends_with(OURS));
    // What was split can be joined.
    env::join_paths(others).unwrap_or(path)
}

/// The real docker, by its path where it is found.
pub(crate) fn real_docker() -> PathBuf {
    let path = path_without_ours();
    let mut all = env::split_paths(&path).map(|directory| directory.join("docker"));
    all.find(|path| path.is_absolute() && path.is_file()).unwrap_or_else(|| PathBuf::from("docker"))
}
