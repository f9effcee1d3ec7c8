//! A seam for tests: being killed at each step, as by a crash of the machine.

#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU32, Ordering};

/// Notes that something lasting was done. Programs that are built for tests kill themselves here when
/// `RENET_KILL_AT_STEP` names this step by its number; those that are released do nothing.
#[cfg(debug_assertions)]
pub(crate) fn step(what: &str) {
    static STEPS: AtomicU32 = AtomicU32::new(0);
    let number = STEPS.fetch_add(1, Ordering::Relaxed) + 1;
    let Some(wanted) = std::env::var("RENET_KILL_AT_STEP").ok().and_then(|text| text.parse::<u32>().ok()) else {
        return;
    };
    if number == wanted {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("renet: killed after: {what}\n").as_bytes());
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn step(_what: &str) {}
