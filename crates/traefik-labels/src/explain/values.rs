//! Values of the wrong kind, and what they were meant to be.

use traefik_model::{Duration, DurationError, FaultKind};

use crate::{Code, distance::nearest, text::quoted};

pub(super) fn code(kind: FaultKind) -> Code {
    match kind {
        FaultKind::NotABool => Code::NotABool,
        FaultKind::NotADuration(_) => Code::NotADuration,
        _ => Code::NotANumber,
    }
}

/// What to say when there is no value at all.
pub(super) fn missing(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::NotABool => "expected `true` or `false`",
        FaultKind::NotADuration(_) => "expected a duration, such as `10s`",
        _ => "expected a whole number",
    }
}

/// The message, and the value to write instead.
pub(super) fn explain(value: &str, kind: FaultKind) -> (String, Option<String>) {
    let shown = quoted(value);
    match kind {
        FaultKind::NotABool => (format!("{shown} is not `true` or `false`"), boolean(value).map(str::to_owned)),
        FaultKind::NumberTooLarge => (format!("{shown} does not fit in 64 bits"), None),
        FaultKind::NotADuration(why) => (
            format!("{shown} is no duration{}; expected e.g. `10s`, `1m30s` or a number of seconds", reason(why)),
            duration(value),
        ),
        _ => (format!("{shown} is no whole number"), number(value)),
    }
}

fn reason(why: DurationError) -> &'static str {
    match why {
        DurationError::Invalid => "",
        DurationError::MissingUnit => ": its unit is missing",
        DurationError::UnknownUnit => ": its unit is none of `h`, `m`, `s`, `ms`, `us` and `ns`",
    }
}

/// The text without what people put around values.
fn bare(value: &str) -> &str {
    value.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';' | '=' | '.'))
}

pub(super) fn boolean(value: &str) -> Option<&'static str> {
    let word = bare(value).to_ascii_lowercase();
    match word.as_str() {
        "yes" | "on" | "enable" | "enabled" | "y" | "ok" => return Some("true"),
        "no" | "off" | "disable" | "disabled" | "n" | "none" | "null" => return Some("false"),
        _ => {}
    }
    let known = ["true", "false"];
    known.into_iter().find(|one| *one == nearest(&word, known).unwrap_or_default())
}

pub(super) fn number(value: &str) -> Option<String> {
    if value.len() > 40 {
        return None;
    }
    let word = bare(value);
    if let Some(hex) = word.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(|number| number.to_string());
    }
    let letters: String = word.chars().map(as_digit).filter(|c| !matches!(c, '_' | ' ' | ',' | '\'')).collect();
    let digits: String = word.chars().enumerate().filter(|(at, c)| is_digit(*at, *c)).map(|(_, c)| c).collect();
    [word.to_owned(), letters, digits].into_iter().find(|text| text != value && text.parse::<i64>().is_ok())
}

fn is_digit(at: usize, c: char) -> bool {
    c.is_ascii_digit() || (at == 0 && matches!(c, '-' | '+'))
}

/// A digit for a letter that looks like it.
fn as_digit(c: char) -> char {
    match c {
        'O' | 'o' => '0',
        'l' | 'I' => '1',
        _ => c,
    }
}

/// The number of a port, without what is no part of it.
pub(super) fn port(value: &str) -> Option<String> {
    let behind = value.rsplit_once(':').map_or(value, |(_, behind)| behind);
    let behind = behind.split(['/', ' ']).find(|part| !part.is_empty()).unwrap_or_default();
    [behind.to_owned()].into_iter().chain(number(behind)).find(|text| crate::notes::is_port(text) && text != value)
}

fn duration(value: &str) -> Option<String> {
    if value.len() > 40 {
        return None;
    }
    let word: String = bare(value).chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let days = word.strip_suffix("days").or(word.strip_suffix("day")).or(word.strip_suffix('d'));
    if let Some(days) = days.and_then(|days| days.parse::<i64>().ok()).and_then(|days| days.checked_mul(24)) {
        return Some(format!("{days}h"));
    }
    let mut short = word.clone();
    for (long, unit) in UNITS {
        short = short.replace(long, unit);
    }
    let without: String = short.chars().filter(|c| c.is_ascii_digit() || "hmsun.".contains(*c)).collect();
    let with_unit = format!("{short}s");
    [word, short, with_unit, without].into_iter().find(|text| text != value && text.parse::<Duration>().is_ok())
}

/// Names of units; the longer ones first.
const UNITS: [(&str, &str); 13] = [
    ("milliseconds", "ms"),
    ("millisecond", "ms"),
    ("millis", "ms"),
    ("seconds", "s"),
    ("second", "s"),
    ("secs", "s"),
    ("sec", "s"),
    ("minutes", "m"),
    ("minute", "m"),
    ("mins", "m"),
    ("min", "m"),
    ("hours", "h"),
    ("hour", "h"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_corrected() {
        for (value, meant) in
            [("yes", "true"), (" true", "true"), ("\"true\"", "true"), ("flase", "false"), ("tru", "true")]
        {
            assert_eq!(boolean(value), Some(meant), "{value}");
        }
        assert_eq!(boolean("maybe"), None);
        for (value, meant) in
            [("3O0", "300"), ("10s", "10"), (" 5 ", "5"), ("0x1F", "31"), ("1_000", "1000"), ("157x", "157")]
        {
            assert_eq!(number(value).as_deref(), Some(meant), "{value}");
        }
        for (value, meant) in
            [("1.5", "1.5s"), ("1d", "24h"), ("10 s", "10s"), ("5min", "5m"), ("10S", "10s"), ("30 seconds", "30s")]
        {
            assert_eq!(duration(value).as_deref(), Some(meant), "{value}");
        }
        for (value, meant) in
            [("8080/tcp", "8080"), ("http://a:80/", "80"), (":80", "80"), ("80x", "80"), (" 80 ", "80")]
        {
            assert_eq!(port(value).as_deref(), Some(meant), "{value}");
        }
        assert_eq!(port("99999"), None);
    }
}
