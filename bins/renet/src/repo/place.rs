//! Where a repository's files are: mounted, unmounted, grown, moved; and what a reboot brings back.

use std::{
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use command_line::Failure;
use repo_lifecycle::{RepositoryName, Size};

use super::{Repository, daemons::Daemons, registry::Book, routes, status};
use crate::{files::fault, output::say};

/// Mounts a repository; at another path from now on, where one is given.
pub(super) fn mount(name: &RepositoryName, path: Option<&Path>) -> Result<ExitCode, Failure> {
    let mut repository = Repository::find(name)?;
    let daemons = Daemons::of(&repository);
    let _lock = daemons.lock()?;
    if let Some(path) = path {
        let path = std::path::absolute(path).map_err(fault("find", path))?;
        if path != repository.root {
            move_to(&mut repository, &path)?;
        }
    }
    mount_now(&repository)?;
    repository.must_be_there()?;
    let kind = if repository.image.is_some() { "mounted at" } else { "a directory, mounted by being there:" };
    say(format_args!("{name} is {kind} {}", repository.root.display()))?;
    status::warn_when_full(&repository)?;
    Ok(ExitCode::SUCCESS)
}

fn move_to(repository: &mut Repository, path: &Path) -> Result<(), Failure> {
    let name = &repository.name;
    let Some(image) = repository.image() else {
        return Err(Failure::Usage(format!(
            "{name} is the directory {}; move that, and create it again there",
            repository.root.display()
        )));
    };
    if image.is_mounted()? || Daemons::of(repository).is_there()? {
        return Err(Failure::Refused(format!(
            "{name} is in use at {}; `renet repo unmount {name}` first",
            repository.root.display()
        )));
    }
    let book = Book::of_this_machine();
    let _lock = book.lock()?;
    let mut registry = book.read()?;
    let text = super::create::plain_path(path)?;
    registry.move_to(name, text).map_err(|error| Failure::Refused(error.to_string()))?;
    book.write(&registry)?;
    repository.root = path.to_owned();
    Ok(())
}

/// Mounts it where it is not, and says so.
pub(super) fn mount_now(repository: &Repository) -> Result<(), Failure> {
    let Some(image) = repository.image() else { return Ok(()) };
    if image.mount()? {
        say(format_args!("{} is mounted at {}", image.file.display(), image.point.display()))?;
    }
    Ok(())
}

/// Stops its daemon and unmounts it. Containers that are to run always come back at the next mount and up.
pub(super) fn unmount(name: &RepositoryName) -> Result<ExitCode, Failure> {
    let repository = Repository::find(name)?;
    let daemons = Daemons::of(&repository);
    let _lock = daemons.lock()?;
    if daemons.is_there()? {
        daemons.let_go()?;
    }
    // Of one that fell over, too: it keeps its routes until somebody says that it is over.
    routes::gone(repository.id)?;
    // Last of what lasts: one that is cut off before is unmounted by the same command.
    let done = repository.image().map_or(Ok(false), |image| image.unmount())?;
    note_that_it_resumes(&repository, false)?;
    match (&repository.image, done) {
        (None, _) => say(format_args!("{name} is a directory: nothing uses it any more, and it stays where it is"))?,
        (Some(image), true) => say(format_args!("{} is unmounted, and nothing uses it", image.display()))?,
        (Some(_), false) => say(format_args!("{name} is not mounted"))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a disk image larger.
pub(super) fn grow(name: &RepositoryName, size: Size) -> Result<ExitCode, Failure> {
    let repository = Repository::find(name)?;
    let _lock = Daemons::of(&repository).lock()?;
    let Some(image) = repository.image() else {
        return Err(Failure::Usage(format!("{name} is a directory, and has all the room that its file system has")));
    };
    image.grow(size)?;
    say(format_args!("{} has {size} now", image.file.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Mounts and starts every repository that was up: after a reboot, where systemd does not.
pub(super) fn resume() -> Result<ExitCode, Failure> {
    let registry = Book::of_this_machine().read()?;
    let all = registry.repositories().filter(|(_, entry)| entry.resumes);
    let mut failed = Vec::new();
    for (name, entry) in all {
        let repository = Repository::of(name, entry);
        let daemons = Daemons::of(&repository);
        if let Err(failure) = daemons.lock().and_then(|_lock| bring_back(&repository)) {
            let (Failure::Runtime(reason) | Failure::Usage(reason) | Failure::Refused(reason)) = failure else {
                return Err(Failure::Closed);
            };
            let written = writeln!(io::stderr(), "renet: {name}: {reason}");
            written.map_err(|error| Failure::output(&error))?;
            failed.push(name.as_str());
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::Runtime(format!("{} did not come back; the others did", failed.join(", "))))
}

/// Stops its daemon and unmounts it, for a while: a reboot in between brings it back.
pub(super) fn let_go(repository: &Repository) -> Result<(), Failure> {
    let daemons = Daemons::of(repository);
    if daemons.is_there()? {
        daemons.let_go()?;
    }
    repository.image().map_or(Ok(false), |image| image.unmount()).map(drop)
}

/// Mounts it and starts its daemon, by whoever has its lock.
pub(super) fn bring_back(repository: &Repository) -> Result<(), Failure> {
    mount_now(repository)?;
    repository.must_be_there()?;
    Daemons::of(repository).start()
}

/// Notes whether a reboot is to bring it back.
pub(super) fn note_that_it_resumes(repository: &Repository, resumes: bool) -> Result<(), Failure> {
    let book = Book::of_this_machine();
    let _lock = book.lock()?;
    let mut registry = book.read()?;
    if registry.resume(&repository.name, resumes) { book.write(&registry) } else { Ok(()) }
}
