//! Follows every Docker daemon of the machine.
//!
//! [`follow()`] looks for sockets, gives each daemon a task of its own and sends what the daemons say
//! as [`Message`]s: subscribe to events, list everything, then ask again for what events name.
//! Events are hints and a list call is the truth, so nothing depends on the order or the number of
//! events that a daemon sends. One call describes a container well enough; nothing is inspected.
//!
//! A daemon is not trusted. What it sends is bounded in bytes and in time, what cannot be read makes
//! it [lost](container_snapshot::Event::Lost) with a reason, and it never delays another. The client
//! can send GET requests to `/containers/json` and `/events` and nothing else.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let directory = tempfile::tempdir()?;
//! # let socket = directory.path().join("docker-2816.sock");
//! # let _daemon = docker_simulator::Simulator::bind(&socket)?;
//! # let globs = vec![directory.path().join("docker-*.sock").display().to_string()];
//! use docker_discovery::{Message, Settings, follow};
//! let (sender, mut messages) = tokio::sync::mpsc::channel(64);
//! let shutdown = tokio_util::sync::CancellationToken::new();
//! let settings = Settings { globs, ..Settings::default() };
//! let following = tokio::spawn(follow(settings, sender, Default::default(), shutdown.clone()));
//! while let Some(message) = messages.recv().await {
//!     if message == Message::Scanned {
//!         break; // every daemon that was there has been found
//!     }
//! }
//! shutdown.cancel();
//! following.await?;
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backoff;
mod client;
mod daemon;
mod event;
mod fault;
mod follow;
mod hints;
mod lenient;
mod meter;
mod scan;
mod settings;
mod socket;
mod summary;
mod transport;

pub use follow::{Message, follow};
pub use settings::Settings;
pub use summary::containers_from_json;
