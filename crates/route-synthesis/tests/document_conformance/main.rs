//! A random red team: whatever an attacker writes into labels, the victim's part of the configuration is the same as
//! without it, nobody else gets what is the victim's, and Traefik's own decoder takes the document (asked through the
//! oracle, `TRAEFIK_ORACLE_BIN`, which `scripts/test conformance` sets).

#![expect(clippy::disallowed_methods, reason = "a test asks the environment and runs a program")]
#![expect(clippy::print_stdout, reason = "it says what it did, or why it did nothing")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod grammar;
mod oracle;

use std::{collections::BTreeMap, sync::Arc};

use container_snapshot::{Container, ContainerState, Event, Health, Store, Timestamp};
use grammar::attacker;
use oracle::Oracle;
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use repo_network::NetworkId;
use route_synthesis::{Cache, Ledger, Outcome, Policy, synthesize};
use serde_json::Value;
use traefik_model::Configuration;

const FLEETS: usize = 2500;
const VICTIM: u32 = 2816;
const ATTACKER: u32 = 2880;
const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

fn container(
    name: &str,
    service: &str,
    address: &str,
    created: i64,
    mut labels: BTreeMap<String, String>,
) -> Container {
    for (key, value) in [("traefik.enable", "true"), ("rediacc.service_ip", address), ("rediacc.service_name", service)]
    {
        labels.insert(key.to_owned(), value.to_owned());
    }
    Container {
        id: name.into(),
        name: name.to_owned(),
        labels: Arc::new(labels),
        created: Timestamp::from_secs(created),
        state: ContainerState::Running,
        health: Health::Unchecked,
        network_mode: "host".to_owned(),
        defects: Vec::new(),
    }
}

fn victim() -> Container {
    let labels = [
        ("http.routers.shop.rule", "Host(`shop.example.org`)"),
        ("http.routers.shop.tls.options", "mtls@file"),
        ("http.routers.shop.middlewares", "shop"),
        ("http.middlewares.shop.compress", "true"),
        ("http.services.shop.loadbalancer.server.port", "80"),
        ("tcp.routers.db.rule", "HostSNI(`db.example.org`)"),
        ("tcp.routers.db.entrypoints", "tcp-5432"),
        ("tcp.routers.db.tls.passthrough", "true"),
        ("tcp.services.db.loadbalancer.server.port", "5432"),
        ("udp.routers.dns.entrypoints", "udp-53"),
        ("udp.services.dns.loadbalancer.server.port", "53"),
    ];
    let labels = labels.map(|(key, value)| (format!("traefik.{key}"), value.to_owned()));
    let ports = ("rediacc.tcp_ports".to_owned(), "7000".to_owned());
    container("shop", "shop", "127.0.11.2", 100, labels.into_iter().chain([ports]).collect())
}

fn outcome(attacker: &[Container], ledger: &Ledger) -> Outcome {
    let mut store = Store::default();
    for (id, containers) in [(VICTIM, vec![victim()]), (ATTACKER, attacker.to_vec())] {
        let id = NetworkId::try_from(id).unwrap();
        store.apply(id, Event::Found { socket: format!("docker-{id}.sock") }, NOW);
        store.apply(id, Event::Listed(containers), NOW);
    }
    let policy = Policy {
        base_domain: "example.com".parse().ok(),
        allowed_references: ["mtls@file".to_owned()].into(),
        ..Policy::default()
    };
    synthesize(store.snapshot(), &policy, ledger, &mut Cache::default(), NOW)
}

/// Everything of one repository, as text: its entries by section and name.
fn part(configuration: &Configuration, id: u32) -> BTreeMap<String, String> {
    let document = serde_json::to_value(configuration).unwrap();
    let mut part = BTreeMap::new();
    for (protocol, sections) in document.as_object().unwrap() {
        for (section, entries) in sections.as_object().into_iter().flatten() {
            for (name, entry) in entries.as_object().into_iter().flatten() {
                if name.ends_with(&format!("-{id}")) || name.contains(&format!("-{id}.")) {
                    part.insert(format!("{protocol}.{section}.{name}"), entry.to_string());
                }
            }
        }
    }
    part
}

#[test]
fn no_attacker_changes_the_victims_part_or_breaks_the_document() {
    let mut oracle = std::env::var("TRAEFIK_ORACLE_BIN").ok().map(|program| Oracle::start(&program));
    if oracle.is_none() {
        println!("TRAEFIK_ORACLE_BIN is not set: the documents are not shown to Traefik's own decoder");
    }
    let alone = outcome(&[], &Ledger::default());
    let expected = part(&alone.publication.configuration(), VICTIM);
    assert!(expected.len() > 8, "{expected:#?}");
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut published = 0;
    for _ in 0..FLEETS {
        let attacker = attacker().new_tree(&mut runner).unwrap().current();
        let together = outcome(&attacker, &alone.ledger);
        assert_eq!(part(&together.publication.configuration(), VICTIM), expected, "{attacker:#?}");
        for (what, claim) in &alone.ledger.hosts {
            assert_eq!(together.ledger.hosts.get(what), Some(claim), "{attacker:#?}");
        }
        published += part(&together.publication.configuration(), ATTACKER).len();
        let document = together.publication.document().unwrap().text;
        let Some(oracle) = &mut oracle else { continue };
        let read = oracle.decode(&document).unwrap_or_else(|why| panic!("{why}\n{document}\n{attacker:#?}"));
        let count =
            |of: &Value, path: &str| of.pointer(path).and_then(Value::as_object).map_or(0, serde_json::Map::len);
        let meant = serde_json::to_value(together.publication.configuration()).unwrap();
        for path in ["/http/routers", "/http/services", "/http/middlewares", "/tcp/routers", "/tcp/services"] {
            assert_eq!(count(&read, path), count(&meant, path), "{path}\n{document}");
        }
    }
    assert!(published > FLEETS, "the attacker is so clumsy that nothing is tested: {published}");
}
