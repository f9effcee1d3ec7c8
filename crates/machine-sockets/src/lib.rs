//! Who has a socket on this machine: a container or a repository's daemon, by the socket's control group; a process, by
//! its file descriptors, where they may be looked at.

mod control_groups;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
mod holder;
mod processes;

use container_snapshot::Transport;

pub use control_groups::ControlGroups;
pub use holder::{Holder, holder_of_port};
pub use processes::Processes;

/// The kernel's tables, below `/proc`.
pub const TABLES: [(Transport, &str); 4] = [
    (Transport::Tcp, "net/tcp"),
    (Transport::Tcp, "net/tcp6"),
    (Transport::Udp, "net/udp"),
    (Transport::Udp, "net/udp6"),
];
