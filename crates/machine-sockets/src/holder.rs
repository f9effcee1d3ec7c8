use std::{collections::BTreeSet, fmt, fs, net::SocketAddr};

use container_snapshot::{Listener, Transport};

use crate::{Processes, TABLES};

/// A process that has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// What it calls itself.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.name.escape_debug())
    }
}

/// Who keeps others from listening on an address and port: whoever has them, or has the port on every address. None where
/// that cannot be seen.
#[must_use]
pub fn holder_of_port(transport: Transport, address: SocketAddr) -> Option<Holder> {
    let processes = Processes::new("/proc");
    let tables = TABLES.into_iter().filter(|(its, _)| *its == transport);
    let texts = tables.filter_map(|(_, name)| fs::read_to_string(processes.root().join(name)).ok());
    let inodes: BTreeSet<_> = texts.flat_map(|text| in_the_way(transport, &text, address)).collect();
    let pid = processes.oldest_holder(&inodes)?;
    Some(Holder { pid, name: processes.name(pid) })
}

fn in_the_way(transport: Transport, table: &str, address: SocketAddr) -> Vec<u64> {
    let is_there = |its: SocketAddr| {
        its.port() == address.port()
            && (its.ip() == address.ip() || its.ip().is_unspecified() || address.ip().is_unspecified())
    };
    let listeners = Listener::all_of(transport, table).filter(|listener| is_there(listener.address));
    listeners.map(|listener| listener.inode).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn the_holder_of_a_port_is_found() {
        let own = |holder: Option<Holder>| holder.is_some_and(|holder| holder.pid == std::process::id());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(own(holder_of_port(Transport::Tcp, address)));
        assert_eq!(holder_of_port(Transport::Udp, address), None);
        assert_eq!(holder_of_port(Transport::Tcp, SocketAddr::new("127.0.0.9".parse().unwrap(), address.port())), None);
        let everywhere = UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = everywhere.local_addr().unwrap().port();
        assert!(own(holder_of_port(Transport::Udp, SocketAddr::new("127.0.0.9".parse().unwrap(), port))));
    }
}
