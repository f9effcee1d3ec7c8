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
    Timestamp::default().after(since)
}

/// By both.
pub(crate) fn now() -> Moment {
    Moment { steady: steady(), wall: wall() }
}
