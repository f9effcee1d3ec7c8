//! How it ends: see `command_line`.

pub(crate) use command_line::{Failure, Program, chain};

/// What its messages begin with.
pub(crate) const PROGRAM: Program = Program { name: "route-server", variables: "REDIACC_ROUTER_" };
