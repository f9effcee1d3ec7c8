//! Which addresses of this machine entry points listen on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use traefik_static::{Addresses, Infra};

/// Documentation addresses (RFC 5737, RFC 3849): the way to the internet leads there too, and nothing is sent.
const FAR_V4: (Ipv4Addr, u16) = (Ipv4Addr::new(203, 0, 113, 1), 9);
const FAR_V6: (Ipv6Addr, u16) = (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9);

/// The public address where an interface has it, else the one that packets to the internet leave from (behind a NAT).
/// For IPv6 only where a public address is given.
pub(super) fn addresses(infra: &Infra) -> Addresses {
    let ipv4 = match infra.public_ipv4.filter(|public| is_here((*public).into())) {
        Some(public) => Some(public),
        None if infra.public_ipv4.is_none() && infra.public_ipv6.is_some() => None,
        None => source(FAR_V4.into(), Ipv4Addr::UNSPECIFIED.into()).and_then(|ip| match ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        }),
    };
    let ipv6 = infra.public_ipv6.and_then(|public| match is_here(public.into()) {
        true => Some(public),
        false => source(FAR_V6.into(), Ipv6Addr::UNSPECIFIED.into()).and_then(|ip| match ip {
            IpAddr::V6(ip) => Some(ip),
            IpAddr::V4(_) => None,
        }),
    });
    Addresses { ipv4, ipv6 }
}

/// Only what an interface has can be bound.
fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// Connecting a datagram socket sends nothing; it makes the kernel choose the source address.
fn source(far: std::net::SocketAddr, any: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(far).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interface_has_is_taken_and_nothing_else() {
        let infra = Infra { public_ipv4: Some(Ipv4Addr::new(127, 200, 0, 1)), ..Infra::default() };
        let expected = Addresses { ipv4: infra.public_ipv4, ipv6: None };
        assert_eq!(addresses(&infra), expected);
        let behind_nat = Infra { public_ipv4: Some(Ipv4Addr::new(203, 0, 113, 77)), ..Infra::default() };
        assert_ne!(addresses(&behind_nat).ipv4, behind_nat.public_ipv4);
    }
}
