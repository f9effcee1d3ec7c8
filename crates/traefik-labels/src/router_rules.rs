//! The rules of the routers among labels.

use traefik_model::{NodeId, Tree};

use crate::{
    Code, Problem, Rules, Severity,
    rule::{Protocol, Syntax, Tls, parse},
};

/// After that many bad rules the others are not read: each takes looking for a correction.
const MAX_BAD_RULES: usize = 200;
/// Longer rules are always read in full.
const LONGEST_PLAIN: usize = 512;

/// A problem of the rule at a node.
pub(crate) struct RuleProblem {
    pub(crate) node: NodeId,
    pub(crate) problem: Problem,
}

/// Reads the rules at these nodes, and takes out the routers whose rule Traefik would refuse.
pub(crate) fn read(tree: &mut Tree<'_>, rules: &[(NodeId, Protocol)], what: Rules) -> Vec<RuleProblem> {
    let mut found = Vec::new();
    let mut bad = 0;
    for (node, protocol) in rules.iter().copied() {
        let (text, Some(router)) = (tree.value(node), tree.parent(node)) else { continue };
        let tls = if protocol == Protocol::Tcp { tls_of(tree, router) } else { Tls::Unknown };
        if text.is_empty() || is_plain(protocol, text, tls) {
            continue;
        }
        let problems = if bad < MAX_BAD_RULES {
            parse(protocol, syntax_of(tree, router), text, tls).problems
        } else {
            vec![Problem::error(Code::RuleTooLarge, "", format!("not read: {MAX_BAD_RULES} other rules are wrong"))]
        };
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            bad += 1;
            if what == Rules::Refuse {
                tree.ignore(router);
            }
        }
        found.extend(problems.into_iter().map(|problem| RuleProblem { node, problem: as_wanted(problem, what) }));
    }
    found
}

fn as_wanted(problem: Problem, what: Rules) -> Problem {
    match what {
        Rules::Refuse => problem,
        Rules::Keep => Problem { severity: Severity::Warning, ..problem },
    }
}

fn child(tree: &Tree<'_>, node: NodeId, name: &str) -> Option<NodeId> {
    tree.children(node).find(|child| traefik_model::equal_fold(tree.name(*child), name))
}

fn tls_of(tree: &Tree<'_>, router: NodeId) -> Tls {
    Tls::from(child(tree, router, "tls").is_some_and(|tls| !tree.is_ignored(tls)))
}

fn syntax_of(tree: &Tree<'_>, router: NodeId) -> Syntax {
    child(tree, router, "ruleSyntax").map_or_else(Syntax::default, |node| Syntax::from_label(tree.value(node)))
}

/// Whether a rule is of the kind that nearly all rules are, in which nothing can be wrong: documented matchers of
/// hosts and paths in plain letters, joined so that no request needs two hosts. Costs no allocation.
pub(crate) fn is_plain(protocol: Protocol, text: &str, tls: Tls) -> bool {
    if text.len() > LONGEST_PLAIN {
        return false;
    }
    let (mut rest, mut hosts, mut with_and) = (text, 0, false);
    loop {
        let Some((name, behind)) = rest.split_once("(`") else { return false };
        let Some((argument, behind)) = behind.split_once("`)") else { return false };
        match (protocol, name) {
            (Protocol::Http, "Host") if is_plain_host(argument) => hosts += 1,
            (Protocol::Http, "Path" | "PathPrefix") if is_plain_path(argument) => {}
            (Protocol::Tcp, "HostSNI") if argument == "*" && behind.is_empty() && hosts == 0 => return true,
            (Protocol::Tcp, "HostSNI") if tls == Tls::On && is_plain_host(argument) => hosts += 1,
            _ => return false,
        }
        if behind.is_empty() {
            return hosts < 2 || !with_and;
        }
        let Some((operator, next)) = behind.trim_start_matches(' ').split_at_checked(2) else { return false };
        with_and |= operator == "&&";
        if operator != "&&" && operator != "||" {
            return false;
        }
        rest = next.trim_start_matches(' ');
    }
}

fn is_plain_host(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    let sound = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    text.bytes().all(plain) && text.split('.').all(sound)
}

fn is_plain_path(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_');
    text.starts_with('/') && !text.contains("//") && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_rules_are_plain() {
        for text in
            ["Host(`app.example.com`)", "Host(`a.b`) && PathPrefix(`/api`)", "Host(`a`)||Host(`b`) || Path(`/x`)"]
        {
            assert!(is_plain(Protocol::Http, text, Tls::Unknown), "{text}");
        }
        assert!(is_plain(Protocol::Tcp, "HostSNI(`*`)", Tls::Off));
        assert!(is_plain(Protocol::Tcp, "HostSNI(`a.b`)", Tls::On));
        assert!(!is_plain(Protocol::Tcp, "HostSNI(`a.b`)", Tls::Off));
        assert!(!is_plain(Protocol::Http, "Host(`a`) && Host(`b`)", Tls::Unknown));
    }

    fn some_rule() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("Host(`".to_owned()),
            Just("Path(`".to_owned()),
            Just("PathPrefix(`/".to_owned()),
            Just("HostSNI(`".to_owned()),
            Just("`)".to_owned()),
            Just(" && ".to_owned()),
            Just("||".to_owned()),
            Just("*".to_owned()),
            "[a-z./-]{1,4}",
            Just("(".to_owned()),
            Just("`".to_owned()),
        ];
        let call = "(Host\\(`[a-c.]{1,3}`\\)|PathPrefix\\(`/[a-c./-]{0,4}`\\)|HostSNI\\(`([a-c.]{1,3}|\\*)`\\))";
        let chain = (call, prop::collection::vec((" ?(&&|\\|\\|) ?", call), 0..4))
            .prop_map(|(first, more)| more.into_iter().fold(first, |all, (operator, next)| all + &operator + &next));
        prop_oneof![prop::collection::vec(piece, 1..9).prop_map(|pieces| pieces.concat()), chain]
    }

    proptest! {
        #[test]
        fn nothing_is_wrong_with_a_plain_rule(text in some_rule()) {
            for protocol in [Protocol::Http, Protocol::Tcp] {
                for tls in [Tls::On, Tls::Off] {
                    if is_plain(protocol, &text, tls) {
                        let parsed = parse(protocol, Syntax::V3, &text, tls);
                        prop_assert!(parsed.rule.is_some() && parsed.problems.is_empty(), "{text} {parsed:?}");
                    }
                }
            }
        }
    }
}
