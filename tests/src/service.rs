use std::{collections::BTreeMap, net::Ipv4Addr};

use repo_network::NetworkId;
use serde_json::{Value, json};

/// A service of a repository, as `renet compose` would start it: host network, tier-1 labels, `SERVICE_IP`.
#[derive(Debug, Clone)]
pub struct Service {
    pub(crate) name: String,
    pub(crate) slot: u8,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) command: Vec<String>,
}

// === impl Service ===

impl Service {
    /// A service that runs a shell line; `$SERVICE_IP` is its address.
    #[must_use]
    pub fn shell(name: &str, slot: u8, line: &str) -> Self {
        let command = ["sh", "-c", line].map(str::to_owned).to_vec();
        Self { name: name.to_owned(), slot, labels: BTreeMap::new(), command }
    }

    /// A web server on its address: `/` says which service of which repository it is, `/cgi-bin/echo` sends a body back.
    #[must_use]
    pub fn pages(name: &str, slot: u8, port: u16) -> Self {
        let page = "echo \"$SERVICE_NAME of $REPOSITORY_NETWORK_ID\" >/www/index.html";
        Self::shell(name, slot, &format!("{page}; exec httpd -f -p $SERVICE_IP:{port} -h /www"))
    }

    /// The same service with one more label, written `key=value` as in a compose file.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        let (key, value) = label.split_once('=').unwrap_or((label, ""));
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The same service with labels as a compose file lists them: `- "key=value"`, one a line.
    #[must_use]
    pub fn labels(self, list: &str) -> Self {
        let items = list.lines().map(|line| line.trim().trim_start_matches("- ").trim_matches('"'));
        items.filter(|item| !item.is_empty()).fold(self, Self::label)
    }

    /// Its name, and its container's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address in a repository: network address + slot + 2.
    #[must_use]
    pub fn address(&self, repository: NetworkId) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(repository.network()) + u32::from(self.slot) + 2)
    }

    /// The variables in its container.
    /// The same as the service of a compose file, with this image.
    #[must_use]
    pub fn in_compose(&self, repository: NetworkId, image: &str) -> Value {
        // What compose would take for variables is not.
        let command: Vec<_> = self.command.iter().map(|word| word.replace('$', "$$")).collect();
        json!({
            "image": image,
            "container_name": self.name,
            "network_mode": "host",
            "stop_signal": "SIGKILL",
            "labels": self.labels_in(repository),
            "environment": self.environment_in(repository),
            "command": command,
        })
    }

    pub(crate) fn environment_in(&self, repository: NetworkId) -> [String; 3] {
        [
            format!("SERVICE_NAME={}", self.name),
            format!("SERVICE_IP={}", self.address(repository)),
            format!("REPOSITORY_NETWORK_ID={}", repository.get()),
        ]
    }

    /// All its labels in a repository, those of tier 1 included.
    pub(crate) fn labels_in(&self, repository: NetworkId) -> BTreeMap<String, String> {
        let tier_1 = [
            ("rediacc.service_name", self.name.clone()),
            ("rediacc.service_ip", self.address(repository).to_string()),
            ("rediacc.network_id", repository.get().to_string()),
        ];
        let mut labels = self.labels.clone();
        labels.extend(tier_1.map(|(key, value)| (key.to_owned(), value)));
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::Service;

    #[test]
    fn labels_are_read_as_in_a_compose_file() {
        let service = Service::pages("a", 1, 80).labels("  - \"traefik.enable=true\"\n  - \"r.rule=Host(`a=b`)\"\n");
        let labels = service.labels_in("2816".parse().unwrap());
        assert_eq!(labels["traefik.enable"], "true");
        assert_eq!(labels["r.rule"], "Host(`a=b`)");
        assert_eq!(labels["rediacc.service_ip"], "127.0.11.3");
    }
}
