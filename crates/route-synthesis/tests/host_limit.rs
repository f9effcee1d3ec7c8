//! A repository owns a limited number of hosts, however many its labels make up over time.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeMap, sync::Arc};

use container_snapshot::{Container, ContainerState, Event, Health, Store, Timestamp};
use repo_network::NetworkId;
use route_synthesis::{Cache, FindingCode, Ledger, Outcome, Policy, synthesize};

const LIMIT: usize = 3;

/// A container of 2816, created at that second, with a router for each host.
fn container(created: i64, hosts: &[&str]) -> Container {
    let mut labels = BTreeMap::from([
        ("rediacc.service_name".to_owned(), "app".to_owned()),
        ("rediacc.service_ip".to_owned(), "127.0.11.2".to_owned()),
        ("traefik.enable".to_owned(), "true".to_owned()),
        ("traefik.http.services.s.loadbalancer.server.port".to_owned(), "80".to_owned()),
    ]);
    for host in hosts {
        let name = host.replace('.', "-");
        labels.insert(format!("traefik.http.routers.{name}.rule"), format!("Host(`{host}`)"));
    }
    Container {
        id: format!("{created}-{}", hosts.concat()).into(),
        name: "app".to_owned(),
        labels: Arc::new(labels),
        created: Timestamp::from_secs(created),
        state: ContainerState::Running,
        health: Health::Unchecked,
        network_mode: "host".to_owned(),
        defects: Vec::new(),
    }
}

/// What comes of these containers at that second; the ledger goes on.
fn round(ledger: &mut Ledger, now: i64, containers: Vec<Container>) -> Outcome {
    let policy = Policy { hosts_per_repository: LIMIT, ..Policy::default() };
    let id = NetworkId::try_from(2816).unwrap();
    let mut store = Store::default();
    store.apply(id, Event::Found { socket: String::new() }, Timestamp::from_secs(now));
    store.apply(id, Event::Listed(containers), Timestamp::from_secs(now));
    let outcome = synthesize(store.snapshot(), &policy, ledger, &mut Cache::default(), Timestamp::from_secs(now));
    *ledger = outcome.ledger.clone();
    outcome
}

fn hosts(ledger: &Ledger) -> Vec<&str> {
    ledger.hosts.keys().map(|host| host.as_str()).collect()
}

#[test]
fn the_oldest_routers_up_to_the_limit_are_published() {
    let mut ledger = Ledger::default();
    let outcome = round(&mut ledger, 10, vec![container(1, &["a.x", "b.x"]), container(2, &["c.x", "d.x"])]);
    assert_eq!(hosts(&ledger), ["a.x", "b.x", "c.x"]);
    assert_eq!(outcome.publication.routers().http, LIMIT);
    let refused: Vec<_> = outcome.findings.iter().filter(|it| it.code == FindingCode::TooManyHosts).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].message, "its repository would own 4 hosts, and may own 3");
}

#[test]
fn a_router_that_would_go_beyond_the_limit_claims_nothing() {
    let mut ledger = Ledger::default();
    let mut greedy = container(1, &[]);
    let rule = "Host(`a.x`) || Host(`b.x`) || Host(`c.x`) || Host(`d.x`)".to_owned();
    Arc::make_mut(&mut greedy.labels).insert("traefik.http.routers.r.rule".to_owned(), rule);
    assert_eq!(round(&mut ledger, 10, vec![greedy]).publication.routers().http, 0);
    assert_eq!(hosts(&ledger), [""; 0]);
}

#[test]
fn what_is_unused_for_longest_is_given_up_for_a_new_host() {
    let mut ledger = Ledger::default();
    for at in 0..20_i64 {
        let host = format!("h{at:02}.x");
        let outcome = round(&mut ledger, at, vec![container(at, &[&host, "kept.x"])]);
        assert_eq!(outcome.publication.routers().http, 2, "{:?}", outcome.findings);
        assert!(ledger.hosts.len() <= LIMIT, "{:?}", hosts(&ledger));
    }
    // The last but one is still its own; `kept.x` was never given up.
    assert_eq!(hosts(&ledger), ["h18.x", "h19.x", "kept.x"]);
}

#[test]
fn what_the_operator_assigned_does_not_count() {
    let mut ledger = Ledger::default();
    let id = NetworkId::try_from(2816).unwrap();
    ledger.assign("z.x".parse().unwrap(), id, Timestamp::from_secs(0));
    let outcome = round(&mut ledger, 10, vec![container(1, &["a.x", "b.x", "c.x", "z.x"])]);
    assert_eq!(outcome.publication.routers().http, 4);
}
