use std::sync::Arc;

use container_snapshot::{Container, ContainerId, ContainerState, Defect, Health, Labels, MAX_LABEL_BYTES, Timestamp};
use serde::{
    Deserialize,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess},
};

use crate::lenient::{Lenient, Take};

/// The most containers of a daemon. A repository has 61 addresses; this is beyond what one machine runs.
pub(crate) const MAX_CONTAINERS: usize = 20_000;

/// An answer to `GET /containers/json`.
#[derive(Debug, Default)]
struct Answer(Vec<Container>);

/// What is looked at of a container's description.
#[derive(Debug, Default)]
struct Summary {
    id: String,
    names: Vec<String>,
    labels: RoutingLabels,
    created: i64,
    state: String,
    status: String,
    health: HealthField,
    host_config: HostConfig,
}

/// The labels that routing looks at.
#[derive(Debug, Default)]
struct RoutingLabels {
    labels: Labels,
    bytes: usize,
}

#[derive(Debug, Default)]
struct HealthField(String);

#[derive(Debug, Default)]
struct HostConfig {
    network_mode: String,
}

/// The containers of an answer to `GET /containers/json`, e.g. one that was kept in a file. Entries without an ID are
/// none, and what is of another kind than Docker would write counts as not said.
///
/// # Errors
/// When it is no list, or has more than 20,000 entries.
pub fn containers_from_json(answer: &[u8]) -> serde_json::Result<Vec<Container>> {
    serde_json::from_slice(answer).map(|Answer(containers)| containers)
}

fn container(summary: Summary) -> Option<Container> {
    let Summary { id, names, labels: RoutingLabels { labels, bytes }, created, state, status, health, host_config } =
        summary;
    if id.is_empty() {
        return None;
    }
    let name = name(&names);
    let no_name = name.is_empty().then_some(Defect::NoName);
    let too_large = (bytes > MAX_LABEL_BYTES).then_some(Defect::LabelsTooLarge(bytes));
    Some(Container {
        id: ContainerId::from(id),
        name,
        labels: Arc::new(labels),
        created: Timestamp::from_secs(created),
        state: ContainerState::from_docker(&state),
        health: Health::from_docker(&health.0).unwrap_or_else(|| Health::from_status(&status)),
        network_mode: host_config.network_mode,
        defects: no_name.into_iter().chain(too_large).collect(),
    })
}

