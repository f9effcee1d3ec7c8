use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bollard::{BollardRequest, ClientVersion, Docker, errors::Error};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Method, Request, Response, Uri, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, sync::Notify};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    fault::Fault,
    meter::{Meter, Metered},
};

/// The only paths that are ever asked for.
const PERMITTED: [&str; 2] = ["/containers/json", "/events"];

/// Longer than any call lasts here, in seconds; the bounds that count are those of the callers.
const NO_TIMEOUT: u64 = 3600;

/// bollard leaves the version out of the paths that it asks for, so every daemon answers in its own
/// newest form, and a version need not be agreed upon. It must be given all the same.
const UNUSED_VERSION: ClientVersion = ClientVersion { major_version: 1, minor_version: 41 };

/// One connection to a daemon for one call, which ends when this is dropped. It carries GET requests
/// to [`PERMITTED`] paths, without a body, and what it reads is metered.
#[derive(Debug)]
pub(crate) struct Line {
    answered: Arc<Notify>,
    meter: Meter,
    _hangs_up: DropGuard,
}

/// What a call needs to be made.
#[derive(Debug, Clone)]
struct Dialler {
    socket: PathBuf,
    answered: Arc<Notify>,
    meter: Meter,
    hung_up: CancellationToken,
}

// === impl Line ===

impl Line {
    /// A client for one call, and the line that it will use.
    pub(crate) fn open(socket: &Path, meter: Meter) -> Result<(Docker, Self), Error> {
        let (answered, hung_up) = (Arc::new(Notify::new()), CancellationToken::new());
        let line = Self { answered: answered.clone(), meter: meter.clone(), _hangs_up: hung_up.clone().drop_guard() };
        let dialler = Dialler { socket: socket.to_owned(), answered, meter, hung_up };
        let transport = move |request: BollardRequest| dialler.clone().send(request);
        let docker =
            Docker::connect_with_custom_transport(transport, Some("http://docker"), NO_TIMEOUT, &UNUSED_VERSION)?;
        Ok((docker, line))
    }

    /// Waits until an answer with a good status has begun.
    pub(crate) async fn answered(&self) {
        self.answered.notified().await;
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }
}

// === impl Dialler ===

impl Dialler {
    async fn send(self, request: BollardRequest) -> Result<Response<Incoming>, Error> {
        let request = permitted(request.method(), request.uri()).map_err(wrap)?;
        let stream =
            UnixStream::connect(&self.socket).await.map_err(|source| wrap(Fault::opening(&self.socket, source)))?;
        let io = TokioIo::new(Metered::new(stream, self.meter));
        let (mut sender, connection) = http1::handshake(io).await?;
        let hung_up = self.hung_up;
        tokio::spawn(async move { hung_up.run_until_cancelled_owned(connection).await });
        let response = sender.send_request(request).await?;
        if response.status().is_success() {
            self.answered.notify_one();
        }
        Ok(response)
    }
}

/// The request as it is sent: nothing of bollard's is taken over but the path and the query.
fn permitted(method: &Method, uri: &Uri) -> Result<Request<Empty<Bytes>>, Fault> {
    if method != Method::GET || !PERMITTED.contains(&uri.path()) {
        return Err(Fault::NotPermitted);
    }
    let target = uri.path_and_query().map_or(uri.path(), |target| target.as_str());
    let request = Request::get(target).header(header::HOST, "docker").header(header::CONNECTION, "close");
    request.body(Empty::new()).map_err(|_invalid| Fault::NotPermitted)
}

/// Through bollard's hands and back: see [`Fault::calling`].
fn wrap(fault: Fault) -> Error {
    Error::IOError { err: io::Error::other(fault) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_gets_are_sent() {
        let may = |method: Method, uri: &'static str| permitted(&method, &Uri::from_static(uri)).is_ok();
        assert!(may(Method::GET, "http://docker/containers/json?all=true"));
        assert!(may(Method::GET, "http://docker/events?filters=%7B%7D"));
        assert!(!may(Method::POST, "http://docker/containers/json"));
        assert!(!may(Method::DELETE, "http://docker/events"));
        assert!(!may(Method::GET, "http://docker/containers/4711/json"));
        assert!(!may(Method::GET, "http://docker/containers/4711/archive?path=/"));
        assert!(!may(Method::GET, "http://docker/images/json"));
    }

    #[tokio::test]
    async fn bollard_cannot_be_made_to_send_anything_else() {
        let meter = Meter::new(1000, std::time::Duration::from_secs(1));
        let (docker, _line) = Line::open(Path::new("/nonexistent"), meter).unwrap();
        let fault = |error| Fault::calling(crate::fault::Call::List, error);
        assert!(matches!(fault(docker.remove_container("x", None).await.unwrap_err()), Fault::NotPermitted));
        assert!(matches!(fault(docker.inspect_container("x", None).await.unwrap_err()), Fault::NotPermitted));
        assert!(matches!(fault(docker.list_containers(None).await.unwrap_err()), Fault::Open { .. }));
    }
}
