//! `renet repo send-logs`: all logs of a repository as a tar stream. What `rdc repo pull-logs` fetches.

use std::{
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
    process::ExitCode,
    time::SystemTime,
};

use command_line::Failure;
use repo_lifecycle::RepositoryName;
use tar::{Builder, EntryType, Header};

use super::{
    Repository,
    daemons::Daemons,
    deploy::{RUNS, logs},
    logs::docker_logs,
};
use crate::{containers::Existing, files::fault, paths::Paths};

/// So many lines of one log, the last ones.
const LINES: usize = 100_000;
/// So many bytes of one log, the last ones of these.
const MAX: u64 = 256 << 20;

/// Writes them: of its runs, of its daemons, of its containers where the daemon runs.
pub(super) fn run(name: &RepositoryName) -> Result<ExitCode, Failure> {
    let repository = Repository::find(name)?;
    let mut archive = Builder::new(io::stdout().lock());
    let mut add = |path: &str, content: &mut dyn io::Read, length: u64| {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o600);
        header.set_size(length);
        header.set_mtime(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs());
        archive.append_data(&mut header, path, content.take(length)).map_err(|error| Failure::output(&error))
    };
    for file in logs(&repository.root.join(RUNS)) {
        // One that was removed meanwhile.
        let Ok(bytes) = std::fs::read(&file) else { continue };
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        add(&format!("runs/{name}"), &mut bytes.as_slice(), bytes.len() as u64)?;
    }
    for (name, text) in Daemons::of(&repository).last_words(LINES) {
        add(&format!("daemons/{name}.log"), &mut text.as_bytes(), text.len() as u64)?;
    }
    let socket = Paths::of_this_machine().docker_socket(repository.id);
    // Of a daemon that does not run nobody can ask for them.
    for container in Existing::all(&socket).unwrap_or_default() {
        // How long it is has to be known before.
        let mut spool = tempfile::tempfile().map_err(fault("create", Path::new("a temporary file")))?;
        let (mut child, mut reader) = docker_logs(&socket, container.name(), LINES, &["--timestamps"])?;
        let copied = io::copy(&mut (&mut reader).take(MAX), &mut spool);
        // One that printed more is not waited for.
        drop(reader);
        let _ = child.wait();
        let rewound = copied.and_then(|length| spool.rewind().map(|()| length));
        let length = rewound.map_err(fault("write", Path::new("a temporary file")))?;
        add(&format!("containers/{}.log", container.name()), &mut spool, length)?;
    }
    let finished = archive.into_inner().and_then(|mut out| out.flush());
    finished.map_err(|error| Failure::output(&error))?;
    Ok(ExitCode::SUCCESS)
}
