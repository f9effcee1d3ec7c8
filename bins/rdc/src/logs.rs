//! `rdc repo pull-logs`: the logs of a repository as files.

use std::{
    fs,
    io::{self, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Component, Path},
    process::ExitCode,
};

use command_line::{Failure, printable};
use machine_context::Machine;
use repo_lifecycle::shown;
use tar::{Archive, EntryType};

use crate::settings::ended;

/// Fetches them into a directory, each anew.
pub(crate) fn pull(machine: &Machine, name: &str, directory: &Path) -> Result<ExitCode, Failure> {
    let fault = |error: io::Error| Failure::runtime("a temporary file", &error);
    let mut spool = tempfile::tempfile().map_err(fault)?;
    let code = ended(machine.renet_into(&["repo", "send-logs", name], spool.try_clone().map_err(fault)?))?;
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    spool.rewind().map_err(fault)?;
    let mut archive = Archive::new(spool);
    let entries = archive.entries().map_err(|error| Failure::runtime("what came is no archive", &error))?;
    let mut count = 0;
    for entry in entries {
        let mut entry = entry.map_err(|error| Failure::runtime("what came is not whole", &error))?;
        let bytes = entry.path_bytes().into_owned();
        let path = Path::new(std::str::from_utf8(&bytes).unwrap_or_default()).to_owned();
        // Names of containers are the machine's word: none leads out of the directory.
        let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if entry.header().entry_type() != EntryType::Regular || !is_plain || path.as_os_str().is_empty() {
            continue;
        }
        let target = directory.join(&path);
        let size = entry.size();
        write(&mut entry, &target)
            .map_err(|error| Failure::runtime(format_args!("cannot write {}", target.display()), &error))?;
        say(&format!("{}  {}", printable(&target.to_string_lossy()), shown(size)))?;
        count += 1;
    }
    if count == 0 {
        say("there are no logs yet")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Not for everybody: programs print what is secret.
fn write(entry: &mut impl io::Read, target: &Path) -> io::Result<()> {
    let parent = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    // A file of that name that is a link leads elsewhere.
    let _ = fs::remove_file(target);
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(target)?;
    io::copy(entry, &mut file).map(drop)
}

fn say(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| Failure::output(&error))
}
