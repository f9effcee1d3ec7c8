//! `renet repo import`.

use std::{
    fs::{self, File},
    io::{self, IsTerminal as _, Read, Write as _},
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    sync::atomic::AtomicBool,
};

use command_line::{Failure, chain, printable};
use repo_lifecycle::{Place, RegistryError};
use repo_network::NetworkId;
use route_api::{Answer, Claims, Holdings, Request};

use super::{
    super::{create, image, registry::Book},
    Broken, END, IMAGE, UNKNOWN, ended, is_standard, listen,
    manifest::Manifest,
    pump, start, stop, tar,
};
use crate::{
    cli::{CreateOptions, ImportOptions},
    files::{self, fault},
    interrupts::told_to_end,
    output::say,
    paths::Paths,
};

const CUT_OFF: &str = "the export is cut off: its end is missing. Nothing was imported";
/// So many hosts and ports are named that it has again.
const NAMED: usize = 12;

/// Makes a repository of an export: with its network, its addresses, its hosts and its public ports.
pub(in super::super) fn import(options: &ImportOptions) -> Result<ExitCode, Failure> {
    let ImportOptions { name, file, path, image } = options;
    let mut source = open(file)?;
    let from = if is_standard(file) { "standard input".to_owned() } else { file.display().to_string() };
    let manifest = Manifest::read(&mut source).map_err(|error| Failure::usage(&from, &error))?;
    match (manifest.is_image, image) {
        (true, None) => {
            return Err(Failure::Usage(format!(
                "{from} has a disk image; --image FILE says where on this machine it is to be"
            )));
        }
        (false, Some(_)) => {
            return Err(Failure::Usage(format!("{from} has a directory and no disk image; leave out --image")));
        }
        _ => {}
    }
    let root = path.clone().unwrap_or_else(|| Paths::of_this_machine().repositories().join(name.as_str()));
    let root = std::path::absolute(&root).map_err(fault("find", &root))?;
    let absolute = |image: &PathBuf| std::path::absolute(image).map_err(fault("find", image));
    let image = image.as_ref().map(absolute).transpose()?;
    let book = Book::of_this_machine();
    // One at a time: what another one unpacks is not ours to clean up.
    let state = Paths::of_this_machine().state();
    fs::create_dir_all(&state).map_err(fault("create", &state))?;
    let _lock = files::lock(&state.join("import.lock"))?;
    // Whoever waits for the lock is just ended.
    let interrupted = told_to_end()?;
    // What is taken is told before anything is unpacked.
    let place =
        Place { path: create::plain_path(&root)?, image: image.as_deref().map(create::plain_path).transpose()? };
    let checked = book.read()?.create(name.clone(), place, Some(manifest.network_id));
    checked.map_err(|error| {
        Failure::Refused(match error {
            // Containers have its addresses; so it is one or the other.
            RegistryError::IdTaken { id, name } => {
                format!("network {id} belongs to repository {name} here; delete that one, or import on another machine")
            }
            other => other.to_string(),
        })
    })?;
    let target = image.as_deref().unwrap_or(&root);
    must_be_free(target)?;
    say(format_args!("{} of {}, network {}", manifest.name, manifest.made, manifest.network_id))?;
    match unpack(&mut source, target, manifest.is_image, &interrupted) {
        Ok(()) => {}
        Err(Broken::Interrupted) => {
            // As a shell says it of a program that ctrl-C ended.
            let _ = writeln!(io::stderr(), "renet: the import was interrupted; nothing of it is left");
            return Ok(ExitCode::from(130));
        }
        Err(Broken::Failed(failure)) => return Err(failure),
    }
    crate::step("an export is unpacked");
    create::create(&CreateOptions {
        name: name.clone(),
        path: Some(root),
        network_id: Some(manifest.network_id),
        image,
        size: None,
    })?;
    restore(manifest.network_id, manifest.holdings)?;
    say(format_args!("renet repo up {name} starts it"))?;
    Ok(ExitCode::SUCCESS)
}

fn open(path: &Path) -> Result<Box<dyn Read>, Failure> {
    if is_standard(path) {
        if io::stdin().is_terminal() {
            return Err(Failure::Usage("an export is expected on standard input; name a file".to_owned()));
        }
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(File::open(path).map_err(fault("read", path))?))
}

