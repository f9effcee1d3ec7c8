use serde_json::{Value, json};

/// What dockerd keeps of a container's ties to the machine (`hostconfig.json` below its data root), as far as it is
/// looked at here.
#[derive(Debug, Clone, PartialEq)]
pub struct HostConfig(Value);

/// A directory or file of the machine that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindMount {
    /// Where it is on the machine, absolute.
    pub source: String,
    /// Whether the container may write there.
    pub is_writable: bool,
}

// === impl HostConfig ===

impl HostConfig {
    /// Reads the file's text; none: it is no JSON.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// What of the machine it sees. Named volumes are the daemon's own, and not among them.
    #[must_use]
    pub fn bind_mounts(&self) -> Vec<BindMount> {
        let list = |key: &str| self.0.get(key).and_then(Value::as_array).into_iter().flatten();
        // `source:target[:flags]`
        let bind = |bind: &Value| {
            let mut parts = bind.as_str()?.split(':');
            let source = parts.next()?.to_owned();
            let is_read_only = parts.nth(1).is_some_and(|flags| flags.split(',').any(|flag| flag == "ro"));
            Some(BindMount { source, is_writable: !is_read_only })
        };
        let mount = |mount: &Value| {
            let is_read_only = mount.get("ReadOnly").and_then(Value::as_bool).unwrap_or_default();
            Some(BindMount { source: mount.get("Source")?.as_str()?.to_owned(), is_writable: !is_read_only })
        };
        let all = list("Binds").filter_map(bind).chain(list("Mounts").filter_map(mount));
        all.filter(|mount| mount.source.starts_with('/')).collect()
    }

    /// The text with which dockerd does not start it by itself, where it mounts something of a place at which its
    /// repository is no more; none: there is nothing to change.
    #[must_use]
    pub fn kept_down(&self, place: &str) -> Option<String> {
        let is_of =
            |source: &str| source.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let policy = self.0.pointer("/RestartPolicy/Name").and_then(Value::as_str).unwrap_or_default();
        if matches!(policy, "" | "no") || !self.bind_mounts().iter().any(|mount| is_of(&mount.source)) {
            return None;
        }
        let mut changed = self.0.clone();
        *changed.get_mut("RestartPolicy")? = json!({"Name": "no", "MaximumRetryCount": 0});
        Some(changed.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept_down(text: &str, place: &str) -> Option<String> {
        HostConfig::parse(text).unwrap().kept_down(place)
    }

    #[test]
    fn what_it_sees_of_the_machine() {
        let text = r#"{"Binds": ["/a:/x", "/b:/y:ro", "/c:/z:rw,z", "/d:/w:z,ro", "volume:/v"],
                       "Mounts": [{"Type": "bind", "Source": "/e"}, {"Source": "/f", "ReadOnly": true}, {"Source": "volume"}]}"#;
        let mounts = HostConfig::parse(text).unwrap().bind_mounts();
        let shown: Vec<_> = mounts.iter().map(|mount| (mount.source.as_str(), mount.is_writable)).collect();
        assert_eq!(shown, [("/a", true), ("/b", false), ("/c", true), ("/d", false), ("/e", true), ("/f", false)]);
    }

    #[test]
    fn only_what_mounts_something_of_there_and_restarts() {
        let text = |bind: &str, policy: &str| {
            format!(r#"{{"Binds":["{bind}:/data"],"Mounts":null,"RestartPolicy":{{"Name":"{policy}"}},"Memory":5}}"#)
        };
        let changed = kept_down(&text("/mnt/app/data", "unless-stopped"), "/mnt/app").unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&changed).unwrap(),
            json!({
                "Binds": ["/mnt/app/data:/data"], "Mounts": null, "Memory": 5,
                "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            })
        );
        for (bind, policy) in [("/mnt/app2/data", "always"), ("volume", "always"), ("/mnt/app/data", "no")] {
            assert_eq!(kept_down(&text(bind, policy), "/mnt/app"), None, "{bind} {policy}");
        }
        let mounts = r#"{"Mounts":[{"Type":"bind","Source":"/mnt/app"}],"RestartPolicy":{"Name":"on-failure"}}"#;
        assert!(kept_down(mounts, "/mnt/app").is_some());
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".*", place in ".*", bind in "[:/a-z,]*") {
            let made = json!({"Binds": [bind], "RestartPolicy": {"Name": "always"}}).to_string();
            for config in [HostConfig::parse(&text), HostConfig::parse(&made)].into_iter().flatten() {
                let _ = (config.bind_mounts(), config.kept_down(&place));
            }
        }
    }
}
