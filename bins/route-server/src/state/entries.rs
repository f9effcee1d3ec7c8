//! The written form of a snapshot: a line for each daemon, with a checksum of its own, so that damage costs what it hits.
//!
//! ```text
//! # version 2
//! 2816 <SHA-256> {"socket":…}
//! end 1
//! ```

use std::{collections::BTreeMap, sync::Arc};

use container_snapshot::{DaemonView, Snapshot};
use repo_network::NetworkId;

use super::{
    format::{FormatError, hexadecimal},
    sealed::{unseal, version_of},
};

const VERSION: u32 = 2;

/// Lines that were written before, so that only what changed is written anew.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<NetworkId, (Arc<DaemonView>, String)>);

/// What could be read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Read {
    pub(super) snapshot: Snapshot,
    /// Lines that are not as they were written, and whether lines are missing at the end.
    pub(super) damaged: usize,
}

// === impl Lines ===

impl Lines {
    /// The written form.
    pub(super) fn encode(&mut self, snapshot: &Snapshot) -> serde_json::Result<Vec<u8>> {
        self.0.retain(|id, _| snapshot.daemons.contains_key(id));
        for (id, view) in &snapshot.daemons {
            if self.0.get(id).is_none_or(|(known, _)| !Arc::ptr_eq(known, view)) {
                let json = serde_json::to_string(&**view)?;
                let line = format!("{id} {} {json}\n", hexadecimal(json.as_bytes()));
                self.0.insert(*id, (view.clone(), line));
            }
        }
        let mut bytes = format!("# version {VERSION}\n").into_bytes();
        for (_, line) in self.0.values() {
            bytes.extend_from_slice(line.as_bytes());
        }
        bytes.extend_from_slice(format!("end {}\n", self.0.len()).as_bytes());
        Ok(bytes)
    }
}

/// Everything of a written form that is as it was written.
pub(super) fn decode(bytes: Vec<u8>) -> Result<Read, FormatError> {
    match version_of(&bytes) {
        // All of it in one piece, as it was before.
        Some(1) => {
            let snapshot = serde_json::from_slice(&unseal(bytes)?).map_err(FormatError::Content)?;
            Ok(Read { snapshot, damaged: 0 })
        }
        Some(VERSION) => Ok(entries(&bytes)),
        Some(version) => Err(FormatError::Version(version)),
        None => Err(FormatError::Unsealed),
    }
}

fn entries(bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let mut ended = false;
    for line in bytes.split(|byte| *byte == b'\n').skip(1).filter(|line| !line.is_empty()) {
        let line = str::from_utf8(line).unwrap_or_default();
        if let Some(count) = line.strip_prefix("end ") {
            let all = read.snapshot.daemons.len() + read.damaged;
            ended = count.parse() == Ok(all);
        } else if let Some((id, view)) = entry(line) {
            read.snapshot.daemons.insert(id, Arc::new(view));
        } else {
            read.damaged += 1;
        }
    }
    read.damaged += usize::from(!ended);
    read
}

fn entry(line: &str) -> Option<(NetworkId, DaemonView)> {
    let (id, rest) = line.split_once(' ')?;
    let (sum, json) = rest.split_once(' ')?;
    let is_as_written = sum == hexadecimal(json.as_bytes());
    Some((id.parse().ok()?, serde_json::from_str(json).ok().filter(|_| is_as_written)?))
}

#[cfg(test)]
mod tests {
    use container_snapshot::{Link, Timestamp};

    use super::*;

    fn snapshot(ids: &[u32]) -> Snapshot {
        let view = |id: &u32| DaemonView {
            socket: format!("/run/docker-{id}.sock"),
            link: Link::Live,
            since: Timestamp::from_millis(5),
            reason: None,
            containers: Default::default(),
        };
        let daemons = ids.iter().map(|id| ((*id).try_into().unwrap(), Arc::new(view(id)))).collect();
        Snapshot { daemons, ..Snapshot::default() }
    }

    #[test]
    fn what_is_written_is_read_and_damage_costs_no_more_than_what_it_hits() {
        let all = snapshot(&[64, 128, 192]);
        let bytes = Lines::default().encode(&all).unwrap();
        assert_eq!(decode(bytes.clone()).unwrap(), Read { snapshot: all.clone(), damaged: 0 });
        let head = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for bit in head * 8..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let read = decode(damaged).unwrap();
            assert!(read.damaged > 0, "bit {bit}");
            // A line's end that is gone takes the next line with it.
            assert!(!read.snapshot.daemons.is_empty(), "bit {bit}");
            for (id, view) in &read.snapshot.daemons {
                assert_eq!(all.daemons.get(id), Some(view), "bit {bit}");
            }
        }
        for end in head..bytes.len() - 1 {
            let read = decode(bytes[..end].to_vec()).unwrap();
            assert!(read.damaged > 0, "{end} bytes");
        }
        assert!(matches!(decode(b"# version 3\nx".to_vec()), Err(FormatError::Version(3))));
        for bad in ["", "\n", "# version", "# version x\n", "# version 4294967296\n", "{}"] {
            assert!(matches!(decode(bad.into()), Err(FormatError::Unsealed)), "{bad:?}");
        }
    }

    #[test]
    fn only_what_changed_is_written_anew() {
        let mut lines = Lines::default();
        let mut all = snapshot(&[64, 128]);
        lines.encode(&all).unwrap();
        let address = |lines: &Lines, id: u32| lines.0[&id.try_into().unwrap()].1.as_ptr();
        let before = (address(&lines, 64), address(&lines, 128));
        Arc::make_mut(all.daemons.get_mut(&64.try_into().unwrap()).unwrap()).reason = Some("hangs".to_owned());
        let bytes = lines.encode(&all).unwrap();
        assert_eq!(decode(bytes).unwrap().snapshot, all);
        assert_eq!(address(&lines, 128), before.1);
        assert_ne!(address(&lines, 64), before.0);
        all.daemons.remove(&64.try_into().unwrap());
        let bytes = lines.encode(&all).unwrap();
        assert_eq!(decode(bytes).unwrap().snapshot, all);
    }

    #[test]
    fn what_an_older_version_wrote_is_read() {
        let all = snapshot(&[64]);
        let written = super::super::sealed::seal(&serde_json::to_vec(&all).unwrap());
        assert_eq!(decode(written).unwrap().snapshot, all);
    }
}
