//! Backends compared with who listens.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeMap, sync::Arc};

use container_snapshot::{
    Container, ContainerState, Endpoint, Event, Health, Interest, Listener, Listeners, Owner, Store, Timestamp,
    Transport,
};
use proptest::prelude::*;
use repo_network::NetworkId;
use route_synthesis::{
    Cache, Comparison, FindingCode, Ledger, Policy, Publication, Route, RouteKind, RouteSource, Severity, Table,
    compare, synthesize,
};

const WEB: &str = "127.0.11.2:8080";

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn container(id: &str, address: &str) -> Container {
    let labels = [("rediacc.service_ip", address), ("rediacc.service_name", id)];
    let labels: BTreeMap<_, _> = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Container {
        id: id.into(),
        name: id.to_owned(),
        labels: Arc::new(labels),
        created: at(1),
        state: ContainerState::Running,
        health: Health::Unchecked,
        network_mode: "host".to_owned(),
        defects: Vec::new(),
    }
}

/// Repository 2816 with `web`, `db` and `dns`, and 2880 with `other`; all are up since second 2.
fn fleet() -> Store {
    let mut store = Store::default();
    let mut list = |id: u32, containers: &[(&str, &str)]| {
        let id = NetworkId::try_from(id).unwrap();
        store.apply(id, Event::Found { socket: format!("docker-{id}.sock") }, at(1));
        let containers = containers.iter().map(|(id, address)| container(id, address)).collect();
        store.apply(id, Event::Listed(containers), at(2));
    };
    list(2816, &[("web", "127.0.11.2"), ("db", "127.0.11.3"), ("dns", "127.0.11.4")]);
    list(2880, &[("other", "127.0.11.66")]);
    store
}

fn route(container: &str, service: &str, backend: &str) -> Route {
    let source = RouteSource {
        network_id: NetworkId::try_from(2816).unwrap(),
        container: container.to_owned(),
        service: container.to_owned(),
        kind: RouteKind::Labels,
        created: at(1),
    };
    Route {
        name: format!("{container}-2816"),
        rule: String::new(),
        entrypoints: Vec::new(),
        service: service.to_owned(),
        middlewares: Vec::new(),
        tls: false,
        cert_resolver: String::new(),
        priority: 0,
        backends: vec![backend.to_owned()],
        source: Arc::new(source),
    }
}

/// `web` and `dns` have routes: HTTP on 8080 (two of them), UDP on 53.
fn table() -> Table {
    let web = route("web", "web-2816", &format!("http://{WEB}"));
    Table { http: vec![web.clone(), web], tcp: Vec::new(), udp: vec![route("dns", "dns-2816", "127.0.11.4:53")] }
}

fn listeners(read_at: i64, tcp: &[(&str, Owner)]) -> Listeners {
    let mut listeners = Listeners { read_at: at(read_at), ..Listeners::default() };
    let dns = Listener { transport: Transport::Udp, address: "127.0.11.4:53".parse().unwrap(), inode: 0 };
    listeners.insert(dns, Owner::Unknown);
    for (address, owner) in tcp {
        let listener = Listener { transport: Transport::Tcp, address: address.parse().unwrap(), inode: 0 };
        listeners.insert(listener, owner.clone());
    }
    listeners
}

fn compared(listeners: Listeners) -> Comparison {
    let mut store = fleet();
    store.set_listeners(Some(listeners));
    compare(table().iter(), store.snapshot())
}

/// The findings with their cures, when these listen for TCP.
fn said(tcp: &[(&str, Owner)]) -> Vec<String> {
    compared(listeners(100, tcp)).findings.iter().map(ToString::to_string).collect()
}

fn of(id: &str) -> Owner {
    Owner::Container(vec![id.into()])
}

fn nginx() -> Owner {
    Owner::Process { name: "nginx".to_owned(), pid: 7 }
}

fn web() -> Endpoint {
    Endpoint::tcp(WEB.parse().unwrap())
}

#[test]
fn who_listens_as_declared_is_not_spoken_of() {
    for owner in [Owner::Unknown, of("web"), of("db"), Owner::Daemon(NetworkId::try_from(2816).unwrap())] {
        let comparison = compared(listeners(100, &[(WEB, owner.clone())]));
        assert_eq!(comparison.findings, [], "{owner:?}");
        assert!(comparison.withheld.is_empty());
        assert_eq!(comparison.backends.len(), 2);
    }
    // A container in a container of the repository.
    assert!(said(&[(WEB, Owner::Container(vec!["web".into(), "inner".into()]))]).is_empty());
}

