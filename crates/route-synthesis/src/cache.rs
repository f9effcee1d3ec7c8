use std::{collections::BTreeMap, sync::Arc};

use container_snapshot::{Container, ContainerId, Labels};
use repo_network::NetworkId;
use traefik_labels::{Decoded, decode};

use crate::{
    Policy,
    draft::{Draft, Member},
};

/// What need not be worked out again: the labels of each container, decoded, and the draft of each repository, for as
/// long as they are the same. An empty one gives the same outcome, only later.
#[derive(Debug, Default)]
pub struct Cache {
    decoded: BTreeMap<(NetworkId, ContainerId), Entry>,
    drafts: BTreeMap<NetworkId, (Vec<Member>, Arc<Draft>)>,
    policy: Option<Policy>,
    round: u64,
}

#[derive(Debug)]
struct Entry {
    labels: Arc<Labels>,
    decoded: Arc<Decoded>,
    round: u64,
}

// === impl Cache ===

impl Cache {
    /// Begins a synthesis under a policy: under another one drafts have to be made again.
    pub(crate) fn begin(&mut self, policy: &Policy) {
        if self.policy.as_ref() != Some(policy) {
            self.drafts.clear();
            self.policy = Some(policy.clone());
        }
        self.round += 1;
    }

    /// Ends it: what it did not ask for is forgotten.
    pub(crate) fn end(&mut self, known: impl Fn(NetworkId) -> bool) {
        self.drafts.retain(|id, _| known(*id));
        self.decoded.retain(|(id, _), _| known(*id));
    }

    /// The draft of a repository whose containers are these, if it was made before.
    pub(crate) fn draft(&self, id: NetworkId, members: &[Member]) -> Option<Arc<Draft>> {
        self.drafts.get(&id).filter(|(known, _)| known == members).map(|(_, draft)| draft.clone())
    }

    /// Keeps a draft; of labels only those of its containers are kept.
    pub(crate) fn keep(&mut self, id: NetworkId, members: Vec<Member>, draft: Arc<Draft>) {
        let round = self.round;
        self.decoded.retain(|(of, _), entry| *of != id || entry.round == round);
        self.drafts.insert(id, (members, draft));
    }

    pub(crate) fn decoded(&mut self, id: NetworkId, container: &Container) -> Arc<Decoded> {
        let round = self.round;
        let key = (id, container.id.clone());
        if let Some(entry) = self.decoded.get_mut(&key).filter(|entry| entry.is_for(&container.labels)) {
            entry.round = round;
            return entry.decoded.clone();
        }
        let decoded = Arc::new(decode(container.labels.iter()));
        self.decoded.insert(key, Entry { labels: container.labels.clone(), decoded: decoded.clone(), round });
        decoded
    }
}

impl Entry {
    fn is_for(&self, labels: &Arc<Labels>) -> bool {
        Arc::ptr_eq(&self.labels, labels) || self.labels == *labels
    }
}
