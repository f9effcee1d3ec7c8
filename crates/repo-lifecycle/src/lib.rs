//! Repositories of a machine, as values: which there are ([`Registry`]), how the daemons of one are started
//! ([`Daemon`]), in which order the functions of its Rediaccfiles run ([`Rediaccfiles`]), what its disk image is
//! ([`Ext4`], [`Size`]) and where it is mounted ([`Mounts`]). Nothing here opens a file or starts a program.
//!
//! ```
//! use repo_lifecycle::{Function, Place, Rediaccfiles, Registry};
//! let mut registry = Registry::default();
//! let id = registry.create("my-app".parse()?, Place::directory("/mnt/rediacc/my-app"), None)?;
//! assert_eq!(id.get(), 2816);
//!
//! let files = Rediaccfiles::new(true, ["worker", "api"]);
//! let order: Vec<_> = files.deploy().map(|step| format!("{} {}", step.function, step.directory)).collect();
//! assert_eq!(order, ["prep .", "prep api", "prep worker", "up .", "up api", "up worker"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod daemon;
mod host_config;
mod image;
mod mounts;
mod rediaccfile;
mod registry;

pub use daemon::{AtItsEnd, Daemon, DaemonError};
pub use host_config::{BindMount, HostConfig};
pub use image::{Ext4, Size, SizeError, shown};
pub use mounts::{Mount, Mounts};
pub use rediaccfile::{Function, OnFailure, Rediaccfiles, Slip, Step, slips};
pub use registry::{Entry, FIRST_ID, NameError, Place, Registry, RegistryError, RepositoryName};
