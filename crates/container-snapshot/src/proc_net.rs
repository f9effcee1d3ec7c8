//! The forms in which Linux tells who listens: the tables in `/proc/net`, and `/proc/<pid>/cgroup`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{ContainerId, Transport};

/// A socket that listens (TCP) or is bound (UDP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Listener {
    /// What it speaks.
    pub transport: Transport,
    /// Where; IPv4 also when it is a socket of IPv6.
    pub address: SocketAddr,
    /// Its number, as in `socket:[…]` among a process's file descriptors.
    pub inode: u64,
}

// === impl Listener ===

impl Listener {
    /// Those of one of the kernel's tables (`tcp` and `tcp6`, or `udp` and `udp6`). Lines of another form are passed
    /// over, the header among them.
    pub fn all_of(transport: Transport, table: &str) -> impl Iterator<Item = Self> {
        table.lines().filter_map(move |row| Self::of_row(transport, row))
    }

    /// `0: 020B007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 580044 …`: number, local and
    /// remote address, state, queues, timer, retransmits, user, timeout, inode.
    fn of_row(transport: Transport, row: &str) -> Option<Self> {
        // TCP_LISTEN; UDP sockets without a peer are in TCP_CLOSE.
        let listening = match transport {
            Transport::Tcp => "0A",
            Transport::Udp => "07",
        };
        let mut fields = row.split_ascii_whitespace().skip(1);
        let local = fields.next()?;
        if fields.nth(1)? != listening {
            return None;
        }
        Some(Self { transport, address: address(local)?, inode: fields.nth(5)?.parse().ok()? })
    }
}

fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::try_from(word(port, 4)?).ok()?;
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(ip, 8)?.to_ne_bytes())),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                // The kernel prints each word of the address as a number of this machine.
                part.copy_from_slice(&word(ip.get(index * 8..index * 8 + 8)?, 8)?.to_ne_bytes());
            }
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Exactly so many hexadecimal digits.
fn word(text: &str, digits: usize) -> Option<u32> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

/// The containers that a process is in, the outermost first, from its `/proc/<pid>/cgroup`. Docker names a cgroup
/// `<id>` or `docker-<id>.scope`, somewhere in the path, and in cgroup v1 not for every controller.
#[must_use]
pub fn containers_of_cgroup(text: &str) -> Vec<ContainerId> {
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let containers = paths.map(|path| path.split('/').filter_map(container_of_name).collect::<Vec<_>>());
    containers.max_by_key(Vec::len).unwrap_or_default()
}

fn container_of_name(name: &str) -> Option<ContainerId> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let id = name.rsplit('-').next()?;
    let is_id = id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_id.then(|| id.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn containers(text: &str) -> Vec<String> {
        containers_of_cgroup(text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn cgroups_of_docker() {
        assert_eq!(containers(&format!("0::/docker/{ID}\n")), [ID]);
        assert_eq!(containers(&format!("0::/system.slice/docker-{ID}.scope\n")), [ID]);
        assert_eq!(containers(&format!("0::/system.slice/docker-{ID}.scope/init.scope\n")), [ID]);
        assert_eq!(containers(&format!("12:pids:/\n4:memory:/docker/{ID}\n0::/\n")), [ID], "version 1");
        let other = ID.replace('0', "f");
        assert_eq!(containers(&format!("0::/docker/{ID}/docker/{other}\n")), [ID, &other]);
    }

    #[test]
    fn other_cgroups() {
        for text in ["", "0::/", "0::/init.scope", "0::/user.slice/user-0.slice", "nonsense", "::::", "0::/docker/12ab"]
        {
            assert!(containers_of_cgroup(text).is_empty(), "{text}");
        }
        assert!(containers_of_cgroup(&format!("0::/{}", ID.to_uppercase())).is_empty());
    }

    #[test]
    fn lines_of_another_form_are_passed_over() {
        let good =
            "   0: 020B007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 580044 2 0";
        for bad in [
            "",
            "0: 020B007F:1F90",
            "0: 020B007F:+F90 00000000:0000 0A 0:0 0:0 0 0 0 1",
            "0: 020B007G:1F90 00000000:0000 0A 0:0 0:0 0 0 0 1",
            "0: 020B007F1F90 00000000:0000 0A 0:0 0:0 0 0 0 1",
            "0: 020B007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 x",
            "0: 020B007F:1F90 00000000:0000 01 0:0 0:0 0 0 0 1",
            "0: 0000000000000000ffff00000\u{e9}B007F:1F90 0:0 0A 0:0 0:0 0 0 0 1",
        ] {
            let table = format!("  sl  local_address rem_address   st\n{bad}\n{good}\n");
            let found: Vec<_> = Listener::all_of(Transport::Tcp, &table).collect();
            let expected =
                Listener { transport: Transport::Tcp, address: "127.0.11.2:8080".parse().unwrap(), inode: 580_044 };
            assert_eq!(found, [expected], "{bad}");
        }
    }

    /// As the kernel writes it.
    fn row(ip: IpAddr, port: u16, state: &str, inode: u64) -> String {
        let word = |bytes: &[u8]| format!("{:08X}", u32::from_ne_bytes(bytes.try_into().unwrap()));
        let ip = match ip {
            IpAddr::V4(ip) => word(&ip.octets()),
            IpAddr::V6(ip) => ip.octets().chunks_exact(4).map(word).collect(),
        };
        format!(
            "  10: {ip}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000  0 {inode} 1 0"
        )
    }

    proptest! {
        #[test]
        fn what_the_kernel_writes_is_read_back(ip: IpAddr, port: u16, inode: u64, udp: bool) {
            let (transport, state) = if udp { (Transport::Udp, "07") } else { (Transport::Tcp, "0A") };
            let table = row(ip, port, state, inode);
            let expected = Listener { transport, address: SocketAddr::new(ip.to_canonical(), port), inode };
            prop_assert_eq!(Listener::all_of(transport, &table).collect::<Vec<_>>(), vec![expected]);
            let table = row(ip, port, "06", inode);
            prop_assert_eq!(Listener::all_of(transport, &table).count(), 0);
        }

        #[test]
        fn nothing_makes_it_panic(text in "(?s).{0,200}", row in "( *[0-9A-Fa-f:x\u{e9}]{0,40}){0,12}") {
            for text in [&text, &row] {
                let _ = Listener::all_of(Transport::Tcp, text).count();
                let _ = containers_of_cgroup(text);
            }
        }
    }
}
