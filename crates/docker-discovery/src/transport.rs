use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Response, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    fault::{Call, Fault},
    meter::{Meter, Metered},
};

/// The most bytes of a daemon's own words about why it refuses.
const MAX_REFUSAL: usize = 4096;

/// The answer to one GET request, on a connection of its own, which ends when this is dropped. What it reads is metered.
#[derive(Debug)]
pub(crate) struct Line {
    call: Call,
    body: Incoming,
    _hangs_up: DropGuard,
}

// === impl Line ===

impl Line {
    /// Asks a daemon. Returns when a good answer has begun. The path has no version, so that every daemon answers in its
    /// own newest form.
    pub(crate) async fn open(socket: &Path, call: Call, query: &str, meter: Meter) -> Result<Self, Fault> {
        let stream = UnixStream::connect(socket).await.map_err(|source| Fault::opening(socket, source))?;
        let broken = |error: hyper::Error| if error.is_parse() { Fault::NotHttp } else { Fault::BrokenOff { call } };
        let io = TokioIo::new(Metered::new(stream, meter));
        let (mut sender, connection) = http1::handshake(io).await.map_err(broken)?;
        let hung_up = CancellationToken::new();
        let hangs_up = hung_up.clone().drop_guard();
        tokio::spawn(async move { hung_up.run_until_cancelled_owned(connection).await });
        let request = Request::get(format!("{}?{query}", call.path()));
        let request =
            request.header(header::HOST, "docker").header(header::CONNECTION, "close").body(Empty::<Bytes>::new());
        let request = request.map_err(|_invalid| Fault::Unaskable)?;
        let (head, body) = sender.send_request(request).await.map(Response::into_parts).map_err(broken)?;
        let mut line = Self { call, body, _hangs_up: hangs_up };
        if head.status.is_success() {
            return Ok(line);
        }
        let message = line.refusal().await;
        Err(Fault::refused(call, head.status.as_u16(), &message))
    }

    /// The next piece of the answer; none at its end. Nothing is lost when the future is dropped.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|_error| Fault::BrokenOff { call: self.call })?;
            // Trailers say nothing that is looked at.
            if let Ok(piece) = frame.into_data() {
                return Ok(Some(piece));
            }
        }
    }

    /// All of the answer, as long as its meter lets it be.
    pub(crate) async fn all(mut self) -> Result<Vec<u8>, Fault> {
        let mut all = Vec::new();
        while let Some(piece) = self.piece().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    async fn refusal(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        while let Ok(Some(piece)) = self.piece().await {
            said.extend_from_slice(&piece);
            if said.len() > MAX_REFUSAL {
                break;
            }
        }
        said
    }
}
