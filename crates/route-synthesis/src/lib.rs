//! From containers and labels to Traefik's configuration, with findings for everything that is not as it was meant.
//!
//! Pure: [`synthesize`] is a function of what the daemons said, of the operator's [`Policy`] and of the time.
//!
//! ```
//! use container_snapshot::{Snapshot, Timestamp};
//! use route_synthesis::{Cache, Ledger, Policy, synthesize};
//!
//! let (snapshot, policy, ledger) = (Snapshot::default(), Policy::default(), Ledger::default());
//! let outcome = synthesize(&snapshot, &policy, &ledger, &mut Cache::default(), Timestamp::default());
//! assert!(outcome.publication.is_empty());
//! ```

mod addresses;
mod assign;
mod build;
mod cache;
mod draft;
mod entry_points;
mod finding;
mod guard;
mod hosts;
mod identity;
mod ledger;
mod listening;
mod merge;
mod moment;
mod names;
mod policy;
mod ports;
mod publication;
mod references;
mod routers;
mod servers;
mod synthesize;
mod table;
mod tenancy;
mod wants;

pub use cache::Cache;
pub use entry_points::{EntryPoint, EntryPointError, EntryPointKind, EntryPoints};
pub use finding::{Finding, FindingCode, Severity, Subject};
pub use hosts::{HostPattern, HostPatternError};
pub use ledger::{Allocation, Claim, EntryPointClaims, Ledger};
pub use listening::{Comparison, TIME_TO_LISTEN, compare};
pub use moment::Moment;
pub use policy::{AutoRouteCertificate, BaseDomain, BaseDomainError, Isolation, Policy, PortRange};
pub use ports::{PortMapping, PortTable};
pub use publication::{Counts, Publication};
pub use synthesize::{Outcome, synthesize};
pub use table::{Protocol, Route, RouteKind, RouteSource, Table, Unrouted};
