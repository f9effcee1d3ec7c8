//! Whether the ports of entry points can be had, before Traefik dies over one that can't.

use std::{
    io,
    net::{TcpListener, UdpSocket},
};

use container_snapshot::Transport as Protocol;
use machine_sockets::{Holder, holder_of_port};
use traefik_static::{EntryPoint, Transport};

/// An entry point whose port somebody else has.
#[derive(Debug)]
pub(super) struct Busy {
    pub(super) entry_point: EntryPoint,
    pub(super) holder: Option<Holder>,
}

// === impl Busy ===

impl Busy {
    /// Who has it, for people.
    pub(super) fn holder(&self) -> String {
        self.holder.as_ref().map_or_else(|| "somebody who cannot be seen".to_owned(), ToString::to_string)
    }
}

/// Parts entry points into those that can be had, or are had already, and those whose port somebody else has. `is_own`
/// tells a holder of ours, such as Traefik or systemd for it.
pub(super) fn part(
    entry_points: Vec<EntryPoint>,
    is_own: &dyn Fn(&EntryPoint, &Holder) -> bool,
) -> (Vec<EntryPoint>, Vec<Busy>) {
    let (mut free, mut busy) = (Vec::new(), Vec::new());
    for entry_point in entry_points {
        if !is_taken(&entry_point) {
            free.push(entry_point);
            continue;
        }
        let protocol = if entry_point.transport == Transport::Udp { Protocol::Udp } else { Protocol::Tcp };
        let holder = holder_of_port(protocol, entry_point.address);
        if holder.as_ref().is_some_and(|holder| is_own(&entry_point, holder)) {
            free.push(entry_point);
        } else {
            busy.push(Busy { entry_point, holder });
        }
    }
    (free, busy)
}

/// Whether somebody listens there. That we may not, for another reason, is Traefik's to say.
fn is_taken(entry_point: &EntryPoint) -> bool {
    let tried = match entry_point.transport {
        Transport::Udp => UdpSocket::bind(entry_point.address).map(drop),
        _ => TcpListener::bind(entry_point.address).map(drop),
    };
    tried.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_somebody_has_is_left_out_unless_it_is_ours() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = |name: &str, transport, address| EntryPoint { name: name.to_owned(), transport, address };
        let address = taken.local_addr().unwrap();
        let all = || vec![at("tcp-1", Transport::Tcp, address), at("udp-1", Transport::Udp, address)];
        let (free, busy) = part(all(), &|_, _| false);
        assert_eq!((free.len(), busy.len()), (1, 1));
        assert_eq!(busy[0].entry_point.name, "tcp-1");
        assert_eq!(busy[0].holder.as_ref().unwrap().pid, std::process::id());
        let (free, busy) = part(all(), &|_, holder| holder.pid == std::process::id());
        assert_eq!((free.len(), busy.len()), (2, 0));
    }
}
