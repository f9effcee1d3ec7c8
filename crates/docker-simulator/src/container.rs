use std::collections::BTreeMap;

use serde_json::{Value, json};

const IMAGE: &str = "simulated:latest";
const MOMENT: &str = "2025-01-01T00:00:00Z";

/// What a simulated container does; Docker's words are the lower-case names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Made, not started.
    Created,
    /// Running.
    Running,
    /// Frozen.
    Paused,
    /// Between two starts.
    Restarting,
    /// Ended.
    Exited,
    /// Could not be removed.
    Dead,
    /// A word that no Docker says; the container has a port of an unknown kind, too.
    Hibernating,
}

/// A container as the simulated daemon describes it: running, on the host's network, without labels
/// until told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    id: String,
    name: String,
    labels: BTreeMap<String, String>,
    state: State,
    status: Option<String>,
    network_mode: String,
    created: i64,
}

// === impl State ===

impl State {
    /// Docker's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Hibernating => "hibernating",
        }
    }

    fn usual_status(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Running => "Up 3 seconds",
            Self::Paused => "Up 3 seconds (Paused)",
            Self::Restarting => "Restarting (1) 3 seconds ago",
            Self::Exited => "Exited (0) 3 seconds ago",
            Self::Hibernating => "Asleep",
            Self::Dead => "Dead",
        }
    }
}

// === impl Container ===

