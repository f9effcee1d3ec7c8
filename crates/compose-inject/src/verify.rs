use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{ModelError, Plan, Problem, ProblemCode, ServicePlan, Severity};

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    services: BTreeMap<String, Map>,
}

type Map = serde_json::Map<String, Value>;

impl Plan {
    /// Compares what compose made of all files together (`config --format json`, with the override document and the
    /// real variables) with what was meant. Services of inactive profiles are not in it.
    ///
    /// # Errors
    /// [`ModelError`] when it is no compose model.
    pub fn verify(&self, json: &str) -> Result<Vec<Problem>, ModelError> {
        let outcome: Outcome = serde_json::from_str(json).map_err(ModelError::Syntax)?;
        let mut problems = Vec::new();
        for (name, made) in &outcome.services {
            let key = match self.services.iter().find(|service| service.name == *name) {
                Some(service) => differing(service, made),
                None => Some(String::new()),
            };
            problems.extend(key.map(|key| {
                Problem::of_service(
                    Severity::Error,
                    ProblemCode::NotTakenOver,
                    name,
                    &key,
                    "docker compose did not take over what renet compose adds",
                    "compare `renet compose -- config` with the compose file; docker compose must be 2.24.4 or newer",
                )
            }));
        }
        Ok(problems)
    }
}

/// The first key that is not as it was meant.
fn differing(service: &ServicePlan, made: &Map) -> Option<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    if text(made.get("network_mode")) != service.network_mode {
        return Some("network_mode".to_owned());
    }
    let filled = |key: &str| match made.get(key) {
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(items)) => !items.is_empty(),
        _ => false,
    };
    if let Some(key) = ["ports", "networks", "links"].into_iter().find(|key| filled(key)) {
        return Some(key.to_owned());
    }
    if let Some(fence) = service.fence
        && text(made.get("cgroup_parent")) != fence.group()
    {
        return Some("cgroup_parent".to_owned());
    }
    for (section, expected) in [("labels", &service.injected.labels), ("environment", &service.injected.environment)] {
        for (key, value) in expected {
            if text(made.get(section).and_then(|section| section.get(key))) != *value {
                return Some(format!("{section}.{key}"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use repo_network::SlotFile;
    use serde_json::json;

    use crate::{Model, Place, Plan};

    #[test]
    fn each_thing_that_was_not_taken_over_is_named() {
        let model = Model::parse(r#"{"services": {"web": {}, "idle": {}}}"#).unwrap();
        let mut slots = SlotFile::default();
        slots.assign(["web", "idle"]).unwrap();
        let plan = Plan::new(&model, &slots, &Place::new("2816".parse().unwrap(), "/hosts").unwrap());
        let good = json!({
            "network_mode": "host",
            "labels": {"rediacc.service_name": "web", "rediacc.service_ip": "127.0.11.3", "rediacc.network_id": "2816"},
            "environment": {"SERVICE_IP": "127.0.11.3", "REPOSITORY_NETWORK_ID": "2816"},
        });
        let problems = |web: &serde_json::Value| {
            let model = json!({"services": {"web": web}}).to_string();
            plan.verify(&model).unwrap().into_iter().map(|problem| problem.key).collect::<Vec<_>>()
        };
        assert!(problems(&good).is_empty());
        for (pointer, value, expected) in [
            ("/network_mode", json!("bridge"), "services.web.network_mode"),
            ("/labels/rediacc.service_ip", json!("127.0.11.2"), "services.web.labels.rediacc.service_ip"),
            ("/environment/SERVICE_IP", json!(null), "services.web.environment.SERVICE_IP"),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert_eq!(problems(&bad), [expected]);
        }
        let mut published = good.clone();
        published["ports"] = json!([{"target": 80}]);
        assert_eq!(problems(&published), ["services.web.ports"]);
        assert_eq!(plan.verify(r#"{"services": {"other": {}}}"#).unwrap()[0].service, "other");
        assert!(plan.verify("nonsense").is_err());
    }
}
