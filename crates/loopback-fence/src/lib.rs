//! Keeps the processes of a repository on their own loopback addresses, by programs in the kernel on its control groups.
//!
//! A *guard* on a repository's group refuses what leaves its /26 of 127/8: foreign addresses, services of the host on
//! loopback, listeners of the host on all addresses. A *slot* on a service's group below makes of `0.0.0.0`, `::` and
//! localhost the service's own address, so that programs need not be told where to listen. What is allowed is a
//! [`Policy`]; [`program`] makes of it what the kernel runs at each [`Hook`]; [`attach`] puts that on a control group.
//!
//! ```no_run
//! use loopback_fence::{Policy, attach};
//!
//! attach("/sys/fs/cgroup/rediacc-2816".as_ref(), &Policy::guard("2816".parse()?))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! Needs Linux 5.12, control groups of version 2, and CAP_BPF with CAP_NET_ADMIN (or root). Programs live as long as the
//! control group.

mod assembler;
mod fence;
mod kernel;
mod policy;
mod programs;

pub use assembler::Instruction;
pub use fence::{FenceError, State, attach, detach, probe, state};
pub use policy::{MAX_ALLOWED, Policy, Role, STUB_RESOLVERS, resolvers};
pub use programs::{Hook, program};
