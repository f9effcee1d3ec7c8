use repo_network::NetworkId;

use crate::policy::is_dns_label;

/// Traefik's `Normalize`: the runs of letters and digits, joined by dashes.
pub(crate) fn normalize(text: &str) -> String {
    text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// The name under which something of a repository is published. Injective: the last dash ends the name.
pub(crate) fn published(name: &str, id: NetworkId) -> String {
    format!("{name}-{id}")
}

/// The name of an auto-route, which no label can spell: a label's name cannot hold a dot.
pub(crate) fn auto(service: &str, id: NetworkId) -> String {
    format!("{service}-{id}.auto")
}

/// The DNS label of a service's auto-route, if its name makes one: lower case, `_` and `.` as dashes.
pub(crate) fn dns_label(service: &str, id: NetworkId) -> Option<String> {
    let name = service.to_ascii_lowercase().replace(['_', '.'], "-");
    let label = published(&name, id);
    (is_dns_label(&name) && is_dns_label(&label)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let id = "2816".parse().unwrap();
        assert_eq!(normalize("/My_App.1--x"), "My-App-1-x");
        assert_eq!(dns_label("My_App.web", id).as_deref(), Some("my-app-web"));
        for bad in ["", "-", "_x", "straße", "a b", &"x".repeat(60)] {
            assert_eq!(dns_label(bad, id), None, "{bad}");
        }
        assert_eq!(dns_label(&"x".repeat(58), id).map(|name| name.len()), Some(58));
    }
}
