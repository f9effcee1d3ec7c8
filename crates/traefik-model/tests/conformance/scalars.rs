//! The YAML writer: what a reader of YAML 1.1 or 1.2 could mistake comes back as the text that it is.

use serde_json::{Value, json};
use traefik_model::{Configuration, PluginValue, check_document, http, middleware, to_yaml};

use crate::oracle::Oracle;

/// Texts that readers take for something else, or stumble over.
const TEXTS: &[&str] = &[
    "yes",
    "Yes",
    "YES",
    "no",
    "on",
    "Off",
    "y",
    "n",
    "Y",
    "N",
    "true",
    "True",
    "TRUE",
    "false",
    "null",
    "Null",
    "NULL",
    "~",
    "nil",
    "none",
    "",
    " ",
    "  ",
    "0",
    "1",
    "-1",
    "+1",
    "007",
    "0o7",
    "0b1",
    "0x1F",
    "0X1f",
    "1_000",
    "1,000",
    "1.5",
    "1.",
    ".5",
    "1e3",
    "1E+3",
    "-.5",
    "+.5",
    "1__0",
    "_1",
    "0_",
    ".inf",
    "-.inf",
    "+.Inf",
    ".INF",
    ".nan",
    ".NaN",
    "inf",
    "NaN",
    "12:30:45",
    "1:2",
    "190:20:30",
    "190:20:30.15",
    "2024-01-01",
    "2024-1-1",
    "2001-12-14t21:59:43.10-05:00",
    "2001-12-14 21:59:43.10 -5",
    "2024-01-01T00:00:00Z",
    "=",
    "<<",
    "<",
    "-",
    "--",
    "---",
    "...",
    "--- a",
    "... a",
    "- a",
    "?",
    "? a",
    ":",
    ": a",
    "a:",
    "a: b",
    "a :b",
    "::",
    "#",
    "#a",
    "a #b",
    "a#b",
    "!",
    "!!str",
    "!a b",
    "&",
    "&a",
    "*",
    "*a",
    "|",
    ">",
    "|-",
    ">+",
    "%",
    "%YAML 1.2",
    "@",
    "@a",
    "`",
    "`a`",
    "'",
    "\"",
    "''",
    "\"\"",
    "'a'",
    "\"a\"",
    "a'b",
    "a\"b",
    "\\",
    "\\n",
    "a\\b",
    "\\x41",
    "[",
    "]",
    "[]",
    "[a]",
    "{",
    "}",
    "{}",
    "{a: b}",
    ",",
    "a,b",
    " a",
    "a ",
    "\ta",
    "a\t",
    "\t",
    "a\tb",
    "\n",
    "a\n",
    "\na",
    "a\nb",
    "a\n\nb",
    "a\n b",
    "a \nb",
    "\r",
    "\r\n",
    "a\rb",
    "\u{0}",
    "\u{1}",
    "\u{7}",
    "\u{8}",
    "\u{b}",
    "\u{c}",
    "\u{1b}",
    "\u{1f}",
    "\u{7f}",
    "\u{80}",
    "\u{85}",
    "a\u{85}b",
    "\u{9f}",
    "\u{a0}",
    "a\u{a0}b",
    "\u{ad}",
    "\u{2028}",
    "a\u{2028}b",
    "\u{2029}",
    "\u{200b}",
    "\u{200e}",
    "\u{feff}",
    "a\u{feff}b",
    "\u{fffd}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{e000}",
    "\u{10ffff}",
    "é",
    "e\u{301}",
    "日本",
    "🦀",
    "👩‍👩‍👧",
    "𝒳",
    "Host(`a.b`) && PathPrefix(`/x`)",
    "$2y$05$abc/def",
    "*.example.com",
    "{{ .Name }}",
    "a: {b",
    "key: 'v' # c",
    "0.0.0.0:80",
    "http://127.0.0.1:80/?a=b#c",
    "100%",
    "-5s",
    "1m30s",
    "=a",
    "<<a",
    "!=",
    "Infinity",
    "0xZ",
    "0b2",
    "08",
    "09",
    "1e",
    "e3",
    "+",
    "+-1",
    "1 000",
    "½",
    "١٢٣",
    "\u{3000}",
    "\u{2003}a",
    "a\u{2003}",
];

