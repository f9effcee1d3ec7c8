//! What Traefik's HTTP provider said of documents (`fixtures/traefik-cases/httpdecode.jsonl`). The YAML itself is read
//! by a library here; what it makes of it is read as Traefik reads it.

use serde_json::Value;
use traefik_model::{Configuration, read_document};

/// Where the YAML readers differ, and ours would not write such YAML: from the case's name to the reason. How Go's
/// reader takes what we write is asked of itself in `tests/conformance`.
const ON_PURPOSE: &[(&str, &str)] = &[
    ("statusRewrites int key", "Go's reader makes `<int Value>` of a key that is a number; we quote keys"),
    ("dup case key names", "`y` is a boolean to YAML 1.1 readers; we quote it"),
    ("yaml no", "`no` is a boolean to YAML 1.1 readers; we quote it"),
    ("JSON surrogates", "Go's reader refuses surrogate pairs; we write no JSON"),
    ("timestamp value", "a date is a timestamp to Go's reader; we quote it"),
];

fn read(body: &str) -> Result<Configuration, String> {
    let parsed: Value = serde_saphyr::from_str(body).map_err(|error| error.to_string())?;
    read_document(&parsed).map_err(|faults| format!("{faults:?}"))
}

#[test]
fn as_traefiks_http_provider() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for line in include_str!("../../../fixtures/traefik-cases/httpdecode.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap();
        if ON_PURPOSE.iter().any(|(known, _)| *known == name) {
            continue;
        }
        compared += 1;
        let ours = read(case["req"]["body"].as_str().unwrap());
        let same = match (&ours, case["resp"].get("config")) {
            (Ok(ours), Some(theirs)) => serde_json::to_value(ours).unwrap() == *theirs,
            (Err(_), None) => true,
            _ => false,
        };
        if !same {
            let ours = ours.map(|ours| serde_json::to_string(&ours).unwrap());
            wrong.push(format!(
                "{name}\n  body: {:?}\n  ours: {ours:?}\n  theirs: {}",
                case["req"]["body"], case["resp"]
            ));
        }
    }
    assert!(compared > 50, "{compared}");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
}
