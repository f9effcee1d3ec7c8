//! What Traefik's own packages said of label sets (`fixtures/traefik-cases/labels.jsonl`).

use std::collections::BTreeMap;

use serde_json::Value;
use traefik_labels::decode_first;

#[test]
fn as_traefik_decodes() {
    let cases = include_str!("../../../fixtures/traefik-cases/labels.jsonl");
    let mut wrong = Vec::new();
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let labels: BTreeMap<String, String> = serde_json::from_value(case["req"]["labels"].clone()).unwrap();
        let ours = decode_first(&labels).map(|configuration| serde_json::to_value(configuration).unwrap());
        let same = match (&ours, case["resp"].get("config")) {
            (Ok(ours), Some(theirs)) => ours == theirs,
            (Err(_), None) => true,
            _ => false,
        };
        if !same {
            wrong.push(format!("{}\n  labels: {labels:?}\n  ours: {ours:?}\n  theirs: {}", case["name"], case["resp"]));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases.lines().count() > 90);
}
