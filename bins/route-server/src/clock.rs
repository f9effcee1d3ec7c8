//! The two clocks. The machine's can be set, forward a day or backward an hour; nothing short may go by it.

use std::{
    sync::OnceLock,
    time::{Instant, SystemTime},
};

use container_snapshot::Timestamp;
use route_synthesis::Moment;

/// What has passed since the start, counted from what the machine's clock said then. Nobody can set it.
pub(crate) fn steady() -> Timestamp {
    static START: OnceLock<(Timestamp, Instant)> = OnceLock::new();
    let (wall, instant) = START.get_or_init(|| (self::wall(), Instant::now()));
    wall.after(instant.elapsed())
}

/// What the machine's clock says: for what is on disk, and for people.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    #[cfg(debug_assertions)]
    let since = set(since);
    Timestamp::default().after(since)
}

/// `ROUTE_SERVER_CLOCK_OFFSET=<file>`: how a test sets the clock, by the seconds that stand there.
#[cfg(debug_assertions)]
fn set(since: std::time::Duration) -> std::time::Duration {
    use std::time::Duration;
    let offset = std::env::var_os("ROUTE_SERVER_CLOCK_OFFSET").and_then(|file| std::fs::read_to_string(file).ok());
    match offset.and_then(|text| text.trim().parse::<i64>().ok()) {
        Some(seconds) if seconds < 0 => since.saturating_sub(Duration::from_secs(seconds.unsigned_abs())),
        Some(seconds) => since + Duration::from_secs(seconds.unsigned_abs()),
        None => since,
    }
}

/// By both.
pub(crate) fn now() -> Moment {
    Moment { steady: steady(), wall: wall() }
}
