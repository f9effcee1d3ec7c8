//! The containers that a repository's daemon has.

use std::{collections::BTreeMap, io, net::Ipv4Addr, path::Path, time::Duration};

use command_line::Failure;
use repo_network::Tier1;
use serde::Deserialize;

const PATIENCE: Duration = Duration::from_secs(10);

/// A container, running or not.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Existing {
    #[serde(default)]
    id: String,
    #[serde(default)]
    names: Vec<String>,
    /// Some daemons say null.
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    /// `running`, `exited`, …
    #[serde(default)]
    pub(crate) state: String,
    /// For people: `Up 2 hours (healthy)`.
    #[serde(default)]
    pub(crate) status: String,
}

// === impl Existing ===

impl Existing {
    /// All of a daemon's.
    pub(crate) fn all(socket: &Path) -> Result<Vec<Self>, Failure> {
        let what = format!("cannot ask the daemon at {}", socket.display());
        let answer = route_api::get_unix(socket, "/containers/json?all=1", PATIENCE);
        if let Err(error) = &answer
            && matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
        {
            let socket = socket.display();
            return Err(Failure::Runtime(format!("no daemon runs at {socket}; `renet repo up NAME` starts it")));
        }
        let (status, body) = answer.map_err(|error| Failure::runtime(&what, &error))?;
        if status != 200 {
            return Err(Failure::Runtime(format!("{what}: it answers {status}")));
        }
        serde_json::from_str(&body).map_err(|error| Failure::runtime(&what, &error))
    }

    /// Its number, which is also the name of its control group; nothing that is a path.
    pub(crate) fn id(&self) -> &str {
        if self.id.bytes().all(|byte| byte.is_ascii_alphanumeric()) { &self.id } else { "" }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.names.first().map(|name| name.trim_start_matches('/')).unwrap_or_default()
    }

    /// What docker compose calls its project; empty when it has none.
    pub(crate) fn project(&self) -> &str {
        self.label("com.docker.compose.project")
    }

    /// The service of that project.
    pub(crate) fn service(&self) -> &str {
        self.label("com.docker.compose.service")
    }

    /// Whether `docker compose run` made it.
    pub(crate) fn is_one_off(&self) -> bool {
        self.label("com.docker.compose.oneoff") == "True"
    }

    /// The address of its service, if it has one.
    pub(crate) fn address(&self) -> Option<Ipv4Addr> {
        Tier1::of(self.labels.as_ref()?).service_ip()
    }

    fn label(&self, name: &str) -> &str {
        self.labels.as_ref().and_then(|labels| labels.get(name)).map(String::as_str).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_daemons_say() {
        let said = r#"[{"Names": ["/a"], "Labels": null, "State": "running", "Status": "Up"}, {}]"#;
        let all: Vec<Existing> = serde_json::from_str(said).unwrap();
        assert_eq!((all[0].name(), all[0].project(), all[0].address()), ("a", "", None));
        assert_eq!(all[1].name(), "");
    }
}
