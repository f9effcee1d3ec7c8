//! How often labels make the allocator work, beside Traefik's decoder when `TRAEFIK_ORACLE_BIN` names the oracle.
//!
//! Not in `decode`: counting costs time.

#![expect(clippy::disallowed_methods, reason = "a benchmark runs a program")]
#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark")]

#[path = "../../traefik-model/tests/support/oracle.rs"]
mod oracle;
#[path = "sets/mod.rs"]
mod sets;

use oracle::Oracle;
use serde_json::json;
use sets::{pairs, sites, webapp};
use traefik_labels::decode_first;

fn main() {
    let mut oracle = Oracle::start();
    println!("{:<12} {:>8} {:>8} {:>6}", "allocations", "Traefik", "ours", "part");
    for (name, labels) in [("webapp", webapp()), ("120 labels", sites(120))] {
        let ours = allocation_counter::measure(|| drop(decode_first(pairs(&labels)))).count_total;
        let map: std::collections::BTreeMap<_, _> = pairs(&labels).collect();
        let theirs = oracle.as_mut().map(|oracle| oracle.ask_one(json!({ "op": "bench", "labels": map })));
        let theirs = theirs.map(|answer| answer["cost"]["allocs"].as_u64().unwrap());
        let shown = theirs.map_or("-".to_owned(), |theirs| theirs.to_string());
        let part = theirs.map_or("-".to_owned(), |theirs| format!("{:.2}", ours as f64 / theirs as f64));
        println!("{name:<12} {shown:>8} {ours:>8} {part:>6}");
    }
}
