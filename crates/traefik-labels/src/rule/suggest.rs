use super::check::example;
use super::grammar::Call;
use super::matcher::{Arity, MatcherKind as M, known};
use super::report::{Fault, fault};
use super::{Protocol, Syntax, literal};
use crate::Code;

/// What to say of a matcher that Traefik does not know.
pub(super) fn unknown_matcher(call: &Call<'_>, protocol: Protocol, syntax: Syntax) -> Fault {
    let known = known(protocol, syntax);
    let place = call.span.start..call.span.start + call.name.len();
    let kind = match protocol {
        Protocol::Http => "HTTP",
        Protocol::Tcp => "TCP",
    };
    let version = match syntax {
        Syntax::V3 => "v3",
        Syntax::V2 => "v2",
    };
    let message = format!("{kind} rules of {version} have no matcher `{}`", call.name);
    let fault = fault(Code::UnknownMatcher, place, message);
    match meant(call.name, known) {
        Some(kind) => fault.with_hint(format!("write {}", rewritten(call, kind, syntax))),
        None => {
            let names: Vec<&str> = known.iter().map(|kind| kind.name()).collect();
            fault.with_hint(format!("the matchers are {}", names.join(", ")))
        }
    }
}

/// The matcher that is probably meant by a name.
pub(super) fn meant(name: &str, known: &[M]) -> Option<M> {
    M::find(known, name).or_else(|| renamed(name, known)).or_else(|| nearest(name, known))
}

/// The same call of another matcher.
fn rewritten(call: &Call<'_>, kind: M, syntax: Syntax) -> String {
    let texts: Vec<String> = call.arguments.iter().map(|argument| literal::quote(&argument.text())).collect();
    let name = kind.name();
    match (kind.arity(syntax), texts.as_slice()) {
        (_, []) => format!("{name}(`{}`)", example(kind)),
        (Arity::One, several) => {
            let each: Vec<String> = several.iter().map(|text| format!("{name}({text})")).collect();
            each.join(" || ")
        }
        (_, several) => format!("{name}({})", several.join(", ")),
    }
}

/// The matcher of this protocol and syntax that does what one of another does.
fn renamed(name: &str, known: &[M]) -> Option<M> {
    let candidates: &[M] = match name.to_ascii_lowercase().as_str() {
        "host" | "hosts" | "hostheader" | "hostsni" | "sni" | "domain" | "domains" | "hostname" | "server" => {
            &[M::Host, M::HostSni]
        }
        "hostregexp" | "hostregex" | "hostsniregexp" | "hostsniregex" => &[M::HostRegexp, M::HostSniRegexp],
        "header" | "headers" => &[M::Header, M::Headers],
        "headerregexp" | "headersregexp" | "headerregex" | "headersregex" => &[M::HeaderRegexp, M::HeadersRegexp],
        "pathstrip" | "replacepath" => &[M::Path],
        "pathprefixstrip" | "prefix" | "addprefix" => &[M::PathPrefix],
        "pathstripregex" | "pathregex" | "pathregexp" => &[M::PathRegexp, M::Path],
        "pathprefixstripregex" | "pathprefixregexp" => &[M::PathRegexp, M::PathPrefix],
        "queryregexp" | "queryregex" => &[M::QueryRegexp, M::Query],
        "methods" => &[M::Method],
        "ip" | "sourceip" | "clientips" => &[M::ClientIp],
        _ => return None,
    };
    candidates.iter().copied().find(|kind| known.contains(kind))
}

/// The matcher whose name is spelled most like this one, if any is close.
fn nearest(name: &str, known: &[M]) -> Option<M> {
    let name = name.to_ascii_lowercase();
    let measured = known.iter().map(|&kind| (distance(&name, &kind.name().to_ascii_lowercase()), kind));
    let (distance, kind) = measured.min_by_key(|&(distance, _)| distance)?;
    (distance <= 1 + kind.name().len() / 4).then_some(kind)
}

/// How many insertions, deletions, replacements and swaps of neighbours lie between two words.
fn distance(one: &str, other: &str) -> usize {
    if one.len() > 64 {
        return usize::MAX;
    }
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&row, j) + usize::from(a != b);
            let mut best = replaced.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && one.get(i - 1) == Some(b) && other.get(j - 1) == Some(a);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_is_one_edit() {
        assert_eq!(distance("hsot", "host"), 1);
        assert_eq!(distance("hst", "host"), 1);
        assert_eq!(distance("", "host"), 4);
        assert_eq!(distance("pathprefx", "pathprefix"), 1);
    }

    #[test]
    fn names_of_other_protocols_and_versions_are_translated() {
        let v3 = known(Protocol::Http, Syntax::V3);
        let v2 = known(Protocol::Http, Syntax::V2);
        let tcp = known(Protocol::Tcp, Syntax::V3);
        assert_eq!(renamed("Headers", v3), Some(M::Header));
        assert_eq!(renamed("Header", v2), Some(M::Headers));
        assert_eq!(renamed("Host", tcp), Some(M::HostSni));
        assert_eq!(renamed("HostSNI", v3), Some(M::Host));
        assert_eq!(nearest("PathPrefx", v3), Some(M::PathPrefix));
        assert_eq!(nearest("Foo", v3), None);
    }
}
