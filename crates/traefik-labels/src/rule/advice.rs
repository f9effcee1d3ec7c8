use std::ops::Range;

use super::expr::{Expr, Matcher};
use super::grammar::{Call, RawArgument};
use super::report::{Fault, fault, warning};
use super::template::{self, Subject};
use super::{Branch, MatcherKind as M, Protocol, Syntax, Tls, literal};
use crate::Code;

/// What is legal in one matcher, and surely not meant.
pub(super) fn on_matcher(matcher: &Matcher, call: &Call<'_>, syntax: Syntax, faults: &mut Vec<Fault>) {
    let v3 = syntax == Syntax::V3;
    for argument in &call.arguments {
        let text = argument.text();
        let advice = match matcher.kind {
            M::Host | M::HostHeader | M::HostSni => on_host(matcher.kind, syntax, argument, &text),
            M::HostRegexp | M::HostSniRegexp if v3 => on_host_regexp(matcher.kind, argument, &text),
            M::Path | M::PathPrefix => on_path(matcher.kind, syntax, argument, &text),
            M::PathRegexp => on_path_regexp(argument, &text),
            M::Query if v3 && call.arguments.len() == 1 => on_query(argument, &text),
            M::Method => on_method(argument, &text),
            _ => None,
        };
        faults.extend(advice);
    }
    if matches!(matcher.kind, M::Header | M::HeaderRegexp | M::Headers | M::HeadersRegexp) {
        faults.extend(call.arguments.iter().step_by(2).find_map(on_header));
    }
}

/// A TCP router without TLS sees no host names.
pub(super) fn on_tls(expression: &Expr, protocol: Protocol, tls: Tls) -> Option<Fault> {
    if protocol != Protocol::Tcp || tls != Tls::Off {
        return None;
    }
    // Traefik looks at the first name only.
    let mut names = expression.matchers().filter(|(matcher, _)| matcher.kind == M::HostSni);
    let first = names.find_map(|(matcher, _)| matcher.arguments.first()).filter(|first| first.text != "*")?;
    let message = format!("the rule asks for the host `{}`, and its router has no TLS to learn it from", first.text);
    let hint = "give the router `tls=true`, or write HostSNI(`*`)";
    Some(fault(Code::SniWithoutTls, first.span.clone(), message).with_hint(hint))
}

/// Branches that ask for two hosts at once.
pub(super) fn on_branches(branches: &[Branch], text: &str) -> Option<Fault> {
    let mut hosts = branches.iter().find(|branch| branch.pinned.len() > 1)?.pinned.iter();
    let (one, other) = (hosts.next()?, hosts.next()?);
    let message = format!("no request is for `{one}` and for `{other}`");
    let fault = warning(Code::NeverMatches, 0..text.len(), message);
    Some(fault.with_hint("write `||` between the hosts if either is meant"))
}

fn never(place: Range<usize>, message: String, hint: String) -> Fault {
    warning(Code::NeverMatches, place, message).with_hint(hint)
}

fn on_host(kind: M, syntax: Syntax, argument: &RawArgument, text: &str) -> Option<Fault> {
    let name = kind.name();
    let any = text == "*" && (syntax == Syntax::V3 || kind == M::HostSni);
    if any || (kind != M::HostSni && text.parse::<std::net::Ipv6Addr>().is_ok()) {
        return None;
    }
    if text.contains('{') && text.contains('}') {
        let message = format!("{name} takes no templates: no host is called `{text}`");
        return Some(never(argument.inner(), message, format!("write {}", regexp_for(kind, syntax, text))));
    }
    let host = text.split_once("://").map_or(text, |(_, behind)| behind);
    let host = host.split('/').next().unwrap_or_default();
    if host.len() < text.len() {
        let message = format!("`{text}` is an address of a page; a host has no `/`, so this never matches");
        return Some(never(argument.inner(), message, format!("write {name}(`{host}`), and PathPrefix for the path")));
    }
    if let Some((host, port)) = text.split_once(':') {
        let place = argument.within(host.len()..text.len());
        let message = format!("Traefik compares hosts without their port, so `:{port}` never matches");
        return Some(never(place, message, format!("write {name}(`{host}`)")));
    }
    on_star(kind, syntax, argument, text).or_else(|| on_characters(kind, argument, text)).or_else(|| {
        let bare = text.strip_suffix('.').filter(|bare| !bare.is_empty())?;
        let message = format!("`{text}` ends with a dot, with which a certificate would be asked for");
        let fault = warning(Code::TrailingDot, argument.within(bare.len()..text.len()), message);
        Some(fault.with_hint(format!("write {name}(`{bare}`)")))
    })
}

fn on_star(kind: M, syntax: Syntax, argument: &RawArgument, text: &str) -> Option<Fault> {
    let body = if syntax == Syntax::V3 { text.strip_prefix("*.").unwrap_or(text) } else { text };
    let star = body.find('*')? + text.len() - body.len();
    let message = match syntax {
        Syntax::V3 => "a `*` stands for one label only as `*.` at the beginning; elsewhere for itself",
        Syntax::V2 => "v2 knows no wildcards here: the `*` stands for itself",
    };
    let labels = text.trim_start_matches('*').trim_start_matches('.');
    let hint = match syntax {
        Syntax::V3 if text.starts_with('*') => format!("write {}(`*.{labels}`)", kind.name()),
        _ => format!("write {}", regexp_for(kind, syntax, text)),
    };
    Some(never(argument.within(star..star + 1), message.to_owned(), hint))
}

