//! What repositories there are, and how one is.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use command_line::Failure;
use repo_lifecycle::{Place, RepositoryName, shown};
use serde_json::{Value, json};

use super::{Repository, daemons::Daemons, registry::Book, routes};
use crate::output::{say, table};

/// From so many percent on a file system is nearly full: a pull of an image would fail first.
const FULL: u64 = 90;

/// How full the file system of a repository is, in bytes, as df(1) counts: what is kept for root or by a quota is neither
/// used nor free.
struct Room {
    used: u64,
    free: u64,
}

pub(super) fn list(as_json: bool) -> Result<ExitCode, Failure> {
    let registry = Book::of_this_machine().read()?;
    let mut rows = vec![["NAME", "NETWORK", "ADDRESSES", "DAEMON", "PATH"].map(str::to_owned)];
    let mut all = Vec::new();
    for (name, entry) in registry.repositories() {
        let repository = Repository::of(name, entry);
        let state = match repository.is_mounted() {
            Ok(true) if Daemons::of(&repository).answers() => "running",
            Ok(true) => "stopped",
            _ => "not mounted",
        };
        let addresses = format!("{}/26", entry.network_id.network());
        rows.push([
            name.to_string(),
            entry.network_id.to_string(),
            addresses,
            state.to_owned(),
            entry.place.path.clone(),
        ]);
        let Place { path, image } = &entry.place;
        all.push(json!({
            "name": name, "network_id": entry.network_id, "path": path, "image": image, "daemon": state,
            "resumes": entry.resumes,
        }));
    }
    if as_json {
        say(json!({"repositories": all}))?;
    } else {
        table(&rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn status(name: &RepositoryName, as_json: bool) -> Result<ExitCode, Failure> {
    let repository = Repository::find(name)?;
    let daemons = Daemons::of(&repository);
    let state = daemons.state()?;
    let containers = daemons.containers();
    let is_mounted = repository.is_mounted();
    let room = if matches!(is_mounted, Ok(true)) { Room::of(&repository) } else { None };
    if as_json {
        let mut all = state;
        if let Some(map) = all.as_object_mut() {
            map.insert("name".to_owned(), json!(name));
            map.insert("network_id".to_owned(), json!(repository.id));
            map.insert("path".to_owned(), json!(repository.root));
            map.insert("image".to_owned(), json!(repository.image));
            map.insert("mounted".to_owned(), json!(is_mounted.as_ref().ok()));
            let disk = room.map(|room| json!({"total": room.total(), "free": room.free, "percent": room.percent()}));
            map.insert("disk".to_owned(), json!(disk));
            map.insert("containers".to_owned(), json!(containers.as_ref().ok()));
            let routes = if containers.is_ok() { routes::now(&repository, true)? } else { None };
            map.insert("routes".to_owned(), json!(routes));
        }
        say(all)?;
        return Ok(ExitCode::SUCCESS);
    }
    say(format_args!("{name}: network {}, in {}", repository.id, repository.root.display()))?;
    if let Some(image) = &repository.image {
        let state = match is_mounted {
            Ok(true) => "mounted".to_owned(),
            Ok(false) => "not mounted".to_owned(),
            Err(Failure::Runtime(reason) | Failure::Refused(reason) | Failure::Usage(reason)) => reason,
            Err(Failure::Closed) => return Err(Failure::Closed),
        };
        say(format_args!("  image      {}, {state}", image.display()))?;
    }
    if let Some(room) = room {
        say(format_args!("  disk       {} % of {} used", room.percent(), shown(room.total())))?;
    }
    for program in ["namespaces", "containerd", "dockerd"] {
        let shown = state.get(program).and_then(Value::as_str).unwrap_or_default();
        say(format_args!("  {program:<11}{shown}"))?;
    }
    match containers {
        Ok(containers) => {
            let field =
                |container: &Value, key| container.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut rows = vec![["CONTAINER", "ADDRESS", "STATE"].map(str::to_owned)];
            rows.extend(containers.iter().map(|it| [field(it, "name"), field(it, "address"), field(it, "status")]));
            table(&rows)?;
            routes::now(&repository, false)?;
        }
        Err(Failure::Runtime(reason)) => say(format_args!("  no containers to be seen: {reason}"))?,
        Err(failure) => return Err(failure),
    }
    Ok(ExitCode::SUCCESS)
}

/// Says when little is left.
pub(super) fn warn_when_full(repository: &Repository) -> Result<(), Failure> {
    let Some(room) = Room::of(repository) else { return Ok(()) };
    if room.percent() < FULL {
        return Ok(());
    }
    let name = &repository.name;
    let hint = match repository.image {
        Some(_) => format!("renet repo grow {name} --size … makes it larger"),
        None => "make room there".to_owned(),
    };
    let written = writeln!(
        io::stderr(),
        "renet: warning: {} of repository {name} is {} % full, {} are left; {hint}",
        repository.root.display(),
        room.percent(),
        shown(room.free)
    );
    written.map_err(|error| Failure::output(&error))
}

// === impl Room ===

impl Room {
    /// None: it cannot be seen, as while it is not mounted.
    fn of(repository: &Repository) -> Option<Self> {
        let seen = rustix::fs::statvfs(&repository.root).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(seen.f_frsize);
        Some(Self { used: bytes(seen.f_blocks.saturating_sub(seen.f_bfree)), free: bytes(seen.f_bavail) })
    }

    fn total(&self) -> u64 {
        self.used.saturating_add(self.free)
    }

    fn percent(&self) -> u64 {
        self.used.saturating_mul(100).checked_div(self.total()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents() {
        assert_eq!(Room { used: 900, free: 100 }.percent(), 90);
        assert_eq!(Room { used: 0, free: 0 }.percent(), 0);
    }
}
