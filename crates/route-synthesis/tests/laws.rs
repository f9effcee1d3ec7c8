//! What holds for every fleet, however strange.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use container_snapshot::{Container, ContainerState, Event, Health, Store, Timestamp};
use proptest::prelude::*;
use repo_network::NetworkId;
use route_synthesis::{Cache, EntryPoints, Ledger, Outcome, Policy, Protocol, compare, synthesize};
use traefik_labels::rule;
use traefik_model::{Configuration, Role, Visitor, to_yaml};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

/// Keys and values that meet one another often enough to collide, refer and break.
fn label() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c@d"), Just("A")];
    let field = prop_oneof![
        Just("http.routers.{}.rule"),
        Just("http.routers.{}.service"),
        Just("http.routers.{}.middlewares"),
        Just("http.routers.{}.entrypoints"),
        Just("http.routers.{}.tls.options"),
        Just("http.services.{}.loadbalancer.server.port"),
        Just("http.services.{}.loadbalancer.server.url"),
        Just("http.services.{}.loadbalancer.passhostheader"),
        Just("http.middlewares.{}.chain.middlewares"),
        Just("http.middlewares.{}.errors.service"),
        Just("http.middlewares.{}.compress"),
        Just("tcp.routers.{}.rule"),
        Just("tcp.routers.{}.entrypoints"),
        Just("tcp.routers.{}.service"),
        Just("tcp.services.{}.loadbalancer.server.port"),
        Just("udp.routers.{}.entrypoints"),
        Just("udp.services.{}.loadbalancer.server.port"),
        Just("http.routers.{}.nonsense"),
        Just("http.routers.{}.tls.domains[0].main"),
        Just("http.routers.{}.tls.certresolver"),
        Just("tcp.routers.{}.tls"),
    ];
    let value = prop_oneof![
        Just("a"),
        Just("b@docker"),
        Just("a,b"),
        Just("x@file"),
        Just("api@internal"),
        Just("80"),
        Just("true"),
        Just("Host(`a.example.com`)"),
        Just("Host(`b.example.com`) || Host(`a.example.com`)"),
        Just("Host(`x-2816.example.com`)"),
        Just("Host(`A.example.com.`) && !Host(`b.example.com`)"),
        Just("HostRegexp(`.*`)"),
        Just("PathPrefix(`/`)"),
        Just("HostSNI(`a.example.com`)"),
        Just("*.example.com"),
        Just("HostSNI(`*`)"),
        Just("websecure,tcp-5432"),
        Just("tcp-5432"),
        Just("udp-53"),
        Just(""),
        Just("\u{1}`\u{2551}"),
    ];
    (name, field, value)
        .prop_map(|(name, field, value)| (format!("traefik.{}", field.replace("{}", name)), value.to_owned()))
}

fn container() -> impl Strategy<Value = Container> {
    let labels = prop::collection::vec(label(), 0..12);
    let enable = prop_oneof![8 => Just(Some("true")), 1 => Just(None), 1 => Just(Some("maybe"))];
    let state = prop_oneof![6 => Just(ContainerState::Running), 1 => Just(ContainerState::Exited), 1 => Just(ContainerState::Paused)];
    (labels, enable, state, 0_u8..70, 0_i64..3, "[a-d]").prop_map(|(labels, enable, state, address, created, name)| {
        let mut labels: BTreeMap<_, _> = labels.into_iter().collect();
        labels.extend(enable.map(|value| ("traefik.enable".to_owned(), value.to_owned())));
        labels.insert("rediacc.service_ip".to_owned(), format!("127.0.11.{address}"));
        labels.insert("rediacc.service_name".to_owned(), name.clone());
        if address % 3 == 0 {
            labels.insert("rediacc.tcp_ports".to_owned(), "5432,6379".to_owned());
        }
        Container {
            id: format!("{name}{address}{created}").into(),
            name,
            labels: Arc::new(labels),
            created: Timestamp::from_secs(created),
            state,
            health: Health::Unchecked,
            network_mode: "host".to_owned(),
            defects: Vec::new(),
        }
    })
}

fn fleet() -> impl Strategy<Value = Vec<(NetworkId, Vec<Container>)>> {
    let id = prop_oneof![Just(2816), Just(2880)].prop_map(|id: u32| NetworkId::try_from(id).unwrap());
    prop::collection::vec((id, prop::collection::vec(container(), 0..6)), 0..3)
}

fn policy() -> Policy {
    Policy {
        base_domain: "example.com".parse().ok(),
        allowed_references: BTreeSet::from(["x@file".to_owned()]),
        ..Policy::default()
    }
}

