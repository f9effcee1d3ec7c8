//! How well slips are explained: every label of the examples, changed by one character at every position.
//!
//! **What counts.** A slip counts when Traefik would not read the labels as they were meant: it refuses them, it
//! decodes another configuration, it disables the router for its rule, or `traefik.enable` no longer says true.
//! Of these, only what is *another valid text of the user's own choice* does not count, because nothing in the
//! labels says which of two such texts was meant:
//!
//! * the name of a router, service or middleware in a key, while every reference of the container that led
//!   somewhere still does, and the key is otherwise the same;
//! * the name of a host in a rule, while it is a sound host name and the rule is otherwise the same;
//! * the digits of a port or another number, while it is one.
//!
//! Everything else counts: the words of the schema, `traefik` itself, dots and brackets, booleans, matchers with
//! their quotes and parentheses, entry points and certificate resolvers (those that exist are known here, as they
//! are to the route server), and references that no longer lead to anything.
//!
//! **What is asked.** A problem or warning names the changed label; and the first of them has the right correction:
//! its hint is the original key or value (in any case where Traefik takes any), or the original rule behind `write `.

#![expect(clippy::indexing_slicing, clippy::expect_used, clippy::print_stdout, reason = "a test that prints figures")]

use std::collections::BTreeMap;

use traefik_labels::{Decoder, Place, Problem, Rules, Severity, decode_first, rule};
use traefik_model::{Configuration, equal_fold};

/// What slips are made with: letters and digits as on keyboards beside each other, and what labels are built from.
const CHARACTERS: &[u8] = b"aeiorstnlx019.-_@`()[], =\"'&|!";

/// The names that exist where the examples are deployed.
const ENTRY_POINTS: [&str; 10] =
    ["web", "websecure", "web-v6", "websecure-v6", "tcp-25", "tcp-143", "tcp-465", "tcp-587", "tcp-993", "tcp-5432"];

type Label = (String, String);

fn example(text: &str) -> Vec<Label> {
    let label = |line: &str| line.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    text.lines().filter_map(label).collect()
}

fn examples() -> Vec<Vec<Label>> {
    let texts = [
        include_str!("../../../fixtures/labels/webapp.labels"),
        include_str!("../../../fixtures/labels/myapp.labels"),
        include_str!("../../../fixtures/labels/mail.labels"),
    ];
    texts.into_iter().map(example).collect()
}

/// Every text that is one slip away: at each position two characters more, one less, two others, and a swap.
fn slips(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let pick = |at: usize, turn: usize| char::from(CHARACTERS[(at * 7 + turn * 11 + text.len()) % CHARACTERS.len()]);
    let with =
        |from: usize, to: usize, new: &[char]| chars[..from].iter().chain(new).chain(&chars[to..]).collect::<String>();
    let mut slips = Vec::new();
    for at in 0..=chars.len() {
        slips.extend((0..2).map(|turn| with(at, at, &[pick(at, turn)])));
        if at < chars.len() {
            slips.push(with(at, at + 1, &[]));
            slips.extend((2..4).map(|turn| with(at, at + 1, &[pick(at, turn)])));
        }
        if at + 1 < chars.len() {
            slips.push(with(at, at + 2, &[chars[at + 1], chars[at]]));
        }
    }
    slips.retain(|slip| slip != text);
    slips.sort();
    slips.dedup();
    slips
}

fn pairs(labels: &[Label]) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// What Traefik makes of labels: nothing, or a configuration.
fn read(labels: &[Label]) -> Option<Configuration> {
    let enabled = labels.iter().any(|(key, value)| {
        key.starts_with("traefik.")
            && equal_fold(key, "traefik.enable")
            && ["1", "t", "T", "true", "TRUE", "True"].contains(&value.as_str())
    });
    decode_first(pairs(labels)).ok().filter(|_| enabled)
}

/// Whether Traefik would disable a router for its rule.
fn has_bad_rule(configuration: &Configuration) -> bool {
    let bad = |protocol, text: &str, tls| rule::parse(protocol, rule::Syntax::V3, text, tls).rule.is_none();
    let http = configuration.http.routers.values();
    let tcp = configuration.tcp.routers.values();
    http.into_iter().any(|router| bad(rule::Protocol::Http, router.rule.as_str(), rule::Tls::Unknown))
        || tcp.into_iter().any(|router| bad(rule::Protocol::Tcp, router.rule.as_str(), router.tls.is_some().into()))
}

