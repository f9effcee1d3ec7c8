use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use repo_network::{NETWORK_ID, NetworkId, SERVICE_IP, SERVICE_NAME, Slot, SlotFile, variable_name};
use serde::Serialize;

use crate::{
    Model, ModelError, NetworkMode, Service,
    fence::{self, Fence, fences},
    problem::{Problem, ProblemCode, Severity},
    structure::of_structure,
};

/// Where a project's containers will be, and what is written for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    network_id: NetworkId,
    directory: String,
    is_fenced: bool,
}

/// A path that cannot stand in a compose file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the path {0:?} has control characters or is not absolute; rename the directory")]
pub struct PlaceError(String);

/// What `renet compose` adds to a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The repository's network.
    pub network_id: NetworkId,
    /// The compose project.
    pub project: String,
    /// The directory of the files that are mounted as `/etc/hosts`.
    pub directory: String,
    /// The services, by name.
    pub services: Vec<ServicePlan>,
    /// What is not as it was meant, or can't be done at all.
    pub problems: Vec<Problem>,
    /// Whether the repository is fenced.
    pub is_fenced: bool,
}

/// What is added to one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServicePlan {
    /// Its name.
    pub name: String,
    /// Its place in the repository's network.
    pub slot: Slot,
    /// Its address.
    pub address: Ipv4Addr,
    /// The variable that has its address.
    pub variable: String,
    /// Its network mode when it runs.
    pub network_mode: String,
    /// What is added to its labels and its environment.
    pub injected: Injected,
    /// How it is fenced; none: it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fence: Option<Fence>,
    /// Other names under which its neighbours find it.
    #[serde(skip)]
    pub(crate) names: BTreeSet<String>,
    /// Its own `extra_hosts`, which the mounted file would hide.
    #[serde(skip)]
    pub(crate) extra_hosts: Vec<(String, String)>,
    /// What else the override document says of it.
    #[serde(skip)]
    pub(crate) shape: Shape,
}

/// What is added to a service's labels and environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Injected {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Environment.
    pub environment: BTreeMap<String, String>,
}

/// What of a service the override document must answer to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) hosts_network: bool,
    pub(crate) hostname: bool,
    pub(crate) build_network: bool,
    pub(crate) mac_address: bool,
    /// The `sysctls` that are left, as JSON, when some can't be kept.
    pub(crate) sysctls: Option<String>,
    /// `depends_on` to be written again, as JSON; compose takes it from the links, which go.
    pub(crate) depends_on: Option<String>,
}

// === impl Place ===

impl Place {
    /// A repository's network, and the absolute path of the project's directory of hosts files.
    ///
    /// # Errors
    /// [`PlaceError`] when the path is relative, or has characters that no compose file can carry.
    pub fn new(network_id: NetworkId, directory: &str) -> Result<Self, PlaceError> {
        if !directory.starts_with('/') || directory.chars().any(char::is_control) {
            return Err(PlaceError(directory.to_owned()));
        }
        Ok(Self { network_id, directory: directory.to_owned(), is_fenced: false })
    }

    /// On a machine that fences its repositories: each service gets a control group.
    #[must_use]
    pub fn fenced(self, is_fenced: bool) -> Self {
        Self { is_fenced, ..self }
    }
}

// === impl Plan ===

impl Plan {
    /// What is to be added to the services of a model. Each must have a slot; one that has none is a problem.
    #[must_use]
    pub fn new(model: &Model, slots: &SlotFile, place: &Place) -> Self {
        let id = place.network_id;
        let mut plan = Self {
            network_id: id,
            project: model.project.clone(),
            directory: place.directory.clone(),
            services: Vec::new(),
            problems: Vec::new(),
            is_fenced: place.is_fenced,
        };
        let fences = if place.is_fenced { fences(model, |name| slots.slot(name)) } else { BTreeMap::new() };
        for (name, service) in &model.services {
            match slots.slot(name) {
                Some(slot) => {
                    let fence = fences.get(name.as_str()).copied();
                    plan.services.push(ServicePlan { fence, ..ServicePlan::new(name, service, slot, id) });
                }
                None => plan.problems.push(Problem::of_service(
                    Severity::Error,
                    ProblemCode::NoSlot,
                    name,
                    "",
                    "it has no slot",
                    "run `renet compose` again",
                )),
            }
        }
        plan.problems.extend(of_structure(model));
        if place.is_fenced {
            plan.problems.extend(fence::problems(model));
        }
        // The names that others give a service in their links.
        let links = model.services.values().flat_map(|service| &service.links);
        for (linked, alias) in links.filter_map(|link| link.split_once(':')).filter(|(_, alias)| is_host_name(alias)) {
            if let Some(service) = plan.services.iter_mut().find(|service| service.name == linked) {
                service.names.insert(alias.to_owned());
            }
        }
        // A service is found by its own name, whoever else would like to be called so.
        for service in &mut plan.services {
            service.names.retain(|name| !model.services.contains_key(name));
        }
        plan
    }

    /// The variables that carry the services' addresses.
    pub fn variables(&self) -> impl Iterator<Item = (&str, Ipv4Addr)> {
        self.services.iter().map(|service| (service.variable.as_str(), service.address))
    }