fn corpus() -> Vec<String> {
    let mut texts: Vec<String> = TEXTS.iter().map(|text| (*text).to_owned()).collect();
    texts.extend(
        (0..0x180).filter_map(char::from_u32).flat_map(|c| [c.to_string(), format!("a{c}b"), format!("{c} x")]),
    );
    texts.extend(
        [127, 128, 129, 1_000, 1_017, 1_018, 1_019, 1_020, 1_021, 1_022, 1_023, 1_024, 1_025, 4_000]
            .map(|long| "k".repeat(long)),
    );
    texts.extend([
        "a b ".repeat(400),
        "é".repeat(1_100),
        "\"\\".repeat(600),
        "\u{1}".repeat(400),
        "word\n".repeat(300),
    ]);
    texts.sort();
    texts.dedup();
    texts
}

/// The text as key, value, list item, and key and value of a free map.
fn with(text: &str) -> Configuration {
    let mut configuration = Configuration::default();
    let router =
        http::Router { rule: text.into(), entry_points: vec!["a".into(), text.trim().into()], ..Default::default() };
    configuration.http.routers.insert(text.to_owned(), router);
    let mut headers = middleware::Headers::default();
    headers.custom_request_headers.insert(text.to_owned(), text.to_owned());
    let mut middleware = middleware::Middleware { headers: Some(Box::new(headers)), ..Default::default() };
    let list = PluginValue::List(vec![PluginValue::Text(text.to_owned())]);
    let settings = [("list".to_owned(), list), (format!("k{text}"), PluginValue::Text(text.to_owned()))];
    middleware.plugin.0.insert(text.to_owned(), settings.into());
    configuration.http.middlewares.insert("m".to_owned(), middleware);
    configuration
}

#[test]
fn texts_come_back() {
    let Some(mut oracle) = Oracle::start() else { return };
    let corpus = corpus();
    let configurations: Vec<_> = corpus.iter().map(|text| with(text)).collect();
    let question = |configuration| json!({ "op": "httpdecode", "body": to_yaml(configuration).unwrap().text });
    let questions: Vec<Value> = configurations.iter().map(question).collect();
    let mut wrong = Vec::new();
    for ((text, configuration), answer) in corpus.iter().zip(&configurations).zip(oracle.ask(&questions)) {
        assert_eq!(check_document(configuration), [], "{text:?}");
        if answer.get("config") != Some(&serde_json::to_value(configuration).unwrap()) {
            let document = to_yaml(configuration).unwrap().text;
            wrong.push(format!("{text:?}: {answer}\n{document}").chars().take(600).collect::<String>());
        }
    }
    println!("{} texts as keys, values and items", corpus.len());
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), corpus.len(), wrong.join("\n"));
}

/// Any reader of YAML must find strings, not just Traefik's, which takes most scalars for text again.
#[test]
fn every_scalar_is_a_string() {
    let Some(mut oracle) = Oracle::start() else { return };
    for text in corpus() {
        let body = to_yaml(&with(&text)).unwrap().text;
        let answer = oracle.ask_one(json!({ "op": "yamlscalars", "body": body }));
        let values = answer["values"].as_array().unwrap_or_else(|| panic!("{text:?}: {answer}\n{body}"));
        for value in values {
            assert_eq!(value["type"], "string", "{text:?}: {value}\n{body}");
            let keys = value["path"].as_array().unwrap();
            assert!(!keys.iter().any(|key| key.as_str().unwrap().starts_with("(int)")), "{text:?}: {value}\n{body}");
        }
    }
}
