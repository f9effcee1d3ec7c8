//! The registry on disk: `/var/lib/rediacc/repositories.json`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use command_line::Failure;
use repo_lifecycle::Registry;

use crate::{
    files::{fault, read, replace},
    paths::Paths,
};

/// Where the registry is kept.
pub(super) struct Book {
    file: PathBuf,
}

// === impl Book ===

impl Book {
    pub(super) fn of_this_machine() -> Self {
        Self { file: Paths::of_this_machine().state().join("repositories.json") }
    }

    pub(super) fn read(&self) -> Result<Registry, Failure> {
        match read(&self.file)? {
            Some(text) => serde_json::from_str(&text).map_err(|error| Failure::runtime(self.file.display(), &error)),
            None => Ok(Registry::default()),
        }
    }

    pub(super) fn write(&self, registry: &Registry) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(registry);
        let text = text.map_err(|error| Failure::runtime(self.file.display(), &error))?;
        replace(&self.file, &format!("{text}\n"), 0o644)
    }

    /// Whoever changes it holds this.
    pub(super) fn lock(&self) -> Result<File, Failure> {
        let directory = self.file.parent().unwrap_or_else(|| Path::new("/"));
        fs::create_dir_all(directory).map_err(fault("create", directory))?;
        let path = self.file.with_extension("lock");
        let lock = || {
            let file = File::options().create(true).append(true).open(&path)?;
            file.lock().map(|()| file)
        };
        lock().map_err(fault("lock", &path))
    }
}
