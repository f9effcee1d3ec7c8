//! What is where on this machine, and what its operator allows: `/etc/rediacc/allow.toml`.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use command_line::Failure;
use compose_inject::{Allowed, Surroundings};
use serde::Deserialize;

use crate::{
    files::{fault, read},
    paths::Paths,
    repo,
};

/// The operator's file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AllowFile {
    /// For every repository.
    all: Allowed,
    /// For one, by its name.
    repository: BTreeMap<String, Allowed>,
}

/// What lies around a repository, and what the operator allows it.
pub(super) fn around(root: &Path) -> Result<(Surroundings, Allowed), Failure> {
    let paths = Paths::of_this_machine();
    let mut others = BTreeMap::from([
        (real(&paths.proxy()), "the proxy's files".to_owned()),
        (real(&paths.state()), "the machine's state".to_owned()),
        (real(&paths.run()), "the sockets of the repositories".to_owned()),
        (real(&paths.etc()), "the operator's files".to_owned()),
    ]);
    let mut name = None;
    for (other, path) in repo::all()? {
        let path = real(Path::new(&path));
        if path == root {
            name = Some(other);
        } else {
            others.insert(path, format!("repository {other}"));
        }
    }
    let file = allow_file(&paths.etc().join("allow.toml"))?;
    let own = name.and_then(|name| file.repository.get(&name).cloned()).unwrap_or_default();
    Ok((Surroundings { own: root.to_owned(), others }, own.and(&file.all)))
}

/// What the operator allows the repository at a root.
pub(crate) fn allowed(root: &Path) -> Result<Allowed, Failure> {
    around(&real(root)).map(|(_, allowed)| allowed)
}

fn allow_file(path: &Path) -> Result<AllowFile, Failure> {
    let Some(text) = read(path)? else { return Ok(AllowFile::default()) };
    let metadata = fs::metadata(path).map_err(fault("look at", path))?;
    let own = fs::metadata("/proc/self").map_err(fault("look at", Path::new("/proc/self")))?.uid();
    if metadata.mode() & 0o022 != 0 || !(metadata.uid() == 0 || metadata.uid() == own) {
        return Err(Failure::Refused(format!(
            "{} can be written by others than root; chown root and chmod 644 it, and look who wrote it",
            path.display()
        )));
    }
    toml::from_str(&text).map_err(|error| Failure::Usage(format!("{}: {}", path.display(), one_line(&error))))
}

/// What is wrong, without the drawing of the place.
fn one_line(error: &toml::de::Error) -> String {
    error.message().replace('\n', " ")
}

/// A path with its links followed, as far as it exists.
pub(super) fn real(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        if let Ok(real) = fs::canonicalize(above) {
            return path
                .strip_prefix(above)
                .ok()
                .filter(|rest| !rest.as_os_str().is_empty())
                .map_or(real.clone(), |rest| real.join(rest));
        }
    }
    path.to_owned()
}
