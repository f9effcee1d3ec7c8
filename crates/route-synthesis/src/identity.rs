use std::net::Ipv4Addr;

use container_snapshot::{Container, Labels};
use repo_network::{AUTO_ROUTE, NETWORK_ID, NetworkId, SERVICE_IP, SERVICE_PORT, Tier1, parse_port};

use crate::{Finding, FindingCode, Severity, Subject};

/// What `traefik.enable` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Enable {
    /// There is no such label.
    Absent,
    /// True, in one of Go's spellings.
    Yes,
    /// False, in one of Go's spellings.
    No,
    /// Anything else.
    Unclear(String),
}

/// Who a container is, by the labels of tier 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The service's name.
    pub(crate) service: String,
    /// Its address, which lies in the repository's network.
    pub(crate) address: Ipv4Addr,
    /// The port that its user declared for HTTP.
    pub(crate) service_port: Option<u16>,
    /// Whether it may have an auto-route.
    pub(crate) auto_route: bool,
}

/// Port of the auto-route's backend when nothing is declared; nothing else is ever guessed (requirements §3).
pub(crate) const DEFAULT_SERVICE_PORT: u16 = 80;

// === impl Enable ===

impl Enable {
    /// Reads the label, in any case behind `traefik.` as Traefik does.
    pub(crate) fn of(labels: &Labels) -> Self {
        let found = labels.iter().find(|(key, _)| key.eq_ignore_ascii_case("traefik.enable"));
        match found {
            None => Self::Absent,
            Some((key, value)) if !key.starts_with("traefik.") => Self::Unclear(format!("{key}={value}")),
            Some((_, value)) => match value.as_str() {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => Self::Yes,
                "0" | "f" | "F" | "FALSE" | "false" | "False" => Self::No,
                _ => Self::Unclear(format!("traefik.enable={value}")),
            },
        }
    }
}

// === impl Identity ===

impl Identity {
    /// Reads the labels of tier 1. `None` with a finding: the container cannot be routed.
    pub(crate) fn of(id: NetworkId, container: &Container, findings: &mut Vec<Finding>) -> Option<Self> {
        let subject = Subject::container(id, container);
        let labels = &container.labels;
        let address = address(id, labels, &subject, findings)?;
        if let Some(other) = labels.get(NETWORK_ID).filter(|text| **text != id.to_string()) {
            let message = format!("the label says network {other:?}, but its daemon is network {id}, which holds");
            let finding = Finding::new(FindingCode::NetworkIdContradicted, Severity::Warning, subject.clone(), message);
            findings.push(finding.label(NETWORK_ID));
        }
        let service_port = service_port(labels, &subject, findings)?;
        let service = Tier1::of(labels).service_name().unwrap_or(&container.name).to_owned();
        let auto_route = labels.get(AUTO_ROUTE).is_none_or(|value| value != "false");
        Some(Self { service, address, service_port, auto_route })
    }
}

fn address(id: NetworkId, labels: &Labels, subject: &Subject, findings: &mut Vec<Finding>) -> Option<Ipv4Addr> {
    let Some(text) = labels.get(SERVICE_IP) else {
        let finding = Finding::new(
            FindingCode::NoServiceIp,
            if Enable::of(labels) == Enable::Yes { Severity::Error } else { Severity::Info },
            subject.clone(),
            format!("it has no address of the repository (label {SERVICE_IP})"),
        );
        findings.push(finding.hint("start it with `renet compose -- up -d`"));
        return None;
    };
    match Tier1::of(labels).service_ip().filter(|address| id.owns(*address)) {
        Some(address) => Some(address),
        None => {
            let message = format!("{text:?} is no service address of network {id} ({}/26)", id.network());
            let finding = Finding::new(FindingCode::ForeignServiceIp, Severity::Error, subject.clone(), message);
            findings.push(finding.label(SERVICE_IP).hint("start it with `renet compose -- up -d`"));
            None
        }
    }
}

/// `None`: there is one, but it is no port; `Some(None)`: there is none.
#[expect(clippy::option_option, reason = "absent and wrong are different")]
fn service_port(labels: &Labels, subject: &Subject, findings: &mut Vec<Finding>) -> Option<Option<u16>> {
    let Some(text) = labels.get(SERVICE_PORT) else { return Some(None) };
    let port = parse_port(text);
    if port.is_none() {
        let message = format!("{text:?} is no port; expected a number from 1 to 65535");
        let finding = Finding::new(FindingCode::BadServicePort, Severity::Error, subject.clone(), message);
        findings.push(finding.label(SERVICE_PORT));
    }
    port.map(Some)
}
