use std::time::Duration;

/// How to look for daemons and how much to put up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where sockets are: shell patterns whose file names come to `docker-<network ID>.sock`.
    /// By default both spellings of the runtime directory, which is one directory on most machines;
    /// a daemon that is found twice counts once.
    pub globs: Vec<String>,
    /// How often to look for new and vanished sockets. A directory that has not changed costs one
    /// `stat`, and the wake-up that goes with it is most of what an idle route server costs. Default: 500 ms.
    pub scan_interval: Duration,
    /// How often a daemon is asked for everything although no event called for it. Default: 60 s.
    pub relist_interval: Duration,
    /// How long a list call may take, and how long it may take to subscribe to events. Default: 5 s.
    pub call_timeout: Duration,
    /// How long to wait after a first failure; it doubles with each further one. Default: 100 ms.
    pub backoff_min: Duration,
    /// The longest wait between two attempts. Default: 800 ms, so that a daemon that is back is live
    /// within a second. A socket with a new inode is tried at once in any case.
    pub backoff_max: Duration,
    /// The most bytes to read for one list call. Default: 64 MiB, about 40,000 usual containers.
    pub max_answer_bytes: usize,
    /// The most bytes that one event may have; it carries all labels of its container. Default: 4 MiB.
    pub max_event_bytes: usize,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            globs: vec!["/var/run/rediacc/docker-*.sock".to_owned(), "/run/rediacc/docker-*.sock".to_owned()],
            scan_interval: Duration::from_millis(500),
            relist_interval: Duration::from_secs(60),
            call_timeout: Duration::from_secs(5),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_millis(800),
            max_answer_bytes: 64 << 20,
            max_event_bytes: 4 << 20,
        }
    }
}