#[test]
fn what_people_are_told() {
    let told = BTreeMap::from([
        ("1 nobody", said(&[])),
        ("2 wildcard", said(&[("0.0.0.0:8080", Owner::Unknown)])),
        ("2 wildcard of its own", said(&[("[::]:8080", of("web"))])),
        ("3 another address", said(&[("127.0.11.9:8080", Owner::Unknown)])),
        ("3 localhost", said(&[("127.0.0.1:8080", of("web")), ("[::1]:8080", of("web"))])),
        ("3 another service's address", said(&[("127.0.11.3:8080", of("web"))])),
        ("4 another port", said(&[("127.0.11.2:3000", Owner::Unknown)])),
        (
            "4 other ports",
            said(
                &["127.0.11.2:1", "127.0.11.2:2", "127.0.11.2:3", "127.0.11.2:4", "127.0.11.2:5", "127.0.11.2:6"]
                    .map(|address| (address, of("web"))),
            ),
        ),
        ("5 a container of another repository", said(&[(WEB, of("other"))])),
        ("5 a container of no repository", said(&[(WEB, Owner::Container(vec!["0123456789abcdef".into()]))])),
        ("5 another repository's docker-proxy", said(&[(WEB, Owner::Daemon(NetworkId::try_from(2880).unwrap()))])),
        ("5 a process", said(&[(WEB, nginx())])),
        ("5 another repository's wildcard", said(&[("0.0.0.0:8080", of("other"))])),
        ("5 shared with a stranger", said(&[(WEB, of("web")), (WEB, of("other"))])),
    ]);
    insta::assert_yaml_snapshot!(told);
}

#[test]
fn what_is_another_services_or_another_repositorys_is_not_mistaken_for_ones_own() {
    let nobody = said(&[]);
    assert_eq!(said(&[("127.0.11.3:8080", Owner::Unknown)]), nobody, "the database's address");
    assert_eq!(said(&[("127.0.11.3:8080", of("db"))]), nobody);
    assert_eq!(said(&[("127.0.11.66:8080", Owner::Unknown)]), nobody, "another repository");
    assert_eq!(said(&[("127.0.0.1:8080", nginx())]), nobody);
    assert_eq!(said(&[("127.0.11.2:3000", of("other"))]), nobody);
    assert_eq!(said(&[("0.0.0.0:8081", Owner::Unknown)]), nobody);
}

#[test]
fn a_container_has_time_to_begin() {
    assert!(compared(listeners(11, &[])).findings.is_empty());
    let late = compared(listeners(12, &[]));
    assert_eq!(late.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [FindingCode::NobodyListens]);
    assert_eq!(late.findings[0].severity, Severity::Warning);
    // But a stranger is one from the beginning.
    assert_eq!(compared(listeners(3, &[(WEB, of("other"))])).withheld.len(), 1);
}

#[test]
fn without_a_reading_nothing_is_said() {
    let store = fleet();
    let comparison = compare(table().iter(), store.snapshot());
    assert!(comparison.findings.is_empty() && comparison.withheld.is_empty());
    assert_eq!(comparison.backends.len(), 2, "but what has to be read is known");
}

#[test]
fn nobody_is_missed_where_it_was_not_looked() {
    let interest = |endpoint| Some(Arc::new(Interest::of([endpoint].into())));
    let dns = Endpoint::udp("127.0.11.4:53".parse().unwrap());
    assert!(compared(Listeners { interest: interest(dns), ..listeners(100, &[]) }).findings.is_empty());
    assert_eq!(compared(Listeners { interest: interest(web()), ..listeners(100, &[]) }).findings.len(), 1);
}

#[test]
fn udp_is_told_apart() {
    let mut store = fleet();
    let listeners = Listeners { read_at: at(100), ..listeners(100, &[(WEB, of("web")), ("127.0.11.4:53", of("dns"))]) };
    store.set_listeners(Some(Listeners { udp: BTreeMap::new(), ..listeners }));
    let found = compare(table().iter(), store.snapshot()).findings;
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    insta::assert_yaml_snapshot!(found);
}

#[test]
fn a_container_that_a_lost_daemon_may_have_is_no_stranger() {
    let mut store = fleet();
    store.set_listeners(Some(listeners(100, &[(WEB, of("new"))])));
    let strangers = |store: &Store| {
        let comparison = compare(table().iter(), store.snapshot());
        assert!(comparison.withheld.is_empty(), "its daemon may not have told of it yet");
        comparison.findings.iter().filter(|finding| finding.code == FindingCode::StrangerListens).count()
    };
    assert_eq!(strangers(&store), 1);
    store.apply(NetworkId::try_from(2816).unwrap(), Event::Lost { reason: "hangs".to_owned() }, at(2));
    assert_eq!(strangers(&store), 0);
}

