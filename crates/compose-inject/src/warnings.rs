//! What will hardly do what was meant on the host's network, where a service has an address of its own instead of a
//! network of its own.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    ModelError, Plan, Problem, ProblemCode, ServicePlan, Severity,
    model::{Model, Service},
};

/// Images that listen on every address unless they are told otherwise, a word that shows that they are, and how to.
/// Only rows that were run stand here.
const IMAGES: [(&str, &str, &str); 1] =
    [("postgres", "listen_addresses", "command: [\"-c\", \"listen_addresses=${NAME_IP}\"]")];
/// Ports below it are root's.
const FIRST_FREE_PORT: u16 = 1024;

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    services: BTreeMap<String, Value>,
}

impl Plan {
    /// Warnings about services of a project; `json` is what `docker compose config --format json` prints, with the
    /// variables put in, and `model` the project as it is written, with its ports.
    ///
    /// # Errors
    /// [`ModelError`] when it is no compose model.
    pub fn warnings(&self, json: &str, model: &Model) -> Result<Vec<Problem>, ModelError> {
        let outcome: Outcome = serde_json::from_str(json).map_err(ModelError::Syntax)?;
        let mut warnings = Vec::new();
        for planned in self.services.iter().filter(|service| service.network_mode == "host") {
            let (Some(made), Some(written)) = (outcome.services.get(&planned.name), model.services.get(&planned.name))
            else {
                continue;
            };
            warnings.extend(of(planned, made, written));
        }
        Ok(warnings)
    }
}

fn of(planned: &ServicePlan, made: &Value, written: &Service) -> Vec<Problem> {
    let warning = |code, key: &str, message: String, hint: String| Problem {
        severity: Severity::Warning,
        code,
        service: planned.name.clone(),
        file: None,
        line: None,
        column: None,
        key: format!("services.{}.{key}", planned.name),
        message,
        hint,
    };
    let mut all = Vec::new();
    let test = words(made.pointer("/healthcheck/test").unwrap_or(&Value::Null));
    if names_localhost(&test) {
        let message = "its health check asks localhost, which is the machine's, not the service's".to_owned();
        all.push(warning(
            ProblemCode::LocalhostHealth,
            "healthcheck.test",
            message,
            format!("ask ${{{}}} instead", planned.variable),
        ));
    }
    let command = words(made.get("command").unwrap_or(&Value::Null));
    if command.contains("0.0.0.0") || command.contains("[::]") {
        let message =
            "it listens on every address, and so takes the port from its neighbours and from Traefik".to_owned();
        all.push(warning(
            ProblemCode::Wildcard,
            "command",
            message,
            format!("let it listen on ${{{}}}", planned.variable),
        ));
    }
    let image = made.get("image").and_then(Value::as_str).unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default();
    let name = name.split([':', '@']).next().unwrap_or_default();
    for (_, word, cure) in IMAGES.iter().filter(|(known, ..)| *known == name) {
        let environment = made.get("environment").map(Value::to_string).unwrap_or_default();
        if !command.contains(word) && !environment.contains(word) {
            let message = format!("{name} listens on every address unless it is told otherwise");
            let cure = cure.replace("NAME_IP", &planned.variable);
            all.push(warning(ProblemCode::Wildcard, "image", message, cure));
        }
    }
    let user = made.get("user").and_then(Value::as_str).unwrap_or_default();
    let is_root = matches!(user.split(':').next(), None | Some("" | "0" | "root"));
    if let Some(port) = written.ports.iter().find(|port| **port < FIRST_FREE_PORT && !is_root) {
        let message = format!("user {} may not listen on port {port} of the host's network", user.escape_debug());
        let hint = "let it listen on a port from 1024 on; the label of its port then leads there".to_owned();
        all.push(warning(ProblemCode::LowPort, "user", message, hint));
    }
    all
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

    use crate::{Model, Place, Plan, ProblemCode};

    fn codes(service: &serde_json::Value) -> Vec<(ProblemCode, String)> {
        let text = json!({"services": {"my-db": service}}).to_string();
        let model = Model::parse(&text).unwrap();
        let mut slots = SlotFile::default();
        slots.assign(["my-db"]).unwrap();
        let plan = Plan::new(&model, &slots, &Place::new("2816".parse().unwrap(), "/hosts").unwrap());
        plan.warnings(&text, &model).unwrap().into_iter().map(|it| (it.code, it.hint)).collect()
    }

    #[test]
    fn what_will_hardly_do_what_was_meant() {
        for (service, code, hint) in [
            (
                json!({"healthcheck": {"test": ["CMD", "curl", "http://localhost/"]}}),
                ProblemCode::LocalhostHealth,
                "${MY_DB_IP}",
            ),
            (json!({"healthcheck": {"test": "ready -h 127.0.0.1"}}), ProblemCode::LocalhostHealth, "${MY_DB_IP}"),
            (json!({"command": "serve 0.0.0.0:80"}), ProblemCode::Wildcard, "let it listen on ${MY_DB_IP}"),
            (json!({"image": "docker.io/library/postgres:17"}), ProblemCode::Wildcard, "listen_addresses=${MY_DB_IP}"),
            (json!({"user": "1000:1000", "ports": ["80:80"]}), ProblemCode::LowPort, "from 1024 on"),
        ] {
            let found = codes(&service);
            assert!(found.len() == 1 && found[0].0 == code && found[0].1.contains(hint), "{service}: {found:?}");
        }
        for service in [
            json!({"image": "postgres:17", "command": ["-c", "listen_addresses=127.0.11.2"]}),
            json!({"image": "shop/postgres-exporter"}),
            json!({"user": "root", "ports": ["80"]}),
            json!({"user": "1000", "ports": ["8080"]}),
            json!({"network_mode": "none", "command": "serve 0.0.0.0"}),
            json!({}),
        ] {
            assert!(codes(&service).is_empty(), "{service}");
        }
    }
}
