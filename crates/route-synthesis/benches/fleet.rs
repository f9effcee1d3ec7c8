//! What a synthesis costs: the whole fleet with nothing known, the whole fleet again, and after one container changed,
//! each up to the bytes of the document, for fleets of 100 to 10,000 containers.

#![expect(clippy::unwrap_used, reason = "criterion's macros; a benchmark may end")]

use std::{collections::BTreeMap, hint::black_box, sync::Arc};

use container_snapshot::{Container, ContainerState, Event, Health, Listeners, Store, Timestamp};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use repo_network::NetworkId;
use route_synthesis::{Cache, Ledger, Policy, compare, synthesize};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
/// Containers of one repository.
const EACH: u32 = 50;

/// Three of four with seven labels of Traefik's, as in the yardstick; the others with an auto-route.
fn container(id: NetworkId, at: u32, port: u32) -> Container {
    let name = format!("app{at}");
    let mut labels = BTreeMap::from([
        ("rediacc.service_name".to_owned(), name.clone()),
        ("rediacc.service_ip".to_owned(), std::net::Ipv4Addr::from(u32::from(id.network()) + 2 + at).to_string()),
        ("rediacc.network_id".to_owned(), id.to_string()),
    ]);
    if !at.is_multiple_of(4) {
        let host = format!("{name}-{id}.example.org");
        labels.extend(
            [
                ("traefik.enable", "true".to_owned()),
                (&format!("traefik.http.routers.{name}.rule"), format!("Host(`{host}`)")),
                (&format!("traefik.http.routers.{name}.entrypoints"), "websecure".to_owned()),
                (&format!("traefik.http.routers.{name}.tls.certresolver"), "letsencrypt".to_owned()),
                (&format!("traefik.http.routers.{name}.middlewares"), format!("{name}-hsts")),
                (&format!("traefik.http.middlewares.{name}-hsts.headers.stsSeconds"), "15768000".to_owned()),
                (&format!("traefik.http.services.{name}.loadbalancer.server.port"), port.to_string()),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
    }
    Container {
        id: format!("{id:064}{at}").into(),
        name,
        labels: Arc::new(labels),
        created: Timestamp::from_secs(i64::from(at)),
        state: ContainerState::Running,
        health: Health::Unchecked,
        network_mode: "host".to_owned(),
        defects: Vec::new(),
    }
}

fn fleet(containers: u32) -> Store {
    let mut store = Store::default();
    for daemon in 0..containers.div_ceil(EACH) {
        let id = NetworkId::try_from(2816 + daemon * 64).unwrap();
        let all = (0..EACH.min(containers)).map(|at| container(id, at, 8080)).collect();
        store.apply(id, Event::Found { socket: format!("docker-{id}.sock") }, NOW);
        store.apply(id, Event::Listed(all), NOW);
    }
    store
}

fn policy() -> Policy {
    Policy { base_domain: "example.com".parse().ok(), certificates_per_week: 1_000, ..Policy::default() }
}

fn bytes(store: &Store, ledger: &mut Ledger, cache: &mut Cache) -> usize {
    let outcome = synthesize(store.snapshot(), &policy(), ledger, cache, NOW);
    let yaml = outcome.publication.document().unwrap();
    *ledger = outcome.ledger;
    yaml.text.len()
}

fn synthesis(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot to bytes");
    group.sample_size(20);
    for containers in [100, 1_000, 10_000] {
        let mut store = fleet(containers);
        group.bench_with_input(BenchmarkId::new("cold", containers), &store, |bencher, store| {
            bencher.iter(|| black_box(bytes(store, &mut Ledger::default(), &mut Cache::default())));
        });
        let (mut ledger, mut cache) = (Ledger::default(), Cache::default());
        bytes(&store, &mut ledger, &mut cache);
        group.bench_with_input(BenchmarkId::new("warm", containers), &store, |bencher, store| {
            bencher.iter(|| black_box(bytes(store, &mut ledger, &mut cache)));
        });
        let id = NetworkId::try_from(2816).unwrap();
        let mut port = 8080;
        group.bench_function(BenchmarkId::new("one container changed", containers), |bencher| {
            bencher.iter(|| {
                port = if port == 8080 { 8081 } else { 8080 };
                let changed = container(id, 1, port);
                store.apply(id, Event::Changed { asked: vec![changed.id.clone()], found: vec![changed] }, NOW);
                black_box(bytes(&store, &mut ledger, &mut cache))
            });
        });
    }
    let mut store = fleet(10_000);
    let (mut ledger, mut cache) = (Ledger::default(), Cache::default());
    bytes(&store, &mut ledger, &mut cache);
    let outcome = synthesize(store.snapshot(), &policy(), &ledger, &mut cache, NOW);
    group.bench_function("warm/10000, without writing", |bencher| {
        bencher.iter(|| black_box(synthesize(store.snapshot(), &policy(), &ledger, &mut cache, NOW)));
    });
    group.bench_function("warm/10000, writing only", |bencher| {
        bencher.iter(|| black_box(outcome.publication.document().unwrap()));
    });
    // The yardstick: what it would take if nothing of what is written were shared or kept.
    group.bench_function("warm/10000, writing all of it anew", |bencher| {
        bencher.iter(|| black_box(traefik_model::to_yaml(&outcome.publication.configuration()).unwrap()));
    });
    store.set_listeners(Some(Listeners::default()));
    group.bench_function("warm/10000, comparing with listeners", |bencher| {
        bencher.iter(|| black_box(compare(outcome.publication.routes(), store.snapshot())));
    });
    group.finish();
}

criterion_group!(benches, synthesis);
criterion_main!(benches);
