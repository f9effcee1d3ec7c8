//! Which control group a socket belongs to, and where that is: the kernel tells everybody (sock_diag(7)), whereas the
//! descriptors of a process are shown only to who may trace it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::{DirEntryExt as _, MetadataExt as _},
    path::PathBuf,
    time::Duration,
};

use container_snapshot::{Owner, Transport, containers_of_cgroup};
use repo_network::NetworkId;
use rustix::{
    fd::{AsFd, OwnedFd},
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto,
        netlink::{self, SocketAddrNetlink},
        recv, sendto, socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
};

/// The kernel answers at once; a socket that says nothing must not hold up a reading for ever.
const PATIENCE: Duration = Duration::from_secs(2);
/// The kernel writes at most 32 KiB of a dump at a time.
const CHUNK: usize = 64 << 10;
/// The most sockets that are looked at.
const MAX_SOCKETS: usize = 400_000;
/// The most control groups that are looked at.
const MAX_GROUPS: usize = 100_000;

// linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const REQUEST_AND_DUMP: u16 = 0x301;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const HEADER: usize = 16;
const MESSAGE: usize = 72;
/// Where the inode stands in an `inet_diag_msg`.
const INODE: usize = 68;
/// `INET_DIAG_CGROUP_ID`, since Linux 5.8.
const CGROUP_ID: u16 = 21;
const TCP_LISTEN: u32 = 1 << 10;
/// A UDP socket without a peer.
const TCP_CLOSE: u32 = 1 << 7;

/// The machine's control groups of version 2, as far as they are known.
#[derive(Debug, Default)]
pub struct ControlGroups {
    root: Option<PathBuf>,
    /// Paths by ID. The kernel does not use an ID twice.
    paths: BTreeMap<u64, String>,
}

// === impl ControlGroups ===

impl ControlGroups {
    /// Of this machine: beside hierarchies of version 1 they have a place of their own.
    pub fn of_this_machine() -> Self {
        let places = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(PathBuf::from);
        let root = places.into_iter().find(|place| place.join("cgroup.procs").exists());
        Self { root, paths: BTreeMap::new() }
    }

    /// Whose these sockets are, given by their inodes, as far as it can be told.
    pub fn owners(&mut self, inodes: &BTreeSet<u64>) -> BTreeMap<u64, Owner> {
        if self.root.is_none() {
            return BTreeMap::new();
        }
        let groups = match groups_of_sockets(inodes) {
            Ok(groups) => groups,
            Err(error) => {
                tracing::debug!(%error, "the kernel does not tell the control groups of sockets");
                return BTreeMap::new();
            }
        };
        if groups.values().any(|group| !self.paths.contains_key(group)) {
            self.walk();
        }
        let owner = |(inode, group)| Some((inode, owner(self.paths.get(&group)?)?));
        groups.into_iter().filter_map(owner).collect()
    }

    fn walk(&mut self) {
        let Some(root) = self.root.clone() else { return };
        self.paths.clear();
        // Who is in no group is in the root: without it each of their sockets would be looked for again and again.
        self.paths.extend(fs::metadata(&root).ok().map(|metadata| (metadata.ino(), "/".to_owned())));
        let mut open = vec![PathBuf::from("/")];
        while let Some(path) = open.pop() {
            let below = root.join(path.strip_prefix("/").unwrap_or(&path));
            // One that vanished meanwhile has no sockets either.
            for entry in fs::read_dir(below).into_iter().flatten().filter_map(Result::ok) {
                if self.paths.len() >= MAX_GROUPS {
                    tracing::debug!("too many control groups to know them all");
                    return;
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let path = path.join(entry.file_name());
                    self.paths.insert(entry.ino(), path.to_string_lossy().into_owned());
                    open.push(path);
                }
            }
        }
    }
}

/// Whose a control group is; none: of nobody who could be named by it.
fn owner(path: &str) -> Option<Owner> {
    let containers = containers_of_cgroup(&format!("0::{path}"));
    if !containers.is_empty() {
        return Some(Owner::Container(containers));
    }
    NetworkId::of_control_group(path).map(Owner::Daemon)
}

/// The control groups of these sockets, by inode.
fn groups_of_sockets(inodes: &BTreeSet<u64>) -> io::Result<BTreeMap<u64, u64>> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    let mut groups = BTreeMap::new();
    for transport in [Transport::Tcp, Transport::Udp] {
        for family in [AddressFamily::INET, AddressFamily::INET6] {
            dump(&socket, transport, family, &mut |inode, group| {
                if inodes.contains(&inode) {
                    groups.insert(inode, group);
                }
            })?;
            if groups.len() == inodes.len() {
                return Ok(groups);
            }
        }
    }
    Ok(groups)
}

