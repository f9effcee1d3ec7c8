//! What a process in a control group tries: this program again, as `act GROUP KIND WHAT ADDRESS [FROM]`, which prints one
//! line.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    os::fd::OwnedFd,
    time::Duration,
};

use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketAddrAny, SocketType, bind, connect, getpeername, getsockname,
    listen, recvfrom, sendto, socket, sockopt,
};

/// The first word of such a command line.
pub(crate) const ACT: &str = "act";

/// Does it, and says what came of it.
pub(crate) fn act(words: &[String]) {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let [group, kind, what, address, from @ ..] = words.as_slice() else { return };
    let said = enter(group).and_then(|()| {
        let address = address.parse().map_err(io::Error::other)?;
        tried(kind, what, address, from.first().and_then(|from| from.parse().ok()))
    });
    let said = said.unwrap_or_else(|error| match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::PERM) => "EPERM".to_owned(),
        Some(rustix::io::Errno::CONNREFUSED) => "ECONNREFUSED".to_owned(),
        Some(rustix::io::Errno::ACCESS) => "EACCES".to_owned(),
        _ if error.kind() == io::ErrorKind::WouldBlock => "silence".to_owned(),
        _ => error.to_string(),
    });
    let mut out = io::stdout();
    let _ = writeln!(out, "{said}");
    let _ = out.flush();
    if *what == "serve" {
        // Until whoever started it closes this.
        let _ = io::stdin().read(&mut [0]);
    }
}

fn enter(group: &str) -> io::Result<()> {
    if group == "-" { Ok(()) } else { fs::write(format!("{group}/cgroup.procs"), "0") }
}

/// `tcp`, `udp`, `mptcp`; with `6` behind it of IPv6, and `6only` with IPV6_V6ONLY.
fn open(kind: &str) -> io::Result<OwnedFd> {
    let name = kind.trim_end_matches("only").trim_end_matches('6');
    let family = if kind.contains('6') { AddressFamily::INET6 } else { AddressFamily::INET };
    let (form, protocol) = match name {
        "udp" => (SocketType::DGRAM, None),
        "mptcp" => (SocketType::STREAM, std::num::NonZeroU32::new(262).map(Protocol::from_raw)),
        "raw" => (SocketType::RAW, std::num::NonZeroU32::new(17).map(Protocol::from_raw)),
        _ => (SocketType::STREAM, None),
    };
    let socket = socket(family, form, protocol)?;
    if family == AddressFamily::INET6 {
        sockopt::set_ipv6_v6only(&socket, kind.ends_with("only"))?;
    }
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(socket)
}

fn tried(kind: &str, what: &str, address: SocketAddr, from: Option<SocketAddr>) -> io::Result<String> {
    let socket = open(kind)?;
    let is_udp = kind.starts_with("udp");
    match what {
        "reuse" => {
            sockopt::set_socket_reuseport(&socket, true)?;
            bound(&socket, address, is_udp)
        }
        "bind" => bound(&socket, address, is_udp),
        "serve" => {
            let at = bound(&socket, address, is_udp)?;
            std::thread::spawn(move || if is_udp { answer(&socket) } else { greet(socket) });
            Ok(at)
        }
        _ => {
            sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(1)))?;
            if let Some(from) = from {
                bind(&socket, &from)?;
            }
            match what {
                "connect" => {
                    connect(&socket, &address)?;
                    if is_udp {
                        sendto(
                            &socket,
                            b"x",
                            SendFlags::empty(),
                            &getpeername(&socket)?.ok_or(io::ErrorKind::NotConnected)?,
                        )?;
                    }
                }
                "fastopen" => drop(sendto(&socket, b"x", SendFlags::from_bits_retain(0x2000_0000), &address)?),
                _ => drop(sendto(&socket, b"x", SendFlags::empty(), &address)?),
            }
            let mut bytes = [0; 100];
            let (count, _, peer) = recvfrom(&socket, &mut bytes, RecvFlags::empty())?;
            let peer = match peer {
                Some(peer) => peer,
                // One that has closed already is known no more.
                None => getpeername(&socket).ok().flatten().unwrap_or_else(|| address.into()),
            };
            let said = String::from_utf8_lossy(bytes.get(..count).unwrap_or_default()).into_owned();
            Ok(format!("{said} from {}", ip(&peer)))
        }
    }
}

fn bound(socket: &OwnedFd, address: SocketAddr, is_udp: bool) -> io::Result<String> {
    bind(socket, &address)?;
    if !is_udp {
        listen(socket, 8)?;
    }
    let at = SocketAddr::try_from(getsockname(socket)?).map_err(io::Error::other)?;
    Ok(at.to_string())
}

/// Whoever connects is told who it is.
fn greet(socket: OwnedFd) {
    while let Ok((connection, Some(peer))) = rustix::net::acceptfrom(&socket) {
        let _ = rustix::net::send(&connection, format!("peer {}", ip(&peer)).as_bytes(), SendFlags::NOSIGNAL);
    }
}

fn answer(socket: &OwnedFd) {
    loop {
        let Ok((_, _, Some(peer))) = recvfrom(socket, &mut [0; 100], RecvFlags::empty()) else { continue };
        let _ = sendto(socket, format!("peer {}", ip(&peer)).as_bytes(), SendFlags::empty(), &peer);
    }
}

fn ip(address: &SocketAddrAny) -> String {
    SocketAddr::try_from(address.clone()).map_or_else(|_| String::new(), |it| it.ip().to_canonical().to_string())
}
