use std::{ffi::OsString, os::unix::process::CommandExt as _, process::ExitCode};

use command_line::Failure;

use crate::{cli::DockerOptions, repository::Repository};

/// Becomes docker, on the repository's daemon.
pub(crate) fn run(options: &DockerOptions) -> Result<ExitCode, Failure> {
    let repository = Repository::find(&options.repository)?;
    repository.needs_daemon()?;
    let program = [OsString::from("docker")];
    let error = repository.command(&program, &repository.slots()?).args(&options.arguments).exec();
    Err(Failure::runtime("cannot run docker; is it installed?", &error))
}
