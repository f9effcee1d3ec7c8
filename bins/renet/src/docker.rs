use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
};

use command_line::Failure;

use crate::{
    cli::DockerOptions,
    files::fault,
    paths::{path_without_ours, real_docker},
    repository::Repository,
};

/// What docker compose does without a project: it is left to docker.
const WITHOUT_A_PROJECT: [&str; 5] = ["version", "ls", "help", "--help", "-h"];

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