impl Container {
    /// A running container. Its ID follows from the name, so that a test can be repeated; see
    /// [`Container::generation`] for another one of the same name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            id: hexadecimal(&name, 0),
            name,
            labels: BTreeMap::new(),
            state: State::Running,
            status: None,
            network_mode: "host".to_owned(),
            created: 1_735_689_600,
        }
    }

    /// Makes it the `n`th container of its name: another ID, created `n` seconds later.
    #[must_use]
    pub fn generation(mut self, n: u32) -> Self {
        self.id = hexadecimal(&self.name, n);
        self.created += i64::from(n);
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Sets what it does.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// Sets the `Status` text, which otherwise follows from the state: `Up 3 seconds (healthy)`.
    #[must_use]
    pub fn status(mut self, status: impl Into<String>) -> Self {
        self.status = Some(status.into());
        self
    }

    /// Sets `HostConfig.NetworkMode`: `host` (as it is anyway), `none`, `container:<id>`, …
    #[must_use]
    pub fn network_mode(mut self, mode: impl Into<String>) -> Self {
        self.network_mode = mode.into();
        self
    }

    /// Sets when it was created, in seconds since the Unix epoch.
    #[must_use]
    pub fn created(mut self, seconds: i64) -> Self {
        self.created = seconds;
        self
    }

    /// Takes its name away; the ID stays.
    #[must_use]
    pub fn unnamed(mut self) -> Self {
        self.name.clear();
        self
    }

    /// Its ID: 64 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same container after a start or a stop, with the usual status text.
    pub(crate) fn turned(mut self, state: State) -> Self {
        self.status = None;
        self.state(state)
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Running | State::Paused | State::Restarting)
    }

    pub(crate) fn word(&self) -> &'static str {
        self.state.as_str()
    }

    fn status_text(&self) -> &str {
        self.status.as_deref().unwrap_or(self.state.usual_status())
    }

    fn networks(&self) -> Value {
        if self.network_mode.starts_with("container:") {
            return json!({});
        }
        let endpoint = json!({
            "IPAMConfig": null, "Links": null, "Aliases": null, "NetworkID": hexadecimal(&self.network_mode, 0),
            "EndpointID": "", "Gateway": "", "IPAddress": "", "IPPrefixLen": 0, "IPv6Gateway": "",
            "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "MacAddress": "", "DriverOpts": null,
        });
        json!({ self.network_mode.as_str(): endpoint })
    }

    /// The entry of `GET /containers/json`.
    pub(crate) fn summary(&self) -> Value {
        let names = if self.name.is_empty() { json!([]) } else { json!([format!("/{}", self.name)]) };
        json!({
            "Id": self.id, "Names": names, "Image": IMAGE, "ImageID": format!("sha256:{}", hexadecimal(IMAGE, 0)),
            "Command": "/serve", "Created": self.created, "Ports": self.ports(), "Labels": self.labels,
            "State": self.state.as_str(), "Status": self.status_text(),
            "HostConfig": { "NetworkMode": self.network_mode },
            "NetworkSettings": { "Networks": self.networks() }, "Mounts": [],
        })
    }

    fn ports(&self) -> Value {
        match self.state {
            State::Hibernating => json!([{ "PrivatePort": 80, "Type": "quic" }]),
            _ => json!([]),
        }
    }

    /// The answer of `GET /containers/{id}/json`.
    pub(crate) fn inspection(&self) -> Value {
        let is = |state| self.state == state;
        let mut state = json!({
            "Status": self.state.as_str(), "Running": self.is_up(), "Paused": is(State::Paused),
            "Restarting": is(State::Restarting), "OOMKilled": false, "Dead": is(State::Dead),
            "Pid": if self.is_up() { 4711 } else { 0 }, "ExitCode": 0, "Error": "",
            "StartedAt": MOMENT, "FinishedAt": "0001-01-01T00:00:00Z",
        });
        if let (Some(health), Some(state)) = (self.health(), state.as_object_mut()) {
            state.insert("Health".to_owned(), json!({ "Status": health, "FailingStreak": 0, "Log": [] }));
        }
        json!({
            "Id": self.id, "Created": MOMENT, "Path": "/serve", "Args": [], "State": state,
            "Image": format!("sha256:{}", hexadecimal(IMAGE, 0)), "Name": format!("/{}", self.name),
            "RestartCount": 0, "Driver": "overlay2", "Platform": "linux", "Mounts": [],
            "HostConfig": { "NetworkMode": self.network_mode, "PortBindings": {} },
            "Config": { "Hostname": self.name, "Image": IMAGE, "Env": [], "Cmd": ["/serve"], "Labels": self.labels },
            "NetworkSettings": { "Ports": {}, "Networks": self.networks() },
        })
    }

    /// A line of `GET /events`.
    pub(crate) fn event(&self, action: &str, nanos: u64) -> Value {
        let mut attributes = self.labels.clone();
        attributes.insert("image".to_owned(), IMAGE.to_owned());
        attributes.insert("name".to_owned(), self.name.clone());
        json!({
            "status": action, "id": self.id, "from": IMAGE, "Type": "container", "Action": action,
            "Actor": { "ID": self.id, "Attributes": attributes }, "scope": "local",
            "time": nanos / 1_000_000_000, "timeNano": nanos,
        })
    }

    fn health(&self) -> Option<&'static str> {
        let status = self.status_text();
        [("(healthy)", "healthy"), ("(unhealthy)", "unhealthy"), ("(health: starting)", "starting")]
            .into_iter()
            .find_map(|(end, word)| status.ends_with(end).then_some(word))
    }
}

/// 64 hexadecimal digits that follow from a text and a number (FNV-1a, four times).
fn hexadecimal(text: &str, number: u32) -> String {
    let bytes = |salt: u8| text.bytes().chain(number.to_be_bytes()).chain([salt]);
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    (0..4).map(|salt| format!("{:016x}", bytes(salt).fold(0xcbf2_9ce4_8422_2325, fnv))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_and_stable() {
        let ids: std::collections::BTreeSet<_> =
            (0..10_000).map(|n| Container::new(format!("c{n}")).id().to_owned()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 64));
        assert_eq!(Container::new("a").id(), Container::new("a").id());
        assert_ne!(Container::new("a").id(), Container::new("a").generation(1).id());
    }

    #[test]
    fn health_of_the_inspection_follows_the_status() {
        let container = Container::new("a").status("Up 3 seconds (health: starting)");
        assert_eq!(container.inspection()["State"]["Health"]["Status"], "starting");
        assert_eq!(Container::new("a").inspection()["State"].get("Health"), None);
    }
}