#[test]
fn of_a_daemon_that_is_away_only_what_listens_is_sent_to() {
    let id = NetworkId::try_from(2816).unwrap();
    for event in [Event::Lost { reason: "hangs".to_owned() }, Event::Vanished] {
        let mut store = fleet();
        assert!(!compare(table().iter(), store.snapshot()).closely);
        store.apply(id, event, at(50));
        let mut compared = |listeners| {
            store.set_listeners(listeners);
            compare(table().iter(), store.snapshot())
        };
        let unread = compared(None);
        assert!(unread.withheld.is_empty() && unread.closely, "what cannot be read proves nothing");
        assert!(compared(Some(listeners(100, &[(WEB, of("web"))]))).withheld.is_empty());
        assert!(compared(Some(listeners(100, &[("0.0.0.0:8080", of("web"))]))).withheld.is_empty());
        assert!(compared(Some(listeners(11, &[]))).withheld.is_empty(), "it had no time yet");
        for elsewhere in ["127.0.11.2:1", "127.0.11.9:8080"] {
            let gone = compared(Some(listeners(100, &[(elsewhere, of("web"))])));
            assert_eq!(gone.withheld, [web()].into(), "{elsewhere}");
        }
        let gone = compared(Some(listeners(100, &[])));
        assert_eq!(gone.withheld, [web()].into());
        insta::allow_duplicates! { insta::assert_snapshot!(gone.findings[0].to_string(), @"warning[RS050] 2816 web: nothing listens on 127.0.11.2:8080, and its daemon is away: clients get 503, or are cut off, until somebody does (bring the repository up: renet repo up <name>)"); }
    }
}

#[test]
fn the_routes_of_a_daemon_that_is_away_stay_while_somebody_listens_and_for_a_day_without() {
    let id = NetworkId::try_from(2816).unwrap();
    let policy = Policy { base_domain: "example.com".parse().ok(), ..Policy::default() };
    for event in [Event::Lost { reason: "hangs".to_owned() }, Event::Vanished] {
        let mut store = fleet();
        store.apply(id, event, at(50));
        let routed = |store: &Store, now: i64| {
            let outcome = synthesize(store.snapshot(), &policy, &Ledger::default(), &mut Cache::default(), at(now));
            let table = outcome.publication.table();
            let services: Vec<_> = table.http.into_iter().map(|route| route.source.service.clone()).collect();
            (services, outcome.next_deadline)
        };
        let day = 24 * 60 * 60;
        let all = ["db", "dns", "other", "web"].map(str::to_owned).to_vec();
        assert_eq!(routed(&store, 51), (all.clone(), Some(at(50 + day))));
        assert_eq!(routed(&store, 49 + day).0, all);
        assert_eq!(routed(&store, 50 + day).0, ["other"]);
        store.set_listeners(Some(listeners(100, &[("127.0.11.2:1", Owner::Unknown), ("0.0.0.0:2", of("db"))])));
        // `dns` listens too, for UDP.
        assert_eq!(routed(&store, 365 * day), (all.clone(), None));
        store.set_listeners(Some(listeners(100, &[("127.0.11.66:1", Owner::Unknown), ("0.0.0.0:2", of("other"))])));
        assert_eq!(routed(&store, 365 * day).0, ["dns", "other"]);
        store.forget(id, at(60));
        assert_eq!(routed(&store, 61).0, ["other"], "what is over is said");
    }
}

#[test]
fn withheld_backends_leave_their_service_without_servers() {
    let comparison = compared(listeners(100, &[(WEB, of("other"))]));
    assert_eq!(comparison.withheld, [web()].into());
    let mut store = fleet();
    for (id, port) in [("one", "8080"), ("another", "8081")] {
        let mut container = container(id, "127.0.11.2");
        Arc::make_mut(&mut container.labels).insert("rediacc.service_port".to_owned(), port.to_owned());
        let changed = Event::Changed { asked: vec![container.id.clone()], found: vec![container] };
        store.apply(NetworkId::try_from(2816).unwrap(), changed, at(3));
    }
    let policy = Policy { base_domain: "example.com".parse().ok(), ..Policy::default() };
    let outcome = synthesize(store.snapshot(), &policy, &Ledger::default(), &mut Cache::default(), at(4));
    let mut publication = outcome.publication.clone();
    publication.withhold(&comparison.withheld);
    let backends = |publication: &Publication| {
        let routes = publication.table().http.into_iter();
        let counted: BTreeMap<_, _> =
            routes.map(|route| (route.source.service.clone(), route.backends.len())).collect();
        ["one", "another"].map(|service| counted[service])
    };
    assert_eq!((backends(&outcome.publication), backends(&publication)), ([1, 1], [0, 1]));
    let servers = |publication: &Publication| {
        let services = publication.configuration().http.services;
        let counted = |name: &str| services[name].load_balancer.as_ref().unwrap().servers.len();
        ["one-2816.auto", "another-2816.auto"].map(counted)
    };
    assert_eq!((servers(&outcome.publication), servers(&publication)), ([1, 1], [0, 1]));
    assert_eq!(publication.routes().count(), outcome.publication.routes().count());
}