/// One repository whose containers were made from that second on.
fn repository(id: u32, from: i64) -> impl Strategy<Value = (NetworkId, Vec<Container>)> {
    let id = NetworkId::try_from(id).unwrap();
    prop::collection::vec(container(), 0..6).prop_map(move |mut containers| {
        for container in &mut containers {
            container.created = container.created.after(Duration::from_secs(from.unsigned_abs()));
            let labels = Arc::make_mut(&mut container.labels);
            let address = labels["rediacc.service_ip"].rsplit('.').next().unwrap().parse::<u32>().unwrap();
            let last = id.get() % 256 + address;
            labels.insert("rediacc.service_ip".to_owned(), format!("127.0.11.{last}"));
        }
        (id, containers)
    })
}

/// What a document says of one repository.
fn of(configuration: &Configuration, id: u32) -> Vec<String> {
    let mine = |name: &String| name.ends_with(&format!("-{id}")) || name.contains(&format!("-{id}."));
    let Configuration { http, tcp, udp, .. } = configuration;
    let mut all: Vec<String> = Vec::new();
    all.extend(http.routers.iter().filter(|(name, _)| mine(name)).map(|it| format!("{it:?}")));
    all.extend(http.services.iter().filter(|(name, _)| mine(name)).map(|it| format!("{it:?}")));
    all.extend(http.middlewares.iter().filter(|(name, _)| mine(name)).map(|it| format!("{it:?}")));
    all.extend(tcp.routers.iter().filter(|(name, _)| mine(name)).map(|it| format!("{it:?}")));
    all.extend(tcp.services.iter().filter(|(name, _)| mine(name)).map(|it| format!("{it:?}")));
    all.extend(udp.routers.iter().filter(|(name, _)| mine(name)).map(|it| format!("{it:?}")));
    all
}

fn outcome(fleet: &[(NetworkId, Vec<Container>)], cache: &mut Cache) -> Outcome {
    synthesize(store(fleet).snapshot(), &policy(), &Ledger::default(), cache, NOW)
}

fn store(fleet: &[(NetworkId, Vec<Container>)]) -> Store {
    let mut store = Store::default();
    for (id, containers) in fleet {
        store.apply(*id, Event::Found { socket: format!("docker-{id}.sock") }, NOW);
        store.apply(*id, Event::Listed(containers.clone()), NOW);
    }
    store
}

/// Everything that a configuration refers to.
#[derive(Default)]
struct Collected(Vec<(Role, String)>);

impl Visitor for Collected {
    fn enter(&mut self, _: &str) {}
    fn leave(&mut self) {}
    fn text(&mut self, role: Role, text: &mut String) {
        self.0.push((role, text.clone()));
    }
}

