//! What Traefik's own Docker provider made of containers (`fixtures/traefik-cases/docker.jsonl`), beside what we make
//! of the same labels: the same routers, tied to the same services, with servers on the same ports. Names get the
//! network ID, addresses are the containers' own, and the default rule is the auto-route's host.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::{collections::BTreeMap, sync::Arc};

use container_snapshot::{Container, ContainerState, Event, Health, Store, Timestamp};
use route_synthesis::{Cache, Ledger, Outcome, Policy, synthesize};
use serde_json::Value;

/// Where we differ on purpose: from the case's name to the reason.
const ON_PURPOSE: &[(&str, &str)] = &[
    ("no labels host, no ports", "traefik.enable=true alone is the auto-route (requirements §3)"),
    ("host exposed ports", "exposed ports are not guessed: the auto-route's port is declared or 80"),
    ("allownonrunning no svc label", "a container that is down keeps its routers for the grace time"),
    ("url", "a server is always the container's own address"),
    ("port range", "99999 is no port"),
    ("port spaces", "\" 80 \" is no port"),
    ("weight no port label w/ exposed", "exposed ports are not guessed"),
    ("router refs other svc, exposed", "references leave the repository only where the operator allows it"),
    ("two services two routers unlinked", "services that no router leads to stay, as in Traefik"),
    ("mw only on host no port", "without router and service the auto-route is what is left"),
    ("mw only with port exposed", "exposed ports are not guessed"),
    ("tcp + http with http port missing", "the TCP part is kept"),
    ("bad label one of two containers", "a bad label costs its router, not its container"),
    ("paused", "routers of a paused container stay, without servers"),
    ("restarting", "routers of a restarting container stay, without servers"),
    ("unhealthy", "routers of an unhealthy container stay, without servers"),
    ("health none", "no health check is healthy"),
    ("exited allownonrunning", "a container that is down keeps its routers, without the broken server"),
    ("exited allownonrunning weight", "a container that is down keeps its routers, without the broken server"),
    ("unhealthy allownonrunning", "an unhealthy container has no servers, not a broken one"),
    ("same svc diff passhost", "the oldest definition stays; Traefik deletes all"),
    ("same router differing service autolink", "the oldest definition stays; Traefik deletes all"),
    ("3 containers mw A,B,A", "the oldest definition stays; Traefik deletes all"),
    ("3 containers svc ph A,A,B", "the oldest definition stays; Traefik deletes all"),
    ("compose scale w/ ports", "exposed ports are not guessed"),
    ("constraint Label", "there are no constraints"),
    ("default rule empty", "the default rule is the auto-route's host"),
    ("ipv6-only net", "a service's address is the one that it was assigned"),
    ("enabled typo", "traefik.enabled is no traefik.enable: an auto-route, and a finding that asks"),
    ("name normalize", "without labels the auto-route is what there is"),
];

#[test]
fn as_traefiks_docker_provider() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for line in include_str!("../../../fixtures/traefik-cases/docker.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap();
        let outcome = outcome(&case["req"]["inspects"]);
        if ON_PURPOSE.iter().any(|(known, _)| *known == name) {
            continue;
        }
        compared += 1;
        let (ours, theirs) = (ours(&outcome), theirs(&case["resp"]["config"]));
        if ours != theirs {
            wrong.push(format!("{name}\n  ours:   {ours:?}\n  theirs: {theirs:?}\n  {:?}", outcome.findings));
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 25, "{compared}");
}

#[test]
fn every_exception_is_a_case() {
    let cases = include_str!("../../../fixtures/traefik-cases/docker.jsonl");
    for (name, _) in ON_PURPOSE {
        let quoted = serde_json::to_string(name).unwrap();
        assert!(cases.contains(&format!("\"name\": {quoted}")), "{name}");
    }
}

fn outcome(inspects: &Value) -> Outcome {
    let id = "2816".parse().unwrap();
    let now = Timestamp::from_secs(1_000);
    let containers =
        inspects.as_array().unwrap().iter().enumerate().map(|(at, inspect)| container(at, inspect)).collect();
    let mut store = Store::default();
    store.apply(id, Event::Found { socket: "docker-2816.sock".to_owned() }, now);
    store.apply(id, Event::Listed(containers), now);
    let entry_points = ["web", "websecure", "x=tcp"].iter().map(|name| name.parse().unwrap()).collect();
    let policy = Policy { base_domain: "example.com".parse().ok(), entry_points, ..Policy::default() };
    synthesize(store.snapshot(), &policy, &Ledger::default(), &mut Cache::default(), now)
}

fn container(at: usize, inspect: &Value) -> Container {
    let mut labels: BTreeMap<String, String> = serde_json::from_value(inspect["Config"]["Labels"].clone()).unwrap();
    if !labels.keys().any(|key| key.to_lowercase().starts_with("traefik.enable")) {
        labels.insert("traefik.enable".to_owned(), "true".to_owned());
    }
    // A TCP router needs an entry point here.
    if labels.keys().any(|key| key.starts_with("traefik.tcp.routers.t.")) {
        labels.insert("traefik.tcp.routers.t.entrypoints".to_owned(), "x".to_owned());
    }
    labels.insert("rediacc.service_ip".to_owned(), format!("127.0.11.{}", at + 2));
    labels.insert("rediacc.service_name".to_owned(), format!("service{at}"));
    Container {
        id: inspect["Id"].as_str().unwrap().into(),
        name: inspect["Name"].as_str().unwrap().trim_start_matches('/').to_owned(),
        labels: Arc::new(labels),
        created: Timestamp::from_secs(i64::try_from(at).unwrap()),
        state: ContainerState::from_docker(inspect["State"]["Status"].as_str().unwrap()),
        health: match inspect["State"]["Health"]["Status"].as_str() {
            Some("healthy") => Health::Healthy,
            Some("unhealthy") => Health::Unhealthy,
            _ => Health::Unchecked,
        },
        network_mode: "host".to_owned(),
        defects: Vec::new(),
    }
}

/// Routers by protocol and name with their service, and services with the schemes and ports of their servers.
type Shape = BTreeMap<String, String>;

fn ours(outcome: &Outcome) -> Shape {
    shape(&serde_json::to_value(outcome.publication.configuration()).unwrap(), "-2816")
}

fn theirs(configuration: &Value) -> Shape {
    shape(configuration, "")
}

fn shape(configuration: &Value, suffix: &str) -> Shape {
    let mut shape = Shape::new();
    let local = |name: &str| name.strip_suffix(suffix).unwrap_or(name).to_owned();
    for protocol in ["http", "tcp", "udp"] {
        let section = &configuration[protocol];
        for (name, router) in section["routers"].as_object().into_iter().flatten() {
            let service = router["service"].as_str().unwrap_or_default();
            shape.insert(format!("{protocol} router {}", local(name)), local(service));
        }
        for (name, service) in section["services"].as_object().into_iter().flatten() {
            let servers = service["loadBalancer"]["servers"].as_array().into_iter().flatten();
            let servers = servers.map(|server| {
                let text = server["url"].as_str().or(server["address"].as_str()).unwrap_or_default();
                let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
                let port = text.rsplit(':').next().unwrap_or_default();
                format!("{scheme} {port} {}", server["weight"])
            });
            let mut servers: Vec<_> = servers.collect();
            servers.sort();
            shape.insert(format!("{protocol} service {}", local(name)), servers.join(", "));
        }
    }
    shape
}
