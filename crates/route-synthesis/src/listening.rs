//! Backends compared with who listens: what a 502 is about, said before anybody asks (requirements §10).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use container_snapshot::{
    Container, ContainerId, DaemonView, Endpoint, Link, Listeners, Owner, Owners, Snapshot, Transport,
};
use repo_network::{NETWORK_SIZE, NetworkId, SERVICE_PORT, Tier1};

use crate::{
    Finding, FindingCode, Severity, Subject,
    table::{Protocol, Route, RouteKind},
};

/// A container may take this long until it listens.
pub const TIME_TO_LISTEN: Duration = Duration::from_secs(10);
/// How many ports or addresses a finding lists.
const LISTED: usize = 5;

/// What came of comparing backends with listeners.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What is not as it was meant, in order of the backends.
    pub findings: Vec<Finding>,
    /// Backends to which nothing may be sent: the listener is known to be somebody else's, or there is none and the daemon,
    /// which would tell when there is one again, is away.
    pub withheld: BTreeSet<Endpoint>,
    /// All backends that were looked at, the withheld ones too. Listeners are to be read for these, not for those that
    /// are left in the document: else one that is withheld would come back at the next reading.
    pub backends: BTreeSet<Endpoint>,
    /// Some of them are of daemons that are away: who listens is all that is known of those.
    pub closely: bool,
}

/// What receives what is meant for a backend, or listens where it might be meant to.
#[derive(Debug, PartialEq, Eq)]
enum Instead {
    Stranger { at: SocketAddr, who: Stranger },
    Wildcard { at: SocketAddr, who: Option<String> },
    Addresses(Vec<SocketAddr>),
    Ports(Vec<u16>),
    Nobody,
}

/// Somebody who is not of the repository.
#[derive(Debug, PartialEq, Eq)]
struct Stranger {
    name: String,
    /// Whether it is known to be another repository's. A process of the machine is the operator's business, and a
    /// container that nobody knows may be one that its daemon has not told of yet: neither may cost a route.
    neighbour: bool,
}

/// Compares the backends of routes with who listens. Nothing is found where it was not looked, and nobody is missed
/// before a container had [`TIME_TO_LISTEN`] at the time of the reading: a later reading tells.
///
/// The routes have to be those *before* anything is withheld.
#[must_use]
pub fn compare<'a>(all: impl Iterator<Item = (Protocol, &'a Route)>, snapshot: &Snapshot) -> Comparison {
    let mut comparison = Comparison::default();
    let mut routes: BTreeMap<Endpoint, (Protocol, &Route)> = BTreeMap::new();
    for (protocol, route) in all {
        for endpoint in route.backends.iter().filter_map(|backend| endpoint(protocol, backend)) {
            routes.entry(endpoint).or_insert((protocol, route));
        }
    }
    comparison.backends = routes.keys().copied().collect();
    let away = |id: NetworkId| snapshot.daemons.get(&id).is_some_and(|view| is_away(view));
    comparison.closely = routes.values().any(|(_, route)| away(route.source.network_id));
    let Some(listeners) = &snapshot.listeners else { return comparison };
    for (endpoint, (protocol, route)) in routes {
        let backend = Backend { endpoint, protocol, route, snapshot, listeners };
        let Some(instead) = backend.instead() else { continue };
        let in_vain = match &instead {
            Instead::Stranger { who, .. } => who.neighbour,
            Instead::Nobody | Instead::Addresses(_) | Instead::Ports(_) => backend.is_away(),
            Instead::Wildcard { .. } => false,
        };
        if in_vain {
            comparison.withheld.insert(endpoint);
        }
        comparison.findings.push(backend.finding(&instead));
    }
    comparison
}

/// Whether a daemon that has told of containers does not tell anything now.
fn is_away(view: &DaemonView) -> bool {
    matches!(view.link, Link::Stale | Link::Gone)
}

