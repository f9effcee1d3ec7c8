//! Traefik's container labels, decoded exactly as Traefik v3.7 does, and explained better.

mod code;
mod problem;

pub use code::Code;
pub use problem::{Place, Problem, Severity};
