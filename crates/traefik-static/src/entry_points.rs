use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use traefik_model::{DYNAMIC_PORTS, PRECONFIGURED_TCP, PRECONFIGURED_UDP};

use crate::{Addresses, Infra};

/// Of the entry point `admin`.
pub(crate) const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7112);

/// What an entry point carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// HTTP, which is redirected to HTTPS.
    Http,
    /// HTTPS.
    Https,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A port that Traefik listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// Its name: `web`, `websecure`, `tcp-25`, `udp-53`, each with `-v6` behind it for IPv6.
    pub name: String,
    /// What it carries.
    pub transport: Transport,
    /// Where it listens.
    pub address: SocketAddr,
}

/// All entry points of a machine, for the address families that it has, in the order of their ports.
#[must_use]
pub fn entry_points(infra: &Infra, addresses: Addresses) -> Vec<EntryPoint> {
    let families = [(addresses.ipv4.map(IpAddr::V4), ""), (addresses.ipv6.map(IpAddr::V6), "-v6")];
    let tcp: BTreeSet<u16> =
        PRECONFIGURED_TCP.into_iter().chain(DYNAMIC_PORTS).chain(infra.tcp_ports.iter().copied()).collect();
    let udp: BTreeSet<u16> =
        PRECONFIGURED_UDP.into_iter().chain(DYNAMIC_PORTS).chain(infra.udp_ports.iter().copied()).collect();
    let http = [("web".to_owned(), Transport::Http, 80), ("websecure".to_owned(), Transport::Https, 443)];
    let tcp = tcp.into_iter().map(|port| (format!("tcp-{port}"), Transport::Tcp, port));
    let udp = udp.into_iter().map(|port| (format!("udp-{port}"), Transport::Udp, port));
    let named: Vec<_> = http.into_iter().chain(tcp).chain(udp).collect();
    let each = named.iter().flat_map(|(name, transport, port)| {
        families.iter().filter_map(move |(address, suffix)| {
            let address = SocketAddr::new((*address)?, *port);
            Some(EntryPoint { name: format!("{name}{suffix}"), transport: *transport, address })
        })
    });
    each.collect()
}

// === impl EntryPoint ===

impl EntryPoint {
    /// Where Traefik answers `ping` and, with the token, its API: for us alone.
    #[must_use]
    pub fn admin() -> Self {
        Self { name: "admin".to_owned(), transport: Transport::Http, address: ADMIN }
    }

    /// Its socket, as a unit of systemd's: systemd opens the port, keeps it open while Traefik is started again, and
    /// gives it to Traefik under the entry point's name.
    #[must_use]
    pub fn socket_unit(&self) -> SocketUnit {
        let listen = if self.transport == Transport::Udp { "ListenDatagram" } else { "ListenStream" };
        // With FreeBind it starts although the address is not there yet, as happens at boot.
        let mut text = format!(
            "# Written by renet proxy configure.\n[Unit]\nDescription=Entry point {0} of Traefik\n\n[Socket]\n\
             {listen}={1}\nFileDescriptorName={0}\nService=rediacc-traefik.service\nFreeBind=yes\n",
            self.name, self.address
        );
        if self.address.is_ipv6() {
            text.push_str("BindIPv6Only=ipv6-only\n");
        }
        text.push_str("\n[Install]\nWantedBy=sockets.target\n");
        SocketUnit { name: format!("{SOCKET_UNIT}{}.socket", self.name), text }
    }
}

/// What the names of entry points' socket units begin with.
pub const SOCKET_UNIT: &str = "rediacc-traefik-";

/// A socket unit of systemd's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketUnit {
    /// The file's name.
    pub name: String,
    /// Its text.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_units() {
        let unit = |name: &str, transport, address: &str| {
            EntryPoint { name: name.to_owned(), transport, address: address.parse().unwrap() }.socket_unit()
        };
        let web = unit("websecure", Transport::Https, "198.51.100.10:443");
        assert_eq!(web.name, "rediacc-traefik-websecure.socket");
        assert!(web.text.contains("\nListenStream=198.51.100.10:443\nFileDescriptorName=websecure\n"), "{}", web.text);
        assert!(!web.text.contains("BindIPv6Only"), "{}", web.text);
        let dns = unit("udp-53-v6", Transport::Udp, "[2001:db8::10]:53");
        assert!(
            dns.text.contains("\nListenDatagram=[2001:db8::10]:53\nFileDescriptorName=udp-53-v6\n"),
            "{}",
            dns.text
        );
        assert!(dns.text.contains("\nBindIPv6Only=ipv6-only\n"), "{}", dns.text);
    }
}
