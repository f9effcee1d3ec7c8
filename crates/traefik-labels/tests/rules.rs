//! Rules: Traefik's own answers to `fixtures/rules.jsonl`, what is explained and how, and the laws.

#![expect(clippy::indexing_slicing, clippy::print_stdout, reason = "a test, which says what it measured")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use traefik_labels::rule::{
    Branch, Expr, MAX_RULE_BYTES, MAX_RULE_DEPTH, Node, Parsed, Protocol, Rule, Syntax, Tls, parse,
};
use traefik_labels::{Code, Place, Severity};

fn http(text: &str) -> Parsed {
    parse(Protocol::Http, Syntax::V3, text, Tls::Unknown)
}

fn tcp(text: &str) -> Parsed {
    parse(Protocol::Tcp, Syntax::V3, text, Tls::Unknown)
}

fn old(text: &str) -> Parsed {
    parse(Protocol::Http, Syntax::V2, text, Tls::Unknown)
}

fn accepted(text: &str) -> Rule {
    let parsed = http(text);
    assert_eq!(parsed.problems.iter().find(|problem| problem.severity == Severity::Error), None, "{text:.200}");
    let Some(rule) = parsed.rule else { unreachable!("no error, so a rule") };
    rule
}

fn branches(text: &str) -> Vec<Branch> {
    accepted(text).branches
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn answers_are_those_of_traefik() {
    for line in include_str!("../fixtures/rules.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (request, response) = (&case["req"], &case["resp"]);
        let protocol = if request["op"] == "tcprule" { Protocol::Tcp } else { Protocol::Http };
        let syntax = Syntax::from_label(request["syntax"].as_str().unwrap());
        let parsed = parse(protocol, syntax, request["rule"].as_str().unwrap(), Tls::Unknown);
        assert_eq!(parsed.rule.is_none(), response.get("err").is_some(), "{line}\n{parsed:?}");
        let Some(rule) = parsed.rule else {
            assert!(parsed.problems.iter().any(|problem| problem.severity == Severity::Error), "{line}");
            continue;
        };
        let domains: Vec<String> = serde_json::from_value(response["domains"].clone()).unwrap_or_default();
        assert_eq!(rule.priority, response["prio"].as_i64().unwrap(), "{line}");
        assert_eq!(rule.hosts, domains.into_iter().collect(), "{line}");
    }
}

#[test]
fn branches_say_which_hosts_they_need() {
    let pins = |text: &str| branches(text).into_iter().map(|branch| branch.pinned).collect::<Vec<_>>();
    assert_eq!(pins("Host(`A.com.`) && (Path(`/x`) || Path(`/y`))"), [set(&["a.com"])]);
    assert_eq!(pins("Host(`a`) || Host(`b`)"), [set(&["a"]), set(&["b"])]);
    assert_eq!(pins("Host(`a`) || Path(`/x`)"), [set(&[]), set(&["a"])]);
    assert_eq!(pins("!(!Host(`a`) || Path(`/x`))"), [set(&["a"])]);
    assert_eq!(pins("!(Host(`a`) && Path(`/x`))"), [set(&[]), set(&[])]);
    let [wild] = branches("Host(`*.a.com`)").try_into().unwrap();
    assert_eq!((wild.wildcards, wild.pinned), (set(&["*.a.com"]), set(&[])));
    let [negated] = branches("!Host(`a`) && HostRegexp(`^x$`)").try_into().unwrap();
    assert_eq!((negated.negated, negated.regexps), (set(&["a"]), set(&["^x$"])));
    let rule = old("!Host(`a`,`b`) || Host(`c`,`d`)").rule.unwrap();
    assert_eq!(rule.hosts, set(&["a", "b", "c", "d"]));
    assert_eq!(rule.branches.len(), 3);
}

#[test]
fn a_rule_without_tls_names_no_hosts() {
    let plain = |text| parse(Protocol::Tcp, Syntax::V3, text, Tls::Off);
    assert_eq!(plain("HostSNI(`a`)").problems[0].code, Code::SniWithoutTls);
    assert!(plain("HostSNI(`*`)").rule.is_some());
    assert!(plain("HostSNI(`*`) || HostSNI(`a`)").rule.is_some());
    assert!(plain("ClientIP(`10.0.0.0/8`)").rule.is_some());
    assert!(parse(Protocol::Tcp, Syntax::V3, "HostSNI(`a`)", Tls::On).rule.is_some());
}

#[test]
fn a_lone_catch_all_comes_last() {
    for text in ["HostSNI(`*`)", "hostsni(\"*\")", "!HostSNI(`*`)", "((HostSNI(`*`)))", " HOSTSNI(\n`\\u002a`) "] {
        let expected = if text.contains('\\') { None } else { Some(-1) };
        assert_eq!(tcp(text).rule.map(|rule| rule.priority), expected, "{text}");
    }
    assert_eq!(tcp(r#"HostSNI("\u002a")"#).rule.unwrap().priority, -1);
    assert_eq!(tcp("HostSNI(`*`) && ClientIP(`1.1.1.1`)").rule.unwrap().priority, 35);
}

/// What is refused, and the correction that is offered.
const CORRECTIONS: &[(&str, &str)] = &[
    ("Host('a.com')", "write Host(`a.com`)"),
    ("Host(‘a.com’)", "write Host(`a.com`)"),
    ("Host(“a.com”)", "write Host(`a.com`)"),
    ("Host(a.com)", "write Host(`a.com`)"),
    ("Host(`a.com)", "write Host(`a.com`)"),
    ("Host(a.com`)", "write Host(`a.com`)"),
    ("Host(`a.com", "write Host(`a.com`)"),
    ("Host(`a.com`", "write Host(`a.com`)"),
    ("Host`a.com`)", "write Host(`a.com`)"),
    ("Host(`a.com`))", "write Host(`a.com`)"),
    ("(Host(`a`) && Path(`/x`)", "write (Host(`a`) && Path(`/x`))"),
    ("Host(`a`) & Path(`/x`)", "write Host(`a`) && Path(`/x`)"),
    ("Host(`a`) | Host(`b`)", "write Host(`a`) || Host(`b`)"),
    ("Host(`a`) and Path(`/x`)", "write Host(`a`) && Path(`/x`)"),
    ("Host(`a`) OR Host(`b`)", "write Host(`a`) || Host(`b`)"),
    ("Host(`a`) && ", "write Host(`a`)"),
    ("Host(`a`);", "write Host(`a`)"),
    ("Host(`a`) Path(`/x`)", "write Host(`a`) && Path(`/x`)"),
    ("Host:a.com;PathPrefix:/x", "write Host(`a.com`) && PathPrefix(`/x`)"),
    ("Host(`a`,`b`)", "write Host(`a`) || Host(`b`)"),
    ("Hosts(`a`)", "write Host(`a`)"),
    ("HostHeader(`a`)", "write Host(`a`)"),
    ("Headers(`X`, `y`)", "write Header(`X`, `y`)"),
    ("Header(`X`)", "write Header(`X`, `value`)"),
    ("HostSNI(`a`)", "write Host(`a`)"),
    ("PathPrefx(`/x`)", "write PathPrefix(`/x`)"),
    ("hostRegexp(`^a$`)", "write HostRegexp(`^a$`)"),
    ("Path(`x`)", "write Path(`/x`)"),
    ("Host(`bücher.example`)", "write `xn--bcher-kva.example`"),
    ("Host()", "write Host(`example.com`)"),
];

#[test]
fn refusals_come_with_a_correction() {
    for (text, hint) in CORRECTIONS {
        let parsed = http(text);
        assert!(parsed.rule.is_none(), "{text}");
        assert_eq!(parsed.problems[0].hint.as_deref(), Some(*hint), "{text}: {}", parsed.problems[0].message);
    }
    assert_eq!(tcp("Host(`a`)").problems[0].hint.as_deref(), Some("write HostSNI(`a`)"));
    assert_eq!(old("Header(`X`, `y`)").problems[0].hint.as_deref(), Some("write Headers(`X`, `y`)"));
}

/// What is legal and not meant, and what is advised.
const ADVICE: &[(&str, Code, &str)] = &[
    ("Host(`a.com:80`)", Code::NeverMatches, "write Host(`a.com`)"),
    ("Host(`a.com.`)", Code::TrailingDot, "write Host(`a.com`)"),
    ("Host(`https://a.com/x`)", Code::NeverMatches, "write Host(`a.com`), and PathPrefix for the path"),
    ("Host(`*a.com`)", Code::NeverMatches, "write Host(`*.a.com`)"),
    ("Host(`a.com,b.com`)", Code::NeverMatches, "write Host(`a.com`) || Host(`b.com`)"),
    ("Host(`{sub:[a-z]+}.a.com`)", Code::NeverMatches, r"write HostRegexp(`^(?:[a-z]+)\.a\.com$`)"),
    ("HostRegexp(`{sub:[a-z]+}.a.com`)", Code::OldRuleSyntax, r"write HostRegexp(`^(?:[a-z]+)\.a\.com$`)"),
    (r"HostRegexp(`a\.com`)", Code::UnanchoredRegexp, r"write HostRegexp(`^a\.com$`)"),
    ("PathPrefix(`/{id:[0-9]+}`)", Code::OldRuleSyntax, "write PathRegexp(`^/(?:[0-9]+)`)"),
    ("Path(`/x?a=b`)", Code::NeverMatches, "write Path(`/x`) && Query(`a`, `b`)"),
    ("Query(`a=b`)", Code::OldRuleSyntax, "write Query(`a`, `b`)"),
    ("Method(`GET,POST`)", Code::NeverMatches, "write Method(`GET`) || Method(`POST`)"),
    ("Header(`Host`, `a`)", Code::NeverMatches, "use the matcher Host"),
    ("Host(`a`) && Host(`b`)", Code::NeverMatches, "write `||` between the hosts if either is meant"),
];

#[test]
fn what_is_not_meant_is_warned_of() {
    for (text, code, hint) in ADVICE {
        let parsed = http(text);
        assert!(parsed.rule.is_some(), "{text}: {:?}", parsed.problems);
        let [problem] = parsed.problems.as_slice() else { panic!("{text}: {:?}", parsed.problems) };
        assert_eq!((problem.severity, problem.code), (Severity::Warning, *code), "{text}");
        assert_eq!(problem.hint.as_deref(), Some(*hint), "{text}");
    }
    for text in [
        "Host(`A.com`)",
        "Host(`*`)",
        "Host(`*.a.com`)",
        "Host(`::1`)",
        r"HostRegexp(`^a{2}\.com$`)",
        "HostRegexp(`.+`)",
        "Path(`/a b`)",
        "Query(`a`, `b=c`)",
    ] {
        assert_eq!(http(text).problems, [], "{text}");
    }
}

#[test]
fn places_are_bytes_of_the_rule() {
    let place = |text: &str| match http(text).problems.remove(0).place {
        Some(Place::Value(range)) => text[range].to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(place("Host(`a`) && Foo(`b`)"), "Foo");
    assert_eq!(place("Host(`é.com`)"), "é");
    assert_eq!(place("Host(`a.com:80`)"), ":80");
    assert_eq!(place("PathRegexp(`a(?=b)`)"), "(?=");
    assert_eq!(place("Host(`a`) xx Host(`b`)"), "xx");
}

#[test]
fn every_bad_matcher_is_named() {
    let problems = http("Hst(`a`) || Path(`x`) || Host(`b`, `c`)").problems;
    let codes: Vec<Code> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [Code::UnknownMatcher, Code::NotAPath, Code::MatcherArity]);
}

#[test]
fn size_is_bounded() {
    let first = |text: &str| http(text).problems[0].code;
    let deep = "(".repeat(10_000) + "Host(`a`)" + &")".repeat(10_000);
    assert_eq!(first(&deep), Code::RuleTooLarge);
    assert_eq!(first(&("!".repeat(10_000) + "Host(`a`)")), Code::RuleTooLarge);
    assert_eq!(first(&"(".repeat(MAX_RULE_BYTES)), Code::RuleTooLarge);
    assert_eq!(first(&" ".repeat(MAX_RULE_BYTES + 1)), Code::RuleTooLarge);
    let wide = |name: &str| (0..10).map(|n| format!("Host(`{name}{n}`)")).collect::<Vec<_>>().join(" || ");
    let product = ["a", "b", "c", "d"].map(|name| format!("({})", wide(name))).join(" && ");
    assert_eq!(first(&product), Code::RuleTooLarge);
    let nested = "!".repeat(MAX_RULE_DEPTH) + "Host(`a`)";
    assert!(http(&nested).rule.is_some());
    let long = vec!["Host(`a`)"; 5000].join(" && ");
    assert_eq!(accepted(&long).branches.len(), 1);
    let many = (0..3000).map(|n| format!("!Host(`h{n}`)")).collect::<Vec<_>>().join(" && ");
    assert_eq!(accepted(&many).branches.len(), 1);
}

/// A rule with one character deleted, inserted, replaced or swapped with its neighbour, at every place.
fn one_off(rule: &str) -> BTreeSet<String> {
    let characters: Vec<char> = rule.chars().collect();
    let mut all = BTreeSet::new();
    for at in 0..=characters.len() {
        let (before, behind) = characters.split_at(at);
        let changed =
            |new: &[char], skip: usize| [before, new, &behind[skip..]].concat().into_iter().collect::<String>();
        for new in "ax0.,(`'\"& !|)".chars() {
            all.insert(changed(&[new], 0));
            all.insert(changed(&[new], usize::from(!behind.is_empty())));
        }
        if let [first, second, ..] = behind {
            all.insert(changed(&[*second, *first], 2));
            all.insert(changed(&[], 1));
        }
    }
    all
}

#[test]
fn one_character_off_is_corrected() {
    let rules = ["Host(`app.example.com`)", "Host(`a.com`) && PathPrefix(`/api`)", "Host(`a.com`) || Host(`b.com`)"];
    let (mut refused, mut hinted, mut right) = (0, 0, 0);
    for rule in rules {
        for text in one_off(rule) {
            let problems = http(&text).problems;
            let Some(problem) = problems.iter().find(|problem| problem.severity == Severity::Error) else { continue };
            let hint = problem.hint.as_deref().unwrap_or_default();
            refused += 1;
            hinted += u32::from(!hint.is_empty());
            let correction = hint.strip_prefix("write ").unwrap_or("nothing");
            let same = |one: &str, other: &str| match (http(one).rule, http(other).rule) {
                (Some(one), Some(other)) => shape(&one.expression) == shape(&other.expression),
                _ => false,
            };
            let is_right = rule.contains(correction) || same(rule, correction);
            right += u32::from(is_right);
        }
    }
    println!("{refused} rules are refused: {hinted} come with a hint, {right} with the right correction");
    assert!(hinted * 100 > refused * 95 && right * 100 > refused * 80);
}

/// The tree without places.
fn shape(expr: &Expr) -> Value {
    let parts = |parts: &[Expr]| parts.iter().map(shape).collect::<Vec<_>>();
    match &expr.node {
        Node::Matcher(matcher) => serde_json::json!([
            matcher.kind,
            matcher.arguments.iter().map(|argument| &argument.text).collect::<Vec<_>>()
        ]),
        Node::And(all) => serde_json::json!({ "and": parts(all) }),
        Node::Or(any) => serde_json::json!({ "or": parts(any) }),
        Node::Not(inner) => serde_json::json!({ "not": shape(inner) }),
    }
}

fn some_matcher() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,4}(\\.[a-z]{2,3})?".prop_map(|host| format!("Host(`{host}`)")),
        "/[ -_a-~]{0,6}".prop_map(|path| format!("path(`{path}`)")),
        "/[a-z\n\"]{0,6}".prop_map(|path| format!("PathPrefix({path:?})")),
        Just("Header(`X`, \"a`b\\\\\")".to_owned()),
    ]
}

