use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

/// A compose project as `docker compose config --no-interpolate --format json` prints it: its structure, with the
/// variables still in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// The project's name.
    pub project: String,
    /// The services of all profiles, by name.
    pub services: BTreeMap<String, Service>,
}

/// What of a service matters here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Service {
    /// What it says about its network.
    pub network_mode: NetworkMode,
    /// `container_name`.
    pub container_name: Option<String>,
    /// `hostname`.
    pub hostname: Option<String>,
    /// Its names in the networks that it is in.
    pub aliases: BTreeSet<String>,
    /// `links`, e.g. `db:database`.
    pub links: Vec<String>,
    /// `depends_on`, as compose wrote it.
    pub depends_on: Map<String, Value>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it has a `build` section, and what that says about the network.
    pub build: Option<Option<String>>,
    /// Whether it has a `mac_address`.
    pub mac_address: bool,
    /// How many containers it is to have, where that is said and is a number.
    pub replicas: Option<u64>,
    /// `sysctls`: name and value, as they are written.
    pub sysctls: BTreeMap<String, Value>,
    /// The TCP ports that it declares, with `ports` or `expose`, where they are plain numbers.
    pub ports: BTreeSet<u16>,
    /// `extra_hosts`: name and address, in their order.
    pub extra_hosts: Vec<(String, String)>,
    /// The paths of `env_file` and `label_file`, by the key that has them, e.g. `env_file.0`. With the variables put in a
    /// model has what stands in the files instead.
    pub variable_files: Vec<(String, String)>,
    /// `cgroup_parent`, where it is one of its own.
    pub cgroup_parent: Option<String>,
    /// Whether it is given raw sockets explicitly, by a capability or by `privileged`.
    pub wants_raw: bool,
}

/// `network_mode` of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NetworkMode {
    /// Not said, or one of Docker's own: becomes `host`.
    #[default]
    Host,
    /// `none`: stays, and is not routed.
    None,
    /// `service:x`: stays, since compose takes the order of starting from it. What is behind the colon.
    Service(String),
    /// `container:x`: stays.
    Container(String),
    /// It has a variable in it, so what it is shows only in a model with the variables put in.
    Variable,
}

/// Why a text is no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It is no JSON, or not of this shape.
    #[error("what docker compose prints is no compose model")]
    Syntax(#[source] serde_json::Error),
}

#[derive(Deserialize)]
struct RawModel {
    #[serde(default)]
    name: String,
    #[serde(default)]
    services: BTreeMap<String, RawService>,
}

/// Everything is looked at loosely: what has an unexpected shape is compose's to refuse, with its own words.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawService {
    network_mode: Value,
    container_name: Value,
    hostname: Value,
    networks: Value,
    links: Value,
    depends_on: Value,
    labels: Value,
    build: Value,
    mac_address: Value,
    scale: Value,
    deploy: Value,
    sysctls: Value,
    extra_hosts: Value,
    ports: Value,
    expose: Value,
    env_file: Value,
    label_file: Value,
    cgroup_parent: Value,
    cap_add: Value,
    privileged: Value,
}

// === impl Model ===

impl Model {
    /// Reads what docker compose printed.
    ///
    /// # Errors
    /// [`ModelError`] when it is no compose model.
    pub fn parse(json: &str) -> Result<Self, ModelError> {
        let RawModel { name, services } = serde_json::from_str(json).map_err(ModelError::Syntax)?;
        let services = services.into_iter().map(|(name, raw)| (name, Service::of(&raw)));
        Ok(Self { project: name, services: services.collect() })
    }

    /// Whether the project's name or a service's network mode shows only with the variables put in.
    #[must_use]
    pub fn needs_variables(&self) -> bool {
        let variable = |service: &Service| service.network_mode == NetworkMode::Variable;
        self.project.contains('$') || self.services.values().any(variable)
    }

    /// Takes over what only shows with the variables put in, from a model where they are.
    pub fn with_variables(&mut self, other: &Self) {
        self.project.clone_from(&other.project);
        for (name, service) in &mut self.services {
            if let (NetworkMode::Variable, Some(known)) = (&service.network_mode, other.services.get(name)) {
                service.network_mode = known.network_mode.clone();
            }
        }
    }
}

