//! Rules of HTTP and TCP routers, read as Traefik reads them and explained better.
//!
//! ```
//! use traefik_labels::rule::{Protocol, Syntax, Tls, parse};
//!
//! let parsed = parse(Protocol::Http, Syntax::V3, "Host(`a.org`) && (Path(`/x`) || Path(`/y`))", Tls::Unknown);
//! let rule = parsed.rule.expect("Traefik would take it");
//! assert_eq!(rule.priority, 43);
//! assert!(rule.branches.iter().all(|branch| branch.pinned.contains("a.org")));
//!
//! let parsed = parse(Protocol::Http, Syntax::V3, "Host('a.org')", Tls::Unknown);
//! assert!(parsed.rule.is_none());
//! assert_eq!(parsed.problems[0].hint.as_deref(), Some("write Host(`a.org`)"));
//! ```

mod address;
mod advice;
mod check;
mod expr;
mod grammar;
mod hosts;
mod literal;
mod matcher;
mod punycode;
mod reconstruct;
mod regexp;
mod repair;
mod report;
mod suggest;
mod template;
mod token;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use expr::{Argument, Expr, Matcher, Node};
pub use matcher::MatcherKind;

use crate::{Code, Problem};
use grammar::{Raw, RawNode};
use report::{Fault, fault};

/// The longest rule that is looked at, in bytes.
pub const MAX_RULE_BYTES: usize = 64 * 1024;

/// How many parentheses and `!` may stand around each other.
pub const MAX_RULE_DEPTH: usize = 100;

/// Whose router a rule belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A rule of `traefik.http.routers`.
    Http,
    /// A rule of `traefik.tcp.routers`.
    Tcp,
}

/// The matchers that a rule may use, and what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Syntax {
    /// Traefik v3.
    #[default]
    V3,
    /// Traefik v2: `ruleSyntax=v2`.
    V2,
}

/// Whether the router of a rule has TLS, which decides whether a TCP rule may name hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// It has.
    On,
    /// It has not.
    Off,
    /// The rule stands alone: what depends on the router is not checked.
    Unknown,
}

/// A rule that Traefik would take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What Traefik takes for the priority when the router gives none.
    pub priority: i64,
    /// The rule itself.
    pub expression: Expr,
    /// Every host that is named anywhere, also negated: the arguments of `Host`, `HostHeader` and `HostSNI` in
    /// lower case, otherwise as they are written. Traefik's own list, for certificates, lacks `HostHeader`.
    pub hosts: BTreeSet<String>,
    /// The branches of the rule's disjunctive normal form, reduced to what they say of the host; at least one,
    /// each once.
    pub branches: Vec<Branch>,
}

/// One way in which a request can match a rule, reduced to what it says of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Branch {
    /// The exact hosts that are required: lower case, without trailing dot.
    pub pinned: BTreeSet<String>,
    /// The wildcards that are required, such as `*.example.com` and `*`.
    pub wildcards: BTreeSet<String>,
    /// The expressions (v3) or templates (v2) for hosts that are required.
    pub regexps: BTreeSet<String>,
    /// The hosts, wildcards and expressions that are excluded, in lower case.
    pub negated: BTreeSet<String>,
}

/// What came out of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parsed {
    /// The rule; none if Traefik would refuse it, or if it is too large.
    pub rule: Option<Rule>,
    /// What is wrong with it, in the order of the text. Their label is empty, and their place is in the value.
    pub problems: Vec<Problem>,
}

/// Reads a rule.
#[must_use]
pub fn parse(protocol: Protocol, syntax: Syntax, text: &str, tls: Tls) -> Parsed {
    let mut faults = Vec::new();
    let rule = read(protocol, syntax, text, tls, &mut faults);
    for fault in faults.iter_mut().filter(|fault| fault.is_error() && fault.hint.is_none()) {
        fault.hint = repair::suggest(protocol, syntax, text, fault);
    }
    faults.sort_by_key(|fault| fault.span.start);
    Parsed { rule, problems: faults.into_iter().map(Problem::from).collect() }
}