fn some_rule() -> impl Strategy<Value = String> {
    some_matcher().prop_recursive(5, 24, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several.clone().prop_map(|parts| format!("({})", parts.join(" && "))),
            several.clone().prop_map(|parts| parts.join(" || ")),
            several.prop_map(|parts| parts.join("&&")),
            inner.clone().prop_map(|part| format!("!({part})")),
            inner.prop_map(|part| format!("!{part}")),
        ]
    })
}

/// What rules are made of.
const LETTERS: &str = "([`\"'()!&|,.;{}\\\\\n\r\\[\\]*+?a-b/:0-9 -]|Host|Path|HostRegexp\\(`|é|\u{feff}|\0){0,40}";

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,80}") {
        let kinds = [(Protocol::Http, Syntax::V3), (Protocol::Http, Syntax::V2), (Protocol::Tcp, Syntax::V3)];
        for (protocol, syntax) in kinds {
            let parsed = parse(protocol, syntax, &text, Tls::Off);
            prop_assert!(parsed.rule.is_some() || !parsed.problems.is_empty());
        }
    }

    #[test]
    fn nothing_of_a_rules_letters_panics(text in LETTERS) {
        let parsed = http(&text);
        for problem in &parsed.problems {
            let Some(Place::Value(range)) = problem.place.clone() else { continue };
            prop_assert!(range.start <= range.end && range.end <= text.len());
        }
        let _unused = old(&text);
    }

    #[test]
    fn printed_rules_read_back(text in some_rule()) {
        let expression = http(&text).rule.expect("a legal rule").expression;
        let printed = expression.to_string();
        let again = http(&printed).rule.expect("its print is legal too").expression;
        prop_assert_eq!(shape(&expression), shape(&again));
        prop_assert_eq!(printed, again.to_string());
    }

    #[test]
    fn every_pin_is_a_named_host(text in some_rule()) {
        let rule = http(&text).rule.expect("a legal rule");
        for branch in &rule.branches {
            prop_assert!(branch.pinned.is_subset(&rule.hosts));
        }
    }
}
