use std::sync::Arc;

use bollard::models::{ContainerSummary, ContainerSummaryHealthStatusEnum};
use container_snapshot::{Container, ContainerId, ContainerState, Defect, Health, Labels, MAX_LABEL_BYTES, Timestamp};

/// The containers of an answer to `GET /containers/json`, e.g. one that was kept in a file.
///
/// # Errors
/// When it is no such answer.
pub fn containers_from_json(answer: &[u8]) -> serde_json::Result<Vec<Container>> {
    serde_json::from_slice(answer).map(containers)
}

/// The containers of an answer; entries without an ID are none.
pub(crate) fn containers(summaries: Vec<ContainerSummary>) -> Vec<Container> {
    summaries.into_iter().filter_map(container).collect()
}

fn container(summary: ContainerSummary) -> Option<Container> {
    let id = summary.id.as_deref().filter(|id| !id.is_empty()).map(ContainerId::from)?;
    let health = health(&summary);
    let name = name(&summary.names.unwrap_or_default());
    let (labels, too_large) = routing_labels(summary.labels.unwrap_or_default());
    let no_name = name.is_empty().then_some(Defect::NoName);
    Some(Container {
        id,
        name,
        labels: Arc::new(labels),
        created: Timestamp::from_secs(summary.created.unwrap_or_default()),
        state: ContainerState::from_docker(&summary.state.map(|state| state.to_string()).unwrap_or_default()),
        health,
        network_mode: summary.host_config.and_then(|config| config.network_mode).unwrap_or_default(),
        defects: no_name.into_iter().chain(too_large).collect(),
    })
}

/// The container's own name: with legacy links there are also names of the form `/other/alias`.
fn name(names: &[String]) -> String {
    let bare = |name: &String| name.strip_prefix('/').unwrap_or(name).to_owned();
    let own = names.iter().map(bare).find(|name| !name.contains('/'));
    own.or_else(|| names.first().map(bare)).unwrap_or_default()
}

/// From the field of its own that daemons have since API 1.52, else from the status text.
fn health(summary: &ContainerSummary) -> Health {
    let field = summary.health.as_ref().and_then(|health| health.status);
    match field {
        Some(ContainerSummaryHealthStatusEnum::NONE) => Health::Unchecked,
        Some(ContainerSummaryHealthStatusEnum::STARTING) => Health::Starting,
        Some(ContainerSummaryHealthStatusEnum::HEALTHY) => Health::Healthy,
        Some(ContainerSummaryHealthStatusEnum::UNHEALTHY) => Health::Unhealthy,
        Some(ContainerSummaryHealthStatusEnum::EMPTY) | None => {
            Health::from_status(summary.status.as_deref().unwrap_or_default())
        }
    }
}

/// The labels that routing looks at, unless they are too many to be looked at.
fn routing_labels(all: impl IntoIterator<Item = (String, String)>) -> (Labels, Option<Defect>) {
    let labels: Labels = all.into_iter().filter(|(key, _)| Container::is_routing_label(key)).collect();
    let bytes = labels.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    if bytes > MAX_LABEL_BYTES { (Labels::new(), Some(Defect::LabelsTooLarge(bytes))) } else { (labels, None) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::{ContainerSummaryHealth, ContainerSummaryHostConfig, ContainerSummaryStateEnum};

    fn summary() -> ContainerSummary {
        ContainerSummary {
            id: Some("4711".to_owned()),
            names: Some(vec!["/web".to_owned()]),
            created: Some(1_700_000_000),
            state: Some(ContainerSummaryStateEnum::RUNNING),
            status: Some("Up 3 seconds (healthy)".to_owned()),
            host_config: Some(ContainerSummaryHostConfig { network_mode: Some("host".to_owned()), annotations: None }),
            ..ContainerSummary::default()
        }
    }

    fn labelled(labels: &[(&str, &str)]) -> Container {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        container(ContainerSummary { labels: Some(labels), ..summary() }).unwrap()
    }

    #[test]
    fn a_usual_container() {
        let container = container(summary()).unwrap();
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
        let nameless = container(ContainerSummary { names: None, ..summary() }).unwrap();
        assert_eq!(nameless.defects, [Defect::NoName]);
    }

    #[test]
    fn an_entry_without_an_id_is_skipped_and_missing_fields_have_values() {
        assert_eq!(containers(vec![ContainerSummary { id: None, ..summary() }, summary()]).len(), 1);
        let bare = ContainerSummary { id: Some("1".to_owned()), ..ContainerSummary::default() };
        let bare = container(bare).unwrap();
        assert_eq!((bare.state, bare.health), (ContainerState::Unknown, Health::Unchecked));
    }

    #[test]
    fn the_health_field_goes_before_the_status_text() {
        let status = Some(ContainerSummaryHealthStatusEnum::UNHEALTHY);
        let health = Some(ContainerSummaryHealth { status, failing_streak: None });
        assert_eq!(container(ContainerSummary { health, ..summary() }).unwrap().health, Health::Unhealthy);
    }
}