/// Reads a rule without looking for corrections.
fn read(protocol: Protocol, syntax: Syntax, text: &str, tls: Tls, faults: &mut Vec<Fault>) -> Option<Rule> {
    if text.len() > MAX_RULE_BYTES {
        faults.push(fault(Code::RuleTooLarge, 0..text.len(), format!("a rule of more than {MAX_RULE_BYTES} bytes")));
        return None;
    }
    let raw = grammar::read(text).map_err(|fault| faults.push(fault)).ok()?;
    let expression = Resolver { protocol, syntax, faults }.resolve(raw)?;
    if faults.iter().any(Fault::is_error) {
        return None;
    }
    let Some(branches) = hosts::branches(&expression, protocol, syntax) else {
        let message = format!("the rule has more than {} branches", hosts::MAX_BRANCHES);
        faults.push(fault(Code::RuleTooLarge, 0..text.len(), message).with_hint("split it into several routers"));
        return None;
    };
    faults.extend(advice::on_tls(&expression, protocol, tls));
    faults.extend(advice::on_branches(&branches, text));
    let hosts = hosts::named(&expression);
    let rule = Rule { priority: priority(&expression, protocol, text), expression, hosts, branches };
    (!faults.iter().any(Fault::is_error)).then_some(rule)
}

/// Looks up the names of matchers and checks their arguments.
struct Resolver<'f> {
    protocol: Protocol,
    syntax: Syntax,
    faults: &'f mut Vec<Fault>,
}

// === impl Resolver ===

impl Resolver<'_> {
    /// Nothing if a name is unknown; whatever is wrong is among the faults.
    fn resolve(&mut self, raw: Raw<'_>) -> Option<Expr> {
        let node = match raw.node {
            RawNode::Call(call) => {
                let found = MatcherKind::find(matcher::known(self.protocol, self.syntax), call.name);
                let Some(kind) = found else {
                    self.faults.push(suggest::unknown_matcher(&call, self.protocol, self.syntax));
                    return None;
                };
                let before = self.faults.len();
                check::check(&call, kind, self.syntax, self.faults);
                let argument =
                    |argument: &grammar::RawArgument| Argument { span: argument.span.clone(), text: argument.text() };
                let matcher = Matcher { kind, arguments: call.arguments.iter().map(argument).collect() };
                if self.faults.len() == before {
                    advice::on_matcher(&matcher, &call, self.syntax, self.faults);
                }
                Node::Matcher(matcher)
            }
            RawNode::And(parts) => Node::And(self.resolve_all(parts)?),
            RawNode::Or(parts) => Node::Or(self.resolve_all(parts)?),
            RawNode::Not(inner) => Node::Not(Box::new(self.resolve(*inner)?)),
        };
        Some(Expr { span: raw.span, node })
    }

    fn resolve_all(&mut self, parts: Vec<Raw<'_>>) -> Option<Vec<Expr>> {
        let resolved: Vec<Option<Expr>> = parts.into_iter().map(|part| self.resolve(part)).collect();
        resolved.into_iter().collect()
    }
}

/// The length of the rule; a TCP rule that is nothing but ``HostSNI(`*`)`` comes after all others.
fn priority(expression: &Expr, protocol: Protocol, text: &str) -> i64 {
    let mut lone = expression;
    while let Node::Not(inner) = &lone.node {
        lone = inner;
    }
    let catch_all = match &lone.node {
        Node::Matcher(Matcher { kind: MatcherKind::HostSni, arguments }) => {
            matches!(arguments.as_slice(), [only] if only.text == "*")
        }
        _ => false,
    };
    if protocol == Protocol::Tcp && catch_all { -1 } else { i64::try_from(text.len()).unwrap_or(i64::MAX) }
}

// === impl Syntax ===

impl Syntax {
    /// What a router's `ruleSyntax` means: `v2` is v2, and everything else is v3.
    #[must_use]
    pub fn from_label(text: &str) -> Self {
        if text == "v2" { Self::V2 } else { Self::V3 }
    }
}

// === impl Tls ===

impl From<bool> for Tls {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

// === impl Branch ===

impl Branch {
    /// Whether a request of any host could match it.
    #[must_use]
    pub fn is_hostless(&self) -> bool {
        self.pinned.is_empty() && self.wildcards.is_empty() && self.regexps.is_empty()
    }
}
