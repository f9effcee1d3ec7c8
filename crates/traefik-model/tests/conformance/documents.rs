//! `check_document` is exact: what it lets pass, Traefik takes and reads as meant; what it finds, Traefik refuses or
//! reads as something else. Over configurations that are generated from the schema, with nasty texts.

use serde_json::{Map, Value, json};
use traefik_model::{Access, Configuration, Shape, Struct as _, StructShape, check_document, to_yaml};

use crate::oracle::Oracle;
use crate::random::{Random, seed};

const CONFIGURATIONS: usize = 6_000;
const BATCH: usize = 200;
const TEXTS: &[&str] = &[
    "",
    "x",
    "web",
    "a,b",
    " a ",
    "yes",
    "1_000",
    "2024-01-01",
    "~",
    "=",
    "<<",
    "║",
    "║24║a",
    "a║b",
    "[0]",
    "[",
    "\n",
    "\u{0}",
    "\u{85}",
    "\u{feff}",
    "é",
    "🦀",
    "true",
    "12:30:45",
    "-1",
    "{}",
];
const NAMES: &[&str] =
    &["a", "b", "A", "web-2816", "", "[0]", "[00]", "[x", "a.b", "yes", "1", "║", "\u{2028}", "-", "plugin"];
const DURATIONS: &[&str] = &["0s", "5s", "1m30s", "100ms", "-1s", "1ns", "2562047h47m16.854775807s"];

/// A value of that shape, as JSON; rarely deep ones.
fn value(shape: Shape, random: &mut Random) -> Value {
    match shape {
        Shape::Scalar("bool") => json!(random.one_in(2)),
        Shape::Scalar("int") => json!(random.pick(&[0, 1, -1, 503, i64::MAX, i64::MIN])),
        Shape::Scalar("types.Duration") => json!(random.pick(DURATIONS)),
        Shape::Scalar(_) => json!(random.pick(TEXTS)),
        Shape::List(_) => (0..random.below(4)).map(|_| json!(random.pick(TEXTS))).collect(),
        Shape::Structs(inner) => (0..random.below(3)).map(|_| fields(inner, random)).collect(),
        Shape::Struct(inner) => fields(inner, random),
        Shape::Map(inner) => named(random, |random| value(*inner, random)),
        Shape::Plugins => named(random, |random| named(random, |random| setting(3, random))),
    }
}

fn named(random: &mut Random, mut value: impl FnMut(&mut Random) -> Value) -> Value {
    let entries = (0..random.below(4)).map(|_| ((*random.pick(NAMES)).to_owned(), value(random)));
    Value::Object(entries.collect())
}

fn setting(depth: usize, random: &mut Random) -> Value {
    match random.below(if depth == 0 { 2 } else { 5 }) {
        0 | 1 => json!(random.pick(TEXTS)),
        2 => (0..random.below(4)).map(|_| setting(depth - 1, random)).collect(),
        3 => (0..random.below(4)).map(|_| json!(random.pick(TEXTS))).collect(),
        _ => named(random, |random| setting(depth - 1, random)),
    }
}

fn fields(shape: &StructShape, random: &mut Random) -> Value {
    let wanted = if random.one_in(5) { 0 } else { 1 + random.below(4) };
    let open: Vec<_> = shape.fields.iter().filter(|field| field.file != Access::Hidden).collect();
    let mut map = Map::new();
    for _ in 0..wanted.min(open.len()) {
        let field = random.pick(&open);
        map.insert(field.name.to_owned(), value(field.shape, random));
    }
    Value::Object(map)
}

/// A few entries: `http`, its routers, one of them. Everything else begins with Go's zero values.
fn configuration(random: &mut Random) -> Configuration {
    let mut whole = Map::new();
    for _ in 0..=random.below(2) {
        let section = random.pick(Configuration::STRUCT.fields);
        whole.insert(section.name.to_owned(), value(section.shape, random));
    }
    serde_json::from_value(Value::Object(whole)).unwrap()
}

/// From labels or documents, structs begin with their defaults; a part of the generated ones do, too.
fn completed(configuration: Configuration, oracle: &mut Oracle) -> Configuration {
    let answer = oracle.ask_one(json!({ "op": "httpdecode", "body": to_yaml(&configuration).unwrap().text }));
    answer.get("config").map_or(configuration, |config| serde_json::from_value(config.clone()).unwrap())
}

#[test]
fn the_check_is_exact() {
    let Some(mut oracle) = Oracle::start() else { return };
    let seed = seed();
    println!("SEED={seed} repeats this run");
    let mut random = Random::new(seed);
    let (mut sound, mut wrong) = (0, Vec::new());
    for _ in 0..CONFIGURATIONS / BATCH {
        let mut batch: Vec<Configuration> = (0..BATCH).map(|_| configuration(&mut random)).collect();
        for configuration in &mut batch {
            if random.one_in(2) {
                *configuration = completed(std::mem::take(configuration), &mut oracle);
            }
        }
        let question = |configuration| json!({ "op": "httpdecode", "body": to_yaml(configuration).unwrap().text });
        let questions: Vec<Value> = batch.iter().map(question).collect();
        for (configuration, answer) in batch.iter().zip(oracle.ask(&questions)) {
            let faults = check_document(configuration);
            let meant = serde_json::to_value(configuration).unwrap();
            sound += usize::from(faults.is_empty());
            if (answer.get("config") == Some(&meant)) != faults.is_empty() && wrong.len() < 5 {
                let document = to_yaml(configuration).unwrap().text;
                wrong.push(format!("{document}\n  our check: {faults:?}\n  meant {meant}\n  Traefik: {answer}"));
            }
        }
    }
    println!("{CONFIGURATIONS} configurations, {sound} of them sound");
    assert!(wrong.is_empty(), "SEED={seed}\n{}", wrong.join("\n"));
    assert!(sound * 10 > CONFIGURATIONS && sound * 10 < CONFIGURATIONS * 9, "the generator is out of balance");
}
