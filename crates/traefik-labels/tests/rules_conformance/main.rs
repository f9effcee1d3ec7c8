//! Generated rules, read by this crate and by Traefik's own packages: both take them or both refuse them, and
//! where they take them, priority and hosts are the same.
//!
//! Runs when `TRAEFIK_ORACLE_BIN` names the oracle (`go build ./oracle` in `tests/parts`).
//! `RULES_SEED` repeats a run, `RULES_COUNT` says how many rules.
//!
//! Left different on purpose: what is beyond the bounds of `traefik_labels::rule` (length, depth, branches) is
//! refused here, and `hosts` has the arguments of `HostHeader`, which Traefik's list of names lacks.

#![expect(clippy::disallowed_methods, reason = "a test asks the environment and runs a program")]
#![expect(clippy::print_stdout, reason = "it says what it did, or why it did nothing")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod generate;
mod oracle;
mod pools;
mod random;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use generate::Question;
use oracle::Oracle;
use random::Random;
use traefik_labels::Code;
use traefik_labels::rule::{MatcherKind, parse};

/// What both sides say of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Refused,
    Accepted { priority: i64, hosts: BTreeSet<String> },
}

/// Our own; nothing if a bound of ours is why we refuse.
fn ours(question: &Question) -> Option<Verdict> {
    let parsed = parse(question.protocol, question.syntax, &question.rule, question.tls);
    let Some(rule) = parsed.rule else {
        let bounded = parsed.problems.iter().any(|problem| problem.code == Code::RuleTooLarge);
        return (!bounded).then_some(Verdict::Refused);
    };
    let named = |kind| matches!(kind, MatcherKind::Host | MatcherKind::HostSni);
    let matchers = rule.expression.matchers().filter(|(matcher, _)| named(matcher.kind));
    let hosts: BTreeSet<String> = matchers
        .flat_map(|(matcher, _)| matcher.arguments.iter().map(|argument| argument.text.to_lowercase()))
        .collect();
    assert!(hosts.is_subset(&rule.hosts), "{question:?}");
    Some(Verdict::Accepted { priority: rule.priority, hosts })
}

fn differs(question: &Question, oracle: &mut Oracle) -> bool {
    ours(question).is_some_and(|ours| ours != oracle.ask(question))
}

/// Deletes what is not needed for the disagreement.
fn shrink(mut question: Question, oracle: &mut Oracle) -> Question {
    let mut width = question.rule.chars().count() / 2;
    while width > 0 {
        let characters: Vec<char> = question.rule.chars().collect();
        let shorter = (0..characters.len()).map(|start| {
            let end = (start + width).min(characters.len());
            Question {
                rule: [&characters[..start], &characters[end..]].concat().into_iter().collect(),
                ..question.clone()
            }
        });
        match shorter.collect::<Vec<_>>().into_iter().find(|candidate| differs(candidate, oracle)) {
            Some(smaller) => question = smaller,
            None => width /= 2,
        }
    }
    question
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn traefik_agrees() {
    let Ok(program) = std::env::var("TRAEFIK_ORACLE_BIN") else {
        println!("skipped: TRAEFIK_ORACLE_BIN does not name Traefik's oracle");
        return;
    };
    let seed = number("RULES_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let count = number("RULES_COUNT").unwrap_or(20_000);
    println!("seed {seed}: RULES_SEED={seed} repeats this run");
    let mut oracle = Oracle::start(&program);
    let mut random = Random::new(seed);
    let (mut accepted, mut bounded) = (0, 0);
    let mut failures = Vec::new();
    for _ in 0..count {
        let question = generate::question(&mut random);
        let Some(verdict) = ours(&question) else {
            bounded += 1;
            continue;
        };
        accepted += u64::from(verdict != Verdict::Refused);
        if verdict != oracle.ask(&question) && failures.len() < 20 {
            let small = shrink(question, &mut oracle);
            failures.push(format!("{small:?}\n  we say {:?}\n  Traefik {:?}", ours(&small), oracle.ask(&small)));
        }
    }
    println!(
        "{count} rules: {accepted} accepted by both, {bounded} beyond our bounds, {} disagreements",
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(accepted * 5 > count && accepted * 5 < count * 4, "the generator is out of balance");
}
