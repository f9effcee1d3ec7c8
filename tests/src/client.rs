use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{Error, process};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Somebody on the internet, who reaches every name at one address.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    address: Ipv4Addr,
}

/// An answer over HTTP.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// Its headers, the names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
}

// === impl Client ===

impl Client {
    /// A client for whom all names resolve to this address.
    #[must_use]
    pub fn of(address: Ipv4Addr) -> Self {
        Self { address }
    }

    /// Asks for a URL, with more of curl's arguments; any certificate will do.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get(&self, url: &str, arguments: &[&str]) -> Result<Answer, Error> {
        let mut command = curl();
        command
            .args(["--include", "--insecure", "--connect-to", &format!("::{}:", self.address)])
            // Without it curl waits for a 100 before it sends a body.
            .args(["--header", "Expect:"])
            .args(arguments)
            .arg(url);
        parse(&process::output(&mut command)?)
    }

    /// The certificate that is shown for a name on a port, as PEM; none when the connection is refused.
    ///
    /// # Errors
    /// When openssl is missing.
    pub fn certificate(&self, port: u16, name: &str) -> Result<Option<String>, Error> {
        let output = Command::new("timeout")
            .args(["5", "openssl", "s_client", "-servername", name, "-connect", &format!("{}:{port}", self.address)])
            .stdin(Stdio::null())
            .output()
            .map_err(Error::io("openssl s_client"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
        let inside = text.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
        Ok(inside.map(|(base64, _)| format!("{begin}{base64}{end}\n")))
    }
}

/// What a TCP service says before it is asked anything: its first line, without the line's end.
///
/// # Errors
/// When it can't be reached or stays silent.
pub fn greeting(address: Ipv4Addr, port: u16) -> Result<String, Error> {
    let what = || format!("greeting of {address}:{port}");
    let stream = TcpStream::connect(SocketAddrV4::new(address, port)).map_err(Error::io(what()))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(Error::io(what()))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(Error::io(what()))?;
    Ok(line.trim_end().to_owned())
}

/// Sends one datagram and returns the one that comes back.
///
/// # Errors
/// When none comes back.
pub fn ask_udp(address: Ipv4Addr, port: u16, question: &str) -> Result<String, Error> {
    let mut buffer = [0; 1500];
    let mut ask = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        // Short: a datagram that came too early is lost, and the caller asks again.
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        socket.send_to(question.as_bytes(), (address, port))?;
        socket.recv(&mut buffer)
    };
    let count = ask().map_err(Error::io(format!("datagram to {address}:{port}")))?;
    Ok(String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()).into_owned())
}

/// A document from a server on this machine.
pub(crate) fn text(url: &str) -> Result<String, Error> {
    process::output(curl().args(["--fail", url]))
}

/// A JSON document from a server on this machine.
pub(crate) fn json(url: &str) -> Result<Value, Error> {
    let text = text(url)?;
    serde_json::from_str(&text).map_err(|error| Error::Unexpected(format!("{url}: {error}: {text}")))
}

/// Posts a JSON document to a server on a unix socket.
pub(crate) fn post(socket: &Path, path: &str, body: &Path) -> Result<String, Error> {
    let mut command = curl();
    command.args(["--fail-with-body", "--header", "Content-Type: application/json", "--unix-socket"]).arg(socket);
    command.arg("--data-binary").arg(format!("@{}", body.display()));
    process::output(command.arg(format!("http://docker{path}")))
}

fn curl() -> Command {
    let mut command = Command::new("curl");
    // First, so that no ~/.curlrc has a say.
    command.args(["--disable", "--silent", "--show-error", "--http1.1", "--noproxy", "*"]);
    command.args(["--max-time", &PATIENCE.as_secs().to_string()]);
    command
}

fn parse(text: &str) -> Result<Answer, Error> {
    let malformed = || Error::Unexpected(format!("no HTTP answer: {text:?}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(malformed)?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    Ok(Answer { status, headers: headers.collect(), body: body.to_owned() })
}