// === impl Answer ===

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> serde::de::Visitor<'de> for List {
            type Value = Answer;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of containers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Answer, A::Error> {
                let mut answer = Answer::default();
                let mut count = 0;
                while let Some(Lenient(summary)) = items.next_element::<Lenient<Summary>>()? {
                    count += 1;
                    if count > MAX_CONTAINERS {
                        return Err(A::Error::custom(format_args!("it has more than {MAX_CONTAINERS} entries")));
                    }
                    answer.0.extend(container(summary));
                }
                Ok(answer)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

// === impl Summary ===

impl<'de> Take<'de> for Summary {
    fn object<A: MapAccess<'de>>(&mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(Lenient(key)) = entries.next_key::<Lenient<String>>()? {
            match key.as_str() {
                "Id" => self.id = value(&mut entries)?,
                "Names" => self.names = value(&mut entries)?,
                "Labels" => self.labels = value(&mut entries)?,
                "Created" => self.created = value(&mut entries)?,
                "State" => self.state = value(&mut entries)?,
                "Status" => self.status = value(&mut entries)?,
                "Health" => self.health = value(&mut entries)?,
                "HostConfig" => self.host_config = value(&mut entries)?,
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The next value, if it is of the kind that is expected.
fn value<'de, T: Take<'de>, A: MapAccess<'de>>(entries: &mut A) -> Result<T, A::Error> {
    entries.next_value::<Lenient<T>>().map(|Lenient(value)| value)
}

// === impl RoutingLabels ===

impl<'de> Take<'de> for RoutingLabels {
    /// Those that are too many to be looked at are not kept.
    fn object<A: MapAccess<'de>>(&mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(Lenient(key)) = entries.next_key::<Lenient<String>>()? {
            if !Container::is_routing_label(&key) {
                entries.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: String = value(&mut entries)?;
            self.bytes += key.len() + value.len();
            if self.bytes > MAX_LABEL_BYTES {
                self.labels.clear();
            } else {
                self.labels.insert(key, value);
            }
        }
        Ok(())
    }
}

// === impl HealthField ===

/// A field of its own that daemons have since API 1.52.
impl<'de> Take<'de> for HealthField {
    fn object<A: MapAccess<'de>>(&mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(Lenient(key)) = entries.next_key::<Lenient<String>>()? {
            match key.as_str() {
                "Status" => self.0 = value(&mut entries)?,
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

// === impl HostConfig ===

impl<'de> Take<'de> for HostConfig {
    fn object<A: MapAccess<'de>>(&mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(Lenient(key)) = entries.next_key::<Lenient<String>>()? {
            match key.as_str() {
                "NetworkMode" => self.network_mode = value(&mut entries)?,
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The container's own name: with legacy links there are also names of the form `/other/alias`.
fn name(names: &[String]) -> String {
    let bare = |name: &String| name.strip_prefix('/').unwrap_or(name).to_owned();
    let own = names.iter().map(bare).find(|name| !name.contains('/'));
    own.or_else(|| names.first().map(bare)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn summary() -> Value {
        json!({
            "Id": "4711", "Names": ["/web"], "Created": 1_700_000_000, "State": "running",
            "Status": "Up 3 seconds (healthy)", "HostConfig": { "NetworkMode": "host" },
            "Ports": [{ "PrivatePort": 80, "Type": "quic" }], "Mounts": [{ "Mode": {} }], "SizeRw": -1.5,
        })
    }

    /// The only container of a list with this description, but for these fields.
    fn read(changes: Value) -> Container {
        let mut summary = summary();
        summary.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let mut all = containers_from_json(json!([summary]).to_string().as_bytes()).unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn labelled(labels: &[(&str, &str)]) -> Container {
        let labels: serde_json::Map<_, _> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
        read(json!({ "Labels": labels }))
    }

    #[test]
    fn a_usual_container() {
        let container = read(json!({}));
        assert_eq!((container.id.as_str(), container.name.as_str()), ("4711", "web"));
        assert_eq!(container.created, Timestamp::from_millis(1_700_000_000_000));
        assert_eq!((container.state, container.health), (ContainerState::Running, Health::Healthy));
        assert_eq!(container.network_mode, "host");
        assert!(container.defects.is_empty());
    }

    #[test]
    fn only_routing_labels_are_kept() {
        let container = labelled(&[
            ("traefik.enable", "true"),
            ("Traefik.HTTP.x", "y"),
            ("rediacc.tcp_ports", "5432"),
            ("com.docker.compose.service", "web"),
            ("org.opencontainers.image.title", "x"),
            ("traefikish", "x"),
        ]);
        let keys: Vec<_> = container.labels.keys().map(String::as_str).collect();
        assert_eq!(keys, ["Traefik.HTTP.x", "com.docker.compose.service", "rediacc.tcp_ports", "traefik.enable"]);
    }

    #[test]
    fn labels_that_are_too_large_are_left_out_and_others_do_not_count() {
        let large = "x".repeat(MAX_LABEL_BYTES);
        assert!(labelled(&[("other", &large)]).defects.is_empty());
        let container = labelled(&[("traefik.x", &large), ("traefik.enable", "true")]);
        assert!(container.labels.is_empty());
        assert_eq!(container.defects, [Defect::LabelsTooLarge(MAX_LABEL_BYTES + 27)]);
    }

    #[test]
    fn names() {
        let name = |names: &[&str]| super::name(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(name(&["/web", "/other"]), "web");
        assert_eq!(name(&["/proxy/db", "/db"]), "db");
        assert_eq!(name(&["plain"]), "plain");
        assert_eq!(name(&[]), "");
        assert_eq!(read(json!({ "Names": null })).defects, [Defect::NoName]);
    }

    #[test]
    fn an_odd_word_costs_no_more_than_itself() {
        let odd = read(json!({ "State": "hibernating", "Health": { "Status": "feverish" } }));
        assert_eq!((odd.state, odd.health), (ContainerState::Unknown, Health::Healthy), "the status text counts");
        let all_kinds =
            [json!(null), json!(true), json!(7), json!(-7), json!(1.5), json!("x"), json!([[1]]), json!({"a": {}})];
        for field in ["Names", "Labels", "Created", "State", "Status", "Health", "HostConfig", "Ports"] {
            for kind in &all_kinds {
                assert_eq!(read(json!({ field: kind })).id.as_str(), "4711", "{field}: {kind}");
            }
        }
        let labels = read(json!({ "Labels": { "traefik.enable": 7, "traefik.x": "y" } })).labels;
        assert_eq!((labels["traefik.enable"].as_str(), labels["traefik.x"].as_str()), ("", "y"));
        let list = json!([null, 7, "x", [], {}, { "Id": 7 }, { "Id": "" }, { "Id": "1" }, summary()]);
        let all = containers_from_json(list.to_string().as_bytes()).unwrap();
        assert_eq!(all.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["1", "4711"]);
        assert_eq!((all[0].state, all[0].health), (ContainerState::Unknown, Health::Unchecked));
        // Twice the same field: the last one counts.
        let twice = br#"[{"Id":"1","State":"exited","State":"running"}]"#;
        assert_eq!(containers_from_json(twice).unwrap()[0].state, ContainerState::Running);
    }

    #[test]
    fn what_is_no_list_or_too_long_a_one_is_an_error() {
        for bad in ["", "{}", "null", "[{}", "[{},]", "{\"message\":\"x\"}"] {
            assert!(containers_from_json(bad.as_bytes()).is_err(), "{bad}");
        }
        let list = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
        assert!(containers_from_json(list(MAX_CONTAINERS).as_bytes()).unwrap().is_empty());
        let error = containers_from_json(list(1_000_000).as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("it has more than 20000 entries"), "{error}");
        assert!(containers_from_json("[".repeat(1000).as_bytes()).is_err());
    }

    #[test]
    fn the_health_field_goes_before_the_status_text() {
        assert_eq!(read(json!({ "Health": { "Status": "unhealthy", "FailingStreak": 0 } })).health, Health::Unhealthy);
        assert_eq!(read(json!({ "Health": { "Status": "none" } })).health, Health::Unchecked);
        assert_eq!(read(json!({ "Health": { "Status": "" } })).health, Health::Healthy);
    }
}
