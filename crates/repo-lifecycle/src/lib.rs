//! Repositories of a machine, as values: which there are ([`Registry`]), how the daemons of one are started
//! ([`Daemon`]), and in which order the functions of its Rediaccfiles run ([`Rediaccfiles`]). Nothing here opens a
//! file or starts a program.
//!
//! ```
//! use repo_lifecycle::{Function, Rediaccfiles, Registry};
//! let mut registry = Registry::default();
//! let id = registry.create("my-app".parse()?, "/mnt/rediacc/my-app", None)?;
//! assert_eq!(id.get(), 2816);
//!
//! let files = Rediaccfiles::new(true, ["worker", "api"]);
//! let order: Vec<_> = files.deploy().map(|step| format!("{} {}", step.function, step.directory)).collect();
//! assert_eq!(order, ["prep .", "prep api", "prep worker", "up .", "up api", "up worker"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod daemon;
mod rediaccfile;
mod registry;

pub use daemon::{Daemon, DaemonError};
pub use rediaccfile::{Function, OnFailure, Rediaccfiles, Step};
pub use registry::{Entry, FIRST_ID, NameError, Registry, RegistryError, RepositoryName};
