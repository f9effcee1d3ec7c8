use std::{
    fs,
    time::{Duration, Instant},
};

use end_to_end::Error;

use crate::parts::io;

/// What a process has used so far, as the kernel counts it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    at: Instant,
    cpu: Duration,
    /// Resident memory now.
    pub(crate) rss_mib: f64,
    /// The most it ever was.
    pub(crate) peak_mib: f64,
}

// === impl Usage ===

impl Usage {
    pub(crate) fn of(pid: u32) -> Result<Self, Error> {
        let path = format!("/proc/{pid}/status");
        let status = fs::read_to_string(&path).map_err(io(&path))?;
        let mib = |field| field_of(&status, field).unwrap_or(f64::NAN) / 1024.0;
        Ok(Self { at: Instant::now(), cpu: cpu(pid)?, rss_mib: mib("VmRSS:"), peak_mib: mib("VmHWM:") })
    }

    /// Processor time since an earlier look.
    pub(crate) fn cpu_since(&self, earlier: &Self) -> f64 {
        self.cpu.saturating_sub(earlier.cpu).as_secs_f64()
    }

    /// The same as a share of one processor.
    pub(crate) fn percent_since(&self, earlier: &Self) -> f64 {
        100.0 * self.cpu_since(earlier) / (self.at - earlier.at).as_secs_f64()
    }
}

/// All threads' time on a processor. `/proc/PID/stat` has it too, but in steps of 10 ms, which is more than an event
/// costs.
fn cpu(pid: u32) -> Result<Duration, Error> {
    let path = format!("/proc/{pid}/task");
    let mut nanos = 0;
    for thread in fs::read_dir(&path).map_err(io(&path))?.flatten() {
        // A thread may end while we look.
        let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        nanos += text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}

fn field_of(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let before = Usage::of(std::process::id()).unwrap();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(30) {}
        let after = Usage::of(std::process::id()).unwrap();
        assert!(after.cpu_since(&before) > 0.001);
        assert!(after.rss_mib > 0.1 && after.peak_mib >= after.rss_mib);
    }
}
