use std::{collections::BTreeMap, sync::Arc};

use container_snapshot::{Container, ContainerId, Labels};
use repo_network::NetworkId;
use traefik_labels::{Decoded, decode};

/// What the labels of each container say, decoded once for as long as they are the same.
#[derive(Debug, Default)]
pub struct DecodeCache {
    entries: BTreeMap<(NetworkId, ContainerId), Entry>,
    round: u64,
}

#[derive(Debug)]
struct Entry {
    labels: Arc<Labels>,
    decoded: Arc<Decoded>,
    round: u64,
}

// === impl DecodeCache ===

impl DecodeCache {
    /// Begins a synthesis: what is not asked for until the next one is forgotten then.
    pub(crate) fn begin(&mut self) {
        let last = self.round;
        self.entries.retain(|_, entry| entry.round == last);
        self.round += 1;
    }

    pub(crate) fn decoded(&mut self, id: NetworkId, container: &Container) -> Arc<Decoded> {
        let round = self.round;
        let key = (id, container.id.clone());
        if let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.is_for(&container.labels)) {
            entry.round = round;
            return entry.decoded.clone();
        }
        let decoded = Arc::new(decode(container.labels.iter()));
        self.entries.insert(key, Entry { labels: container.labels.clone(), decoded: decoded.clone(), round });
        decoded
    }
}

impl Entry {
    fn is_for(&self, labels: &Arc<Labels>) -> bool {
        Arc::ptr_eq(&self.labels, labels) || self.labels == *labels
    }
}
