//! Little servers on the services' addresses, as the simulated containers would run them. They end with the test.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use end_to_end::Error;

/// What whoever listens there says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Speech {
    /// It answers every HTTP request.
    Http,
    /// It speaks first.
    Greeting,
    /// It waits for something to be said, and then speaks.
    Answer,
}

const PATIENCE: Duration = Duration::from_secs(5);

/// Starts a TCP server that says this in its own way.
pub(crate) fn serve(address: Ipv4Addr, port: u16, speech: Speech, text: &'static str) -> Result<(), Error> {
    let listener = TcpListener::bind((address, port)).map_err(|error| refused(address, port, &error))?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || converse(stream, speech, text));
        }
    });
    Ok(())
}

/// Starts a UDP server that answers with this.
pub(crate) fn serve_udp(address: Ipv4Addr, port: u16, text: &'static str) -> Result<(), Error> {
    let socket = UdpSocket::bind((address, port)).map_err(|error| refused(address, port, &error))?;
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(text.as_bytes(), from);
        }
    });
    Ok(())
}

fn refused(address: Ipv4Addr, port: u16, error: &io::Error) -> Error {
    Error::Unexpected(format!("a server on {address}:{port}: {error}"))
}

fn converse(mut stream: TcpStream, speech: Speech, text: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = [0; 4096];
    match speech {
        Speech::Greeting => stream.write_all(format!("{text}\r\n").as_bytes()),
        Speech::Answer => {
            let _ = stream.read(&mut buffer)?;
            stream.write_all(format!("{text}\r\n").as_bytes())
        }
        Speech::Http => {
            let mut head: Vec<u8> = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut buffer)? {
                    0 => return Ok(()),
                    count => head.extend(buffer.iter().take(count)),
                }
            }
            let length = text.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}");
            stream.write_all(answer.as_bytes())
        }
    }
}

/// Says hello as a TLS client that looks for a server of this name, and returns what comes back as text.
pub(crate) fn hello(address: Ipv4Addr, port: u16, name: &str) -> Result<String, Error> {
    let ask = || {
        let mut stream = TcpStream::connect((address, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&client_hello(name))?;
        let mut buffer = [0; 256];
        let count = stream.read(&mut buffer)?;
        Ok(String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()).trim_end().to_owned())
    };
    ask().map_err(|error: io::Error| Error::Unexpected(format!("hello to {name} at {address}:{port}: {error}")))
}

/// A ClientHello with a server name, and no more than has to be in it.
fn client_hello(name: &str) -> Vec<u8> {
    let with_length = |body: &[u8]| [&length(body.len()), body].concat();
    let entry = [&[0][..], &with_length(name.as_bytes())].concat();
    let server_name = [&[0, 0][..], &with_length(&with_length(&entry))].concat();
    let groups = [0, 10, 0, 4, 0, 2, 0, 29];
    let signatures = [0, 13, 0, 4, 0, 2, 4, 3];
    let extensions = with_length(&[&server_name[..], &groups, &signatures].concat());
    let fixed = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0xc0, 0x2f], &[1, 0]].concat();
    let body = [fixed, extensions].concat();
    let handshake = [&[1, 0][..], &with_length(&body)].concat();
    [&[22, 3, 1][..], &with_length(&handshake)].concat()
}

fn length(count: usize) -> [u8; 2] {
    u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes()
}
