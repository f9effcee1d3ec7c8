//! Public ports that services get by themselves: `rediacc.tcp_ports`, `rediacc.udp_ports` (design, decision 8).

use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc};

use container_snapshot::Timestamp;
use repo_network::{NetworkId, parse_port};
use serde::Serialize;
use traefik_model::{Configuration, tcp, udp};

use crate::{
    Finding, FindingCode, Severity, Subject,
    ledger::Allocation,
    merge::{Kind, Sources},
    servers::{Backend, Balanced as _},
    table::{Protocol, RouteSource},
    tenancy::Registrar,
};

/// A service's port that wants a public one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PortWish {
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
    pub(crate) address: Ipv4Addr,
    pub(crate) serving: bool,
    pub(crate) source: Arc<RouteSource>,
}

/// A public port and where it leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortMapping {
    /// The public port.
    pub port: u16,
    /// The entry point that listens on it.
    pub entrypoint: String,
    /// The repository.
    pub network_id: NetworkId,
    /// The service.
    pub service: String,
    /// The service's own address and port.
    pub target: String,
}

/// Every allocated port that is in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PortTable {
    /// TCP ports.
    pub tcp: Vec<PortMapping>,
    /// UDP ports.
    pub udp: Vec<PortMapping>,
}

/// The most ports that one label may list.
const MAX_PORTS: usize = 64;

/// Reads a comma list of ports from a label.
pub(crate) fn listed(label: &str, text: &str, subject: &Subject, findings: &mut Vec<Finding>) -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    for item in text.split(',').map(str::trim).take(MAX_PORTS) {
        match parse_port(item) {
            Some(port) => {
                ports.insert(port);
            }
            None => {
                let message = format!("{item:?} is no port; expected numbers from 1 to 65535 with commas between them");
                findings
                    .push(Finding::new(FindingCode::BadPort, Severity::Error, subject.clone(), message).label(label));
            }
        }
    }
    ports
}

// === impl PortWish ===

impl PortWish {
    /// What is allocated to: a port of a service.
    pub(crate) fn key(&self) -> (NetworkId, &str, Protocol, u16) {
        (self.source.network_id, &self.source.service, self.protocol, self.port)
    }
}

// === impl Allocation ===

impl Allocation {
    /// The entry point of the public port.
    #[must_use]
    pub fn entry_point(&self) -> String {
        format!("{}-{}", self.protocol.as_str(), self.public)
    }

    fn is_for(&self, wish: &PortWish) -> bool {
        (self.network_id, self.service.as_str(), self.protocol, self.port) == wish.key()
    }
}

// === impl Registrar ===

impl Registrar<'_> {
    /// The public port of a wish: the one that it has, else the lowest that nobody uses. Nobody loses one for it.
    pub(crate) fn allocate(&mut self, wish: &PortWish, taken: &BTreeSet<String>) -> Option<Allocation> {
        if let Some(known) = self.ledger.ports.iter().find(|it| it.is_for(wish)).cloned() {
            self.used.ports.insert((known.protocol, known.public));
            let usable = self.policy.entry_points.kind(&known.entry_point()).is_some();
            return usable.then_some(known);
        }
        let range = self.policy.dynamic_ports;
        let found = (range.first..=range.last).map(|public| Allocation::new(wish, public, self.now)).find(|it| {
            let name = it.entry_point();
            let exists = self.policy.entry_points.kind(&name).is_some();
            let free =
                |name: &String| !taken.contains(name) && self.exclusive_owner(name).is_none() && !self.is_shared(name);
            exists && free(&name) && self.policy.entry_points.v6_twin(&name).is_none_or(|twin| free(&twin))
        })?;
        self.used.ports.insert((found.protocol, found.public));
        self.ledger.ports.push(found.clone());
        self.ledger.ports.sort();
        Some(found)
    }

    /// The IPv6 twin of an allocated port, unless somebody had it before it was one.
    pub(crate) fn twin(&self, allocation: &Allocation) -> Option<String> {
        let twin = self.policy.entry_points.v6_twin(&allocation.entry_point())?;
        let free = self.exclusive_owner(&twin).is_none_or(|owner| owner == allocation.network_id);
        (free && !self.is_shared(&twin)).then_some(twin)
    }

    fn is_shared(&self, entry_point: &str) -> bool {
        self.ledger.entry_points.get(entry_point).is_some_and(|claims| !claims.shared.is_empty())
    }
}

impl Allocation {
    fn new(wish: &PortWish, public: u16, since: Timestamp) -> Self {
        Self {
            protocol: wish.protocol,
            public,
            network_id: wish.source.network_id,
            service: wish.source.service.clone(),
            port: wish.port,
            since,
            unused_since: None,
        }
    }
}

// === impl PortTable ===

impl PortTable {
    /// Adds a router and its service for an allocated port, under a name that no label can spell.
    pub(crate) fn add(
        &mut self,
        wish: &PortWish,
        allocation: &Allocation,
        twin: Option<String>,
        configuration: &mut Configuration,
        sources: &mut Sources,
    ) {
        let entry_point = allocation.entry_point();
        let id = allocation.network_id;
        let name = format!("{}-{id}.{}-{}", allocation.service, wish.protocol.as_str(), wish.port);
        let backend = Backend { address: wish.address, default_port: Some(wish.port), serving: wish.serving };
        let entry_points = std::iter::once(entry_point.clone()).chain(twin).map(|name| name.as_str().into()).collect();
        if wish.protocol == Protocol::Tcp {
            let mut service = tcp::Service::balanced();
            // The port is the default, so nothing can be refused.
            let _ = service.set_server(backend);
            let router = tcp::Router {
                entry_points,
                rule: "HostSNI(`*`)".into(),
                service: name.as_str().into(),
                ..Default::default()
            };
            configuration.tcp.routers.insert(name.clone(), router);
            configuration.tcp.services.insert(name.clone(), service);
        } else {
            let mut service = udp::Service::balanced();
            let _ = service.set_server(backend);
            let router = udp::Router { entry_points, service: name.as_str().into() };
            configuration.udp.routers.insert(name.clone(), router);
            configuration.udp.services.insert(name.clone(), service);
        }
        for kind in [Kind::Router, Kind::Service] {
            sources.insert((wish.protocol, kind, name.clone()), wish.source.clone());
        }
        let mapping = PortMapping {
            port: allocation.public,
            entrypoint: entry_point,
            network_id: id,
            service: allocation.service.clone(),
            target: format!("{}:{}", wish.address, wish.port),
        };
        let list = if wish.protocol == Protocol::Tcp { &mut self.tcp } else { &mut self.udp };
        list.push(mapping);
        list.sort_by_key(|mapping| mapping.port);
    }
}