fn owner() -> impl Strategy<Value = Owner> {
    let id = prop_oneof![Just("web"), Just("db"), Just("other"), Just("unheard")];
    prop_oneof![Just(Owner::Unknown), id.prop_map(of), Just(nginx())]
}

proptest! {
    #[test]
    fn at_most_one_finding_each_and_withheld_only_for_neighbours(
        sockets in prop::collection::vec((0_u8..6, prop_oneof![Just(8080_u16), Just(53), Just(3000)], owner()), 0..8),
    ) {
        let ips = ["127.0.11.2", "127.0.11.3", "127.0.11.4", "0.0.0.0", "127.0.0.1", "127.0.11.66"];
        let sockets: Vec<_> =
            sockets.into_iter().map(|(ip, port, owner)| (format!("{}:{port}", ips[usize::from(ip)]), owner)).collect();
        let sockets: Vec<_> = sockets.iter().map(|(address, owner)| (address.as_str(), owner.clone())).collect();
        let comparison = compared(listeners(100, &sockets));
        prop_assert!(comparison.findings.len() <= comparison.backends.len());
        let strangers = comparison.findings.iter().filter(|finding| finding.code == FindingCode::StrangerListens);
        prop_assert!(strangers.count() >= comparison.withheld.len());
        prop_assert!(comparison.withheld.is_subset(&comparison.backends));
        if sockets.iter().all(|(_, owner)| *owner != of("other")) {
            prop_assert!(comparison.withheld.is_empty());
        }
    }
}

/// What a comparison costs: `cargo test --release -p route-synthesis --test listening -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, clippy::disallowed_types, reason = "it measures, and its figures are for people")]
fn what_a_comparison_costs() {
    let mut store = Store::default();
    let mut table = Table::default();
    let mut everybody = listeners(100, &[]);
    for network in 1..=200_u32 {
        let id = NetworkId::try_from(network * 64).unwrap();
        store.apply(id, Event::Found { socket: String::new() }, at(1));
        let address = |index: u32| std::net::Ipv4Addr::from(u32::from(id.network()) + 2 + index).to_string();
        let containers = (0..50).map(|index| container(&format!("{network}-{index}"), &address(index)));
        store.apply(id, Event::Listed(containers.collect()), at(2));
        for index in 0..50 {
            let name = format!("{network}-{index}");
            let mut route = route(&name, &name, &format!("http://{}:8080", address(index)));
            Arc::make_mut(&mut route.source).network_id = id;
            table.http.push(route);
            let listener = Listener {
                transport: Transport::Tcp,
                address: format!("{}:8080", address(index)).parse().unwrap(),
                inode: 0,
            };
            everybody.insert(listener, of(&name));
        }
    }
    for (who, listeners) in [("everybody", everybody), ("nobody", listeners(100, &[]))] {
        store.set_listeners(Some(listeners));
        let start = std::time::Instant::now();
        let comparison = compare(table.iter(), store.snapshot());
        let millis = start.elapsed().as_secs_f64() * 1000.0;
        println!("10,000 backends, {who} listens: {} findings in {millis:.1} ms", comparison.findings.len());
    }
}

#[test]
fn an_auto_route_that_nobody_asked_for_is_no_warning() {
    let severity = |kind: RouteKind, label: Option<&str>| {
        let mut store = fleet();
        let mut web = container("web", "127.0.11.2");
        if let Some(label) = label {
            Arc::make_mut(&mut web.labels).insert(label.to_owned(), "8080".to_owned());
        }
        let id = NetworkId::try_from(2816).unwrap();
        store.apply(id, Event::Listed(vec![web]), at(2));
        store.set_listeners(Some(listeners(100, &[("127.0.11.2:5432", of("web"))])));
        let mut route = route("web", "web-2816", &format!("http://{WEB}"));
        Arc::make_mut(&mut route.source).kind = kind;
        let findings = compare(Table { http: vec![route], ..Table::default() }.iter(), store.snapshot()).findings;
        findings.iter().map(|finding| (finding.code, finding.severity)).collect::<Vec<_>>()
    };
    let other_port = |severity| vec![(FindingCode::OtherPortListens, severity)];
    assert_eq!(severity(RouteKind::Auto, None), other_port(Severity::Info));
    assert_eq!(severity(RouteKind::Auto, Some("rediacc.service_port")), other_port(Severity::Warning));
    assert_eq!(severity(RouteKind::Labels, None), other_port(Severity::Warning));
}
