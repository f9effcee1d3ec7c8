//! What a repository's network is made of: network IDs, slots, service addresses, and the labels that carry them.
//!
//! Each repository has a [`NetworkId`], and with it a /26 inside `127.0.0.0/8`: the ID written as a
//! 24-bit number is the last three octets of the network address. Each of its services has a [`Slot`] for good, which
//! gives its address; [`SlotFile`] is the file in the repository's root that remembers them.
//!
//! ```
//! use repo_network::{NetworkId, SlotFile, variable_name};
//! let id: NetworkId = "2816".parse()?;
//! assert_eq!(id.network().to_string(), "127.0.11.0");
//! assert!(id.owns("127.0.11.2".parse()?));
//! assert!(!id.owns("127.0.11.63".parse()?), "the broadcast address serves nobody");
//!
//! let mut slots = SlotFile::parse(r#"{"services": {"web": {"slot": 0}}}"#)?;
//! slots.assign(["web", "my-db"])?;
//! assert_eq!(id.service_ip(slots.slot("my-db").unwrap()).to_string(), "127.0.11.3");
//! assert_eq!(variable_name("my-db"), "MY_DB_IP");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod labels;
mod network_id;
mod slot;
mod slot_file;

pub use labels::{
    AUTO_ROUTE, COMPOSE_SERVICE, FENCE, KEPT, NETWORK_ID, SERVICE_IP, SERVICE_NAME, SERVICE_PORT, TCP_PORTS, Tier1,
    UDP_PORTS, parse_port,
};
pub use network_id::{NETWORK_SIZE, NetworkId, NetworkIdError};
pub use slot::{SLOTS, Slot, SlotError, variable_name};
pub use slot_file::{SlotFile, SlotFileError};