/// An import puts nothing beside what is there.
fn must_be_free(target: &Path) -> Result<(), Failure> {
    let is_free = match fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if is_free {
        return Ok(());
    }
    Err(Failure::Refused(format!("{} is there already, and not empty; choose another place", target.display())))
}

/// Unpacks what is behind the manifest beside the target, and puts it there when it is whole.
fn unpack(source: &mut impl Read, target: &Path, is_image: bool, interrupted: &AtomicBool) -> Result<(), Broken> {
    let parent = target.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(fault("create", parent))?;
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let directory = parent.join(format!(".{name}.importing"));
    // Of one that was killed.
    remove(&directory)?;
    fs::create_dir(&directory).map_err(fault("create", &directory))?;
    let put = whole(source, &directory, interrupted).and_then(|()| {
        let done = if is_image {
            let file = directory.join(IMAGE);
            image::look(&file)?;
            fs::rename(&file, target)
        } else {
            fs::rename(&directory, target)
        };
        Ok(done.map_err(fault("rename", &directory))?)
    });
    // What was put into its place is not there any more.
    let removed = remove(&directory);
    put?;
    Ok(removed?)
}

fn whole(source: &mut impl Read, directory: &Path, interrupted: &AtomicBool) -> Result<(), Broken> {
    let mut command = tar("--extract");
    command.args(["--preserve-permissions", "--same-owner", "--directory"]).arg(directory);
    let mut child = start({
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command
    })?;
    let said = listen(&mut child);
    let moved = match child.stdin.take() {
        Some(mut to) => pump(source, &mut to, interrupted, "are read"),
        None => Ok(true),
    };
    match moved {
        Ok(true) => {}
        Ok(false) => {
            stop(&mut child);
            return Err(Broken::Interrupted);
        }
        // It does not read on: it failed, or has seen the end. Its exit code says which.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => {
            stop(&mut child);
            return Err(Failure::runtime("the export cannot be read", &error).into());
        }
    }
    let marker = directory.join(END);
    match ended(child, said) {
        Ok(()) if marker.exists() => {}
        // At the border of two entries tar sees nothing amiss, and with no entry at all it speaks of other things.
        Ok(()) => return Err(Failure::Runtime(CUT_OFF.to_owned()).into()),
        Err(Failure::Runtime(said)) if said.contains("Unexpected EOF") || said.contains("does not look like a tar") => {
            return Err(Failure::Runtime(CUT_OFF.to_owned()).into());
        }
        Err(failure) => return Err(failure.into()),
    }
    fs::remove_file(&marker).map_err(fault("remove", &marker))?;
    // What gets its name now is on the disk.
    let synced = File::open(directory).and_then(|opened| Ok(rustix::fs::syncfs(opened)?));
    Ok(synced.map_err(fault("write", directory))?)
}

fn remove(directory: &PathBuf) -> Result<(), Failure> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(fault("remove", directory)),
    }
}

/// Gives it its hosts and ports again, as far as nobody else has them.
fn restore(network_id: NetworkId, holdings: Option<Holdings>) -> Result<(), Failure> {
    let Some(holdings) = holdings.filter(|holdings| holdings.count() > 0) else { return Ok(()) };
    let socket = Paths::of_this_machine().control_socket();
    let names = [&holdings.assigned, &holdings.hosts, &holdings.exclusive, &holdings.shared].into_iter().flatten();
    let ports = holdings.ports.iter().map(|it| format!("{}-{}", it.protocol, it.public));
    let mut names: Vec<_> = names.map(|name| printable(name)).chain(ports).collect();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match route_api::ask(&socket, &Request::Claims(Claims::Restore { network_id, holdings })) {
        Ok(Answer::Restored { not }) => {
            say(format_args!("its hosts and public ports: {}{more}", names.join(", ")))?;
            not.iter().try_for_each(|it| say(format_args!("but {}", printable(it))))
        }
        Ok(Answer::Error { message, .. }) => Err(Failure::Runtime(printable(&message))),
        Ok(_) => Err(Failure::Runtime(UNKNOWN.to_owned())),
        Err(error) => say(format_args!(
            "its hosts and public ports are not claimed, but will be when it uses them first ({}{more}): {}",
            names.join(", "),
            chain(&error)
        )),
    }
}
