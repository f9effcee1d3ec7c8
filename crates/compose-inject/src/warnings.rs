//! What will hardly do what was meant on the host's network, where a service has an address of its own instead of a
//! network of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    FenceMode, ModelError, Plan, Problem, ProblemCode, ServicePlan, Severity,
    images::Image,
    model::{Model, Service},
};

/// Ports below it are root's.
const FIRST_FREE_PORT: u16 = 1024;

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    services: BTreeMap<String, Value>,
}

/// A service that may listen on addresses of the host.
struct Listener<'a> {
    planned: &'a ServicePlan,
    made: &'a Value,
    /// Its entry point and command.
    command: String,
    image: Option<&'static Image>,
    /// The TCP ports that it declares.
    declared: &'a BTreeSet<u16>,
    /// Those, and the one that its image is known to listen on.
    ports: BTreeSet<u16>,
}

// === impl Plan ===

impl Plan {
    /// Warnings about services of a project; `json` is what `docker compose config --format json` prints, with the
    /// variables put in, `model` the project as it is written, with its ports, and `entry_points` has the TCP ports on
    /// which Traefik listens, with their names.
    ///
    /// # Errors
    /// [`ModelError`] when it is no compose model.
    pub fn warnings(
        &self,
        json: &str,
        model: &Model,
        entry_points: &BTreeMap<u16, &str>,
    ) -> Result<Vec<Problem>, ModelError> {
        let outcome: Outcome = serde_json::from_str(json).map_err(ModelError::Syntax)?;
        // A slot makes all of this right: everywhere and localhost are the service's own address, low ports are free.
        let is_right = |service: &&ServicePlan| service.fence.is_some_and(|fence| fence.mode != FenceMode::Off);
        let on_the_host =
            self.services.iter().filter(|service| service.network_mode == "host").filter(|service| !is_right(service));
        let listeners: Vec<_> = on_the_host
            .filter_map(|planned| {
                let (made, written) = (outcome.services.get(&planned.name)?, model.services.get(&planned.name)?);
                Some(Listener::new(planned, made, written))
            })
            .collect();
        // By port, so that the cost follows the ports and not the pairs of services. Two owners are enough to name one
        // that is another.
        let mut owners: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
        for listener in &listeners {
            for port in &listener.ports {
                let owners = owners.entry(*port).or_default();
                if owners.len() < 2 {
                    owners.push(&listener.planned.name);
                }
            }
        }
        let shared = |it: &Listener<'_>| {
            it.ports.iter().find_map(|port| {
                if let Some(name) = entry_points.get(port) {
                    return Some((*port, format!("entry point {name}")));
                }
                let other = owners.get(port)?.iter().find(|name| **name != it.planned.name)?;
                Some((*port, format!("service {other}")))
            })
        };
        let warnings =
            listeners.iter().flat_map(|it| [it.health(), it.command(), it.listens(shared(it)), it.low_port()]);
        Ok(warnings.flatten().collect())
    }
}

// === impl Listener ===

impl<'a> Listener<'a> {
    fn new(planned: &'a ServicePlan, made: &'a Value, written: &'a Service) -> Self {
        let image = Image::of(made.get("image").and_then(Value::as_str).unwrap_or_default());
        let command = ["entrypoint", "command"].map(|key| words(made.get(key).unwrap_or(&Value::Null))).join(" ");
        let ports = written.ports.iter().copied().chain(image.map(|image| image.port)).collect();
        Self { planned, made, command, image, declared: &written.ports, ports }
    }

    fn problem(&self, severity: Severity, code: ProblemCode, key: &str, message: &str, hint: &str) -> Problem {
        Problem::of_service(severity, code, &self.planned.name, key, message, hint)
    }

    fn health(&self) -> Option<Problem> {
        let test = words(self.made.pointer("/healthcheck/test").unwrap_or(&Value::Null));
        names_localhost(&test).then(|| {
            self.problem(
                Severity::Warning,
                ProblemCode::Localhost,
                "healthcheck.test",
                "its health check asks localhost, which is the machine's, not the service's",
                &format!("ask ${{{}}} instead", self.planned.variable),
            )
        })
    }

    fn command(&self) -> Option<Problem> {
        names_localhost(&self.command).then(|| {
            self.problem(
                Severity::Warning,
                ProblemCode::Localhost,
                "command",
                "its command names localhost, which is the machine's, not the service's",
                &format!("name ${{{}}} there, or the service that is meant", self.planned.variable),
            )
        })
    }

    /// Whether it listens on every address; `shared` is one of its ports, and who has it too.
    fn listens(&self, shared: Option<(u16, String)>) -> Option<Problem> {
        let variable = &self.planned.variable;
        let wildcard = |key, message: &str, cure: &str| {
            let beside = match &shared {
                Some((port, other)) => format!("port {port} is {other}'s too"),
                None => "that takes the port from everybody on this machine".to_owned(),
            };
            let message = format!("{message}, and {beside}");
            Some(self.problem(Severity::Warning, ProblemCode::Wildcard, key, &message, cure))
        };
        if self.command.contains("0.0.0.0") || self.command.contains("[::]") {
            return wildcard("command", "it listens on every address", &format!("let it listen on ${{{variable}}}"));
        }
        match self.image {
            Some(image) if !image.told.iter().any(|word| self.says(word)) => {
                let message = format!("{} listens on every address unless it is told otherwise", image.name);
                let cure =
                    image.cure.replace("NAME_IP", variable).replace("ADDRESS", &self.planned.address.to_string());
                wildcard("image", &message, &cure)
            }
            // What an unknown image does can't be said: `plan` alone tells it.
            None if !self.says(&self.planned.address.to_string()) => {
                let (port, other) = shared?;
                let message = format!(
                    "port {port} is {other}'s too: if the image listens on every address, one of the two can't start"
                );
                let hint = format!("let it listen on ${{{variable}}}:{port}");
                Some(self.problem(Severity::Info, ProblemCode::SharedPort, "ports", &message, &hint))
            }
            _ => None,
        }
    }

