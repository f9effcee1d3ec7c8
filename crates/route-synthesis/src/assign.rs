//! Which entry points a router is published on: those that exist, of its protocol, written out.

use traefik_model::role::EntryPointRef;

use crate::{
    FindingCode, Policy, Severity,
    entry_points::{EntryPointKind, is_v6},
    table::Protocol,
};

/// What came of a router's entry points.
pub(crate) struct Assigned {
    /// The entry points; none: the router cannot be published.
    pub(crate) entry_points: Vec<EntryPointRef>,
    /// What is to be said about it.
    pub(crate) remarks: Vec<Remark>,
}

/// Something about one entry point.
pub(crate) struct Remark {
    pub(crate) code: FindingCode,
    pub(crate) severity: Severity,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Assigns entry points to a router that names these.
pub(crate) fn assign(wanted: &[EntryPointRef], protocol: Protocol, has_tls: bool, policy: &Policy) -> Assigned {
    let mut assigned = Assigned { entry_points: Vec::new(), remarks: Vec::new() };
    if wanted.is_empty() && protocol == Protocol::Http {
        assigned.entry_points = http_default(policy);
    }
    for name in wanted.iter().map(EntryPointRef::as_str) {
        match policy.entry_points.kind(name) {
            None => assigned.remarks.extend(missing(name, policy)),
            Some(kind) if carries(kind, protocol, has_tls) => {
                assigned.add(name);
                let twin = matches!(kind, EntryPointKind::Tcp | EntryPointKind::Udp)
                    .then(|| policy.entry_points.v6_twin(name));
                twin.flatten().iter().for_each(|twin| assigned.add(twin));
            }
            Some(kind) => assigned.remarks.push(wrong(name, kind, protocol)),
        }
    }
    if assigned.entry_points.is_empty() {
        assigned.remarks.push(none_left(wanted, protocol));
    }
    assigned
}

/// A router without entry points is put on HTTPS, never on everything as Traefik would.
fn http_default(policy: &Policy) -> Vec<EntryPointRef> {
    let of = |kind| policy.entry_points.of_kind(kind).map(Into::into).collect::<Vec<_>>();
    match of(EntryPointKind::Https) {
        none if none.is_empty() => of(EntryPointKind::Http),
        https => https,
    }
}

/// Whether an entry point of that kind carries such routers. TCP on an HTTPS entry point is told apart by its SNI.
fn carries(kind: EntryPointKind, protocol: Protocol, has_tls: bool) -> bool {
    match protocol {
        Protocol::Http => matches!(kind, EntryPointKind::Http | EntryPointKind::Https),
        Protocol::Tcp => kind == EntryPointKind::Tcp || (kind == EntryPointKind::Https && has_tls),
        Protocol::Udp => kind == EntryPointKind::Udp,
    }
}

fn wrong(name: &str, kind: EntryPointKind, protocol: Protocol) -> Remark {
    let carried = match kind {
        EntryPointKind::Http | EntryPointKind::Https => "HTTP",
        EntryPointKind::Tcp => "TCP",
        EntryPointKind::Udp => "UDP",
    };
    Remark {
        code: FindingCode::WrongEntryPoint,
        severity: Severity::Error,
        message: format!(
            "entry point {name:?} carries {carried}, and this is a router for {}",
            protocol.as_str().to_uppercase()
        ),
        hint: None,
    }
}

fn none_left(wanted: &[EntryPointRef], protocol: Protocol) -> Remark {
    let (message, hint) = if wanted.is_empty() {
        let prefix = protocol.as_str();
        let message = format!("a {} router needs an entry point of its own", prefix.to_uppercase());
        (message, Some(format!("traefik.{prefix}.routers.<name>.entrypoints={prefix}-<port>")))
    } else {
        ("none of its entry points is left: the router is not published".to_owned(), None)
    };
    Remark { code: FindingCode::NoEntryPoint, severity: Severity::Error, message, hint }
}

/// An entry point that does not exist: the line that makes it. Nothing for an IPv6 twin where there is no IPv6.
fn missing(name: &str, policy: &Policy) -> Option<Remark> {
    if is_v6(name) && !policy.entry_points.has_v6() {
        return None;
    }
    let hint = [("tcp", EntryPointKind::Tcp), ("udp", EntryPointKind::Udp)].into_iter().find_map(|(protocol, kind)| {
        let port: u16 = name.strip_prefix(protocol)?.strip_prefix('-')?.parse().ok()?;
        let mut ports = policy.entry_points.registered(kind, policy.dynamic_ports);
        ports.insert(port);
        let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        Some(format!("rdc context set-infra <name> --{protocol}-ports {ports}, then rdc context push-infra <name>"))
    });
    Some(Remark {
        code: FindingCode::MissingEntryPoint,
        severity: Severity::Error,
        message: format!("entry point {name:?} does not exist"),
        hint,
    })
}

// === impl Assigned ===

impl Assigned {
    fn add(&mut self, name: &str) {
        if self.entry_points.iter().all(|known| known.as_str() != name) {
            self.entry_points.push(name.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EntryPoint, EntryPoints};

    fn policy(names: &[&str]) -> Policy {
        let entry_points: EntryPoints = names.iter().map(|name| name.parse::<EntryPoint>().unwrap()).collect();
        Policy { entry_points, ..Policy::default() }
    }

    fn names(assigned: &Assigned) -> Vec<&str> {
        assigned.entry_points.iter().map(EntryPointRef::as_str).collect()
    }

    #[test]
    fn tcp_gets_the_twin_and_http_does_not() {
        let policy = policy(&["web", "websecure", "websecure-v6", "tcp-25", "tcp-25-v6"]);
        assert_eq!(names(&assign(&["tcp-25".into()], Protocol::Tcp, false, &policy)), ["tcp-25", "tcp-25-v6"]);
        assert_eq!(names(&assign(&["websecure".into()], Protocol::Http, false, &policy)), ["websecure"]);
        assert_eq!(names(&assign(&[], Protocol::Http, false, &policy)), ["websecure", "websecure-v6"]);
    }

    #[test]
    fn what_is_missing_is_dropped_and_the_line_to_write_is_complete() {
        let policy = policy(&["websecure", "tcp-5432", "tcp-993", "tcp-10000"]);
        let assigned = assign(&["tcp-25".into(), "tcp-993".into()], Protocol::Tcp, false, &policy);
        assert_eq!(names(&assigned), ["tcp-993"]);
        let hint = assigned.remarks[0].hint.as_deref().unwrap();
        assert!(hint.starts_with("rdc context set-infra <name> --tcp-ports 25,993,"), "{hint}");
        let assigned = assign(&["websecure".into(), "websecure-v6".into()], Protocol::Http, false, &policy);
        assert!(assigned.remarks.is_empty(), "no IPv6 is no finding");
    }

    #[test]
    fn protocols_keep_to_their_own() {
        let policy = policy(&["websecure", "tcp-25", "udp-53"]);
        for (name, protocol) in [("tcp-25", Protocol::Http), ("websecure", Protocol::Tcp), ("tcp-25", Protocol::Udp)] {
            let assigned = assign(&[name.into()], protocol, false, &policy);
            assert!(assigned.entry_points.is_empty(), "{name}");
            assert_eq!(assigned.remarks[0].code, FindingCode::WrongEntryPoint);
        }
        assert!(assign(&[], Protocol::Tcp, true, &policy).entry_points.is_empty());
    }
}
