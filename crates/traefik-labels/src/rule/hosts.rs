use std::collections::{BTreeMap, BTreeSet};

use super::expr::{Expr, Matcher, Node};
use super::{Branch, MatcherKind, Protocol, Syntax};

/// How much work the branches of a rule may be, in host names touched. Nobody's rule comes near.
const BUDGET: usize = 1_000_000;

/// How many branches a rule may have.
pub(super) const MAX_BRANCHES: usize = 4096;

/// How many of them may come of multiplying alternatives with alternatives, which a few words can blow up.
const MAX_PRODUCT: usize = 256;

/// Every host name in a rule, lower-cased, wherever it stands.
pub(super) fn named(expression: &Expr) -> BTreeSet<String> {
    let hosts = expression.matchers().filter(|(matcher, _)| matcher.kind.names_hosts());
    hosts.flat_map(|(matcher, _)| matcher.arguments.iter().map(|argument| argument.text.to_lowercase())).collect()
}

/// The branches of a rule's disjunctive normal form, as far as hosts are concerned; nothing if there are too many.
pub(super) fn branches(expression: &Expr, protocol: Protocol, syntax: Syntax) -> Option<Vec<Branch>> {
    let mut normaliser = Normaliser { protocol, syntax, atoms: BTreeMap::new(), budget: BUDGET };
    let branches = normaliser.normalise(expression, Sign::Positive)?;
    let atoms: Vec<Atom> = normaliser.in_order();
    Some(branches.iter().map(|branch| materialise(branch, &atoms)).collect())
}

/// What a branch says of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Atom {
    Exact(String),
    Wildcard(String),
    Regexp(String),
    Negated(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Positive,
    Negative,
}

/// Numbers of atoms, sorted.
type Conjunction = Vec<usize>;
type Disjunction = BTreeSet<Conjunction>;

struct Normaliser {
    protocol: Protocol,
    syntax: Syntax,
    atoms: BTreeMap<Atom, usize>,
    budget: usize,
}

// === impl Normaliser ===

impl Normaliser {
    /// Pushes negations down to the matchers on the way, as Traefik does.
    fn normalise(&mut self, expr: &Expr, sign: Sign) -> Option<Disjunction> {
        match (&expr.node, sign) {
            (Node::Not(inner), sign) => self.normalise(inner, sign.flipped()),
            (Node::Matcher(matcher), sign) => Some(self.matcher(matcher, sign)),
            (Node::Or(parts), Sign::Positive) | (Node::And(parts), Sign::Negative) => self.any(parts, sign),
            (Node::And(parts), Sign::Positive) | (Node::Or(parts), Sign::Negative) => self.all(parts, sign),
        }
    }

    fn any(&mut self, parts: &[Expr], sign: Sign) -> Option<Disjunction> {
        let mut sum = Disjunction::new();
        for part in parts {
            let part = self.normalise(part, sign)?;
            self.spend(part.iter().map(|branch| branch.len() + 1).sum())?;
            sum.extend(part);
        }
        (sum.len() <= MAX_BRANCHES).then_some(sum)
    }

    fn all(&mut self, parts: &[Expr], sign: Sign) -> Option<Disjunction> {
        let mut common = BTreeSet::new();
        let mut several = BTreeSet::new();
        for part in parts {
            let part = self.normalise(part, sign)?;
            self.spend(part.iter().map(|branch| branch.len() + 1).sum())?;
            // What has one branch is in every product, and need not be multiplied.
            match part.first() {
                Some(only) if part.len() == 1 => common.extend(only.iter().copied()),
                _ => drop(several.insert(part)),
            }
        }
        let mut product = Disjunction::from([common.into_iter().collect()]);
        for part in several {
            product = self.multiply(&product, &part)?;
        }
        Some(product)
    }

    fn multiply(&mut self, left: &Disjunction, right: &Disjunction) -> Option<Disjunction> {
        let limit = if left.len() > 1 && right.len() > 1 { MAX_PRODUCT } else { MAX_BRANCHES };
        if left.len().checked_mul(right.len())? > limit {
            return None;
        }
        let mut product = Disjunction::new();
        for left in left {
            for right in right {
                self.spend(left.len() + right.len() + 1)?;
                let union: BTreeSet<usize> = left.iter().chain(right).copied().collect();
                product.insert(union.into_iter().collect());
            }
        }
        Some(product)
    }

    fn spend(&mut self, work: usize) -> Option<()> {
        self.budget = self.budget.checked_sub(work)?;
        Some(())
    }

    /// One branch per argument; a negated matcher denies them all in one.
    fn matcher(&mut self, matcher: &Matcher, sign: Sign) -> Disjunction {
        if !matcher.kind.names_hosts() && !matcher.kind.describes_hosts() {
            return Disjunction::from([Conjunction::new()]);
        }
        let texts = matcher.arguments.iter().map(|argument| argument.text.as_str());
        match sign {
            Sign::Positive => texts.map(|text| vec![self.number(self.atom(matcher.kind, text))]).collect(),
            Sign::Negative => {
                let denied: BTreeSet<usize> =
                    texts.map(|text| self.number(Atom::Negated(text.to_ascii_lowercase()))).collect();
                Disjunction::from([denied.into_iter().collect()])
            }
        }
    }

    fn atom(&self, kind: MatcherKind, text: &str) -> Atom {
        if kind.describes_hosts() {
            return Atom::Regexp(text.to_owned());
        }
        let text = text.to_ascii_lowercase();
        let wildcard = match (self.protocol, self.syntax) {
            (_, Syntax::V3) => text.starts_with('*'),
            (Protocol::Tcp, Syntax::V2) => text == "*",
            (Protocol::Http, Syntax::V2) => false,
        };
        let text = text.strip_suffix('.').unwrap_or(&text).to_owned();
        if wildcard { Atom::Wildcard(text) } else { Atom::Exact(text) }
    }

    fn number(&mut self, atom: Atom) -> usize {
        let next = self.atoms.len();
        *self.atoms.entry(atom).or_insert(next)
    }

    fn in_order(self) -> Vec<Atom> {
        let mut atoms: Vec<(usize, Atom)> = self.atoms.into_iter().map(|(atom, number)| (number, atom)).collect();
        atoms.sort_unstable();
        atoms.into_iter().map(|(_, atom)| atom).collect()
    }
}

impl Sign {
    const fn flipped(self) -> Self {
        match self {
            Self::Positive => Self::Negative,
            Self::Negative => Self::Positive,
        }
    }
}

fn materialise(branch: &Conjunction, atoms: &[Atom]) -> Branch {
    let mut result = Branch::default();
    for atom in branch.iter().filter_map(|&number| atoms.get(number)) {
        match atom.clone() {
            Atom::Exact(text) => result.pinned.insert(text),
            Atom::Wildcard(text) => result.wildcards.insert(text),
            Atom::Regexp(text) => result.regexps.insert(text),
            Atom::Negated(text) => result.negated.insert(text),
        };
    }
    result
}
