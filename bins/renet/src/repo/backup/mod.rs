//! Exports: a repository as one file, with what it has of the machine's proxy, and back.
//!
//! An export is a tar archive. Its first entry says whose it is, the last one that it is whole; between them are the files
//! as tar(1) packs them, with owners, links, devices and attributes, which containers' files need: a directory as it is, or
//! a disk image as one sparse file.

mod export;
mod import;
mod manifest;

use std::{
    io::{self, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use command_line::{Failure, chain, printable};
use repo_lifecycle::shown;
use route_api::{Answer, Claims, Holdings, Request};

pub(super) use self::{export::export, import::import};
use super::Repository;
use crate::paths::Paths;

/// The last entry of an export: without it something is missing.
const END: &str = ".rediacc-end-of-export";
/// The entry of a disk image.
const IMAGE: &str = "image";
/// What both ways of tar have to keep: owners by number, whatever a machine calls them, and all attributes.
const KEEP: [&str; 4] = ["--numeric-owner", "--acls", "--xattrs", "--xattrs-include=*"];
/// So often it is told how far it is.
const TOLD: Duration = Duration::from_secs(5);
/// The most bytes that are kept of what tar says.
const MAX_SAID: u64 = 4096;

/// Of a server that answers something else.
const UNKNOWN: &str = "the route server does not know exports; bring it up to date";

/// Why not everything was moved.
enum Broken {
    /// ctrl-C.
    Interrupted,
    Failed(Failure),
}

/// Whether a file is standard output or input.
fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// What a repository has of the machine's proxy.
pub(super) fn holdings(repository: &Repository) -> Result<Holdings, Failure> {
    let socket = Paths::of_this_machine().control_socket();
    match route_api::ask(&socket, &Request::Claims(Claims::Holdings { network_id: repository.id })) {
        Ok(Answer::Holdings(holdings)) => Ok(holdings),
        Ok(Answer::Error { message, .. }) => Err(Failure::Runtime(printable(&message))),
        Ok(_) => Err(Failure::Runtime(UNKNOWN.to_owned())),
        Err(error) => Err(Failure::Runtime(chain(&error))),
    }
}

/// tar with what both ways need, in a process group of its own: ctrl-C ends us, and we end it.
fn tar(mode: &str) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new("tar");
    command.arg(mode).args(KEEP).env("LC_ALL", "C").stderr(Stdio::piped()).process_group(0);
    command
}

fn start(mut command: Command) -> Result<Child, Broken> {
    command.spawn().map_err(|error| Failure::runtime("cannot run tar", &error).into())
}

/// Moves bytes until there are no more, and tells how far it is; returns whether it was not interrupted.
fn pump(from: &mut impl Read, to: &mut impl Write, interrupted: &AtomicBool, what: &str) -> io::Result<bool> {
    let mut buffer = vec![0; 1 << 20];
    let mut total = 0_u64;
    let mut told = Instant::now();
    loop {
        if interrupted.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(buffer.get(..count).unwrap_or_default())?;
        total = total.saturating_add(count as u64);
        if told.elapsed() > TOLD {
            told = Instant::now();
            // Nobody may be left to read it.
            let _ = writeln!(io::stderr(), "renet: {} {what}", shown(total));
        }
    }
}

/// Waits for tar; where it fails, its own first words.
fn ended(mut child: Child, said: thread::JoinHandle<String>) -> Result<(), Failure> {
    let status = child.wait().map_err(|error| Failure::runtime("tar", &error))?;
    let said = said.join().unwrap_or_default();
    if status.success() {
        return Ok(());
    }
    let first = said
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(|line| printable(line.trim_start_matches("tar: ")));
    Err(Failure::Runtime(format!("tar: {}", first.unwrap_or_else(|| status.to_string()))))
}

/// Listens to what tar says while it works.
fn listen(child: &mut Child) -> thread::JoinHandle<String> {
    let stderr = child.stderr.take();
    thread::spawn(move || {
        let Some(mut stderr) = stderr else { return String::new() };
        let mut said = Vec::new();
        let _ = (&mut stderr).take(MAX_SAID).read_to_end(&mut said);
        // It may have more to say, and must not wait for a reader.
        let _ = io::copy(&mut stderr, &mut io::sink());
        String::from_utf8_lossy(&said).into_owned()
    })
}

/// Ends tar, which is not to go on.
fn stop(child: &mut Child) {
    // It may have ended.
    let _ = child.kill();
    let _ = child.wait();
}

// === impl Broken ===

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
