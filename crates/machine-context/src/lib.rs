//! The machines that an operator knows by name ([`Contexts`]), running `renet` on one of them ([`Machine`]) over
//! the system's `ssh` or here, and what one has and lacks ([`Survey`]).
//!
//! ```
//! use machine_context::{ContextName, Contexts, Target};
//! let mut contexts = Contexts::default();
//! let name: ContextName = "server-1".parse()?;
//! contexts.create(name.clone(), "root@203.0.113.50:2222".parse::<Target>()?)?;
//! assert_eq!(contexts.get(&name)?.target.to_string(), "root@203.0.113.50:2222");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod contexts;
mod machine;
mod store;
mod survey;
mod target;

pub use contexts::{Context, ContextError, ContextName, Contexts, InfraChange};
pub use machine::{Ended, Input, Machine, MachineError, Stream};
pub use store::{Store, StoreError};
pub use survey::{Missing, SUMS, SURVEY, Survey};
pub use target::{Target, TargetError};