fn references<T: traefik_model::Value + Clone>(value: &T) -> Vec<(Role, String)> {
    let mut collected = Collected::default();
    value.clone().walk(&mut collected);
    collected.0.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

fn unresolved(configuration: &Configuration, entry_points: &EntryPoints) -> Vec<(Role, String)> {
    let Configuration { http, tcp, udp, .. } = configuration;
    let mut unresolved = Vec::new();
    let mut look = |all: Vec<(Role, String)>, services: &dyn Fn(&str) -> bool, middlewares: &dyn Fn(&str) -> bool| {
        unresolved.extend(all.into_iter().filter(|(role, text)| match role {
            Role::ServiceRef => text != "x@file" && !services(text),
            Role::MiddlewareRef => text != "x@file" && !middlewares(text),
            Role::EntryPointRef => entry_points.kind(text).is_none(),
            Role::TlsOptionsRef => text != "x@file" && text != "default",
            _ => false,
        }));
    };
    look(references(http), &|name| http.services.contains_key(name), &|name| http.middlewares.contains_key(name));
    look(references(tcp), &|name| tcp.services.contains_key(name), &|name| tcp.middlewares.contains_key(name));
    look(references(udp), &|name| udp.services.contains_key(name), &|_| false);
    unresolved
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_reference_resolves_inside_the_document(fleet in fleet()) {
        let outcome = outcome(&fleet, &mut Cache::default());
        prop_assert_eq!(unresolved(&outcome.publication.configuration(), &policy().entry_points), vec![]);
    }

    #[test]
    fn the_document_is_that_of_the_configuration(fleet in fleet(), every in 1_usize..4, certificates in 0_usize..3) {
        let store = store(&fleet);
        let policy = Policy { certificates_per_week: certificates, ..policy() };
        let outcome = synthesize(store.snapshot(), &policy, &Ledger::default(), &mut Cache::default(), NOW);
        let mut publication = outcome.publication;
        for _ in 0..2 {
            let configuration = publication.configuration();
            prop_assert_eq!(publication.document().unwrap(), to_yaml(&configuration).unwrap());
            let Configuration { http, tcp, udp, .. } = &configuration;
            let routers = publication.routers();
            let expected = (http.routers.len(), tcp.routers.len(), udp.routers.len());
            prop_assert_eq!((routers.http, routers.tcp, routers.udp), expected);
            prop_assert_eq!(routers.total, publication.table().iter().count());
            let backends: BTreeSet<_> = compare(publication.routes(), store.snapshot()).backends;
            let withheld: BTreeSet<_> = backends.into_iter().step_by(every).collect();
            publication.withhold(&withheld);
            let left = compare(publication.table().iter(), store.snapshot()).backends;
            prop_assert!(left.is_disjoint(&withheld));
        }
    }

    #[test]
    fn the_order_of_containers_and_daemons_does_not_matter(fleet in fleet()) {
        // One daemon is listed once here: its last list is what holds.
        let unique: BTreeMap<_, _> = fleet.into_iter().collect();
        let forwards: Vec<_> = unique.clone().into_iter().collect();
        let backwards: Vec<_> = unique.into_iter().rev().map(|(id, mut all)| { all.reverse(); (id, all) }).collect();
        // Two containers with one ID: which of them is listed last decides, so there is only one of each.
        let ids = |fleet: &[(NetworkId, Vec<Container>)]| fleet.iter().all(|(_, all)| {
            all.iter().map(|it| it.id.clone()).collect::<BTreeSet<_>>().len() == all.len()
        });
        prop_assume!(ids(&forwards));
        prop_assert_eq!(outcome(&forwards, &mut Cache::default()), outcome(&backwards, &mut Cache::default()));
    }

    #[test]
    fn a_warm_cache_changes_nothing(one in fleet(), other in fleet()) {
        let mut cache = Cache::default();
        let _ = outcome(&one, &mut cache);
        let _ = outcome(&other, &mut cache);
        prop_assert_eq!(outcome(&one, &mut cache), outcome(&one, &mut Cache::default()));
    }

    #[test]
    fn feeding_the_ledger_back_changes_nothing(fleet in fleet()) {
        let store = store(&fleet);
        let once = synthesize(store.snapshot(), &policy(), &Ledger::default(), &mut Cache::default(), NOW);
        let twice = synthesize(store.snapshot(), &policy(), &once.ledger, &mut Cache::default(), NOW);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn whoever_comes_later_changes_nothing_for_the_others(victim in repository(2816, 0), attacker in repository(2880, 100)) {
        let alone = outcome(std::slice::from_ref(&victim), &mut Cache::default());
        let together = outcome(&[victim, attacker], &mut Cache::default());
        prop_assert_eq!(of(&together.publication.configuration(), 2816), of(&alone.publication.configuration(), 2816));
    }

    #[test]
    fn nothing_has_two_owners(one in repository(2816, 0), other in repository(2880, 0)) {
        let outcome = outcome(&[one, other], &mut Cache::default());
        let mut owners: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        let mut own = |name: String, owner: NetworkId| { owners.entry(name).or_default().insert(owner.get()); };
        for (protocol, route) in outcome.publication.table().iter() {
            let id = route.source.network_id;
            let rule = match protocol {
                Protocol::Http => rule::parse(rule::Protocol::Http, rule::Syntax::V3, &route.rule, rule::Tls::Unknown).rule,
                Protocol::Tcp => rule::parse(rule::Protocol::Tcp, rule::Syntax::V3, &route.rule, rule::Tls::Unknown).rule,
                Protocol::Udp => None,
            };
            let hosts = rule.map(|rule| rule.hosts).unwrap_or_default();
            hosts.iter().filter(|host| *host != "*").for_each(|host| own(host.clone(), id));
            if protocol == Protocol::Udp || route.rule == "HostSNI(`*`)" {
                route.entrypoints.iter().for_each(|name| own(format!("entry point {name}"), id));
            }
        }
        let double: Vec<_> = owners.iter().filter(|(_, owners)| owners.len() > 1).collect();
        prop_assert!(double.is_empty(), "{double:?}");
    }

    #[test]
    fn every_container_is_routed_or_explained(fleet in fleet()) {
        let outcome = outcome(&fleet, &mut Cache::default());
        let routed: BTreeSet<_> = outcome.publication.table().iter().map(|(_, route)| (route.source.network_id, route.source.container.clone())).collect();
        let explained: BTreeSet<_> = outcome.unrouted.iter().filter_map(|it| Some((it.network_id?, it.container.clone()))).collect();
        let told: BTreeSet<_> = outcome.findings.iter().filter_map(|it| Some((it.subject.network_id?, it.subject.container.clone()))).collect();
        let unique: BTreeMap<_, _> = fleet.into_iter().collect();
        // Of two with one ID the one that is listed last is what there is.
        let there: BTreeMap<_, _> = unique.iter().flat_map(|(id, all)| all.iter().map(move |it| ((*id, &it.id), it))).collect();
        for ((id, _), container) in there {
            let key = (id, container.name.clone());
            let known = routed.contains(&key) || explained.contains(&key) || told.contains(&key);
            prop_assert!(known || container.state == ContainerState::Exited, "{container:?}");
        }
    }
}
