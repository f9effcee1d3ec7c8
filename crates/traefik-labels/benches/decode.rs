//! How long labels take, and what the limit is; beside Traefik's own decoder in one run when `TRAEFIK_ORACLE_BIN`
//! names the oracle (`tests/parts/oracle`), with the same labels.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark measures time and runs a program"
)]
#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark")]

#[path = "../../traefik-model/tests/support/oracle.rs"]
mod oracle;
#[path = "sets/mod.rs"]
mod sets;

use std::hint::black_box;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput};
use oracle::Oracle;
use serde_json::json;
use sets::{Labels, pairs, sites, webapp};
use traefik_labels::{decode, decode_first};

fn timed(criterion: &mut Criterion) {
    for (name, labels) in [("webapp", webapp()), ("120 labels", sites(120))] {
        criterion.bench_function(&format!("decode/{name}"), |bencher| bencher.iter(|| decode(pairs(&labels))));
        criterion
            .bench_function(&format!("decode_first/{name}"), |bencher| bencher.iter(|| decode_first(pairs(&labels))));
    }
    let mut group = criterion.benchmark_group("growth");
    for count in [10, 100, 1_000, 10_000] {
        let labels = sites(count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(BenchmarkId::from_parameter(count), &labels, |bencher, labels| {
            bencher.iter(|| decode(pairs(labels)));
        });
    }
    group.finish();
}

/// How often each side is measured, in turn; the best counts, for whatever else the machine does costs time.
const ROUNDS: usize = 5;

/// The nanoseconds that one call takes: the best of some short runs.
fn nanos(mut call: impl FnMut()) -> f64 {
    let run = |_| {
        let started = Instant::now();
        (0..100).for_each(|_| call());
        started.elapsed().as_secs_f64() * 1e9 / 100.0
    };
    (0..60).map(run).fold(f64::INFINITY, f64::min)
}

/// The least that any decoder does: it looks at each byte once, and finds the dots. It allocates nothing.
fn touch(labels: &Labels) -> usize {
    let dots = |key: &str| key.bytes().filter(|byte| *byte == b'.').count();
    pairs(labels).map(|(key, value)| dots(key) + value.bytes().fold(0, |sum, byte| sum ^ usize::from(byte))).sum()
}

fn beside_go() {
    let Some(mut oracle) = Oracle::start() else { return };
    println!("\n{:<12} {:>10} {:>10} {:>7}   limit", "", "Traefik", "ours", "faster");
    for (name, labels) in [("webapp", webapp()), ("120 labels", sites(120))] {
        let map: std::collections::BTreeMap<_, _> = pairs(&labels).collect();
        let (mut theirs, mut ours, mut limit) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
        for _ in 0..ROUNDS {
            let answer = oracle.ask_one(json!({ "op": "bench", "labels": map }));
            theirs = theirs.min(answer["cost"]["nanos"].as_f64().unwrap());
            ours = ours.min(nanos(|| drop(black_box(decode_first(pairs(black_box(&labels)))))));
            limit = limit.min(nanos(|| _ = black_box(touch(black_box(&labels)))));
        }
        println!(
            "{name:<12} {:>7.2} µs {:>7.2} µs {:>6.1}×   {:.2} µs to touch {} bytes, {:.0}×",
            theirs / 1e3,
            ours / 1e3,
            theirs / ours,
            limit / 1e3,
            pairs(&labels).map(|(key, value)| key.len() + value.len()).sum::<usize>(),
            ours / limit,
        );
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    timed(&mut criterion);
    criterion.final_summary();
    beside_go();
}