    /// Whether a word stands in its command, its environment, or where something is mounted.
    fn says(&self, word: &str) -> bool {
        let environment = self.made.get("environment").and_then(Value::as_object).into_iter().flatten();
        // What we add ourselves tells nobody anything.
        let mut environment = environment.filter(|(name, _)| *name != "SERVICE_IP");
        let mounted = ["volumes", "configs"].map(|key| self.made.get(key).and_then(Value::as_array));
        let mut mounted = mounted.into_iter().flatten().flatten().filter_map(|it| it.get("target")?.as_str());
        self.command.contains(word)
            || environment.any(|(name, value)| name == word || value.as_str().is_some_and(|it| it.contains(word)))
            || mounted.any(|target| target.contains(word))
    }

    fn low_port(&self) -> Option<Problem> {
        let user = self.made.get("user").and_then(Value::as_str).unwrap_or_default();
        let is_root = matches!(user.split(':').next(), None | Some("" | "0" | "root"));
        let port = self.declared.iter().find(|port| **port < FIRST_FREE_PORT && !is_root)?;
        let message = format!("user {} may not listen on port {port} of the host's network", user.escape_debug());
        let hint = "let it listen on a port from 1024 on; the label of its port then leads there";
        Some(self.problem(Severity::Warning, ProblemCode::LowPort, "user", &message, hint))
    }
}

/// A command line, or a list of words.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

fn names_localhost(text: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| text.contains(name))
}

#[cfg(test)]
mod tests {
    use repo_network::SlotFile;
    use serde_json::json;

    use super::*;
    use crate::{Model, Place, Plan};

    fn found(services: &serde_json::Value) -> Vec<Problem> {
        let text = json!({"services": services}).to_string();
        let model = Model::parse(&text).unwrap();
        let mut slots = SlotFile::default();
        slots.assign(model.services.keys().map(String::as_str)).unwrap();
        let plan = Plan::new(&model, &slots, &Place::new("2816".parse().unwrap(), "/hosts").unwrap());
        plan.warnings(&text, &model, &BTreeMap::from([(80, "web"), (6379, "tcp-6379")])).unwrap()
    }

    fn codes(service: &serde_json::Value) -> Vec<(ProblemCode, String)> {
        found(&json!({"my-db": service})).into_iter().map(|it| (it.code, it.hint)).collect()
    }

    #[test]
    fn a_port_that_somebody_has_too() {
        let services = json!({
            "cache": {"image": "redis"},
            "one": {"image": "a", "ports": ["3000:3000", "80"]},
            "told": {"image": "b", "expose": ["3000"], "environment": {"BIND": "127.0.11.4:3000"}},
            "two": {"image": "nginx", "volumes": [{"type": "bind", "target": "/etc/nginx/nginx.conf"}]},
            "web": {"image": "nginx:1"},
        });
        let all: Vec<_> =
            found(&services).into_iter().map(|it| format!("{} {} {it}", it.severity, it.service)).collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn what_will_hardly_do_what_was_meant() {
        for (service, code, hint) in [
            (
                json!({"healthcheck": {"test": ["CMD", "curl", "http://localhost/"]}}),
                ProblemCode::Localhost,
                "${MY_DB_IP}",
            ),
            (json!({"healthcheck": {"test": "ready -h 127.0.0.1"}}), ProblemCode::Localhost, "${MY_DB_IP}"),
            (json!({"command": ["serve", "--db", "localhost:5432"]}), ProblemCode::Localhost, "${MY_DB_IP} there"),
            (json!({"command": "serve 0.0.0.0:80"}), ProblemCode::Wildcard, "let it listen on ${MY_DB_IP}"),
            (json!({"image": "docker.io/library/postgres:17"}), ProblemCode::Wildcard, "listen_addresses=${MY_DB_IP}"),
            (json!({"user": "1000:1000", "ports": ["81:81"]}), ProblemCode::LowPort, "from 1024 on"),
        ] {
            let found = codes(&service);
            assert!(found.len() == 1 && found[0].0 == code && found[0].1.contains(hint), "{service}: {found:?}");
        }
        for service in [
            json!({"image": "postgres:17", "command": ["-c", "listen_addresses=127.0.11.2"]}),
            json!({"image": "shop/postgres-exporter"}),
            json!({"user": "root", "ports": ["81"]}),
            json!({"user": "1000", "ports": ["8080"]}),
            json!({"network_mode": "none", "command": "serve 0.0.0.0"}),
            json!({}),
        ] {
            assert!(codes(&service).is_empty(), "{service}");
        }
    }
}
