use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
};

use repo_network::NetworkId;

use crate::{ContainerId, Listener, Timestamp};

/// Ports from here on are handed out by the kernel to sockets that ask for none, unless told otherwise.
const EPHEMERAL: u16 = 32768;

/// What sockets speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Where a backend is expected to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// What is spoken there.
    pub transport: Transport,
    /// The service's address and the declared port.
    pub address: SocketAddrV4,
}

/// Whose a listening socket is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// Nobody could tell.
    Unknown,
    /// A container's: the outermost first, where a container runs in a container.
    Container(Vec<ContainerId>),
    /// A process of a repository's own daemon, such as its `docker-proxy`.
    Daemon(NetworkId),
    /// A process of the machine that is in no container.
    Process {
        /// What it calls itself.
        name: String,
        /// Its number.
        pid: u32,
    },
}

/// Everybody who has a socket on one address: several where they share it (`SO_REUSEPORT`).
pub type Owners = BTreeSet<Owner>;

/// Whether a socket on `[::]` receives IPv4, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum V6Wildcards {
    /// It does, unless it chose not to, which the kernel's tables do not tell.
    #[default]
    TakeV4,
    /// It does not, unless it chose to (`net.ipv6.bindv6only` is 1).
    Alone,
}

/// Who listens where on the machine, as of one reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listeners {
    /// When it was read.
    pub read_at: Timestamp,
    /// What was looked for; none: everything.
    pub interest: Option<Arc<Interest>>,
    /// Listening TCP sockets. Addresses of IPv4 in IPv6's form are kept as IPv4.
    pub tcp: BTreeMap<SocketAddr, Owners>,
    /// Bound UDP sockets.
    pub udp: BTreeMap<SocketAddr, Owners>,
    /// What holds for sockets on `[::]`.
    pub v6_wildcards: V6Wildcards,
}

/// Which listeners matter to a set of backends; the others come and go without anybody's being told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interest {
    backends: BTreeSet<Endpoint>,
    ports: BTreeSet<(Transport, u16)>,
    addresses: BTreeSet<Ipv4Addr>,
    networks: BTreeSet<u32>,
}

// === impl Transport ===

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// A TCP server.
    #[must_use]
    pub const fn tcp(address: SocketAddrV4) -> Self {
        Self { transport: Transport::Tcp, address }
    }

    /// A UDP server.
    #[must_use]
    pub const fn udp(address: SocketAddrV4) -> Self {
        Self { transport: Transport::Udp, address }
    }
}

impl fmt::Display for Endpoint {
    /// `127.0.11.2:8080`, and `127.0.11.2:53/udp`, as Docker writes ports.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Tcp => self.address.fmt(f),
            Transport::Udp => write!(f, "{}/udp", self.address),
        }
    }
}

// === impl Listeners ===

impl Listeners {
    /// From the text of `/proc/net/tcp`, `tcp6`, `udp` and `udp6`; whose the sockets are is not known.
    #[must_use]
    pub fn from_proc(tcp: &str, tcp6: &str, udp: &str, udp6: &str) -> Self {
        let tables = [(Transport::Tcp, tcp), (Transport::Tcp, tcp6), (Transport::Udp, udp), (Transport::Udp, udp6)];
        let mut listeners = Self::default();
        for listener in tables.into_iter().flat_map(|(transport, table)| Listener::all_of(transport, table)) {
            listeners.insert(listener, Owner::Unknown);
        }
        listeners
    }

    /// Adds a socket.
    pub fn insert(&mut self, listener: Listener, owner: Owner) {
        let sockets = match listener.transport {
            Transport::Tcp => &mut self.tcp,
            Transport::Udp => &mut self.udp,
        };
        sockets.entry(listener.address).or_default().insert(owner);
    }

    /// All sockets of a transport.
    #[must_use]
    pub fn of(&self, transport: Transport) -> &BTreeMap<SocketAddr, Owners> {
        match transport {
            Transport::Tcp => &self.tcp,
            Transport::Udp => &self.udp,
        }
    }

    /// Who listens exactly there.
    #[must_use]
    pub fn at(&self, endpoint: Endpoint) -> Option<&Owners> {
        self.of(endpoint.transport).get(&SocketAddr::V4(endpoint.address))
    }

    /// Who listens on that port of every address, and so receives what nobody listens for more exactly.
    ///
    /// A socket on `[::]` counts unless [`V6Wildcards::Alone`], or unless there is one on `0.0.0.0` beside it:
    /// the two exclude each other when the first receives IPv4.
    #[must_use]
    pub fn wildcard(&self, transport: Transport, port: u16) -> Option<(SocketAddr, &Owners)> {
        let v4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let v6 = (self.v6_wildcards == V6Wildcards::TakeV4).then_some(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        let mut addresses = std::iter::once(v4).chain(v6).map(|address| SocketAddr::new(address, port));
        addresses.find_map(|address| Some((address, self.of(transport).get(&address)?)))
    }

    /// The ports of an address on which somebody listens.
    pub fn ports_at(&self, transport: Transport, address: Ipv4Addr) -> impl Iterator<Item = (u16, &Owners)> {
        let whole = SocketAddr::new(address.into(), 0)..=SocketAddr::new(address.into(), u16::MAX);
        self.of(transport).range(whole).map(|(address, owners)| (address.port(), owners))
    }

    /// Whether anybody listens on an address, or anybody who is this container listens anywhere.
    #[must_use]
    pub fn has(&self, address: Option<Ipv4Addr>, container: &ContainerId) -> bool {
        let is_it = |(at, owners): (&SocketAddr, &Owners)| {
            let theirs = |owner: &Owner| matches!(owner, Owner::Container(ids) if ids.contains(container));
            address.is_some_and(|address| at.ip() == address) || owners.iter().any(theirs)
        };
        self.tcp.iter().chain(&self.udp).any(is_it)
    }

    /// Whether it was looked there: if not, that nobody is seen says nothing.
    #[must_use]
    pub fn looked_at(&self, endpoint: Endpoint) -> bool {
        self.interest.as_ref().is_none_or(|interest| interest.backends.contains(&endpoint))
    }

    /// Whether anybody receives what is sent there, be it the right one or not.
    #[must_use]
    pub fn answers(&self, endpoint: Endpoint) -> bool {
        self.at(endpoint).is_some() || self.wildcard(endpoint.transport, endpoint.address.port()).is_some()
    }
}

// === impl Interest ===

impl Interest {
    /// In what may be said of these backends.
    #[must_use]
    pub fn of(backends: BTreeSet<Endpoint>) -> Self {
        let mut interest = Self::default();
        for Endpoint { transport, address } in &backends {
            interest.ports.insert((*transport, address.port()));
            interest.addresses.insert(*address.ip());
            interest.networks.insert(network(*address.ip()));
        }
        Self { backends, ..interest }
    }

