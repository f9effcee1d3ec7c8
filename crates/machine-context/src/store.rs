use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::Contexts;

/// Where contexts are kept: a file that only its owner can read, for tokens stand in it.
#[derive(Debug, Clone)]
pub struct Store {
    file: PathBuf,
}

/// Why the file can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The machine refuses.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// The machine's answer.
        #[source]
        source: io::Error,
    },
    /// It is not as it was written.
    #[error("{} is not as it was written; mend it or move it away", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

// === impl Store ===

impl Store {
    /// The file `contexts.json` in a directory.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { file: directory.join("contexts.json") }
    }

    /// What is known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read(&self) -> Result<Contexts, StoreError> {
        match fs::read(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contexts::default()),
            bytes => {
                let bytes = bytes.map_err(self.fault("read"))?;
                let damaged = |source| StoreError::Damaged { path: self.file.clone(), source };
                serde_json::from_slice(&bytes).map_err(damaged)
            }
        }
    }

    /// Reads, changes and writes, with nobody in between. When the change fails nothing is written.
    ///
    /// # Errors
    /// [`StoreError`], or what the change says.
    pub fn change<E: From<StoreError>>(&self, change: impl FnOnce(&mut Contexts) -> Result<(), E>) -> Result<(), E> {
        let directory = self.file.parent().unwrap_or_else(|| Path::new("."));
        let make = || DirBuilder::new().recursive(true).mode(0o700).create(directory);
        make().map_err(self.fault("create the directory of"))?;
        let lock = || {
            let file = File::options().create(true).append(true).open(self.file.with_extension("lock"))?;
            file.lock().map(|()| file)
        };
        let _lock = lock().map_err(self.fault("lock"))?;
        let mut contexts = self.read()?;
        change(&mut contexts)?;
        let damaged = |source| StoreError::Damaged { path: self.file.clone(), source };
        let text = serde_json::to_vec_pretty(&contexts).map_err(damaged)?;
        let write = || {
            let mut file = NamedTempFile::new_in(directory)?;
            file.as_file().set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&self.file).map(drop).map_err(|error| error.error)
        };
        Ok(write().map_err(self.fault("write"))?)
    }

    fn fault(&self, action: &'static str) -> impl FnOnce(io::Error) -> StoreError {
        let path = self.file.clone();
        move |source| StoreError::Io { action, path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContextError, Target};

    #[derive(Debug)]
    struct Fault(#[expect(dead_code, reason = "for Debug")] String);

    impl From<StoreError> for Fault {
        fn from(error: StoreError) -> Self {
            Self(error.to_string())
        }
    }

    impl From<ContextError> for Fault {
        fn from(error: ContextError) -> Self {
            Self(error.to_string())
        }
    }

    #[test]
    fn written_privately_and_a_failed_change_writes_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::new(&scratch.path().join("a/b"));
        assert_eq!(store.read().unwrap(), Contexts::default());
        let create = |contexts: &mut Contexts| Ok::<_, Fault>(contexts.create("a".parse()?, Target::Local)?);
        store.change(create).unwrap();
        let mode = fs::metadata(&store.file).unwrap().permissions().mode() & 0o777;
        let before = fs::read(&store.file).unwrap();
        assert_eq!(mode, 0o600);
        store.change(create).unwrap_err();
        assert_eq!(fs::read(&store.file).unwrap(), before);
        fs::write(&store.file, "{").unwrap();
        assert!(store.read().unwrap_err().to_string().contains("is not as it was written"));
    }
}
