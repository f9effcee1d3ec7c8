//! A small HTTP client for our own programs and Docker daemons on this machine, with a limit for the whole answer.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

/// The most bytes of an answer that are read.
const MAX_ANSWER: usize = 64 << 20;

/// A connection that can be told how long the next step may take.
trait Stream: Read + Write {
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

/// Status and body of `GET path` on a loopback port.
pub(crate) fn get(address: SocketAddr, path: &str, patience: Duration) -> io::Result<(u16, String)> {
    let end = Instant::now() + patience;
    ask(TcpStream::connect_timeout(&address, patience)?, path, end)
}

/// The same on a socket file.
pub(crate) fn get_unix(socket: &Path, path: &str, patience: Duration) -> io::Result<(u16, String)> {
    let end = Instant::now() + patience;
    ask(UnixStream::connect(socket)?, path, end)
}

fn ask(mut stream: impl Stream, path: &str, end: Instant) -> io::Result<(u16, String)> {
    stream.limit(left(end)?)?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        // Anew before each step: one that drips must not stretch the whole.
        stream.limit(left(end)?)?;
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return parse(&answer);
        }
        answer.extend_from_slice(chunk.get(..count).unwrap_or_default());
        if answer.len() > MAX_ANSWER {
            return Err(io::Error::other("the answer is too large"));
        }
    }
}

fn left(end: Instant) -> io::Result<Duration> {
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
        assert!(matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{error}");
    }
}
