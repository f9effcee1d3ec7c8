//! What both sides say of a label set, and the smallest set over which they differ.

use serde_json::{Value, json};
use traefik_labels::{Code, decode_first};
use traefik_model::{Configuration, check_document, to_yaml};

use crate::generate::Labels;
use crate::oracle::Oracle;

/// What we say of a label set.
pub(crate) enum Ours {
    Configuration(Box<Configuration>),
    Refused,
    /// Refused for a bound of our own, which Traefik does not have.
    Bounded,
}

pub(crate) fn ours(labels: &Labels) -> Ours {
    match decode_first(labels) {
        Ok(configuration) => Ours::Configuration(Box::new(configuration)),
        Err(problem) if problem.code == Code::TooLarge => Ours::Bounded,
        Err(_) => Ours::Refused,
    }
}

pub(crate) fn question(labels: &Labels) -> Value {
    json!({ "op": "labels", "labels": labels })
}

pub(crate) fn document_question(configuration: &Configuration) -> Value {
    json!({ "op": "httpdecode", "body": to_yaml(configuration).unwrap().text })
}

/// How the two differ over the labels, if they do. An upstream panic is a refusal.
pub(crate) fn difference(ours: &Ours, theirs: &Value) -> Option<String> {
    match (ours, theirs.get("config")) {
        (Ours::Bounded, _) | (Ours::Refused, None) => None,
        (Ours::Configuration(ours), Some(theirs)) => {
            let ours = serde_json::to_value(ours).unwrap();
            (ours != *theirs).then(|| format!("we read {ours}\n  Traefik reads {theirs}"))
        }
        (Ours::Configuration(ours), None) => {
            Some(format!("we read {}\n  Traefik refuses: {theirs}", serde_json::to_value(ours).unwrap()))
        }
        (Ours::Refused, Some(theirs)) => Some(format!("we refuse\n  Traefik reads {theirs}")),
    }
}

/// How the document's reading differs from the labels', if it does although our check has let it pass, or does not
/// although our check has found something.
pub(crate) fn document_difference(configuration: &Configuration, theirs: &Value) -> Option<String> {
    let faults = check_document(configuration);
    let meant = serde_json::to_value(configuration).unwrap();
    let same = theirs.get("config") == Some(&meant);
    if same == faults.is_empty() {
        return None;
    }
    let text = to_yaml(configuration).unwrap().text;
    Some(format!("document:\n{text}\n  our check: {faults:?}\n  meant {meant}\n  Traefik reads {theirs}"))
}

/// How labels fail, if they do: against Traefik, or on the way through the document.
pub(crate) fn failure(labels: &Labels, oracle: &mut Oracle) -> Option<String> {
    let ours = ours(labels);
    let theirs = oracle.ask_one(question(labels));
    if let Some(difference) = difference(&ours, &theirs) {
        return Some(difference);
    }
    let Ours::Configuration(configuration) = ours else { return None };
    let read = oracle.ask_one(document_question(&configuration));
    document_difference(&configuration, &read)
}

/// Drops labels and shortens keys and values for as long as something is wrong.
pub(crate) fn shrink(mut labels: Labels, oracle: &mut Oracle) -> Labels {
    while let Some(smaller) = candidates(&labels).into_iter().find(|labels| failure(labels, oracle).is_some()) {
        labels = smaller;
    }
    labels
}

fn candidates(labels: &Labels) -> Vec<Labels> {
    let mut found = Vec::new();
    let half = labels.len() / 2;
    if half > 1 {
        found.push(labels.iter().take(half).map(|(key, value)| (key.clone(), value.clone())).collect());
        found.push(labels.iter().skip(half).map(|(key, value)| (key.clone(), value.clone())).collect());
    }
    for (key, value) in labels {
        let mut without = labels.clone();
        without.remove(key);
        let with = |key: String, value: String| {
            let mut labels = without.clone();
            labels.insert(key, value);
            labels
        };
        let values = shorter(value).into_iter().map(|value| with(key.clone(), value));
        let keys = shorter(key).into_iter().map(|key| with(key, value.clone()));
        found.extend(keys.chain(values));
        found.push(without);
    }
    found.retain(|candidate| size(candidate) < size(labels));
    found
}

fn size(labels: &Labels) -> usize {
    labels.iter().map(|(key, value)| 1 + key.len() + value.len()).sum()
}

/// The text without its first or second half, then without each of its characters.
fn shorter(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let half = characters.len() / 2;
    let mut found = vec![characters[..half].iter().collect(), characters[half..].iter().collect()];
    if characters.len() < 200 {
        found.extend((0..characters.len()).map(|skipped| {
            characters.iter().enumerate().filter(|(at, _)| *at != skipped).map(|(_, c)| c).collect::<String>()
        }));
    }
    found
}
