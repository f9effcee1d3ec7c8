use std::{collections::BTreeSet, net::SocketAddr};

use container_snapshot::{Listener, Transport};

use crate::{listeners::TABLES, owners::Processes};

/// Who listens on a TCP port of the machine, where that can be seen: from `/proc/net/tcp`, `tcp6` and the file
/// descriptors of the processes that this one may look into.
pub(crate) fn of_port(address: SocketAddr) -> Option<String> {
    let processes = Processes::new("/proc");
    let tables = TABLES.into_iter().filter(|(transport, _)| *transport == Transport::Tcp);
    let texts = tables
        .filter_map(|(transport, name)| Some((transport, std::fs::read_to_string(processes.root().join(name)).ok()?)));
    let inodes: BTreeSet<_> = texts.flat_map(|(transport, text)| listening(transport, &text, address.port())).collect();
    let pid = processes.oldest_holder(&inodes)?;
    Some(format!("process {pid} ({})", processes.name(pid)))
}

fn listening(transport: Transport, table: &str, port: u16) -> Vec<u64> {
    let listeners = Listener::all_of(transport, table).filter(|listener| listener.address.port() == port);
    listeners.map(|listener| listener.inode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = of_port(listener.local_addr().unwrap()).unwrap();
        assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
    }
}
