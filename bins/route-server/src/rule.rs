use std::{collections::BTreeSet, process::ExitCode};

use serde::{Deserialize, Serialize};
use traefik_labels::{
    Problem,
    rule::{self, Protocol, Syntax, Tls},
};

use crate::{
    cli::{RuleOptions, RuleProtocol},
    exit::Failure,
    labels::{each_line, json},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    rule: String,
    /// The router's, if it is not the usual one.
    #[serde(default)]
    rule_syntax: String,
    /// Whether the router has TLS, if that is to count.
    tls: Option<bool>,
}

#[derive(Serialize)]
struct Answer {
    ok: bool,
    /// What Traefik takes for the priority, also of a rule that it refuses.
    priority: i64,
    hosts: BTreeSet<String>,
    problems: Vec<Problem>,
}

/// Reads one rule a line.
pub(crate) fn run(options: &RuleOptions) -> Result<ExitCode, Failure> {
    each_line(r#"{"rule": "…"}"#, |request: Request| {
        let answer = answer(&request, options.protocol);
        if options.explain { Ok(explained(&request, &answer)) } else { json(&answer) }
    })
}

fn answer(request: &Request, protocol: RuleProtocol) -> Answer {
    let protocol = match protocol {
        RuleProtocol::Http => Protocol::Http,
        RuleProtocol::Tcp => Protocol::Tcp,
    };
    let tls = request.tls.map_or(Tls::Unknown, Tls::from);
    let parsed = rule::parse(protocol, Syntax::from_label(&request.rule_syntax), &request.rule, tls);
    let length = || i64::try_from(request.rule.len()).unwrap_or(i64::MAX);
    Answer {
        ok: parsed.rule.is_some(),
        priority: parsed.rule.as_ref().map_or_else(length, |rule| rule.priority),
        hosts: parsed.rule.map(|rule| rule.hosts).unwrap_or_default(),
        problems: parsed.problems,
    }
}

/// The problems for people; nothing when there are none.
fn explained(request: &Request, answer: &Answer) -> String {
    answer.problems.iter().map(|problem| problem.render(&request.rule).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(protocol: RuleProtocol, line: &str) -> serde_json::Value {
        let request = serde_json::from_str(line).unwrap();
        serde_json::from_str(&json(&answer(&request, protocol)).unwrap()).unwrap()
    }

    #[test]
    fn rules_are_answered() {
        let good = ask(RuleProtocol::Http, r#"{"rule": "Host(`A.org`) || Host(`b.org`)"}"#);
        assert_eq!(good, serde_json::json!({"ok": true, "priority": 30, "hosts": ["a.org", "b.org"], "problems": []}));
        let bad = ask(RuleProtocol::Http, r#"{"rule": "Host('a.org')"}"#);
        assert_eq!((&bad["ok"], &bad["priority"]), (&false.into(), &13.into()));
        assert_eq!(bad["problems"][0]["hint"], "write Host(`a.org`)");
        assert_eq!(ask(RuleProtocol::Tcp, r#"{"rule": "HostSNI(`*`)"}"#)["priority"], -1);
        assert_eq!(ask(RuleProtocol::Tcp, r#"{"rule": "HostSNI(`a`)", "tls": false}"#)["ok"], false);
        assert_eq!(ask(RuleProtocol::Http, r#"{"rule": "Host(`a`,`b`)", "ruleSyntax": "v2"}"#)["ok"], true);
    }
}
