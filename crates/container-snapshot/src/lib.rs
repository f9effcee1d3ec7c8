//! What the Docker daemons of a machine said, as plain ordered values.
//!
//! Discovery sends [`Event`]s; one [`Store`] applies them and holds the [`Snapshot`], the only thing
//! that route synthesis looks at. Everything here is a function of its arguments: the time is a
//! [`Timestamp`] that the caller passes in.
//!
//! ```
//! use container_snapshot::{Event, Link, Store, Timestamp};
//! let id = "2816".parse()?;
//! let mut store = Store::default();
//! store.apply(id, Event::Found { socket: "/run/rediacc/docker-2816.sock".into() }, Timestamp::from_millis(1));
//! store.apply(id, Event::Listed(Vec::new()), Timestamp::from_millis(2));
//! assert_eq!(store.snapshot().daemons[&id].link, Link::Live);
//! # Ok::<(), repo_network::NetworkIdError>(())
//! ```

mod container;
mod listeners;
mod proc_net;
mod store;
mod timestamp;

pub use container::{Container, ContainerId, ContainerState, Defect, Health, Labels, MAX_LABEL_BYTES};
pub use listeners::{Endpoint, Interest, Listeners, Owner, Owners, Transport, V6Wildcards};
pub use proc_net::{Listener, containers_of_cgroup};
pub use store::{DaemonView, Event, Link, Snapshot, Store, Tracked};
pub use timestamp::Timestamp;
