use container_snapshot::Timestamp;

/// When something is made of a snapshot, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// By the clock that no one sets, which the snapshot's own times are of: what is short, such as the grace time, goes by
    /// it.
    pub steady: Timestamp,
    /// By the machine's clock, which the ledger's times are of, since they outlive the process.
    pub wall: Timestamp,
}

// === impl Moment ===

impl From<Timestamp> for Moment {
    /// Both clocks say the same.
    fn from(now: Timestamp) -> Self {
        Self { steady: now, wall: now }
    }
}
