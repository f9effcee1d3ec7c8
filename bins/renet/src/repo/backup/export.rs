//! `renet repo export`.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    sync::atomic::AtomicBool,
};

use command_line::Failure;
use repo_lifecycle::shown;
use route_api::Holdings;
use tempfile::NamedTempFile;

use super::{
    super::{Repository, daemons::Daemons, place},
    Broken, END, IMAGE, ended, holdings, is_standard, listen,
    manifest::Manifest,
    pump, start, stop, tar,
};
use crate::{
    cli::ExportOptions,
    files::fault,
    interrupts::told_to_end,
    output::{say, take_output},
};

/// Where an export goes.
enum Destination {
    /// Standard output.
    Output,
    /// A file, which has its name when it is whole.
    File { file: NamedTempFile, path: PathBuf },
}

/// Writes a repository into one file. What runs would be copied half-written: it is refused, or stopped for the copy.
pub(in super::super) fn export(options: &ExportOptions) -> Result<ExitCode, Failure> {
    let ExportOptions { name, file, stop } = options;
    let repository = Repository::find(name)?;
    // All that can be refused is refused before anything is stopped.
    if !is_standard(file) && std::path::absolute(file).is_ok_and(|file| file.starts_with(&repository.root)) {
        return Err(Failure::Usage(format!(
            "{} is in the repository itself; name a file outside of it",
            file.display()
        )));
    }
    let daemons = Daemons::of(&repository);
    let _lock = daemons.lock()?;
    // From here on something is there to be cleaned up; whoever waits for the lock is just ended.
    let interrupted = told_to_end()?;
    let mut destination = Destination::of(file)?;
    let is_mounted = repository.is_mounted()?;
    if repository.image.is_none() {
        repository.must_be_there()?;
    }
    let runs = daemons.is_there()?;
    let is_in_use = runs || (repository.image.is_some() && is_mounted);
    if is_in_use && !stop {
        let how = if runs { "runs" } else { "is mounted" };
        return Err(Failure::Refused(format!(
            "{name} {how}, and what is being written would be copied in halves; with --stop it is down during the copy \
             and comes back after it, or `renet repo unmount {name}` first"
        )));
    }
    let holdings = match holdings(&repository) {
        Ok(holdings) => Some(holdings),
        // A machine without a proxy has nothing to give.
        Err(failure) => {
            let said = failure.reason().unwrap_or_default();
            let _ = writeln!(io::stderr(), "renet: warning: its hosts and public ports are not in the export: {said}");
            None
        }
    };
    // One that was stopped by an export that was cut off comes back after this one.
    let comes_back = *stop && (runs || repository.resumes()?);
    let stopped = if is_in_use { place::let_go(&repository) } else { Ok(()) };
    let written =
        stopped.map_err(Broken::from).and_then(|()| write(&repository, holdings, &mut destination, &interrupted));
    let back = if comes_back {
        place::bring_back(&repository)
    } else if is_in_use {
        place::mount_now(&repository)
    } else {
        Ok(())
    };
    match (written, back) {
        (Ok(()), back) => {
            let told = destination.keep()?;
            back?;
            told.map_or(Ok(()), |told| say(format_args!("{name} is exported: {told}")))?;
            Ok(ExitCode::SUCCESS)
        }
        (Err(Broken::Interrupted), back) => {
            // As a shell says it of a program that ctrl-C ended.
            let _ = writeln!(io::stderr(), "renet: the export was interrupted; nothing of it is left");
            back.map(|()| ExitCode::from(130))
        }
        (Err(Broken::Failed(failure)), Ok(())) => Err(failure),
        (Err(Broken::Failed(failure)), Err(second)) => {
            let _ = writeln!(io::stderr(), "renet: it did not come back: {}", second.reason().unwrap_or_default());
            Err(failure)
        }
    }
}

fn write(
    repository: &Repository,
    holdings: Option<Holdings>,
    to: &mut Destination,
    interrupted: &AtomicBool,
) -> Result<(), Broken> {
    let manifest = Manifest::new(repository.name.clone(), repository.id, repository.image.is_some(), holdings);
    let scratch = tempfile::tempdir().map_err(fault("create", Path::new("a temporary directory")))?;
    let marker = scratch.path().join(END);
    File::create(&marker).map_err(fault("create", &marker))?;
    let mut command = tar("--create");
    match &repository.image {
        Some(image) => {
            let link = scratch.path().join(IMAGE);
            std::os::unix::fs::symlink(image, &link).map_err(fault("create", &link))?;
            command.args(["--sparse", "--dereference", "--directory"]).arg(scratch.path()).arg(IMAGE);
        }
        None => {
            // Sockets are made anew by whoever listens on them.
            command.args(["--sparse", "--warning=no-file-ignored"]).arg(format!("--exclude=./{END}"));
            command.arg("--directory").arg(&repository.root).arg(".");
        }
    }
    command.arg("--directory").arg(scratch.path()).arg(END);
    let mut child = start({
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    })?;
    let said = listen(&mut child);
    let name = to.name();
    let moved = manifest.entry().and_then(|entry| to.write_all(&entry)).and_then(|()| match child.stdout.take() {
        Some(mut from) => pump(&mut from, to, interrupted, "are exported"),
        None => Ok(true),
    });
    match moved {
        Ok(true) => Ok(ended(child, said)?),
        Ok(false) => {
            stop(&mut child);
            Err(Broken::Interrupted)
        }
        Err(error) => {
            stop(&mut child);
            Err(Failure::runtime(format_args!("cannot write {name}"), &error).into())
        }
    }
}

// === impl Destination ===

impl Destination {
    fn of(path: &Path) -> Result<Self, Failure> {
        if is_standard(path) {
            if io::stdout().is_terminal() {
                return Err(Failure::Usage("an export is nothing for a terminal; name a file".to_owned()));
            }
            take_output();
            return Ok(Self::Output);
        }
        if path.exists() {
            return Err(Failure::Refused(format!("{} is there already; name another file", path.display())));
        }
        let path = std::path::absolute(path).map_err(fault("find", path))?;
        // Readable by its owner alone: there are secrets in it.
        let file = NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/"))).map_err(fault("create", &path))?;
        Ok(Self::File { file, path })
    }

    fn name(&self) -> String {
        match self {
            Self::Output => "standard output".to_owned(),
            Self::File { path, .. } => path.display().to_string(),
        }
    }

    /// Gives the file its name; returns what there is to say.
    fn keep(self) -> Result<Option<String>, Failure> {
        let Self::File { file, path } = self else { return Ok(None) };
        file.as_file().sync_all().map_err(fault("write", &path))?;
        let length = file.as_file().metadata().map_err(fault("read", &path))?.len();
        file.persist_noclobber(&path).map_err(|error| fault("rename", &path)(error.error))?;
        Ok(Some(format!("{}, {}", path.display(), shown(length))))
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Output => io::stdout().write(bytes),
            Self::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Output => io::stdout().flush(),
            Self::File { file, .. } => file.flush(),
        }
    }
}