fn on_characters(kind: M, argument: &RawArgument, text: &str) -> Option<Fault> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '*');
    let (at, c) = text.char_indices().find(|&(_, c)| !legal(c))?;
    let message = format!("no host name has a `{}`, so this never matches", c.escape_debug());
    let names: Vec<&str> = text.split([',', ' ', ';', '|']).filter(|name| !name.is_empty()).collect();
    let sound = !names.is_empty() && names.iter().all(|name| name.chars().all(legal));
    let each: Vec<String> = names.iter().map(|name| format!("{}(`{name}`)", kind.name())).collect();
    let fault = warning(Code::NeverMatches, argument.within(at..at + c.len_utf8()), message);
    Some(if sound { fault.with_hint(format!("write {}", each.join(" || "))) } else { fault })
}

/// The matcher for patterns, with a template of v2 (or a wildcard) turned into what the syntax wants.
fn regexp_for(kind: M, syntax: Syntax, text: &str) -> String {
    let name = if kind == M::HostSni { M::HostSniRegexp.name() } else { M::HostRegexp.name() };
    let template = text.replace('*', "{any}");
    match syntax {
        Syntax::V2 => format!("{name}({})", literal::quote(&template)),
        Syntax::V3 => format!("{name}({})", literal::quote(&as_regexp(&template, Subject::Host))),
    }
}

/// A template as a plain expression, without the names that `mux` gives its groups.
fn as_regexp(text: &str, subject: Subject) -> String {
    let Ok(template) = template::split(text, subject) else { return text.to_owned() };
    let groups = (0..template.names.len())
        .fold(template.whole, |whole, number| whole.replace(&format!("(?P<v{number}>"), "(?:"));
    groups.trim_start_matches("(?i)").to_owned()
}

/// Whether the text has a `{name}` or `{name:…}`, which are no counts of a repetition.
fn has_template(text: &str) -> bool {
    let named = |inner: &str| {
        let name = inner.split([':', '}']).next().unwrap_or_default();
        let word = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        word && inner.contains('}')
    };
    text.match_indices('{').any(|(at, _)| text.get(at + 1..).is_some_and(named))
}

fn on_host_regexp(kind: M, argument: &RawArgument, text: &str) -> Option<Fault> {
    let name = kind.name();
    if has_template(text) {
        let message = "v3 takes the braces for a part of the expression, not for a template as v2 did";
        let hint = format!("write {name}({})", literal::quote(&as_regexp(text, Subject::Host)));
        return Some(warning(Code::OldRuleSyntax, argument.inner(), message).with_hint(hint));
    }
    let body = text.strip_prefix("(?i)").unwrap_or(text);
    let (begins, ends) =
        (body.starts_with(['^']) || body.starts_with("\\A"), body.ends_with('$') || body.ends_with("\\z"));
    if (begins && ends) || body.contains('|') || body == ".*" || body == ".+" {
        return None;
    }
    let message = format!("the expression matches anywhere in the host name, so other hosts than `{text}` match too");
    let (open, close) = (if begins { "" } else { "^" }, if ends { "" } else { "$" });
    let flags = text.strip_suffix(body).unwrap_or_default();
    let hint = format!("write {name}({})", literal::quote(&format!("{flags}{open}{body}{close}")));
    Some(warning(Code::UnanchoredRegexp, argument.inner(), message).with_hint(hint))
}

fn on_path(kind: M, syntax: Syntax, argument: &RawArgument, text: &str) -> Option<Fault> {
    let name = kind.name();
    let v3 = syntax == Syntax::V3;
    if v3 && has_template(text) {
        let subject = if kind == M::Path { Subject::Path } else { Subject::Prefix };
        let message = "v3 takes the braces for themselves, not for a template as v2 did";
        let hint = format!("write PathRegexp({})", literal::quote(&as_regexp(text, subject)));
        return Some(warning(Code::OldRuleSyntax, argument.inner(), message).with_hint(hint));
    }
    let end = if v3 { text.find(['?', '#'])? } else { text.find('#')? };
    let (path, behind) = text.split_at(end);
    let message = format!("`{behind}` is no part of the path that Traefik compares, so this never matches");
    let hint = match behind.strip_prefix('?').and_then(|query| query.split_once('=')) {
        Some((key, value)) => format!("write {name}(`{path}`) && Query(`{key}`, `{value}`)"),
        None => format!("write {name}(`{path}`)"),
    };
    Some(never(argument.within(end..text.len()), message, hint))
}

fn on_path_regexp(argument: &RawArgument, text: &str) -> Option<Fault> {
    has_template(text).then(|| {
        let message = "v3 takes the braces for a part of the expression, not for a template as v2 did";
        let hint = format!("write PathRegexp({})", literal::quote(&as_regexp(text, Subject::Path)));
        warning(Code::OldRuleSyntax, argument.inner(), message).with_hint(hint)
    })
}

fn on_query(argument: &RawArgument, text: &str) -> Option<Fault> {
    let (key, value) = text.split_once('=')?;
    let message = format!("v3 looks for a parameter that is called `{text}`");
    let hint = format!("write Query({}, {})", literal::quote(key), literal::quote(value));
    Some(warning(Code::OldRuleSyntax, argument.inner(), message).with_hint(hint))
}

fn on_method(argument: &RawArgument, text: &str) -> Option<Fault> {
    let at = text.find(|c: char| !c.is_ascii_alphabetic() && c != '-')?;
    let methods: Vec<String> = text
        .split([',', ' ', '|'])
        .filter(|method| !method.is_empty())
        .map(|method| format!("Method(`{method}`)"))
        .collect();
    let message = format!("no method is called `{text}`");
    Some(never(argument.within(at..text.len()), message, format!("write {}", methods.join(" || "))))
}

fn on_header(argument: &RawArgument) -> Option<Fault> {
    argument.text().eq_ignore_ascii_case("host").then(|| {
        let message = "the header Host is kept apart from the other headers, so this never matches";
        never(argument.inner(), message.to_owned(), "use the matcher Host".to_owned())
    })
}
