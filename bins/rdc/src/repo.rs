//! `rdc repo`: repositories of a machine.

use std::{
    path::Path,
    process::{Command, ExitCode},
};

use command_line::Failure;
use machine_context::Input;

use crate::{
    cli::{RepoCommand, Which},
    settings::{ended, machine},
};

/// Does what was asked for.
pub(crate) fn run(command: &RepoCommand) -> Result<ExitCode, Failure> {
    match command {
        RepoCommand::Create { which, path } => {
            let path: Vec<_> = path.iter().flat_map(|path| ["--path", path.as_str()]).collect();
            renet(which, "create", &path, Input::Nothing)
        }
        RepoCommand::Push { which, directory } => renet(which, "receive", &[], Input::Output(tar(directory)?)),
        RepoCommand::Up { which, mount } => {
            let mount = if *mount { &["--mount"][..] } else { &[] };
            renet(which, "up", mount, Input::Nothing)
        }
        RepoCommand::Down { which } => renet(which, "down", &[], Input::Nothing),
        RepoCommand::Status { which, json } => {
            let json = if *json { &["--json"][..] } else { &[] };
            renet(which, "status", json, Input::Nothing)
        }
    }
}

fn renet(which: &Which, command: &str, more: &[&str], input: Input) -> Result<ExitCode, Failure> {
    let arguments = [&["repo", command, which.name.as_str()], more].concat();
    ended(machine(which.machine.as_ref())?.renet(&arguments, input))
}

/// The files of a directory, without what renet keeps there itself.
fn tar(directory: &Path) -> Result<Command, Failure> {
    if !directory.is_dir() {
        return Err(Failure::Usage(format!("{} is no directory", directory.display())));
    }
    let mut tar = Command::new("tar");
    tar.arg("--create").arg("--file=-").arg("--directory").arg(directory);
    tar.args(["--exclude=./.rediacc", "--exclude=./.rediacc.json", "."]);
    Ok(tar)
}
