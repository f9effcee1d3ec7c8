use super::reconstruct::reconstruct;
use super::report::Fault;
use super::{MatcherKind, Protocol, Syntax, Tls, matcher, read};
use crate::Code;

/// Longer rules get no suggestion: one takes many attempts at parsing.
const LONGEST: usize = 512;

/// How many places around a fault are tried.
const PLACES: usize = 40;

/// A rule that Traefik would take and that is probably what was meant.
pub(super) fn suggest(protocol: Protocol, syntax: Syntax, text: &str, fault: &Fault) -> Option<String> {
    if text.len() > LONGEST || !matches!(fault.code, Code::RuleSyntax | Code::RuleQuotes) {
        return None;
    }
    let known = matcher::known(protocol, syntax);
    let mut second_best = None;
    for candidate in rewritings(text, known).into_iter().chain(edits(text, fault)) {
        let mut faults = Vec::new();
        if read(protocol, syntax, &candidate, Tls::Unknown, &mut faults).is_none() {
            continue;
        }
        if faults.is_empty() {
            return Some(format!("write {candidate}"));
        }
        second_best.get_or_insert(candidate);
    }
    second_best.map(|candidate| format!("write {candidate}"))
}

/// The whole rule with the quotes, operators and arguments that Traefik wants.
fn rewritings(text: &str, known: &[MatcherKind]) -> Vec<String> {
    let quotes = with_backquotes(text);
    let operators = with_operators(text);
    let both = with_operators(&quotes);
    let requoted = with_quoted_arguments(text);
    let all = with_quoted_arguments(&both);
    let closed = format!("{})", text.trim_end());
    let quoted = format!("{}`)", text.trim_end());
    let rebuilt = reconstruct(text, known).or_else(|| reconstruct(&all, known));
    let mut rewritings = vec![quotes, operators, both];
    rewritings.extend(rebuilt);
    rewritings.extend([closed, requoted, all, quoted]);
    rewritings.extend(from_first_version(text));
    rewritings
}

fn with_backquotes(text: &str) -> String {
    let quote = |c: char| match c {
        '\'' | '´' | '‘' | '’' | '“' | '”' | '„' | '«' | '»' => '`',
        c if c.is_whitespace() => ' ',
        c => c,
    };
    text.chars().filter(|c| !matches!(c, '\0' | '\u{feff}' | '\u{200b}')).map(quote).collect()
}

/// Words and single characters for operators; outside of quotes only.
fn with_operators(text: &str) -> String {
    let text = text.trim_end_matches([';', ',', '&', '|', ' ']);
    let mut parts: Vec<String> = Vec::new();
    for (position, part) in text.split('`').enumerate() {
        parts.push(if position % 2 == 0 { with_operators_in(part) } else { part.to_owned() });
    }
    parts.join("`")
}

fn with_operators_in(text: &str) -> String {
    let mut result = text.replace("&&", "&").replace("||", "|");
    for (word, operator) in [("and", "&"), ("AND", "&"), ("And", "&"), ("or", "|"), ("OR", "|"), ("Or", "|")] {
        result = result.replace(&format!(" {word} "), &format!(" {operator} "));
    }
    result = result.replace(" not ", " !").replace(" NOT ", " !").replace(';', " & ");
    result.replace("& &", "&").replace("| |", "|").replace('&', "&&").replace('|', "||")
}

/// Every argument in backquotes, whatever it is in now.
fn with_quoted_arguments(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('(') {
        let (before, behind) = rest.split_at(open + 1);
        result.push_str(before);
        rest = behind;
        let Some(close) = behind.find([')', '(']) else { continue };
        let (inside, tail) = behind.split_at(close);
        if tail.starts_with('(') {
            continue;
        }
        let arguments: Vec<String> = inside.split(',').map(|argument| quoted(argument.trim())).collect();
        result.push_str(&arguments.join(", "));
        rest = tail;
    }
    result + rest
}

/// An argument in backquotes; where one was there, what stands at the place of the other goes.
fn quoted(argument: &str) -> String {
    const QUOTES: [char; 8] = ['`', '"', '\'', '´', '‘', '’', '“', '”'];
    const JUNK: [char; 8] = ['.', '!', '&', '|', ';', ':', '(', ')'];
    let bare = argument.trim_matches(QUOTES);
    let bare = match (argument.starts_with(QUOTES), argument.ends_with(QUOTES)) {
        (false, true) => bare.trim_start_matches(JUNK),
        (true, false) => bare.trim_end_matches(JUNK),
        _ => bare,
    };
    format!("`{bare}`")
}

/// `Host:a.org;PathPrefix:/x` of Traefik v1.
fn from_first_version(text: &str) -> Option<String> {
    let mut matchers = Vec::new();
    for part in text.split(';') {
        let (name, values) = part.split_once(':')?;
        let each: Vec<String> = values.split(',').map(|value| format!("{}(`{}`)", name.trim(), value.trim())).collect();
        matchers.push(if each.len() > 1 { format!("({})", each.join(" || ")) } else { each.concat() });
    }
    Some(matchers.join(" && "))
}

/// One character less or more, or two swapped, nearest to the fault first.
fn edits<'a>(text: &'a str, fault: &Fault) -> impl Iterator<Item = String> + use<'a> {
    let (start, end) = (fault.span.start, fault.span.end);
    let places = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let mut places: Vec<usize> = places.collect();
    places.sort_by_key(|place| place.abs_diff(start).min(place.abs_diff(end)));
    places.truncate(PLACES);
    places.into_iter().flat_map(move |place| {
        let (before, behind) = text.split_at_checked(place).unwrap_or((text, ""));
        let inserted = [")", "(", "`", "\"", ",", "&& "].map(|new| format!("{before}{new}{behind}"));
        let mut rest = behind.chars();
        let first = rest.next();
        let deleted = format!("{before}{}", rest.as_str());
        let second = rest.next();
        let swapped = [second, first].into_iter().flatten().collect::<String>();
        inserted.into_iter().chain([deleted, format!("{before}{swapped}{}", rest.as_str())])
    })
}
