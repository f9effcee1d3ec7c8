use std::{
    fmt::Display,
    thread,
    time::{Duration, Instant},
};

use crate::Error;

/// How often a condition is looked at.
const EVERY: Duration = Duration::from_millis(15);

/// Waits until `look` succeeds, and returns what it found.
///
/// # Errors
/// [`Error::Timeout`], with what the last look saw, when that is not within `patience`.
pub fn until<T, E: Display>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Result<T, E>,
) -> Result<T, Error> {
    let started = Instant::now();
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(last) if started.elapsed() > patience => {
                return Err(Error::Timeout { what: what.to_owned(), waited: patience, last: last.to_string() });
            }
            Err(_) => thread::sleep(EVERY),
        }
    }
}
