//! One request to a program of this machine, with a limit for the whole answer: a limit for each read alone would let
//! one that drips hold its client for ever.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

/// The most bytes of an answer that are read: `/routes.json` of 10,000 containers has about 10 MB.
pub(crate) const MAX_ANSWER: usize = 256 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or the answer does not come in time, or breaks off.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Another status than 200.
    #[error("it answers with status {0}")]
    Status(u16),
    /// Another program's answer.
    #[error("it does not answer as a route server does")]
    Json(#[source] serde_json::Error),
}

/// A connection that can be told how long the next step may take.
pub(crate) trait Stream: Read + Write {
    fn limit(&self, time: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn limit(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time)).and_then(|()| self.set_write_timeout(Some(time)))
    }
}

impl Stream for UnixStream {
    fn limit(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time)).and_then(|()| self.set_write_timeout(Some(time)))
    }
}

/// Status and body of `GET path` on a loopback port, within this time.
///
/// # Errors
/// When nobody listens there, or no whole answer comes in time, or one that is no HTTP or no UTF-8.
pub fn get(server: SocketAddr, path: &str, patience: Duration) -> io::Result<(u16, String)> {
    get_as(server, path, "", patience)
}

/// The same with a header line, without its end, such as `X-Api-Token: …` for Traefik's API.
///
/// # Errors
/// As those of [`get`].
pub fn get_as(server: SocketAddr, path: &str, header: &str, patience: Duration) -> io::Result<(u16, String)> {
    get_at_most(server, path, header, patience, MAX_ANSWER)
}

/// The same, if it has no more bytes than this.
///
/// # Errors
/// As those of [`get`], and when there are more.
pub fn get_at_most(
    server: SocketAddr,
    path: &str,
    header: &str,
    patience: Duration,
    max_bytes: usize,
) -> io::Result<(u16, String)> {
    let end = Instant::now() + patience;
    over(TcpStream::connect_timeout(&server, patience)?, path, header, end, max_bytes)
}

/// The same on a socket file, such as that of a Docker daemon.
///
/// # Errors
/// As those of [`get`].
pub fn get_unix(socket: &Path, path: &str, patience: Duration) -> io::Result<(u16, String)> {
    let end = Instant::now() + patience;
    over(UnixStream::connect(socket)?, path, "", end, MAX_ANSWER)
}

fn over(
    mut stream: impl Stream,
    path: &str,
    header: &str,
    end: Instant,
    max_bytes: usize,
) -> io::Result<(u16, String)> {
    stream.limit(left(end)?)?;
    let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{header}\r\n").as_bytes())?;
    let mut answer = Vec::new();
    read_to_end(&mut stream, &mut answer, end, max_bytes)?;
    parse(&answer)
}

/// All bytes until the other side closes, no more than so many; with an error, those that came before it.
pub(crate) fn read_to_end(
    stream: &mut impl Stream,
    answer: &mut Vec<u8>,
    end: Instant,
    max_bytes: usize,
) -> io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        // Anew before each step: one that drips must not stretch the whole.
        stream.limit(left(end)?)?;
        let count = match stream.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
            other => other?,
        };
        if count == 0 {
            return Ok(());
        }
        answer.extend_from_slice(chunk.get(..count).unwrap_or_default());
        if answer.len() > max_bytes {
            return Err(io::Error::other("the answer is too large"));
        }
    }
}

pub(crate) fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn parse(answer: &[u8]) -> io::Result<(u16, String)> {
    let text = String::from_utf8_lossy(answer);
    let parts = || {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    };
    parts().ok_or_else(|| io::Error::other("what answers does not speak HTTP"))
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    #[test]
    fn who_is_no_route_server_is_told() {
        let answer = |text: &'static str| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(text.as_bytes());
            });
            crate::health(address, Duration::from_secs(5)).unwrap_err().to_string()
        };
        assert_eq!(answer("HTTP/1.1 404 No\r\n\r\n"), "it answers with status 404");
        assert_eq!(answer("HTTP/1.1 200 OK\r\n\r\n{}"), "it does not answer as a route server does");
        assert_eq!(answer("hello"), "what answers does not speak HTTP");
        assert_eq!(answer(""), "what answers does not speak HTTP");
    }

    #[test]
    fn an_answer_and_one_that_drips() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut good, _) = listener.accept().unwrap();
            assert!(good.read(&mut [0; 1024]).unwrap() > 0);
            good.write_all(b"HTTP/1.1 503 Busy\r\nA: b\r\n\r\nbody").unwrap();
            drop(good);
            let (mut dripping, _) = listener.accept().unwrap();
            while dripping.write_all(b"H").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let second = Duration::from_secs(5);
        assert_eq!(get(address, "/", second).unwrap(), (503, "body".to_owned()));
        let error = get(address, "/", Duration::from_millis(200)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    }
}
