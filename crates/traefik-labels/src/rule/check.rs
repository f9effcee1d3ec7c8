use std::ops::Range;

use super::grammar::{Call, RawArgument};
use super::matcher::Arity;
use super::report::{Fault, fault};
use super::template::{self, Subject, Template};
use super::{MatcherKind as M, Syntax, address, literal, punycode, regexp};
use crate::Code;

/// Checks one matcher's arguments as Traefik does when it builds the matcher.
pub(super) fn check(call: &Call<'_>, kind: M, syntax: Syntax, faults: &mut Vec<Fault>) {
    let before = faults.len();
    faults.extend(empty_argument(call));
    let arity = kind.arity(syntax);
    if faults.len() == before && !arity.allows(call.arguments.len()) {
        faults.push(wrong_count(call, kind, arity));
    }
    if faults.len() > before {
        return;
    }
    if (kind, syntax) == (M::Query, Syntax::V2) {
        return old_query(call, faults);
    }
    for (position, argument) in call.arguments.iter().enumerate() {
        faults.extend(check_argument(kind, syntax, position, argument));
    }
}

fn empty_argument(call: &Call<'_>) -> Option<Fault> {
    let argument = call.arguments.iter().find(|argument| argument.bytes.is_empty())?;
    let message = format!("an argument of {} is empty", call.name);
    Some(fault(Code::MatcherArity, argument.span.clone(), message))
}

fn wrong_count(call: &Call<'_>, kind: M, arity: Arity) -> Fault {
    let count = call.arguments.len();
    let message = format!("{} takes {}, found {count}", kind.name(), arity.expected());
    let fault = fault(Code::MatcherArity, call.span.clone(), message);
    let texts: Vec<String> = call.arguments.iter().map(|argument| literal::quote(&argument.text())).collect();
    let name = kind.name();
    match (arity, texts.as_slice()) {
        (Arity::One, [_, _, ..]) => {
            let each: Vec<String> = texts.iter().map(|text| format!("{name}({text})")).collect();
            fault.with_hint(format!("write {}", each.join(" || ")))
        }
        (Arity::Two | Arity::Pairs, []) => fault.with_hint(format!("write {name}(`Name`, `value`)")),
        (Arity::Two | Arity::Pairs, [key]) => fault.with_hint(format!("write {name}({key}, `value`)")),
        (_, []) => fault.with_hint(format!("write {name}(`{}`)", example(kind))),
        _ => fault,
    }
}

/// An argument that a matcher would be given.
pub(super) const fn example(kind: M) -> &'static str {
    match kind {
        M::ClientIp => "10.0.0.0/8",
        M::Method => "GET",
        M::Host | M::HostHeader | M::HostSni => "example.com",
        M::HostRegexp | M::HostSniRegexp => "^[a-z]+\\.example\\.com$",
        M::Path | M::PathPrefix => "/path",
        M::PathRegexp => "^/path/[0-9]+$",
        M::Header | M::HeaderRegexp | M::Headers | M::HeadersRegexp => "Name`, `value",
        M::Query | M::QueryRegexp => "name`, `value",
        M::Alpn => "h2",
    }
}

fn check_argument(kind: M, syntax: Syntax, position: usize, argument: &RawArgument) -> Option<Fault> {
    let v2 = syntax == Syntax::V2;
    match kind {
        M::ClientIp => check_address(argument),
        M::Host | M::HostHeader => check_ascii(argument),
        M::HostRegexp if v2 => check_ascii(argument).or_else(|| check_template(argument, Subject::Host)),
        M::HostSniRegexp if v2 => check_template(argument, Subject::Sni),
        M::HostRegexp | M::HostSniRegexp => check_ascii(argument).or_else(|| check_regexp(argument)),
        M::Path if v2 => check_path(kind, argument).or_else(|| check_template(argument, Subject::Path)),
        M::PathPrefix if v2 => check_path(kind, argument).or_else(|| check_template(argument, Subject::Prefix)),
        M::Path | M::PathPrefix => check_path(kind, argument),
        M::PathRegexp => check_regexp(argument),
        M::HeaderRegexp | M::HeadersRegexp | M::QueryRegexp if position % 2 == 1 => check_regexp(argument),
        M::HostSni => check_sni(syntax, argument),
        M::Alpn => check_alpn(argument),
        _ => None,
    }
}

fn check_address(argument: &RawArgument) -> Option<Fault> {
    let text = argument.text();
    (!address::is_address_or_network(&text)).then(|| {
        fault(Code::NotAnAddress, argument.inner(), format!("`{text}` is no IP address and no network"))
            .with_hint("write an address such as `10.0.0.1` or a network such as `10.0.0.0/8`")
    })
}

fn check_ascii(argument: &RawArgument) -> Option<Fault> {
    if argument.bytes.is_ascii() {
        return None;
    }
    let text = argument.text();
    let place = text.char_indices().find(|(_, c)| !c.is_ascii());
    let place = place.map_or(argument.inner(), |(at, c)| argument.within(at..at + c.len_utf8()));
    let fault = fault(Code::NotAHost, place, format!("`{text}` has characters that are not ASCII"));
    Some(match punycode::to_ascii(&text) {
        Some(ascii) if !text.contains(char::REPLACEMENT_CHARACTER) => fault.with_hint(format!("write `{ascii}`")),
        _ => fault,
    })
}

