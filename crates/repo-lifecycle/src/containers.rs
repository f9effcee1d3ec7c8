use serde_json::{Value, json};

/// What dockerd has to know of a container (`hostconfig.json`) so that it does not start it by itself, where the container
/// mounts something of a place at which its repository is no more; none: there is nothing to change.
#[must_use]
pub fn keep_down(host_config: &str, place: &str) -> Option<String> {
    let mut config: Value = serde_json::from_str(host_config).ok()?;
    let is_of = |source: &str| source == place || source.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'));
    let list = |key: &str| config.get(key).and_then(Value::as_array).into_iter().flatten();
    // `source:target[:flags]`; a named volume has no slash at its beginning, and moves along.
    let mut binds = list("Binds").filter_map(Value::as_str).filter_map(|bind| bind.split(':').next());
    let mut mounts = list("Mounts").filter_map(|mount| mount.get("Source")?.as_str());
    let restarts =
        config.pointer("/RestartPolicy/Name").and_then(Value::as_str).is_some_and(|name| !matches!(name, "" | "no"));
    if !restarts || !(binds.any(is_of) || mounts.any(is_of)) {
        return None;
    }
    *config.get_mut("RestartPolicy")? = json!({"Name": "no", "MaximumRetryCount": 0});
    Some(config.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_mounts_something_of_there_and_restarts() {
        let text = |bind: &str, policy: &str| {
            format!(r#"{{"Binds":["{bind}:/data"],"Mounts":null,"RestartPolicy":{{"Name":"{policy}"}},"Memory":5}}"#)
        };
        let changed = keep_down(&text("/mnt/app/data", "unless-stopped"), "/mnt/app").unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&changed).unwrap(),
            json!({
                "Binds": ["/mnt/app/data:/data"], "Mounts": null, "Memory": 5,
                "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            })
        );
        for (bind, policy) in [("/mnt/app2/data", "always"), ("volume", "always"), ("/mnt/app/data", "no")] {
            assert_eq!(keep_down(&text(bind, policy), "/mnt/app"), None, "{bind} {policy}");
        }
        let mounts = r#"{"Mounts":[{"Type":"bind","Source":"/mnt/app"}],"RestartPolicy":{"Name":"on-failure"}}"#;
        assert!(keep_down(mounts, "/mnt/app").is_some());
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".*", place in ".*") {
            let _ = keep_down(&text, &place);
        }
    }
}
