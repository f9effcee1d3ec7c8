use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    net::{UnixListener, UnixStream},
    time::timeout,
};

/// How long another server on the socket may take to show itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// A socket that is bound; dropped, its file goes too, unless it is another's by then.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

/// Binds the socket, for its owner alone. A file that nobody answers on is removed first.
///
/// # Errors
/// When another server answers there, when something else than a socket is there, or as the system says.
pub(crate) async fn bind(path: &Path) -> io::Result<Bound> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(path).await?;
            UnixListener::bind(path)?
        }
        bound => bound?,
    };
    // Who came before this line is kept out by the check of each connection.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(Bound { listener, path: path.to_owned(), inode: fs::symlink_metadata(path)?.ino() })
}

async fn remove_stale(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::other("what is there is no socket, so it is left alone"));
    }
    match timeout(PATIENCE, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Ok(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Err(io::Error::other("another route server has it")),
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.ino() == self.inode) {
            // Whoever removes it in this very moment has done the work.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_file_makes_way_and_another_server_does_not() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("run/router.sock");
        let bound = bind(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let error = bind(&path).await.unwrap_err();
        assert_eq!(error.to_string(), "another route server has it");
        drop(bound);
        assert!(!path.exists());

        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "as after a kill");
        drop(bind(&path).await.unwrap());

        fs::write(&path, "").unwrap();
        assert!(bind(&path).await.is_err());
        assert!(path.exists(), "it is nobody's to remove");
    }

    #[tokio::test]
    async fn the_file_of_a_successor_stays() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("router.sock");
        let first = bind(&path).await.unwrap();
        fs::rename(&path, scratch.path().join("old.sock")).unwrap();
        let _second = bind(&path).await.unwrap();
        drop(first);
        assert!(path.exists());
    }
}