/// All sockets of one kind on which something may arrive.
fn dump(
    socket: &OwnedFd,
    transport: Transport,
    family: AddressFamily,
    each: &mut dyn FnMut(u64, u64),
) -> io::Result<()> {
    sendto(socket.as_fd(), &request(transport, family), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut chunk = vec![0; CHUNK];
    let mut seen = 0;
    loop {
        let (length, _) = recv(socket.as_fd(), chunk.as_mut_slice(), RecvFlags::empty())?;
        let mut rest = chunk.get(..length).unwrap_or_default();
        while !rest.is_empty() {
            let (kind, body, after) =
                message(rest).ok_or_else(|| io::Error::other("the kernel sent half a message"))?;
            match kind {
                DONE => return Ok(()),
                ERROR => return Err(io::Error::other("the kernel refuses")),
                SOCK_DIAG_BY_FAMILY => {
                    if let Some((inode, group)) = socket_and_group(body) {
                        each(inode, group);
                    }
                }
                _ => {}
            }
            seen += 1;
            if seen > MAX_SOCKETS {
                return Err(io::Error::other("more sockets than can be looked at"));
            }
            rest = after;
        }
    }
}

/// A `nlmsghdr` with an `inet_diag_req_v2`.
fn request(transport: Transport, family: AddressFamily) -> Vec<u8> {
    const LENGTH: usize = HEADER + 56;
    let (protocol, states) = match transport {
        Transport::Tcp => (ipproto::TCP, TCP_LISTEN),
        Transport::Udp => (ipproto::UDP, TCP_CLOSE),
    };
    let protocol = u8::try_from(protocol.as_raw().get()).unwrap_or_default();
    let family = u8::try_from(family.as_raw()).unwrap_or_default();
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.extend(u32::try_from(LENGTH).unwrap_or_default().to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST_AND_DUMP.to_ne_bytes());
    // Sequence and port.
    bytes.extend([0; 8]);
    bytes.extend([family, protocol, 0, 0]);
    bytes.extend(states.to_ne_bytes());
    bytes.resize(LENGTH, 0);
    bytes
}

/// Kind and body of the first message, and what follows it.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let body = bytes.get(HEADER..length)?;
    Some((u16_at(bytes, 4)?, body, bytes.get(aligned(length)..).unwrap_or_default()))
}

/// Inode and control group of an `inet_diag_msg`.
fn socket_and_group(body: &[u8]) -> Option<(u64, u64)> {
    let inode = u32_at(body, INODE)?;
    let mut rest = body.get(MESSAGE..)?;
    while rest.len() >= 4 {
        let length = usize::from(u16_at(rest, 0)?);
        if u16_at(rest, 2)? == CGROUP_ID {
            return Some((inode.into(), u64::from_ne_bytes(rest.get(4..12)?.try_into().ok()?)));
        }
        // An attribute is at least its own head: less would go round for ever.
        rest = rest.get(aligned(length.max(4))..)?;
    }
    None
}

fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use proptest::prelude::*;

    use super::*;

    fn inode(socket: &impl std::os::fd::AsRawFd) -> u64 {
        let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        let text = link.to_string_lossy().into_owned();
        text.trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap()
    }

    #[test]
    fn the_kernel_tells_the_group_of_each_kind_of_socket() {
        let tcp = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("[::1]:0").unwrap()];
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let inodes: BTreeSet<u64> = tcp.iter().map(inode).chain([inode(&udp)]).collect();
        let groups = groups_of_sockets(&inodes).unwrap();
        assert_eq!(groups.keys().copied().collect::<BTreeSet<_>>(), inodes);
        let mut machine = ControlGroups::of_this_machine();
        machine.walk();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        let own = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap();
        // Seen from another view of the groups it has another path.
        if fs::read_link("/proc/self/ns/cgroup").ok() == fs::read_link("/proc/1/ns/cgroup").ok() {
            assert!(groups.values().all(|group| machine.paths.get(group).is_some_and(|path| path == own)), "{own}");
        }
    }

    #[test]
    fn whose_a_group_is() {
        let id = "0123456789abcdef".repeat(4);
        assert_eq!(owner(&format!("/rediacc-2816/containers/{id}")), Some(Owner::Container(vec![id.as_str().into()])));
        assert_eq!(owner("/rediacc-2816/daemon"), Some(Owner::Daemon("2816".parse().unwrap())));
        assert_eq!(owner("/system.slice/nginx.service"), None);
    }

    #[test]
    fn groups_are_found_by_their_number() {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir_all(scratch.path().join("rediacc-2816/daemon")).unwrap();
        fs::write(scratch.path().join("cgroup.procs"), "").unwrap();
        let mut groups = ControlGroups { root: Some(scratch.path().to_owned()), paths: BTreeMap::new() };
        groups.walk();
        let all: BTreeSet<_> = groups.paths.values().map(String::as_str).collect();
        assert_eq!(all, BTreeSet::from(["/", "/rediacc-2816", "/rediacc-2816/daemon"]));
    }

    proptest! {
        #[test]
        fn what_the_kernel_never_says_ends_too(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut rest = bytes.as_slice();
            while let Some((_, body, after)) = message(rest) {
                let _ = socket_and_group(body);
                prop_assert!(after.len() < rest.len());
                rest = after;
            }
            let _ = socket_and_group(&bytes);
        }
    }
}