// === impl Service ===

impl Service {
    fn of(raw: &RawService) -> Self {
        let networks = raw.networks.as_object().into_iter().flat_map(Map::values);
        let aliases = networks.filter_map(|network| network.get("aliases")?.as_array()).flatten();
        Self {
            network_mode: NetworkMode::of(raw.network_mode.as_str().unwrap_or_default()),
            container_name: raw.container_name.as_str().map(str::to_owned),
            hostname: raw.hostname.as_str().map(str::to_owned),
            aliases: aliases.filter_map(Value::as_str).map(str::to_owned).collect(),
            links: strings(&raw.links),
            depends_on: depends_on(&raw.depends_on),
            labels: pairs(&raw.labels),
            build: match &raw.build {
                Value::Null => None,
                build => Some(build.get("network").and_then(Value::as_str).map(str::to_owned)),
            },
            mac_address: !raw.mac_address.is_null(),
            sysctls: sysctls(&raw.sysctls),
            extra_hosts: extra_hosts(&raw.extra_hosts),
            variable_files: [("env_file", &raw.env_file), ("label_file", &raw.label_file)]
                .into_iter()
                .flat_map(|(key, value)| files(key, value))
                .collect(),
            ports: [&raw.ports, &raw.expose]
                .into_iter()
                .filter_map(Value::as_array)
                .flatten()
                .filter_map(port)
                .collect(),
            cgroup_parent: raw.cgroup_parent.as_str().filter(|group| !group.is_empty()).map(str::to_owned),
            wants_raw: raw.privileged.as_bool() == Some(true)
                || strings(&raw.cap_add).iter().any(|it| ["NET_RAW", "CAP_NET_RAW", "ALL"].contains(&it.as_str())),
            replicas: [&raw.scale, raw.deploy.get("replicas").unwrap_or(&Value::Null)].into_iter().find_map(number),
        }
    }
}

// === impl NetworkMode ===

