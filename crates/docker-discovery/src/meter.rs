use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::UnixStream,
};

/// Fewer bytes than this are no part of an event yet: the framing behind the one before.
const FRAMING: usize = 64;

/// Counts what is read from a daemon for one answer, or for one event of a stream, and ends the
/// connection when that is too much or takes too long. The HTTP around it counts too.
#[derive(Debug, Clone)]
pub(crate) struct Meter(Arc<Mutex<State>>);

/// Which bound an answer has gone beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    /// The one on bytes.
    Bytes,
    /// The one on time.
    Time,
}

/// A connection whose reads are counted.
#[derive(Debug)]
pub(crate) struct Metered {
    stream: UnixStream,
    meter: Meter,
}

#[derive(Debug)]
struct State {
    max_bytes: usize,
    max_time: Duration,
    read: usize,
    since: Instant,
    excess: Option<Excess>,
}

// === impl Meter ===

impl Meter {
    pub(crate) fn new(max_bytes: usize, max_time: Duration) -> Self {
        let state = State { max_bytes, max_time, read: 0, since: Instant::now(), excess: None };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Begins to count anew: what was read so far has been used.
    pub(crate) fn restart(&self) {
        self.lock().read = 0;
    }

    /// Bytes read since the last restart.
    pub(crate) fn read(&self) -> usize {
        self.lock().read
    }

    /// The bound that was gone beyond.
    pub(crate) fn excess(&self) -> Option<Excess> {
        self.lock().excess
    }

    fn add(&self, bytes: usize) -> io::Result<()> {
        let mut state = self.lock();
        if state.read <= FRAMING {
            state.since = Instant::now();
        }
        state.read = state.read.saturating_add(bytes);
        if state.read > state.max_bytes {
            state.excess = Some(Excess::Bytes);
        } else if state.since.elapsed() > state.max_time {
            state.excess = Some(Excess::Time);
        }
        match state.excess {
            Some(_) => Err(io::Error::other("the answer goes beyond its bounds")),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Metered ===

impl Metered {
    pub(crate) fn new(stream: UnixStream, meter: Meter) -> Self {
        Self { stream, meter }
    }
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        Poll::Ready(self.meter.add(buffer.filled().len().saturating_sub(before)))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_per_event() {
        let meter = Meter::new(1000, Duration::from_secs(60));
        for _ in 0..10 {
            assert!(meter.add(900).is_ok());
            meter.restart();
        }
        assert!(meter.add(900).is_ok());
        assert!(meter.add(101).is_err());
        assert_eq!(meter.excess(), Some(Excess::Bytes));
    }

    #[test]
    fn an_event_that_dribbles_in_is_cut_off_and_a_pause_between_events_is_not() {
        let meter = Meter::new(1000, Duration::from_millis(1));
        assert!(meter.add(2).is_ok());
        std::thread::sleep(Duration::from_millis(2));
        assert!(meter.add(100).is_ok(), "the first bytes of an event after a long pause");
        std::thread::sleep(Duration::from_millis(2));
        assert!(meter.add(1).is_err());
        assert_eq!(meter.excess(), Some(Excess::Time));
    }
}
