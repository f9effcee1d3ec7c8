//! Traefik's container labels, decoded exactly as Traefik v3.7 does, and explained better.

mod code;
mod decode;
mod explain;
mod problem;
pub mod rule;

pub use code::Code;
pub use decode::{Decoded, MAX_KEY_BYTES, MAX_LABELS, MAX_SEGMENTS, MAX_VALUE_BYTES, decode, decode_first};
pub use problem::{Place, Problem, Severity};
