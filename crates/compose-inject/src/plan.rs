use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use repo_network::{NETWORK_ID, NetworkId, SERVICE_IP, SERVICE_NAME, Slot, SlotFile, variable_name};
use serde::Serialize;

use crate::{Model, NetworkMode, Service};

/// Where a project's containers will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    network_id: NetworkId,
    hosts_file: String,
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
    /// The file that is mounted as `/etc/hosts`.
    pub hosts_file: String,
    /// The services, by name.
    pub services: Vec<ServicePlan>,
    /// What is not as it was meant, or can't be done at all.
    pub problems: Vec<Problem>,
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
    /// Other names under which its neighbours find it.
    #[serde(skip)]
    pub(crate) names: BTreeSet<String>,
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
    /// `depends_on` to be written again, as JSON; compose takes it from the links, which go.
    pub(crate) depends_on: Option<String>,
}

/// Something about a service that is not as it was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is; with an error nothing is started.
    pub severity: Severity,
    /// Which kind of thing.
    pub code: ProblemCode,
    /// The service.
    pub service: String,
    /// The key of the compose file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is started.
    Error,
    /// It will start, and will hardly do what was meant.
    Warning,
}

/// The kinds of problems; a code keeps its meaning for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum ProblemCode {
    /// A service is to have several containers, and there is one address.
    #[serde(rename = "RC001")]
    Replicas,
    /// Compose did not take over what the override document says.
    #[serde(rename = "RC002")]
    NotTakenOver,
    /// The service has no slot.
    #[serde(rename = "RC003")]
    NoSlot,
}

// === impl Place ===

impl Place {
    /// A repository's network, and the absolute path of the project's hosts file.
    ///
    /// # Errors
    /// [`PlaceError`] when the path is relative, or has characters that no compose file can carry.
    pub fn new(network_id: NetworkId, hosts_file: &str) -> Result<Self, PlaceError> {
        if !hosts_file.starts_with('/') || hosts_file.chars().any(char::is_control) {
            return Err(PlaceError(hosts_file.to_owned()));
        }
        Ok(Self { network_id, hosts_file: hosts_file.to_owned() })
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
            hosts_file: place.hosts_file.clone(),
            services: Vec::new(),
            problems: Vec::new(),
        };
        for (name, service) in &model.services {
            match slots.slot(name) {
                Some(slot) => plan.services.push(ServicePlan::new(name, service, slot, id)),
                None => plan.problems.push(Problem {
                    severity: Severity::Error,
                    code: ProblemCode::NoSlot,
                    service: name.clone(),
                    key: format!("services.{name}"),
                    message: "it has no slot".to_owned(),
                    hint: "run `renet compose` again".to_owned(),
                }),
            }
            plan.problems.extend(replicas(name, service));
        }
        // The names that others give a service in their links.
        let links = model.services.values().flat_map(|service| &service.links);
        for (linked, alias) in links.filter_map(|link| link.split_once(':')).filter(|(_, alias)| is_host_name(alias)) {
            if let Some(service) = plan.services.iter_mut().find(|service| service.name == linked) {
                service.names.insert(alias.to_owned());
            }
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

    /// The content of `/etc/hosts` in every container of the project: each service by every name that it has.
    ///
    /// No `::1`: under host networking a service that is dialled as `localhost` listens on an IPv4 address.
    #[must_use]
    pub fn hosts_file(&self) -> String {
        let mut text = String::from("127.0.0.1 localhost host.docker.internal\n");
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
            NetworkMode::Host => "host".to_owned(),
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
            names: names.filter(|name| is_host_name(name)).cloned().collect(),
            shape: Shape::of(service, network_mode == "host", name),
            network_mode,
        }
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
            depends_on: (!service.links.is_empty()).then(|| serde_json::Value::Object(depends_on).to_string()),
        }
    }
}

/// One address carries one container: the second could not bind its port.
fn replicas(name: &str, service: &Service) -> Option<Problem> {
    let count = service.replicas.filter(|count| *count > 1)?;
    Some(Problem {
        severity: Severity::Error,
        code: ProblemCode::Replicas,
        service: name.to_owned(),
        key: format!("services.{name}.deploy.replicas"),
        message: format!("{count} containers are asked for, and a service has one address"),
        hint: "write one service for each, with names of their own".to_owned(),
    })
}

/// Whether it may stand in a hosts file.
fn is_host_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=253).contains(&name.len()) && name.bytes().all(plain)
}
