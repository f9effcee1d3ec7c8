//! What runs in the containers of the tests where busybox has no applet for it.
#![expect(clippy::print_stderr, reason = "a program's complaint goes to its stderr")]

use std::{
    env,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    process::ExitCode,
    thread,
};

const USAGE: &str = "usage: backend greet|answer ADDRESS:PORT TEXT";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["greet", address, text] => greet(address, text),
        ["answer", address, text] => answer(address, text),
        _ => Err(io::Error::other(USAGE)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("backend: {error}");
            ExitCode::FAILURE
        }
    }
}

/// TCP: speaks first, as mail servers do, and then sends everything back.
fn greet(address: &str, text: &str) -> io::Result<()> {
    for connection in TcpListener::bind(address)?.incoming() {
        let (connection, greeting) = (connection?, format!("{text}\r\n"));
        thread::spawn(move || converse(connection, &greeting));
    }
    Ok(())
}

fn converse(mut connection: TcpStream, greeting: &str) -> io::Result<()> {
    connection.write_all(greeting.as_bytes())?;
    let mut buffer = [0; 1024];
    loop {
        let count = connection.read(&mut buffer)?;
        match buffer.get(..count) {
            Some(said) if !said.is_empty() => connection.write_all(said)?,
            _ => return Ok(()),
        }
    }
}

/// UDP: answers each datagram with the text and what was asked.
fn answer(address: &str, text: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    let mut buffer = [0; 1500];
    loop {
        let (count, from) = socket.recv_from(&mut buffer)?;
        let asked = String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()).into_owned();
        socket.send_to(format!("{text} {asked}").as_bytes(), from)?;
    }
}
