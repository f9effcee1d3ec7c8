//! Being told to end: ctrl-C, the end of a session, the machine's shutting down.

use std::sync::{Arc, atomic::AtomicBool};

use command_line::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Is set when this program is told to end, which from now on it has to look for.
pub(crate) fn told_to_end() -> Result<Arc<AtomicBool>, Failure> {
    let told = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let registered = signal_hook::flag::register(signal, Arc::clone(&told));
        registered.map_err(|error| Failure::runtime("signals", &error))?;
    }
    Ok(told)
}
