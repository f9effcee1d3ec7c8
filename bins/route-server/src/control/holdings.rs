//! What a repository has, for an export of it; and what an imported one gets of that.

use container_snapshot::Timestamp;
use repo_network::NetworkId;
use route_api::{HeldPort, Holdings};
use route_synthesis::{Allocation, Claim, EntryPointClaims, EntryPointKind, HostPattern, Ledger, Policy, Protocol};

/// Everything that a repository has.
pub(super) fn held(ledger: &Ledger, id: NetworkId) -> Holdings {
    let own = ledger.hosts.iter().filter(|(_, claim)| claim.owner == id);
    let (assigned, hosts): (Vec<_>, Vec<_>) = own.partition(|(_, claim)| claim.assigned);
    let names = |hosts: Vec<(&HostPattern, &Claim)>| hosts.into_iter().map(|(host, _)| host.to_string()).collect();
    let entry_points = |has: fn(&EntryPointClaims, NetworkId) -> bool| {
        let own = ledger.entry_points.iter().filter(|(_, claims)| has(claims, id));
        own.map(|(name, _)| name.clone()).collect()
    };
    let port = |it: &Allocation| HeldPort {
        protocol: it.protocol.as_str().to_owned(),
        public: it.public,
        service: it.service.clone(),
        port: it.port,
    };
    Holdings {
        hosts: names(hosts),
        assigned: names(assigned),
        exclusive: entry_points(|claims, id| claims.exclusive.is_some_and(|claim| claim.owner == id)),
        shared: entry_points(|claims, id| claims.shared.contains_key(&id)),
        ports: ledger.ports.iter().filter(|it| it.network_id == id).map(port).collect(),
    }
}

/// Gives a repository what it had, as long as nobody else has it and there is such a thing here; returns what it does not
/// get, and why. Nobody loses anything.
pub(super) fn restore(
    ledger: &mut Ledger,
    policy: &Policy,
    id: NetworkId,
    holdings: Holdings,
    now: Timestamp,
) -> Vec<String> {
    let mut not = Vec::new();
    let Holdings { hosts, assigned, exclusive, shared, ports } = holdings;
    let hosts = hosts.into_iter().take(policy.hosts_per_repository).map(|host| (host, false));
    for (host, assigned) in assigned.into_iter().map(|host| (host, true)).chain(hosts) {
        let Ok(pattern) = HostPattern::try_from(host.clone()) else {
            not.push(format!("{host:?} is no host"));
            continue;
        };
        let claim = Claim { assigned, ..Claim::new(id, now) };
        let owner = ledger.hosts.entry(pattern).or_insert(claim).owner;
        if owner != id {
            not.push(format!("{host} is network {owner}'s"));
        }
    }
    let exclusive = exclusive.into_iter().map(|name| (name, true));
    for (name, alone) in exclusive.chain(shared.into_iter().map(|name| (name, false))) {
        if policy.entry_points.kind(&name).is_none() {
            not.push(format!("there is no entry point {name} on this machine"));
            continue;
        }
        let claims = ledger.entry_points.get(&name);
        let others = |claims: &EntryPointClaims| {
            let sharers = claims.shared.keys().copied().filter(|_| alone);
            claims.exclusive.map(|claim| claim.owner).into_iter().chain(sharers).find(|owner| *owner != id)
        };
        if let Some(other) = claims.and_then(others) {
            not.push(format!("entry point {name} is network {other}'s"));
            continue;
        }
        let claims = ledger.entry_points.entry(name).or_default();
        let claim = Claim::new(id, now);
        if alone {
            claims.exclusive.get_or_insert(claim);
        } else {
            claims.shared.entry(id).or_insert(claim);
        }
    }
    for HeldPort { protocol, public, service, port } in ports {
        match place(ledger, policy, id, &protocol, public) {
            Ok(protocol) => {
                let is_same = |it: &Allocation| {
                    (it.network_id, it.protocol, it.port) == (id, protocol, port) && it.service == service
                };
                if !ledger.ports.iter().any(is_same) {
                    let since = now;
                    let unused_since = None;
                    ledger.ports.push(Allocation {
                        protocol,
                        public,
                        network_id: id,
                        service,
                        port,
                        since,
                        unused_since,
                    });
                }
            }
            Err(reason) => not.push(format!("{service}'s port {port} gets another public port: {reason}")),
        }
    }
    ledger.ports.sort();
    not
}