fn check_sni(syntax: Syntax, argument: &RawArgument) -> Option<Fault> {
    let text = argument.text();
    let body = if syntax == Syntax::V3 { text.strip_prefix("*.").unwrap_or(&text) } else { &text };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ':');
    if text == "*" || (!body.is_empty() && body.chars().all(legal)) {
        return None;
    }
    check_ascii(argument).or_else(|| {
        let start = text.len() - body.len();
        let place = body.char_indices().find(|&(_, c)| !legal(c)).map(|(at, c)| start + at..start + at + c.len_utf8());
        let place = place.map_or(argument.inner(), |place| argument.within(place));
        let fault = fault(Code::NotAHost, place, format!("`{text}` is no host name"));
        Some(fault.with_hint("write a name such as `example.com`, or `*` for every connection"))
    })
}

fn check_path(kind: M, argument: &RawArgument) -> Option<Fault> {
    (!argument.bytes.starts_with(b"/")).then(|| {
        let text = argument.text();
        let bare = text.trim_start_matches(|c: char| c == '/' || (c.is_ascii() && !c.is_alphanumeric()));
        fault(Code::NotAPath, argument.inner(), format!("the path `{text}` does not begin with `/`"))
            .with_hint(format!("write {}({})", kind.name(), literal::quote(&format!("/{bare}"))))
    })
}

fn check_alpn(argument: &RawArgument) -> Option<Fault> {
    (argument.bytes == b"acme-tls/1").then(|| {
        fault(Code::BadArgument, argument.inner(), "Traefik keeps the protocol `acme-tls/1` for itself")
            .with_hint("name another protocol, such as `h2`")
    })
}

fn check_regexp(argument: &RawArgument) -> Option<Fault> {
    let Ok(text) = std::str::from_utf8(&argument.bytes) else { return Some(not_utf8(argument)) };
    let refusal = regexp::check(text).err()?;
    let message = format!("`{text}` is no regular expression of Go: {}", refusal.message);
    Some(fault(Code::NotARegexp, argument.within(refusal.span), message))
}

fn not_utf8(argument: &RawArgument) -> Fault {
    fault(Code::NotARegexp, argument.inner(), "an expression must be UTF-8")
}

fn check_template(argument: &RawArgument, subject: Subject) -> Option<Fault> {
    let Ok(text) = std::str::from_utf8(&argument.bytes) else { return Some(not_utf8(argument)) };
    match template::split(text, subject) {
        Ok(template) => check_template_parts(&template, &argument.inner()),
        Err(message) => Some(fault(Code::BadArgument, argument.inner(), format!("in `{text}`, {message}"))),
    }
}

fn check_template_parts(template: &Template<'_>, place: &Range<usize>) -> Option<Fault> {
    let expressions = template.parts.iter().chain([&template.whole]);
    let refusal = expressions.filter_map(|expression| regexp::check(expression).err()).next()?;
    let message = format!("an expression in braces is none of Go's: {}", refusal.message);
    Some(fault(Code::NotARegexp, place.clone(), message))
}

/// `Query` of v2: each argument is `name=value`, or a name that is followed by its value.
fn old_query(call: &Call<'_>, faults: &mut Vec<Fault>) {
    let mut pieces = Vec::new();
    for argument in &call.arguments {
        let Ok(text) = std::str::from_utf8(&argument.bytes) else { return faults.push(not_utf8(argument)) };
        match text.split_once('=') {
            Some((name, value)) => pieces.extend([(name, argument), (value, argument)]),
            None => pieces.push((text, argument)),
        }
    }
    let (pairs, odd) = pieces.as_chunks::<2>();
    if !odd.is_empty() {
        let fault = fault(Code::MatcherArity, call.span.clone(), "Query of v2 takes arguments such as `name=value`");
        return faults.push(fault.with_hint("write Query(`name=value`)"));
    }
    let mut names: Vec<String> = Vec::new();
    for [(name, argument), (value, _)] in pairs {
        let text = format!("{name}={value}");
        match template::split(&text, Subject::Query) {
            Err(message) => faults.push(fault(Code::BadArgument, argument.inner(), format!("in `{text}`, {message}"))),
            Ok(template) => {
                faults.extend(check_template_parts(&template, &argument.inner()));
                faults.extend(used_twice(&template, &names, argument));
                names.extend(template.names.into_iter().map(str::to_owned));
            }
        }
    }
}

fn used_twice(template: &Template<'_>, earlier: &[String], argument: &RawArgument) -> Option<Fault> {
    let name = template.names.iter().find(|name| earlier.iter().any(|earlier| earlier == *name))?;
    Some(fault(Code::BadArgument, argument.inner(), format!("the name `{name}` is used in two templates")))
}

// === impl RawArgument ===

impl RawArgument {
    /// The text; bytes that are no UTF-8 are replaced.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The bytes of the rule between the quotes.
    pub(super) fn inner(&self) -> Range<usize> {
        self.span.start + 1..self.span.end - 1
    }

    /// The bytes of the rule that hold a range of the text; all of the text where escapes blur that.
    pub(super) fn within(&self, range: Range<usize>) -> Range<usize> {
        let inner = self.inner();
        if inner.len() != self.bytes.len() || range.end > inner.len() {
            return inner;
        }
        inner.start + range.start..inner.start + range.end
    }
}
