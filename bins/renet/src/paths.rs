use std::{env, path::PathBuf};

use repo_network::NetworkId;

/// Where things are on a machine. `REDIACC_ROOT` moves all of it below another directory, for tests and trials.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    root: PathBuf,
}

// === impl Paths ===

impl Paths {
    /// Of this machine.
    pub(crate) fn of_this_machine() -> Self {
        let root = env::var_os("REDIACC_ROOT").filter(|root| !root.is_empty());
        Self { root: root.map_or_else(|| PathBuf::from("/"), PathBuf::from) }
    }

    /// The socket of a repository's daemon (requirements, section 1).
    pub(crate) fn docker_socket(&self, id: NetworkId) -> PathBuf {
        self.root.join(format!("var/run/rediacc/docker-{id}.sock"))
    }
}
