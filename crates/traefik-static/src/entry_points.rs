use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use traefik_model::{DYNAMIC_PORTS, PRECONFIGURED_TCP, PRECONFIGURED_UDP};

use crate::{Addresses, Infra};

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