/// Whether a public port can be had; else whose it is.
fn place(ledger: &Ledger, policy: &Policy, id: NetworkId, protocol: &str, public: u16) -> Result<Protocol, String> {
    let name = format!("{protocol}-{public}");
    let protocol = match (protocol, policy.entry_points.kind(&name)) {
        ("tcp", Some(EntryPointKind::Tcp)) => Protocol::Tcp,
        ("udp", Some(EntryPointKind::Udp)) => Protocol::Udp,
        _ => return Err(format!("this machine has no {name}")),
    };
    if let Some(it) = ledger.ports.iter().find(|it| (it.protocol, it.public) == (protocol, public))
        && it.network_id != id
    {
        return Err(format!("{name} is network {}'s", it.network_id));
    }
    let claims = ledger.entry_points.get(&name);
    let owner = claims
        .and_then(|claims| claims.exclusive.map(|claim| claim.owner).or_else(|| claims.shared.keys().next().copied()));
    owner.map_or(Ok(protocol), |owner| Err(format!("{name} is network {owner}'s")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> NetworkId {
        number.try_into().unwrap()
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        let at = Timestamp::from_secs(1);
        ledger.hosts.insert("app.example.org".parse().unwrap(), Claim::new(id(2816), at));
        ledger.assign("*.example.org".parse().unwrap(), id(2816), at);
        ledger.hosts.insert("b.example.org".parse().unwrap(), Claim::new(id(2880), at));
        let own = EntryPointClaims { exclusive: Some(Claim::new(id(2816), at)), ..EntryPointClaims::default() };
        ledger.entry_points.insert("tcp-25".to_owned(), own);
        let shared = [(id(2816), Claim::new(id(2816), at)), (id(2880), Claim::new(id(2880), at))].into();
        ledger.entry_points.insert("tcp-5432".to_owned(), EntryPointClaims { shared, ..Default::default() });
        ledger.ports.push(Allocation {
            protocol: Protocol::Tcp,
            public: 20001,
            network_id: id(2816),
            service: "game".to_owned(),
            port: 7777,
            since: at,
            unused_since: None,
        });
        ledger
    }

    fn policy() -> Policy {
        let entry_points = ["web", "websecure", "tcp-25", "tcp-5432", "tcp-20001"];
        Policy { entry_points: entry_points.iter().map(|name| name.parse().unwrap()).collect(), ..Policy::default() }
    }

    #[test]
    fn what_is_exported_is_restored() {
        let before = ledger();
        let holdings = held(&before, id(2816));
        assert_eq!(holdings.count(), 5, "{holdings:?}");
        let mut elsewhere = Ledger::default();
        let not = restore(&mut elsewhere, &policy(), id(2816), holdings.clone(), Timestamp::from_secs(2));
        assert_eq!((not, held(&elsewhere, id(2816))), (vec![], holdings.clone()));
        let whole = elsewhere.clone();
        let not = restore(&mut elsewhere, &policy(), id(2816), holdings, Timestamp::from_secs(3));
        assert_eq!((not, elsewhere), (vec![], whole), "the same again");
    }

    #[test]
    fn what_others_have_stays_theirs() {
        let mut ledger = ledger();
        let holdings = held(&ledger, id(2816));
        let before = ledger.clone();
        let not = restore(&mut ledger, &policy(), id(2944), holdings, Timestamp::from_secs(2));
        let expected = [
            "*.example.org is network 2816's",
            "app.example.org is network 2816's",
            "entry point tcp-25 is network 2816's",
            "game's port 7777 gets another public port: tcp-20001 is network 2816's",
        ];
        assert_eq!(not, expected);
        // Sharing takes nothing from anybody.
        ledger.entry_points.get_mut("tcp-5432").unwrap().shared.remove(&id(2944)).unwrap();
        assert_eq!(ledger, before);
    }

    #[test]
    fn nonsense_is_told_and_takes_nothing() {
        let text = r#"{"hosts": ["", "a b"], "exclusive": ["tcp-1"], "ports":
            [{"protocol": "http", "public": 80, "service": "x", "port": 1}, {"protocol": "tcp", "public": 25, "service": "x", "port": 1}]}"#;
        let holdings: Holdings = serde_json::from_str(text).unwrap();
        let mut ledger = ledger();
        let before = ledger.clone();
        let not = restore(&mut ledger, &policy(), id(2944), holdings, Timestamp::from_secs(2));
        assert!(not.contains(&"there is no entry point tcp-1 on this machine".to_owned()), "{not:?}");
        assert!(not.iter().any(|it| it.ends_with("this machine has no http-80")), "{not:?}");
        assert!(not.iter().any(|it| it.ends_with("tcp-25 is network 2816's")), "{not:?}");
        ledger.hosts.retain(|_, claim| claim.owner != id(2944));
        assert_eq!(ledger, before);
    }
}
