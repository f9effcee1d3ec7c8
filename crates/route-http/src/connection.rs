//! One connection, from its first byte to its end.

use std::{convert::Infallible, pin::pin, sync::Arc};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, select};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    admission::ConnectionId,
    pace::{Pace, Paced, Step},
    serve::Server,
    session::Session,
    settings::Settings,
    state::Published,
};

/// The least that hyper accepts as the size of its buffer.
const LEAST_HEAD_BYTES: usize = 8 * 1024;

/// Why a connection was cut.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// The client was too slow.
    Overdue,
    /// Its place was needed.
    Evicted,
}

/// Serves a connection until its client leaves, is too slow, or has to make room; or until the server stops.
pub(crate) async fn drive<P: Published>(
    stream: TcpStream,
    server: Arc<Server<P>>,
    id: ConnectionId,
    evicted: CancellationToken,
) {
    let pace = Pace::new();
    let session = Arc::new(Session::new(Arc::clone(&server), id, pace.clone()));
    let service = service_fn(move |request: Request<Incoming>| {
        let session = Arc::clone(&session);
        async move { Ok::<_, Infallible>(session.answer(request).await) }
    });
    let io = TokioIo::new(Paced::new(stream, pace.clone()));
    let mut connection = http(&server.settings).serve_connection(io, service);

    let mut overdue = pin!(pace.overdue(&server.settings));
    let mut stopping = false;
    let cut = loop {
        select! {
            biased;
            () = server.shutdown.cancelled(), if !stopping => {
                stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
            result = &mut connection => {
                debug!(connection = id.get(), error = result.err().map(tracing::field::display), "connection ended");
                return;
            }
            () = evicted.cancelled() => break Cut::Evicted,
            () = &mut overdue => break Cut::Overdue,
        }
    };
    debug!(connection = id.get(), reason = ?cut, step = ?pace.step(), "connection cut");
    if pace.step() == Step::Answering {
        // The kernel would keep what the client does not take for minutes more.
        let stream = connection.into_parts().io.into_inner().into_inner();
        _ = stream.set_zero_linger();
    }
}

/// hyper's part of the limits. Its header timeout also runs while a connection is idle, where 5 s would cut Traefik off
/// just when it polls; [`Pace`] tells the two apart.
fn http(settings: &Settings) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.header_read_timeout(None)
        .max_buf_size(settings.max_head_bytes.max(LEAST_HEAD_BYTES))
        .max_headers(settings.max_headers);
    http
}
