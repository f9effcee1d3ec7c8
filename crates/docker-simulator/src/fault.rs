/// A way to misbehave. It holds for every request from when it is set until it is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Connections are accepted, requests are read and never answered, as by a stopped process.
    Hang,
    /// The container list breaks off in the middle and the connection stays open.
    HalfAnswer,
    /// What comes back is no HTTP.
    Garbage,
    /// The container list is JSON but for a byte inside a label that is not UTF-8.
    NonUtf8,
    /// The event stream is one line that never ends.
    EndlessLine,
    /// The container list holds one label of this many bytes.
    HugeAnswer(usize),
    /// The container list has this many entries with nothing in them.
    Empties(usize),
    /// Event streams end as soon as they have begun.
    CloseEvents,
    /// Every request gets status 500.
    ServerError,
}
