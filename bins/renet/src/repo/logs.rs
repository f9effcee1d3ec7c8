//! `renet repo logs`: what the containers of a repository print, and what its last runs did.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::mpsc,
    thread,
};

use command_line::{Failure, printable};

use super::{
    Repository,
    deploy::{RUNS, logs},
    lines::each_line,
};
use crate::{
    cli::LogsOptions,
    containers::Existing,
    docker::{path_without_ours, real_docker},
    files::fault,
    output::say,
    paths::Paths,
};

/// So many lines wait to be written; whoever prints more waits too.
const WAITING: usize = 1000;

/// Prints them.
pub(super) fn run(options: &LogsOptions) -> Result<ExitCode, Failure> {
    let repository = Repository::find(&options.name)?;
    repository.must_be_there()?;
    if options.runs { last_run(&repository) } else { of_containers(&repository, options) }
}

fn last_run(repository: &Repository) -> Result<ExitCode, Failure> {
    let directory = repository.root.join(RUNS);
    let all = logs(&directory);
    let Some(last) = all.last() else {
        return Err(Failure::Runtime(format!("nothing of {} was run yet", repository.name)));
    };
    let text = fs::read(last).map_err(fault("read", last))?;
    let written = io::stdout().write_all(&text);
    written.map_err(|error| Failure::output(&error))?;
    say(format_args!("({}; {} runs are kept in {})", last.display(), all.len(), directory.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn of_containers(repository: &Repository, options: &LogsOptions) -> Result<ExitCode, Failure> {
    let socket = Paths::of_this_machine().docker_socket(repository.id);
    let containers = Existing::all(&socket)?;
    let is_meant = |container: &&Existing| {
        let names = [container.service(), container.name()];
        options.services.is_empty() || options.services.iter().any(|wanted| names.contains(&wanted.as_str()))
    };
    let meant: Vec<_> = containers.iter().filter(is_meant).map(Existing::name).collect();
    if meant.is_empty() {
        let there: Vec<_> = containers.iter().map(|container| printable(container.service())).collect();
        return Err(Failure::Usage(format!("no such container; there are: {}", there.join(", "))));
    }
    let width = meant.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let (sender, lines) = mpsc::sync_channel(WAITING);
    let mut children = Vec::new();
    for name in meant {
        let follow = if options.follow { &["--follow"][..] } else { &[] };
        let (mut child, reader) = docker_logs(&socket, name, options.lines as usize, follow)?;
        let name = printable(name);
        let shown = move |line: &str| format!("{name:<width$} | {}", printable(line));
        // All at once, where they go on; else one after the other, so that each is in one piece.
        if options.follow {
            let sender = sender.clone();
            thread::spawn(move || each_line(reader, |line| sender.send(shown(&line)).is_ok()));
            children.push(child);
            continue;
        }
        let mut told = Ok(());
        each_line(reader, |line| {
            told = say(shown(&line));
            told.is_ok()
        });
        let _ = child.wait();
        told?;
    }
    drop(sender);
    let told = lines.iter().try_for_each(say);
    // Nobody reads them any more.
    children.iter_mut().for_each(|child| drop(child.kill()));
    told.map(|()| ExitCode::SUCCESS)
}

/// What docker says of a container, both of its outputs in one.
pub(super) fn docker_logs(
    socket: &Path,
    name: &str,
    lines: usize,
    more: &[&str],
) -> Result<(Child, io::PipeReader), Failure> {
    let fault = |error: io::Error| Failure::runtime("cannot run docker; is it installed?", &error);
    let (reader, writer) = io::pipe().map_err(fault)?;
    let mut command = Command::new(real_docker());
    command.env("PATH", path_without_ours()).arg("--host").arg(format!("unix://{}", socket.display()));
    command.args(["logs", "--tail", &lines.to_string()]).args(more);
    command.args(["--", name]).stdin(Stdio::null()).stderr(writer.try_clone().map_err(fault)?).stdout(writer);
    Ok((command.spawn().map_err(fault)?, reader))
}
