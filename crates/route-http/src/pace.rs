//! Where a connection stands in its request, and for how long it may stand there.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::timeout,
};

use crate::settings::Settings;

/// Where a connection stands in its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its request has begun to come in. A new connection is here before its first byte.
    Reading,
    /// Its request is complete, and there is no answer yet.
    Handling,
    /// The answer is on its way.
    Answering,
    /// The answer has been taken over by the kernel; the next request has not begun.
    Idle,
}

/// Tells where a connection stands. Clones tell of the same connection.
#[derive(Debug, Clone)]
pub(crate) struct Pace(watch::Sender<Step>);

/// A stream that reports to a [`Pace`] when a request begins and when an answer has gone out.
#[derive(Debug)]
pub(crate) struct Paced<S> {
    stream: S,
    pace: Pace,
}

// === impl Step ===

impl Step {
    /// How long a connection may stand here.
    fn limit(self, settings: &Settings) -> Option<Duration> {
        match self {
            Self::Reading => Some(settings.header_timeout),
            Self::Handling => None,
            Self::Answering => Some(settings.write_timeout),
            Self::Idle => Some(settings.idle_timeout),
        }
    }
}

// === impl Pace ===

impl Pace {
    /// Of a new connection.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Step::Reading))
    }

    /// Where the connection stands.
    pub(crate) fn step(&self) -> Step {
        *self.0.borrow()
    }

    /// The connection goes on, wherever it stood.
    pub(crate) fn enter(&self, step: Step) {
        self.0.send_replace(step);
    }

    /// Ends when the connection has stood in one place for too long.
    pub(crate) async fn overdue(&self, settings: &Settings) {
        let mut steps = self.0.subscribe();
        loop {
            let step = *steps.borrow_and_update();
            // An error of `changed` would mean that the sender is gone, and it is borrowed here.
            match step.limit(settings) {
                Some(limit) if timeout(limit, steps.changed()).await.is_err() => return,
                Some(_) => {}
                None => _ = steps.changed().await,
            }
        }
    }

    /// The connection goes on if it stood at `from`.
    fn advance(&self, from: Step, to: Step) {
        self.0.send_if_modified(|step| {
            let there = *step == from;
            if there {
                *step = to;
            }
            there
        });
    }
}

// === impl Paced ===

impl<S> Paced<S> {
    /// Watches a stream.
    pub(crate) fn new(stream: S, pace: Pace) -> Self {
        Self { stream, pace }
    }

    /// The stream itself.
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.pace.advance(Step::Idle, Step::Reading);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    /// hyper flushes the stream once it has written all it has, so an answer is complete here.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.pace.advance(Step::Answering, Step::Idle);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn hasty() -> Settings {
        let short = Duration::from_millis(20);
        Settings { header_timeout: short, write_timeout: short, idle_timeout: short, ..Settings::default() }
    }

    #[tokio::test]
    async fn bytes_and_flushes_move_it_on() {
        let (mut client, server) = duplex(64);
        let pace = Pace::new();
        let mut stream = Paced::new(server, pace.clone());
        stream.flush().await.unwrap();
        assert_eq!(pace.step(), Step::Reading, "a flush without an answer is nothing");
        pace.enter(Step::Answering);
        stream.flush().await.unwrap();
        assert_eq!(pace.step(), Step::Idle);
        client.write_all(b"G").await.unwrap();
        stream.read_u8().await.unwrap();
        assert_eq!(pace.step(), Step::Reading);
        pace.enter(Step::Handling);
        client.write_all(b"G").await.unwrap();
        stream.read_u8().await.unwrap();
        assert_eq!(pace.step(), Step::Handling, "the next request waits for its turn");
    }

    #[tokio::test]
    async fn every_step_but_handling_is_limited() {
        for step in [Step::Reading, Step::Answering, Step::Idle] {
            let pace = Pace::new();
            pace.enter(step);
            timeout(Duration::from_secs(5), pace.overdue(&hasty())).await.unwrap();
        }
        let pace = Pace::new();
        pace.enter(Step::Handling);
        assert!(timeout(Duration::from_millis(60), pace.overdue(&hasty())).await.is_err());
    }
}