    /// Whether nothing may be started.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The files that are mounted as `/etc/hosts`, by name: `hosts` for everybody, and one more for each service that
    /// has `extra_hosts` of its own. Those with a variable in them are left out: see
    /// [`with_variables`](Self::with_variables).
    #[must_use]
    pub fn hosts_files(&self) -> BTreeMap<String, String> {
        let common = self.common_hosts();
        let own = self.services.iter().filter(|it| !it.extra_hosts.is_empty()).filter_map(|service| {
            let known = |(name, address): &(String, String)| !name.contains('$') && !address.contains('$');
            service.extra_hosts.iter().all(known).then(|| {
                let host = self.host();
                let lines = service.extra_hosts.iter().filter_map(|(name, address)| hosts_line(name, address, host));
                (service.hosts_file(), lines.fold(common.clone(), |text, line| text + &line))
            })
        });
        own.chain([("hosts".to_owned(), common.clone())]).collect()
    }

    /// Takes over the `extra_hosts` of a model in which the variables are put in.
    ///
    /// # Errors
    /// [`ModelError`] when it is no compose model.
    pub fn with_variables(&mut self, json: &str) -> Result<(), ModelError> {
        let model = Model::parse(json)?;
        for service in &mut self.services {
            if let Some(known) = model.services.get(&service.name) {
                service.extra_hosts.clone_from(&known.extra_hosts);
            }
        }
        Ok(())
    }

    /// By which address containers reach the machine.
    fn host(&self) -> Ipv4Addr {
        if self.is_fenced { Ipv4Addr::from(u32::from(self.network_id.network()) + 1) } else { Ipv4Addr::LOCALHOST }
    }

    /// Each service by every name that it has.
    ///
    /// No `::1`: under host networking a service that is dialled as `localhost` listens on an IPv4 address.
    fn common_hosts(&self) -> String {
        let mut text = match self.host() {
            Ipv4Addr::LOCALHOST => "127.0.0.1 localhost host.docker.internal\n".to_owned(),
            // Behind a fence 127.0.0.1 is the service itself.
            host => format!("127.0.0.1 localhost\n{host} host.docker.internal\n"),
        };
        for service in self.services.iter().filter(|service| service.network_mode != "none") {
            let names = service.names.iter().filter(|name| **name != service.name);
            let line = [service.address.to_string(), service.name.clone()].into_iter().chain(names.cloned());
            text.push_str(&line.collect::<Vec<_>>().join(" "));
            text.push('\n');
        }
        text
    }
}

// === impl ServicePlan ===

impl ServicePlan {
    fn new(name: &str, service: &Service, slot: Slot, id: NetworkId) -> Self {
        let address = id.service_ip(slot);
        let network_mode = match &service.network_mode {
            NetworkMode::Host | NetworkMode::Variable => "host".to_owned(),
            NetworkMode::None => "none".to_owned(),
            NetworkMode::Service(other) => format!("service:{other}"),
            NetworkMode::Container(other) => format!("container:{other}"),
        };
        let entry = |key: &str, value: String| (key.to_owned(), value);
        let injected = Injected {
            labels: [
                entry(SERVICE_NAME, name.to_owned()),
                entry(SERVICE_IP, address.to_string()),
                entry(NETWORK_ID, id.to_string()),
            ]
            .into(),
            environment: [entry("SERVICE_IP", address.to_string()), entry("REPOSITORY_NETWORK_ID", id.to_string())]
                .into(),
        };
        let names = service.container_name.iter().chain(&service.hostname).chain(&service.aliases);
        Self {
            name: name.to_owned(),
            slot,
            address,
            variable: variable_name(name),
            injected,
            fence: None,
            extra_hosts: service.extra_hosts.clone(),
            names: names.filter(|name| is_host_name(name)).cloned().collect(),
            shape: Shape::of(service, network_mode == "host", name),
            network_mode,
        }
    }
}

impl ServicePlan {
    /// The name of its hosts file.
    pub(crate) fn hosts_file(&self) -> String {
        if self.extra_hosts.is_empty() { "hosts".to_owned() } else { format!("hosts.{}", self.name) }
    }
}

// === impl Shape ===

impl Shape {
    fn of(service: &Service, hosts_network: bool, name: &str) -> Self {
        let mut depends_on = service.depends_on.clone();
        for link in &service.links {
            let other = link.split(':').next().unwrap_or(link).to_owned();
            // As compose itself makes it of a link.
            let started = || serde_json::json!({"condition": "service_started", "restart": true, "required": true});
            depends_on.entry(other).or_insert_with(started);
        }
        Self {
            hosts_network,
            hostname: hosts_network && service.hostname.is_none() && is_host_name(name),
            build_network: service.build == Some(None),
            mac_address: service.mac_address,
            sysctls: sysctls_left(service),
            depends_on: (!service.links.is_empty()).then(|| serde_json::Value::Object(depends_on).to_string()),
        }
    }
}

/// A line for somebody outside; `host-gateway` is this machine.
fn hosts_line(name: &str, address: &str, host: Ipv4Addr) -> Option<String> {
    let address = if address == "host-gateway" { host.into() } else { address.parse::<IpAddr>().ok()? };
    is_host_name(name).then(|| format!("{address} {name}\n"))
}

pub(crate) fn is_of_the_network(sysctl: &str) -> bool {
    sysctl.starts_with("net.")
}

/// What is to be kept, where some can't be.
fn sysctls_left(service: &Service) -> Option<String> {
    let some_go = service.sysctls.keys().any(|name| is_of_the_network(name));
    let kept = service.sysctls.iter().filter(|(name, _)| !is_of_the_network(name));
    let kept: serde_json::Map<_, _> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    some_go.then(|| serde_json::Value::Object(kept).to_string())
}

/// Whether it may stand in a hosts file.
pub(crate) fn is_host_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=253).contains(&name.len()) && name.bytes().all(plain)
}
