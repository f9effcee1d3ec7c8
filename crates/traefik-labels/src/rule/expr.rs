use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{MatcherKind, literal};

/// A part of a rule, and which bytes of the rule it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expr {
    /// The bytes of the rule, without surrounding parentheses.
    pub span: Range<usize>,
    /// What stands there.
    pub node: Node,
}

/// What a part of a rule is. Printed, it is a rule again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Node {
    /// One matcher with its arguments.
    Matcher(Matcher),
    /// `… && …`; at least two.
    And(Vec<Expr>),
    /// `… || …`; at least two.
    Or(Vec<Expr>),
    /// `!…`
    Not(Box<Expr>),
}

/// A matcher with its arguments, e.g. ``Host(`example.com`)``.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matcher {
    /// Which one.
    pub kind: MatcherKind,
    /// What it is given.
    pub arguments: Vec<Argument>,
}

/// An argument of a [`Matcher`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// The bytes of the rule, with the quotes.
    pub span: Range<usize>,
    /// The text, without quotes and with escapes resolved; bytes that are no UTF-8 are replaced.
    pub text: String,
}

// === impl Expr ===

impl Expr {
    /// Every matcher, from left to right.
    pub fn matchers(&self) -> impl Iterator<Item = (&Matcher, &Range<usize>)> {
        let mut open = vec![self];
        std::iter::from_fn(move || {
            loop {
                let expr = open.pop()?;
                match &expr.node {
                    Node::Matcher(matcher) => return Some((matcher, &expr.span)),
                    Node::And(parts) | Node::Or(parts) => open.extend(parts.iter().rev()),
                    Node::Not(inner) => open.push(inner),
                }
            }
        })
    }

    /// Prints a part of an expression, in parentheses where it would be read otherwise without.
    fn print_within(&self, f: &mut fmt::Formatter<'_>, outer: &Node) -> fmt::Result {
        let apart = match (outer, &self.node) {
            (_, Node::Matcher(_) | Node::Not(_)) | (Node::Or(_), Node::And(_)) => false,
            (_, Node::And(_) | Node::Or(_)) => true,
        };
        if apart { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Matcher(matcher) => matcher.fmt(f),
            Node::And(parts) => print_joined(f, parts, " && ", &self.node),
            Node::Or(parts) => print_joined(f, parts, " || ", &self.node),
            Node::Not(inner) => {
                f.write_str("!")?;
                inner.print_within(f, &self.node)
            }
        }
    }
}

fn print_joined(f: &mut fmt::Formatter<'_>, parts: &[Expr], operator: &str, outer: &Node) -> fmt::Result {
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            f.write_str(operator)?;
        }
        part.print_within(f, outer)?;
    }
    Ok(())
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.kind.name())?;
        for (position, argument) in self.arguments.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            f.write_str(&literal::quote(&argument.text))?;
        }
        f.write_str(")")
    }
}
