//! What must hold for any input; shared by the targets of cargo-fuzz and by `cargo test`.

use traefik_labels::rule::{Protocol, Syntax, Tls, parse};
use traefik_labels::{Code, Place, Problem, Severity, decode, decode_first};
use traefik_model::{DocumentFaultKind, check_document, to_yaml};

/// Lines of `key=value`: nothing panics, places lie in the labels, and what is decoded can be written.
pub(crate) fn labels(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let labels: Vec<(&str, &str)> = text.lines().map(|line| line.split_once('=').unwrap_or((line, ""))).collect();
    let decoded = decode(labels.iter().copied());
    for problem in &decoded.problems {
        let value = labels.iter().rev().find(|(key, _)| *key == problem.label).map_or("", |(_, value)| value);
        shown(problem, value);
    }
    let configuration = &decoded.configuration;
    let document = to_yaml(configuration).expect("every configuration can be written");
    assert!(document.text.len() >= 2, "the document is empty");
    for fault in check_document(configuration) {
        // What labels say is never malformed; a document may still be unable to say it.
        let in_plugin = fault.path.iter().any(|name| name == "plugin");
        assert!(in_plugin || fault.kind == DocumentFaultKind::Altered, "{fault:?}");
    }
    match decode_first(labels.iter().copied()) {
        // Rules are read at another time by Traefik, and a router whose rule is bad is left out here.
        Ok(first) => {
            let refused = decoded.problems.iter().find(|problem| problem.severity == Severity::Error);
            assert!(refused.is_some() || first == *configuration, "both accept, and differ");
        }
        Err(first) => {
            assert_eq!(first.severity, Severity::Error);
            let refused = decoded.problems.iter().any(|problem| problem.severity == Severity::Error);
            assert!(refused, "all problems are without {first:?}");
        }
    }
}

/// The first byte says how the rest is to be read as a rule.
pub(crate) fn rule(data: &[u8]) {
    let Some((mode, rule)) = data.split_first() else { return };
    let rule = String::from_utf8_lossy(rule);
    let protocol = if mode & 1 == 0 { Protocol::Http } else { Protocol::Tcp };
    let syntax = if mode & 2 == 0 { Syntax::V3 } else { Syntax::V2 };
    let tls = [Tls::Unknown, Tls::On, Tls::Off, Tls::Unknown][usize::from(mode >> 2 & 3)];
    let parsed = parse(protocol, syntax, &rule, tls);
    for problem in &parsed.problems {
        shown(problem, &rule);
    }
    let Some(read) = parsed.rule else {
        assert!(parsed.problems.iter().any(|problem| problem.severity == Severity::Error), "refused without a word");
        return;
    };
    for branch in &read.branches {
        let named = |host: &String| read.hosts.iter().any(|named| named.trim_end_matches('.') == host);
        assert!(branch.pinned.iter().all(named), "{rule:?}: {:?} pinned of {:?}", branch.pinned, read.hosts);
    }
}

/// A problem can be shown, and its place is one.
fn shown(problem: &Problem, value: &str) {
    let rendered = problem.render(value).to_string();
    assert!(rendered.contains(problem.code.as_str()));
    assert!(!problem.message.is_empty() && Code::ALL.contains(&problem.code));
    if let Some(Place::Key(range) | Place::Value(range)) = &problem.place {
        assert!(range.start <= range.end, "{problem:?}");
    }
}
