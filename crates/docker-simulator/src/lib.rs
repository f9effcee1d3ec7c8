//! A Docker daemon that exists only on a socket.
//!
//! It lists and inspects the containers it is told to have, streams events when they change, tells the last ones again to
//! who asks for those since a time, counts the calls that it gets, and misbehaves on request. Tests, benchmarks and the demo
//! talk to it where a real daemon is too slow, too well-behaved or not there.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let directory = tempfile::tempdir()?;
//! # let socket = directory.path().join("docker-2816.sock");
//! use docker_simulator::{Container, Simulator};
//! let daemon = Simulator::bind(&socket)?;
//! let id = daemon.start(Container::new("web").label("rediacc.service_name", "web"));
//! daemon.stop(&id);
//! assert_eq!(daemon.counts().lists, 0, "nobody has asked");
//! # std::io::Result::Ok(()) })?;
//! # std::io::Result::Ok(())
//! ```

mod answer;
mod api;
mod container;
mod fault;
mod query;
mod simulator;

pub use container::{Container, State};
pub use fault::Fault;
pub use simulator::{Counts, Simulator};
