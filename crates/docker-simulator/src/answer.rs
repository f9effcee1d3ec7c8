use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc::UnboundedReceiver;

static FILLER: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// One part of an answer's body.
pub(crate) enum Part {
    /// These bytes.
    Bytes(Bytes),
    /// This many bytes of filler, made as they are sent.
    Filler(usize),
    /// Filler without end.
    Endless,
    /// What is sent into the channel, until its senders are gone.
    Live(UnboundedReceiver<Bytes>),
    /// Nothing more, and no end either.
    Hang,
}

/// The body of an answer: its parts, one after the other.
pub(crate) struct Answer(VecDeque<Part>);

// === impl Answer ===

impl Answer {
    pub(crate) fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        Self(parts.into_iter().collect())
    }

    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::of([Part::Bytes(bytes.into())])
    }

    /// The next piece, or `None` when the part in front is used up.
    fn poll_front(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.0.front_mut() {
            Some(Part::Bytes(bytes)) => Poll::Ready(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty())),
            Some(Part::Filler(left)) => {
                let piece = Bytes::from_static(&FILLER).split_to(FILLER.len().min(*left));
                *left -= piece.len();
                Poll::Ready(Some(piece).filter(|piece| !piece.is_empty()))
            }
            Some(Part::Endless) => Poll::Ready(Some(Bytes::from_static(&FILLER))),
            Some(Part::Live(lines)) => lines.poll_recv(cx),
            Some(Part::Hang) => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        while !self.0.is_empty() {
            match self.poll_front(cx) {
                Poll::Ready(Some(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Poll::Ready(None) => drop(self.0.pop_front()),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let mut sum = 0;
        for part in &self.0 {
            match part {
                Part::Bytes(bytes) => sum += bytes.len() as u64,
                Part::Filler(left) => sum += *left as u64,
                Part::Endless | Part::Live(_) | Part::Hang => return SizeHint::default(),
            }
        }
        SizeHint::with_exact(sum)
    }
}