/// Whether a server's URL or address names a withheld backend.
pub(crate) fn is_withheld(protocol: Protocol, backend: &str, withheld: &BTreeSet<Endpoint>) -> bool {
    !withheld.is_empty() && endpoint(protocol, backend).is_some_and(|endpoint| withheld.contains(&endpoint))
}

/// The backend that a server's URL or address names.
fn endpoint(protocol: Protocol, backend: &str) -> Option<Endpoint> {
    let address = backend.rsplit('/').next()?.parse().ok()?;
    match protocol {
        Protocol::Http | Protocol::Tcp => Some(Endpoint::tcp(address)),
        Protocol::Udp => Some(Endpoint::udp(address)),
    }
}

/// One backend, with a route that leads to it.
struct Backend<'a> {
    endpoint: Endpoint,
    protocol: Protocol,
    route: &'a Route,
    snapshot: &'a Snapshot,
    listeners: &'a Listeners,
}

// === impl Backend ===

impl Backend<'_> {
    fn id(&self) -> NetworkId {
        self.route.source.network_id
    }

    fn view(&self) -> Option<&DaemonView> {
        self.snapshot.daemons.get(&self.id()).map(|view| &**view)
    }

    fn is_away(&self) -> bool {
        self.view().is_some_and(is_away)
    }

    /// `None`: its own repository listens, as far as that can be seen, or need not yet.
    fn instead(&self) -> Option<Instead> {
        let Endpoint { transport, address } = self.endpoint;
        if let Some(owners) = self.listeners.at(self.endpoint) {
            let who = self.stranger(owners)?;
            return Some(Instead::Stranger { at: SocketAddr::V4(address), who });
        }
        if let Some((at, owners)) = self.listeners.wildcard(transport, address.port()) {
            return Some(match self.stranger(owners) {
                Some(who) => Instead::Stranger { at, who },
                None => Instead::Wildcard { at, who: self.own_name(owners) },
            });
        }
        if !self.listeners.looked_at(self.endpoint) || !self.had_time() {
            return None;
        }
        let addresses = self.other_addresses();
        if !addresses.is_empty() {
            return Some(Instead::Addresses(addresses));
        }
        let ports = self.listeners.ports_at(transport, *address.ip());
        let ports: Vec<_> = ports.filter(|(_, owners)| self.stranger(owners).is_none()).map(|(port, _)| port).collect();
        Some(if ports.is_empty() { Instead::Nobody } else { Instead::Ports(ports) })
    }

    /// Who of the owners is known not to be of this repository. One is enough: they share what arrives.
    fn stranger(&self, owners: &Owners) -> Option<Stranger> {
        let strangers = owners.iter().filter_map(|owner| match owner {
            Owner::Unknown => None,
            Owner::Container(ids) => self.strange_container(ids),
            Owner::Daemon(id) => {
                let name = || format!("the Docker daemon of network {id}");
                (*id != self.id()).then(|| Stranger { name: name(), neighbour: true })
            }
            Owner::Process { name, pid } => {
                let name = format!("process {pid} ({}) of the machine", name.escape_debug());
                Some(Stranger { name, neighbour: false })
            }
        });
        strangers.max_by_key(|stranger| stranger.neighbour)
    }

    /// A container that nobody knows is a stranger when the own daemon, which would know it, is there to ask.
    fn strange_container(&self, ids: &[ContainerId]) -> Option<Stranger> {
        let view = self.view()?;
        if ids.iter().any(|id| view.containers.contains_key(id)) {
            return None;
        }
        let known = self.snapshot.daemons.iter().find_map(|(network, view)| {
            let tracked = ids.iter().find_map(|id| view.containers.get(id))?;
            let name = Subject::container(*network, &tracked.container).container;
            Some(Stranger { name: format!("container {name} of network {network}"), neighbour: true })
        });
        let innermost = ids.last()?.short();
        let unknown = || Stranger { name: format!("container {innermost} of no repository"), neighbour: false };
        known.or_else(|| (view.link == Link::Live).then(unknown))
    }

    /// The container of this repository that is known to be among the owners.
    fn own_name(&self, owners: &Owners) -> Option<String> {
        let containers = &self.view()?.containers;
        let ids = owners.iter().filter_map(|owner| if let Owner::Container(ids) = owner { Some(ids) } else { None });
        let tracked = ids.flatten().find_map(|id| containers.get(id))?;
        Some(Subject::container(self.id(), &tracked.container).container)
    }

    /// Whether everybody who could listen there has had the time to begin.
    fn had_time(&self) -> bool {
        let up_since = self.view().into_iter().flat_map(|view| view.containers.values()).filter_map(|tracked| {
            let mine = service_ip(&tracked.container) == Some(*self.endpoint.address.ip());
            tracked.up_since.filter(|_| mine)
        });
        up_since.max().is_none_or(|up_since| self.listeners.read_at.since(up_since) >= TIME_TO_LISTEN)
    }

    /// Where the repository listens on the port instead: on another address of its own, or on localhost. What is
    /// another service's by right does not count, nor what is somebody else's.
    fn other_addresses(&self) -> Vec<SocketAddr> {
        let Endpoint { transport, address } = self.endpoint;
        let first = u32::from(self.id().network());
        let network = (first..first + NETWORK_SIZE).map(Ipv4Addr::from).map(IpAddr::V4);
        let localhost = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let places = network.chain(localhost).map(|ip| SocketAddr::new(ip, address.port()));
        let sockets = self.listeners.of(transport);
        let places = places.filter(|place| sockets.get(place).is_some_and(|owners| self.may_be_meant(*place, owners)));
        places.collect()
    }

    fn may_be_meant(&self, place: SocketAddr, owners: &Owners) -> bool {
        owners.iter().any(|owner| match owner {
            Owner::Unknown => !self.is_anothers(place.ip()),
            Owner::Container(ids) => self.is_mine(ids),
            Owner::Daemon(id) => *id == self.id(),
            Owner::Process { .. } => false,
        })
    }

    /// Whether a container of the repository is the backend's, or has no address of its own.
    fn is_mine(&self, ids: &[ContainerId]) -> bool {
        let tracked = self.view().and_then(|view| ids.iter().find_map(|id| view.containers.get(id)));
        tracked.is_some_and(|tracked| service_ip(&tracked.container).is_none_or(|ip| ip == *self.endpoint.address.ip()))
    }

    /// Whether an address is assigned to another service of the repository.
    fn is_anothers(&self, ip: IpAddr) -> bool {
        let mut containers = self.view().into_iter().flat_map(|view| view.containers.values());
        containers.any(|tracked| service_ip(&tracked.container).is_some_and(|assigned| ip == assigned))
    }

    fn finding(&self, instead: &Instead) -> Finding {
        // An auto-route that nobody asked for, to a port that nobody declared, is no fault of anybody.
        let unasked = self.route.source.kind == RouteKind::Auto && !self.is_asked_for();
        let (code, severity) = match instead {
            Instead::Nobody if unasked => (FindingCode::NobodyListens, Severity::Info),
            Instead::Ports(_) if unasked => (FindingCode::OtherPortListens, Severity::Info),
            Instead::Nobody => (FindingCode::NobodyListens, Severity::Warning),
            Instead::Wildcard { .. } => (FindingCode::WildcardListener, Severity::Warning),
            Instead::Addresses(_) => (FindingCode::OtherAddressListens, Severity::Warning),
            Instead::Ports(_) => (FindingCode::OtherPortListens, Severity::Warning),
            Instead::Stranger { who, .. } if who.neighbour => (FindingCode::StrangerListens, Severity::Error),
            Instead::Stranger { .. } => (FindingCode::StrangerListens, Severity::Warning),
        };
        Finding::new(code, severity, self.subject(), self.message(instead)).hint(self.cure(instead))
    }

    /// Whether the container whose route it is says anything about routes.
    fn is_asked_for(&self) -> bool {
        let containers = self.view().into_iter().flat_map(|view| view.containers.values());
        let mut mine = containers.filter(|it| service_ip(&it.container) == Some(*self.endpoint.address.ip()));
        mine.any(|it| [SERVICE_PORT, "traefik.enable"].iter().any(|label| it.container.labels.contains_key(*label)))
    }

    fn message(&self, instead: &Instead) -> String {
        let endpoint = self.endpoint;
        let nobody = format!("nothing listens on {endpoint}");
        match instead {
            Instead::Nobody if self.is_away() => {
                format!("{nobody}, and its daemon is away: clients get 503, or are cut off, until somebody does")
            }
            Instead::Nobody => match endpoint.transport {
                Transport::Tcp => format!("{nobody}: clients get 502, or are cut off"),
                Transport::Udp => format!("{nobody}: what is sent there is lost"),
            },
            Instead::Addresses(addresses) => format!("{nobody}; on {} something does", list(addresses)),
            Instead::Ports(ports) => format!("{nobody}; it listens on {} instead", list(ports)),
            Instead::Wildcard { at, who } => format!(
                "{} listens on {at}, every address: it receives what is meant for {endpoint}, and also what is meant \
                 for others who do not listen on that port",
                who.as_deref().unwrap_or("somebody")
            ),
            Instead::Stranger { at, who: Stranger { name, neighbour: true } } => {
                format!("{name} listens on {at}; nothing is sent to {endpoint}, because it would end up there")
            }
            Instead::Stranger { at, who: Stranger { name, .. } } => {
                format!("{name} listens on {at}: what is sent to {endpoint} ends up there")
            }
        }
    }

    fn cure(&self, instead: &Instead) -> String {
        let port = self.endpoint.address.port();
        let bind = format!("let it listen on ${{SERVICE_IP}}:{port}, here {}", self.endpoint.address);
        match instead {
            Instead::Nobody if self.is_away() => "bring the repository up: renet repo up <name>".to_owned(),
            Instead::Nobody => format!("{bind}, or declare the port on which it does: {}=<port>", self.port_label()),
            Instead::Ports(ports) => match ports.as_slice() {
                [port] => format!("{}={port}", self.port_label()),
                _ => format!("{}=<one of them>", self.port_label()),
            },
            Instead::Wildcard { .. } | Instead::Addresses(_) => bind,
            Instead::Stranger { at, .. } => {
                format!("free {at}, as the operator of the machine can, then restart this service")
            }
        }
    }

    /// The label that declares the port.
    fn port_label(&self) -> String {
        match self.route.service.strip_suffix(&format!("-{}", self.id())) {
            Some(name) => format!("traefik.{}.services.{name}.loadbalancer.server.port", self.protocol.as_str()),
            None => SERVICE_PORT.to_owned(),
        }
    }

    /// The container whose address it is; of replicas, the route names only one.
    fn subject(&self) -> Subject {
        let containers = self.view().into_iter().flat_map(|view| view.containers.values());
        let serving = containers.map(|tracked| tracked.container.as_ref()).filter(|container| container.is_serving());
        let mine = serving.filter(|container| service_ip(container) == Some(*self.endpoint.address.ip()));
        let mut mine: Vec<_> = mine.map(|container| Subject::container(self.id(), container)).collect();
        let named = self.route.source.subject();
        if mine.is_empty() || mine.contains(&named) { named } else { mine.swap_remove(0) }
    }
}

fn service_ip(container: &Container) -> Option<Ipv4Addr> {
    Tier1::of(&container.labels).service_ip()
}

/// The first few, as people write them.
fn list(all: &[impl ToString]) -> String {
    let shown: Vec<_> = all.iter().take(LISTED).map(ToString::to_string).collect();
    let more = if all.len() > LISTED { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
