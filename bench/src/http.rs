use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use end_to_end::Error;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often something that is not there yet is looked at.
const EVERY: Duration = Duration::from_millis(5);

/// A client that holds a request as Traefik does, on one connection.
#[derive(Debug)]
pub(crate) struct LongPoll {
    stream: BufReader<TcpStream>,
}

/// The status of one answer that ends with the connection.
pub(crate) fn get(address: SocketAddr, host: &str, path: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut stream = BufReader::new(stream);
    let (status, _) = head(&mut stream)?;
    // To its end: a server that cannot write what it began to would complain.
    io::copy(&mut stream, &mut io::sink())?;
    Ok(status)
}

/// Asks again and again until the answer is 200; returns when it was.
pub(crate) fn first(address: SocketAddr, host: &str, path: &str, patience: Duration) -> Result<Instant, Error> {
    let begun = Instant::now();
    loop {
        match get(address, host, path) {
            Ok(200) => return Ok(Instant::now()),
            _ if begun.elapsed() < patience => thread::sleep(EVERY),
            Ok(status) => {
                return Err(Error::Unexpected(format!("{host}{path} at {address}: still status {status}")));
            }
            Err(error) => return Err(Error::Unexpected(format!("{host}{path} at {address}: {error}"))),
        }
    }
}

// === impl LongPoll ===

impl LongPoll {
    /// Connects to a server that is just starting.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Error> {
        let begun = Instant::now();
        loop {
            match TcpStream::connect(address)
                .and_then(|stream| stream.set_read_timeout(Some(PATIENCE)).map(|()| stream))
            {
                Ok(stream) => return Ok(Self { stream: BufReader::new(stream) }),
                Err(error) if begun.elapsed() > PATIENCE => {
                    return Err(Error::Unexpected(format!("{address}: {error}")));
                }
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// The document, when it is another than the last one or five seconds are over.
    pub(crate) fn document(&mut self) -> Result<Vec<u8>, Error> {
        let mut ask = || {
            self.stream.get_mut().write_all(b"GET /routes.yaml?wait=5s HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            let (status, length) = head(&mut self.stream)?;
            let mut body = vec![0; length.unwrap_or_default()];
            self.stream.read_exact(&mut body)?;
            io::Result::Ok((status, body))
        };
        match ask() {
            Ok((200, body)) => Ok(body),
            Ok((status, _)) => Err(Error::Unexpected(format!("/routes.yaml: status {status}"))),
            Err(error) => Err(Error::Unexpected(format!("/routes.yaml: {error}"))),
        }
    }

    /// When the document first has this text.
    pub(crate) fn until(&mut self, text: &str) -> Result<Instant, Error> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let document = self.document()?;
            let arrived = Instant::now();
            if String::from_utf8_lossy(&document).contains(text) {
                return Ok(arrived);
            }
        }
        Err(Error::Unexpected(format!("the document does not get to have {text:?}")))
    }
}

/// The status of an answer and the length of its body.
fn head(stream: &mut BufReader<TcpStream>) -> io::Result<(u16, Option<usize>)> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no HTTP answer: {line:?}")))?;
    let mut length = None;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok(),
            Some(_) => {}
            None => return Ok((status, length)),
        }
    }
}
