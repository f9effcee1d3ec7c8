//! From containers and labels to Traefik's configuration, with findings for everything that is not as it was meant.
//!
//! Pure: [`synthesize`] is a function of what the daemons said, of the operator's [`Policy`] and of the time.
//!
//! ```
//! use container_snapshot::{Snapshot, Timestamp};
//! use route_synthesis::{DecodeCache, Policy, synthesize};
//!
//! let outcome = synthesize(&Snapshot::default(), &Policy::default(), &mut DecodeCache::default(), Timestamp::default());
//! assert!(outcome.configuration.is_empty());
//! ```

mod assign;
mod build;
mod cache;
mod entry_points;
mod finding;
mod identity;
mod merge;
mod names;
mod policy;
mod references;
mod servers;
mod synthesize;
mod table;

pub use cache::DecodeCache;
pub use entry_points::{EntryPoint, EntryPointError, EntryPointKind, EntryPoints};
pub use finding::{Finding, FindingCode, Severity, Subject};
pub use policy::{BaseDomain, BaseDomainError, Policy, PortRange};
pub use synthesize::{Outcome, synthesize};
pub use table::{Protocol, Route, RouteKind, RouteSource, Table, Unrouted};