/// The references that lead nowhere.
fn dangling(configuration: &Configuration) -> Vec<String> {
    let Configuration { http, tcp, .. } = configuration;
    let services =
        http.routers.values().map(|router| router.service.as_str()).filter(|name| !http.services.contains_key(*name));
    let middlewares = http.routers.values().flat_map(|router| &router.middlewares).map(|name| name.as_str());
    let middlewares = middlewares.filter(|name| !http.middlewares.contains_key(*name));
    let tcp =
        tcp.routers.values().map(|router| router.service.as_str()).filter(|name| !tcp.services.contains_key(*name));
    services.chain(middlewares).chain(tcp).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Whether two keys differ in the name of a router, service or middleware only.
fn differ_in_name(one: &str, other: &str) -> bool {
    let (one, other): (Vec<_>, Vec<_>) = (one.split('.').collect(), other.split('.').collect());
    let differing: Vec<_> = (0..one.len().max(other.len())).filter(|at| one.get(*at) != other.get(*at)).collect();
    one.len() == other.len() && differing == [3]
}

/// The host names of a rule, and the rest of it.
fn hosts(rule: &str) -> (Vec<&str>, Vec<&str>) {
    let part = |odd: usize| rule.split('`').enumerate().filter(|(at, _)| at % 2 == odd).map(|(_, text)| text).collect();
    (part(1), part(0))
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        let sound = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(sound) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.split('.').all(label)
}

/// Whether a slip made another valid text of the user's own choice.
fn is_free(original: &Label, slip: &Label, before: &Configuration, after: Option<&Configuration>) -> bool {
    let Some(after) = after.filter(|after| !has_bad_rule(after)) else { return false };
    if original.0 != slip.0 {
        return differ_in_name(&original.0, &slip.0)
            && slip.0.split('.').nth(3).is_some_and(|name| !name.contains('@'))
            && dangling(after).len() == dangling(before).len();
    }
    let is_number = |text: &str| text.parse::<u32>().is_ok_and(|number| number > 0);
    if slip.0.ends_with(".port") {
        return slip.1.parse::<u16>().is_ok_and(|port| port > 0) && !slip.1.starts_with('+');
    }
    if slip.0.ends_with(".rule") {
        let ((names, rest), (others, other_rest)) = (hosts(&original.1), hosts(&slip.1));
        return rest == other_rest && names != others && others.iter().all(|name| is_host(name));
    }
    is_number(&original.1) && is_number(&slip.1)
}

/// Whether the hint of a problem restores what was there.
fn restores(problem: &Problem, original: &Label, slip: &Label) -> bool {
    let Some(hint) = &problem.hint else { return false };
    if original.0 != slip.0 {
        return hint.eq_ignore_ascii_case(&original.0);
    }
    let hint = hint.strip_prefix("write ").unwrap_or(hint);
    let in_place = match &problem.place {
        Some(Place::Value(range)) => {
            let (before, behind) = (slip.1.get(..range.start), slip.1.get(range.end..));
            before.zip(behind).map(|(before, behind)| format!("{before}{hint}{behind}"))
        }
        _ => None,
    };
    hint == original.1 || in_place.is_some_and(|text| text == original.1)
}

#[derive(Default)]
struct Figures {
    made: usize,
    free: usize,
    counted: usize,
    named: usize,
    corrected: usize,
    misses: Vec<String>,
    uncorrected: Vec<String>,
}

impl Figures {
    fn count(&mut self, labels: &[Label], at: usize, slip: Label, decoder: &Decoder) {
        self.made += 1;
        let original = &labels[at];
        let mut changed = labels.to_vec();
        changed[at] = slip.clone();
        let before = read(labels).expect("the examples are sound");
        let after = read(&changed);
        if after.as_ref() == Some(&before) {
            return;
        }
        if is_free(original, &slip, &before, after.as_ref()) {
            self.free += 1;
            return;
        }
        self.counted += 1;
        let decoded = decoder.decode(pairs(&changed));
        let mut named = decoded.problems.iter().filter(|problem| problem.label == slip.0);
        let Some(first) = named.next() else {
            return self.misses.push(format!("{}={}", slip.0, slip.1));
        };
        self.named += 1;
        if restores(first, original, &slip) {
            self.corrected += 1;
        } else {
            self.uncorrected.push(format!("{}={}  {} {:?}", slip.0, slip.1, first.code, first.hint));
        }
    }
}

#[test]
fn slips_are_explained() {
    let decoder = Decoder::new().entry_points(ENTRY_POINTS).resolvers(["letsencrypt"]).rules(Rules::Refuse);
    let mut figures = Figures::default();
    for labels in examples() {
        assert_eq!(decoder.decode(pairs(&labels)).problems, [], "the examples are sound");
        for (at, (key, value)) in labels.iter().enumerate() {
            for slip in slips(key) {
                figures.count(&labels, at, (slip, value.clone()), &decoder);
            }
            for slip in slips(value) {
                figures.count(&labels, at, (key.clone(), slip), &decoder);
            }
        }
    }
    let percent = |part: usize| 100.0 * part as f64 / figures.counted as f64;
    let Figures { made, free, counted, .. } = figures;
    let text = format!(
        "{made} slips, of which {counted} change what Traefik reads and {free} more are free text;\n\
         {:.1} % get a problem that names the label, {:.1} % the right correction first",
        percent(figures.named),
        percent(figures.corrected),
    );
    println!("{text}");
    println!("not named, some:\n  {}", sample(&figures.misses));
    println!("not corrected, some:\n  {}", sample(&figures.uncorrected));
    assert!(percent(figures.named) >= 95.0, "{text}");
    assert!(percent(figures.corrected) >= 80.0, "{text}");
}

/// Some of many, evenly.
fn sample(all: &[String]) -> String {
    let step = all.len().div_ceil(40).max(1);
    all.iter().step_by(step).cloned().collect::<Vec<_>>().join("\n  ")
}

#[test]
fn nothing_is_said_twice_of_errors() {
    let labels = [("traefik.http.routers.a.rule", "Host(`a`"), ("traefik.http.routers.a.tls", "true")];
    let problems = Decoder::new().decode(labels).problems;
    assert_eq!(problems.iter().filter(|problem| problem.severity == Severity::Error).count(), 1, "{problems:?}");
    let kept: BTreeMap<_, _> = Decoder::new().rules(Rules::Keep).decode(labels).configuration.http.routers;
    assert!(kept.contains_key("a"));
}
