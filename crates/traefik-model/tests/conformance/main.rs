//! The schema, the check of documents and the YAML writer against Traefik's own packages (`tests/parts/oracle`).
//!
//! Runs when `TRAEFIK_ORACLE_BIN` names the oracle. `SEED` repeats a run.

#![cfg(feature = "yaml")]
#![expect(clippy::disallowed_methods, reason = "a test asks the environment and runs a program")]
#![expect(clippy::print_stdout, reason = "it says what it did, or why it did nothing")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod documents;
#[path = "../support/oracle.rs"]
mod oracle;
#[path = "../support/random.rs"]
mod random;
mod scalars;
mod schema;
