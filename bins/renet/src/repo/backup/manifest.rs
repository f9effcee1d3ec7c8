//! What an export says of itself, in its first entry.

use std::io::{self, Read};

use repo_lifecycle::RepositoryName;
use repo_network::NetworkId;
use route_api::Holdings;
use serde::{Deserialize, Serialize};
use tar::{Builder, EntryType, Header};

/// The first entry.
const NAME: &str = "rediacc-export.json";
/// The version of what follows it that is written, and the newest that is read.
const FORMAT: u32 = 1;
/// The most bytes of it.
const MAX: u64 = 4 << 20;
/// Bytes of a block of tar's.
const BLOCK: u64 = 512;

/// Whose files follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// The repository's name.
    pub(super) name: RepositoryName,
    /// Its network.
    pub(super) network_id: NetworkId,
    /// Whether a disk image follows, or a directory.
    pub(super) is_image: bool,
    /// When it was made: RFC 3339, UTC.
    pub(super) made: String,
    /// What it has of the machine's proxy; none: nobody was there to say it.
    pub(super) holdings: Option<Holdings>,
}

/// Why something is no export.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    #[error("it is no export of a repository (renet repo export makes one)")]
    Other,
    #[error("it was made by a newer renet (format {0}, and this one reads {FORMAT}); bring this machine's up to date")]
    Newer(u32),
    #[error("it is cut off at its beginning")]
    CutOff,
    #[error(transparent)]
    Io(io::Error),
}

// === impl Manifest ===

impl Manifest {
    pub(super) fn new(name: RepositoryName, network_id: NetworkId, is_image: bool, holdings: Option<Holdings>) -> Self {
        let made = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
        Self { format: FORMAT, name, network_id, is_image, made, holdings }
    }

    /// As the first entry of an archive, which is open behind it.
    pub(super) fn entry(&self) -> io::Result<Vec<u8>> {
        let text = serde_json::to_vec_pretty(self)?;
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o600);
        header.set_size(text.len() as u64);
        let mut archive = Builder::new(Vec::new());
        archive.append_data(&mut header, NAME, text.as_slice())?;
        // Without the end that finishing would write.
        Ok(archive.get_ref().clone())
    }

    /// Reads it, and nothing of what is behind it.
    pub(super) fn read(from: &mut impl Read) -> Result<Self, ManifestError> {
        let mut block = [0; BLOCK as usize];
        from.read_exact(&mut block).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ManifestError::Other,
            _ => ManifestError::Io(error),
        })?;
        let header = Header::from_byte_slice(&block);
        let size = header.entry_size().ok().filter(|size| *size <= MAX);
        let Some(size) = size.filter(|_| *header.path_bytes() == *NAME.as_bytes()) else {
            return Err(ManifestError::Other);
        };
        let mut bytes = vec![0; size.next_multiple_of(BLOCK) as usize];
        from.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ManifestError::CutOff,
            _ => ManifestError::Io(error),
        })?;
        bytes.truncate(size as usize);
        /// What every version has.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = serde_json::from_slice(&bytes).map_err(|_no_manifest| ManifestError::Other)?;
        if format > FORMAT {
            return Err(ManifestError::Newer(format));
        }
        serde_json::from_slice(&bytes).map_err(|_no_manifest| ManifestError::Other)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manifest() -> Manifest {
        let holdings = Holdings { hosts: vec!["app.example.org".to_owned()], ..Holdings::default() };
        let made = "2026-01-02T03:04:05Z".to_owned();
        Manifest { made, ..Manifest::new("my-app".parse().unwrap(), 2816.try_into().unwrap(), false, Some(holdings)) }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_behind_it() {
        let mut bytes = manifest().entry().unwrap();
        bytes.extend_from_slice(b"behind");
        let mut rest = bytes.as_slice();
        assert_eq!(Manifest::read(&mut rest).unwrap(), manifest());
        assert_eq!(rest, b"behind");
    }

    #[test]
    fn what_is_none() {
        let whole = manifest().entry().unwrap();
        let said = |bytes: &[u8]| Manifest::read(&mut &*bytes).unwrap_err().to_string();
        assert!(said(b"").starts_with("it is no export"));
        assert!(said(&[0xA5; 4096]).starts_with("it is no export"));
        assert!(said(whole.get(..600).unwrap()).starts_with("it is cut off"));
        let mut newer = manifest();
        newer.format = 7;
        assert!(said(&newer.entry().unwrap()).starts_with("it was made by a newer renet (format 7"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(mut bytes: Vec<u8>, at in 0..2048_usize) {
            let _ = Manifest::read(&mut bytes.as_slice());
            let mut whole = manifest().entry().unwrap();
            let at = at % whole.len();
            whole.splice(at..at, bytes.drain(..));
            let _ = Manifest::read(&mut whole.as_slice());
        }
    }
}
