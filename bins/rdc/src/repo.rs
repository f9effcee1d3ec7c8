//! `rdc repo`: repositories of a machine.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Write as _},
    os::fd::AsFd as _,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use command_line::{Failure, must_agree};
use machine_context::Input;
use repo_lifecycle::{Size, shown};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::{
    cli::{RepoCommand, Which},
    logs,
    push::{must_be_directory, send},
    settings::{ended, machine},
};

/// Does what was asked for.
pub(crate) fn run(command: &RepoCommand) -> Result<ExitCode, Failure> {
    match command {
        RepoCommand::Create { which, path, image, size } => {
            let size = size.map(megabytes);
            let given = [("--path", path), ("--image", image), ("--size", &size)];
            renet(which, "create", &flags(&given), Input::Nothing)
        }
        RepoCommand::List { machine: name, json } => {
            let json = json.then_some("--json");
            let arguments: Vec<_> = ["repo", "list"].into_iter().chain(json).collect();
            ended(machine(name.as_ref())?.renet(&arguments, Input::Nothing))
        }
        RepoCommand::Mount { which, path } => renet(which, "mount", &flags(&[("--path", path)]), Input::Nothing),
        RepoCommand::Unmount { which } => renet(which, "unmount", &[], Input::Nothing),
        RepoCommand::Grow { which, size } => {
            renet(which, "grow", &flags(&[("--size", &Some(megabytes(*size)))]), Input::Nothing)
        }
        RepoCommand::Delete { which, yes, files } => {
            let what = if *files { " and all its files" } else { "; its files stay" };
            if !yes {
                must_agree(&format!("delete repository {}{what}?", which.name))?;
            }
            let files = files.then_some("--files");
            renet(which, "delete", &["--yes"].into_iter().chain(files).collect::<Vec<_>>(), Input::Nothing)
        }
        RepoCommand::Push { which, directory, delete, dry_run } => {
            must_be_directory(directory)?;
            let given = [(*delete, "--delete"), (*dry_run, "--dry-run")];
            let given: Vec<_> = given.into_iter().filter(|(is_given, _)| *is_given).map(|(_, flag)| flag).collect();
            let directory = directory.clone();
            renet(which, "receive", &given, Input::Stream(Box::new(move |to| send(&directory, to))))
        }
        RepoCommand::Export { which, file, stop } => export(which, file, *stop),
        RepoCommand::Import { which, file, path, image } => {
            let source = if file == Path::new("-") {
                io::stdin().as_fd().try_clone_to_owned().map(File::from)
            } else {
                File::open(file)
            };
            let source =
                source.map_err(|error| Failure::runtime(format_args!("cannot read {}", file.display()), &error))?;
            let more = flags(&[("--path", path), ("--image", image)]);
            renet(which, "import", &[&["-"], more.as_slice()].concat(), Input::File(source))
        }
        RepoCommand::Up { which, mount, wait, timeout } => {
            let mount = mount.then_some("--mount");
            run_functions(which, "up", mount, &[("--wait", wait), ("--timeout", timeout)])
        }
        RepoCommand::Routes { which, wait, json } => {
            let json = json.then_some("--json");
            let more: Vec<_> = flags(&[("--wait", wait)]).into_iter().chain(json).collect();
            renet(which, "routes", &more, Input::Nothing)
        }
        RepoCommand::Down { which, daemon, timeout } => {
            let daemon = daemon.then_some("--daemon");
            run_functions(which, "down", daemon, &[("--timeout", timeout)])
        }
        RepoCommand::Logs { which, services, follow, lines, runs } => {
            let lines = format!("--lines={lines}");
            let given = [(*follow, "--follow"), (*runs, "--runs"), (!services.is_empty(), "--")];
            let given = given.into_iter().filter(|(is_given, _)| *is_given).map(|(_, flag)| flag);
            let more = [lines.as_str()].into_iter().chain(given).chain(services.iter().map(String::as_str));
            renet(which, "logs", &more.collect::<Vec<_>>(), Input::Nothing)
        }
        RepoCommand::PullLogs { which, directory } => {
            let default = || Path::new(".").join(format!("{}-logs", which.name));
            let directory = directory.clone().unwrap_or_else(default);
            logs::pull(&machine(which.machine.as_ref())?, which.name.as_str(), &directory)
        }
        RepoCommand::Show { which, json } => {
            renet(which, "show", if *json { &["--json"] } else { &[] }, Input::Nothing)
        }
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

/// The file gets its name when it is whole.
fn export(which: &Which, path: &Path, stop: bool) -> Result<ExitCode, Failure> {
    let stop = stop.then_some("--stop");
    let arguments: Vec<_> = ["repo", "export", which.name.as_str(), "-"].into_iter().chain(stop).collect();
    let machine = machine(which.machine.as_ref())?;
    if path == Path::new("-") {
        if io::stdout().is_terminal() {
            return Err(Failure::Usage("an export is nothing for a terminal; name a file".to_owned()));
        }
        return ended(machine.renet(&arguments, Input::Nothing));
    }
    if path.exists() {
        return Err(Failure::Refused(format!("{} is there already; name another file", path.display())));
    }
    let fault = |error: &io::Error| Failure::runtime(format_args!("cannot write {}", path.display()), error);
    // ctrl-C ends ssh, by which the machine sees it; what came until then is removed here.
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let registered = signal_hook::flag::register(signal, Arc::clone(&interrupted));
        registered.map_err(|error| Failure::runtime("signals", &error))?;
    }
    let path = std::path::absolute(path).map_err(|error| fault(&error))?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    // Readable by its owner alone: there are secrets in it.
    let file = tempfile::NamedTempFile::new_in(directory).map_err(|error| fault(&error))?;
    let copy = file.as_file().try_clone().map_err(|error| fault(&error))?;
    let code = ended(machine.renet_into(&arguments, copy))?;
    if code != ExitCode::SUCCESS || interrupted.load(Ordering::Relaxed) {
        return Ok(if code == ExitCode::SUCCESS { ExitCode::from(130) } else { code });
    }
    let length =
        file.as_file().sync_all().and_then(|()| file.as_file().metadata()).map_err(|error| fault(&error))?.len();
    file.persist_noclobber(&path).map_err(|error| fault(&error.error))?;
    let said = writeln!(io::stdout(), "{} is exported: {}, {}", which.name, path.display(), shown(length));
    said.map_err(|error| Failure::output(&error))?;
    Ok(ExitCode::SUCCESS)
}

/// What runs functions of Rediaccfiles: ctrl-C here ends the one that runs there.
fn run_functions(
    which: &Which,
    command: &str,
    flag: Option<&str>,
    given: &[(&str, &Option<String>)],
) -> Result<ExitCode, Failure> {
    let wanted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second time it ends this program, whatever the machine does.
        let registered = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&wanted));
        let registered = registered.and_then(|_| signal_hook::flag::register(signal, Arc::clone(&wanted)));
        registered.map_err(|error| Failure::runtime("signals", &error))?;
    }
    let more: Vec<_> = ["--interrupts-on-stdin"].into_iter().chain(flag).chain(flags(given)).collect();
    renet(which, command, &more, Input::Interrupts { wanted, line: route_api::INTERRUPT })
}

/// Flags that are given, each with its value.
fn flags<'a>(given: &[(&'a str, &'a Option<String>)]) -> Vec<&'a str> {
    given.iter().filter_map(|(flag, value)| Some([flag, value.as_deref()?])).flatten().collect()
}

/// A size in the form that it is read in.
fn megabytes(size: Size) -> String {
    format!("{}M", size.bytes() >> 20)
}
