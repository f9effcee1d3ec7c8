//! Looking for what is not meant costs next to nothing while there is nothing of the kind.

use traefik_labels::{decode, decode_first};

#[test]
fn sound_labels_take_few_allocations() {
    let labels: Vec<(&str, &str)> = include_str!("../../../fixtures/labels/webapp.labels")
        .lines()
        .filter_map(|line| line.split_once('='))
        .chain([("com.docker.compose.project", "webapp"), ("rediacc.service_name", "webapp")])
        .collect();
    let pairs = || labels.iter().copied();
    let all = allocation_counter::measure(|| drop(decode(pairs()))).count_total;
    let first = allocation_counter::measure(|| drop(decode_first(pairs()))).count_total;
    assert!(all <= 35 && all <= first + 5, "decode: {all}, decode_first: {first}");
}