impl NetworkMode {
    fn of(text: &str) -> Self {
        match text.split_once(':') {
            Some(("service", other)) => Self::Service(other.to_owned()),
            Some(("container", other)) => Self::Container(other.to_owned()),
            _ if text == "none" => Self::None,
            _ if text.contains('$') => Self::Variable,
            _ => Self::Host,
        }
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A mapping, or a list of `key=value`.
fn pairs(value: &Value) -> BTreeMap<String, String> {
    let of_list = strings(value).into_iter().map(|item| match item.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (item, String::new()),
    });
    let of_map = value.as_object().into_iter().flatten().map(|(key, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (key.clone(), text)
    });
    of_list.chain(of_map).collect()
}

/// The port inside of `8080:80`, `127.0.0.1:8080:80/tcp`, `80`, or the long form.
fn port(value: &Value) -> Option<u16> {
    let protocol = value.get("protocol").and_then(Value::as_str).unwrap_or("tcp");
    let text = match value.get("target").unwrap_or(value) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (port, short_protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    let port = port.rsplit(':').next()?.parse().ok()?;
    (protocol == "tcp" && short_protocol == "tcp").then_some(port)
}

/// A mapping, or a list of `name=value`.
fn sysctls(value: &Value) -> BTreeMap<String, Value> {
    match value {
        Value::Object(map) => map.clone().into_iter().collect(),
        list => pairs(list).into_iter().map(|(name, value)| (name, value.into())).collect(),
    }
}

/// A mapping of names to an address or several, or a list of `name:address` or `name=address`.
pub(crate) fn extra_hosts(value: &Value) -> Vec<(String, String)> {
    let plain = |address: &str| address.trim_matches(['[', ']']).to_owned();
    let of_list = strings(value).into_iter().filter_map(|item| {
        let (name, address) = item.split_once('=').or_else(|| item.split_once(':'))?;
        Some((name.to_owned(), plain(address)))
    });
    let of_map = value.as_object().into_iter().flatten().flat_map(|(name, addresses)| {
        let several = addresses.as_str().map(|one| vec![one.to_owned()]).unwrap_or_else(|| strings(addresses));
        several.into_iter().map(|address| (name.clone(), plain(&address)))
    });
    of_list.chain(of_map).collect()
}

/// A path, or a list of paths or mappings with one.
fn files(key: &str, value: &Value) -> Vec<(String, String)> {
    let one = value.as_str().map(|path| (key.to_owned(), path.to_owned()));
    let several = value.as_array().into_iter().flatten().enumerate().filter_map(|(at, item)| {
        let path = item.get("path").unwrap_or(item).as_str()?;
        Some((format!("{key}.{at}"), path.to_owned()))
    });
    one.into_iter().chain(several).collect()
}

/// A mapping, or a list of names.
fn depends_on(value: &Value) -> Map<String, Value> {
    let started = || serde_json::json!({"condition": "service_started", "required": true});
    match value {
        Value::Object(map) => map.clone(),
        list => strings(list).into_iter().map(|name| (name, started())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_spellings_of_everything() {
        let model = Model::parse(
            r#"{"name": "p", "services": {
                "a": {"labels": ["x=1", "y"], "depends_on": ["b"], "build": "./a", "scale": "2"},
                "b": {"labels": {"x": 1, "y": null}, "depends_on": {"c": {"condition": "service_healthy"}},
                      "build": {"network": "none"}, "deploy": {"replicas": 3}, "networks": {"n": {"aliases": ["db"]}, "m": null}},
                "c": {"network_mode": "service:a"}, "d": {"network_mode": "none"}, "e": {"network_mode": "bridge"}
            }}"#,
        )
        .unwrap();
        let [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(|name| model.services[name].clone());
        assert_eq!(a.labels, pairs(&serde_json::json!({"x": "1", "y": ""})));
        assert!(a.depends_on.contains_key("b") && b.depends_on.contains_key("c"));
        assert_eq!((a.build, b.build), (Some(None), Some(Some("none".to_owned()))));
        assert_eq!((a.replicas, b.replicas), (Some(2), Some(3)));
        assert_eq!(b.aliases, ["db".to_owned()].into());
        assert_eq!(c.network_mode, NetworkMode::Service("a".to_owned()));
        assert_eq!((d.network_mode, e.network_mode), (NetworkMode::None, NetworkMode::Host));
    }

    #[test]
    fn what_shows_only_with_the_variables_put_in() {
        let model = |project: &str, mode: &str| {
            let text = format!(r#"{{"name": "{project}", "services": {{"a": {{"network_mode": "{mode}"}}}}}}"#);
            Model::parse(&text).unwrap()
        };
        let mut raw = model("${P}", "${MODE}");
        assert!(raw.needs_variables());
        raw.with_variables(&model("p", "service:b"));
        assert!(!raw.needs_variables());
        assert_eq!(raw, model("p", "service:b"));
    }

    #[test]
    fn ports_in_every_spelling() {
        let value = serde_json::json!(["80", 81, "8082:82", "127.0.0.1:8083:83/tcp", "53:53/udp", "${P}:84", "1-2",
            {"target": 85, "protocol": "tcp"}, {"target": 54, "protocol": "udp"}]);
        let ports: Vec<_> = value.as_array().unwrap().iter().filter_map(port).collect();
        assert_eq!(ports, [80, 81, 82, 83, 84, 85]);
    }

    #[test]
    fn extra_hosts_in_every_spelling() {
        let read = |value| extra_hosts(&value);
        let pair = |name: &str, address: &str| (name.to_owned(), address.to_owned());
        let list = read(serde_json::json!(["a:10.0.0.1", "b=[::1]", "gw:host-gateway", "nonsense", 5]));
        assert_eq!(list, [pair("a", "10.0.0.1"), pair("b", "::1"), pair("gw", "host-gateway")]);
        let map = read(serde_json::json!({"a": "10.0.0.1", "b": ["10.0.0.2", "10.0.0.3"]}));
        assert_eq!(map, [pair("a", "10.0.0.1"), pair("b", "10.0.0.2"), pair("b", "10.0.0.3")]);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = Model::parse(&text);
            let _ = Model::parse(&format!(r#"{{"services": {{"a": {text}}}}}"#));
        }
    }
}