    /// The backends.
    #[must_use]
    pub fn backends(&self) -> &BTreeSet<Endpoint> {
        &self.backends
    }

    /// Whether a socket is one of them or could be what listens instead: on a wildcard, on another address of the
    /// repository or on localhost with a backend's port, or on another port of a backend's address. A UDP port that
    /// the kernel may have chosen is a client's.
    #[must_use]
    pub fn covers(&self, listener: &Listener) -> bool {
        let Listener { transport, address, .. } = *listener;
        let wanted_port = self.ports.contains(&(transport, address.port()));
        match address.ip() {
            IpAddr::V4(ip) if wanted_port => {
                ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || self.networks.contains(&network(ip))
            }
            IpAddr::V4(ip) => {
                let lasting = transport == Transport::Tcp || address.port() < EPHEMERAL;
                lasting && self.addresses.contains(&ip)
            }
            IpAddr::V6(ip) => wanted_port && (ip.is_unspecified() || ip.is_loopback()),
        }
    }
}

/// The /26 that an address lies in.
fn network(address: Ipv4Addr) -> u32 {
    u32::from(address) / repo_network::NETWORK_SIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Listeners {
        Listeners::from_proc(
            include_str!("../../../fixtures/proc-net/tcp"),
            include_str!("../../../fixtures/proc-net/tcp6"),
            include_str!("../../../fixtures/proc-net/udp"),
            include_str!("../../../fixtures/proc-net/udp6"),
        )
    }

    fn tcp(address: &str) -> Endpoint {
        Endpoint::tcp(address.parse().unwrap())
    }

    fn listener(transport: Transport, address: &str) -> Listener {
        Listener { transport, address: address.parse().unwrap(), inode: 1 }
    }

    #[test]
    fn the_kernels_tables() {
        let listeners = samples();
        let all = |transport| listeners.of(transport).keys().map(ToString::to_string).collect::<Vec<_>>();
        let tcp = ["0.0.0.0:5432", "127.0.0.1:3000", "127.0.11.2:8080", "127.0.11.3:7070", "[::]:9090", "[::1]:5173"];
        assert_eq!(all(Transport::Tcp), tcp);
        assert_eq!(all(Transport::Udp), ["127.0.11.2:53", "127.0.11.4:5060", "[::]:5353"]);
    }

    #[test]
    fn who_answers() {
        let mut listeners = samples();
        assert!(listeners.answers(tcp("127.0.11.2:8080")), "itself");
        assert!(!listeners.answers(tcp("127.0.11.3:8080")), "another address");
        assert!(listeners.answers(tcp("127.0.11.9:5432")), "a wildcard");
        assert!(listeners.answers(tcp("127.0.11.9:9090")), "a wildcard of IPv6");
        assert!(!listeners.answers(Endpoint { transport: Transport::Udp, ..tcp("127.0.11.9:9090") }));
        listeners.v6_wildcards = V6Wildcards::Alone;
        assert!(!listeners.answers(tcp("127.0.11.9:9090")));
        assert_eq!(listeners.ports_at(Transport::Tcp, Ipv4Addr::new(127, 0, 11, 2)).count(), 1);
    }

    #[test]
    fn one_address_may_have_several_owners() {
        let mut listeners = Listeners::default();
        for id in ["a", "b", "b"] {
            listeners.insert(listener(Transport::Tcp, "127.0.11.2:80"), Owner::Container(vec![id.into()]));
        }
        assert_eq!(listeners.at(tcp("127.0.11.2:80")).unwrap().len(), 2);
    }

    #[test]
    fn only_what_may_be_said_is_of_interest() {
        let udp = Endpoint::udp("127.0.11.2:53".parse().unwrap());
        let interest = Interest::of(BTreeSet::from([tcp("127.0.11.2:8080"), udp]));
        let tcp = |address| interest.covers(&listener(Transport::Tcp, address));
        for address in
            ["127.0.11.2:8080", "0.0.0.0:8080", "[::]:8080", "127.0.11.9:8080", "127.0.0.1:8080", "[::1]:8080"]
        {
            assert!(tcp(address), "{address}");
        }
        assert!(tcp("127.0.11.2:45000"));
        for address in ["0.0.0.0:80", "127.0.12.2:8080", "127.0.11.9:80", "192.0.2.2:8080", "[2001:db8::1]:8080"] {
            assert!(!tcp(address), "{address}");
        }
        assert!(interest.covers(&listener(Transport::Udp, "127.0.11.2:5353")));
        assert!(!interest.covers(&listener(Transport::Udp, "127.0.11.2:45000")), "a client's");
        assert!(!interest.covers(&listener(Transport::Udp, "0.0.0.0:8080")));
    }
}
