use std::net::Ipv4Addr;

use repo_network::{NETWORK_SIZE, NetworkId, Slot};

/// The resolvers that systemd-resolved has on loopback, which a machine's `/etc/resolv.conf` may name.
pub const STUB_RESOLVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 53), Ipv4Addr::new(127, 0, 0, 54)];

/// The most resolvers, and the most ports of the host, of a policy: each is a few instructions of every program.
pub const MAX_ALLOWED: usize = 32;

/// What the processes of a control group may do on loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The repository: its processes stay in its /26.
    pub network: NetworkId,
    /// Who they are.
    pub role: Role,
    /// Addresses of 127/8 whose port 53 may be asked: the machine's resolvers.
    pub resolvers: Vec<Ipv4Addr>,
    /// Ports of the host's 127.0.0.1 that are reached as the network's .1, which containers know as
    /// `host.docker.internal`.
    pub host_ports: Vec<u16>,
    /// Whether they may bind the machine's other addresses, and UDP ports on all of them.
    pub lan: bool,
}

/// Whose control group it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A repository's: refuses, and changes nothing. Without a [`Role::Slot`] or [`Role::Rest`] below it nothing binds a
    /// wildcard.
    Guard {
        /// The control group, by its inode, whose own processes are let alone: the Docker daemon, which may use a
        /// registry on the host. Groups below it are not.
        daemon: Option<u64>,
        /// Control groups, by their inodes, that are let alone with all that is below them: of services that the operator
        /// lets have no fence.
        off: Vec<u64>,
    },
    /// A service's: what is bound everywhere or on localhost is bound on the service's own address.
    Slot(Slot),
    /// Of all that has no slot, such as builds and what `docker run` starts: the same with the last address of the network,
    /// which no service has.
    Rest,
}

// === impl Policy ===

impl Policy {
    /// Of a repository, whose services are all fenced.
    #[must_use]
    pub fn guard(network: NetworkId) -> Self {
        Self::new(network, Role::Guard { daemon: None, off: Vec::new() })
    }

    /// What holds where nothing is said.
    #[must_use]
    pub fn new(network: NetworkId, role: Role) -> Self {
        Self { network, role, resolvers: STUB_RESOLVERS.to_vec(), host_ports: Vec::new(), lan: false }
    }

    /// The service's own address; a repository has none.
    #[must_use]
    pub fn own(&self) -> Option<Ipv4Addr> {
        match &self.role {
            Role::Guard { .. } => None,
            Role::Slot(slot) => Some(self.network.service_ip(*slot)),
            Role::Rest => Some(Ipv4Addr::from(u32::from(self.network.network()) + NETWORK_SIZE - 1)),
        }
    }

    /// The address that containers know as the host's.
    #[must_use]
    pub fn host(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.network.network()) + 1)
    }
}

/// The resolvers of 127/8 that a `resolv.conf` names, and the stubs of systemd-resolved.
#[must_use]
pub fn resolvers(resolv_conf: &str) -> Vec<Ipv4Addr> {
    let named = resolv_conf.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let named = named.filter_map(|address| address.trim().parse().ok()).filter(Ipv4Addr::is_loopback);
    let mut all: Vec<_> = named.take(MAX_ALLOWED - STUB_RESOLVERS.len()).chain(STUB_RESOLVERS).collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_of_a_machine() {
        let text = "# nameserver 127.0.0.9\nnameserver 192.0.2.1\n nameserver\t127.0.0.1\nnameserver ::1\nsearch x\n";
        let expected = [Ipv4Addr::LOCALHOST, STUB_RESOLVERS[0], STUB_RESOLVERS[1]];
        assert_eq!(resolvers(text), expected);
        assert_eq!(resolvers(&"nameserver 127.1.2.3\n".repeat(1000)).len(), 3);
        assert_eq!(resolvers(""), STUB_RESOLVERS);
    }
}
