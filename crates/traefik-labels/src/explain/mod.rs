//! What is wrong with a label, in words that help.

mod advice;
mod lists;
mod path;
mod synonyms;
mod unread;
mod values;
mod way;
mod words;

use traefik_model::{Fault, FaultKind, NodeId, Shape, StructShape, Tree};

use crate::{
    Code, Decoder, MAX_LIST_ITEMS, Place, Problem,
    key::BadKey,
    notes::Notes,
    problem::Problems,
    router_rules::RuleProblem,
    schema,
    text::{beginning, quoted},
};
use path::Search;
pub(crate) use unread::is_suspicious;

/// Names beyond so many in a section are not compared with.
const MAX_NAMES: usize = 200;

/// Explains the labels that a tree was made of.
pub(crate) struct Explainer<'t, 'a, K, V> {
    tree: &'t Tree<'a>,
    labels: &'t [(K, V)],
}

/// A label, and where a node's name or value is in it.
struct Spot<'t> {
    key: &'t str,
    value: &'t str,
    place: Place,
}

// === impl Explainer ===

impl<'t, 'a, K: AsRef<str>, V: AsRef<str>> Explainer<'t, 'a, K, V> {
    pub(crate) fn new(tree: &'t Tree<'a>, labels: &'t [(K, V)]) -> Self {
        Self { tree, labels }
    }

    /// What Traefik refuses.
    pub(crate) fn fault(&self, fault: Fault) -> Problem {
        let name = quoted(self.tree.name(fault.node));
        match fault.kind {
            FaultKind::UnknownField(Some(shape)) => self.unknown(fault.node, shape),
            FaultKind::UnknownField(None) => {
                let message = format!("{name} stands below the item of a list");
                self.key_error(fault.node, Code::BelowValue, message)
            }
            FaultKind::Standalone(field) => self.standalone(fault.node, field.shape),
            FaultKind::BelowValue(field) => self.below_value(fault.node, field.name),
            FaultKind::EmptyServer => {
                let message = format!("{name} needs a field, such as `port`");
                let problem = self.key_error(fault.node, Code::Standalone, message);
                let hint = Some(format!("{}.port", problem.label));
                problem.with_hint(hint)
            }
            FaultKind::NotABool | FaultKind::NotANumber | FaultKind::NumberTooLarge | FaultKind::NotADuration(_) => {
                self.bad_value(fault)
            }
        }
    }

    /// A key that cannot be taken apart.
    pub(crate) fn bad_key(&self, label: usize, bad: BadKey) -> Problem {
        let key = self.labels.get(label).map_or("", |(key, _)| key.as_ref());
        let hint = if bad.code == Code::TooLarge { None } else { self.search(label, key) };
        Problem::error(bad.code, key, bad.message).at(Place::Key(bad.at)).with_hint(hint)
    }

    /// A list with more items than are read.
    pub(crate) fn long_list(&self, node: NodeId) -> Problem {
        let name = quoted(self.tree.name(node));
        self.key_error(node, Code::TooLarge, format!("{name} has more than {MAX_LIST_ITEMS} items"))
    }

    /// A problem of a router's rule.
    pub(crate) fn of_rule(&self, found: RuleProblem) -> Problem {
        let key = self.value_spot(found.node).map_or("", |spot| spot.key);
        found.problem.of_label(key)
    }

    /// All that was noticed in passing.
    pub(crate) fn notes(&self, notes: &Notes<'_>, decoder: &Decoder, problems: &mut Problems) {
        let mut off = Vec::new();
        for note in &notes.list {
            if self.is_below(note.node, &off) {
                continue;
            }
            if note.kind.hides_all_below() {
                off.push(note.node);
            }
            problems.push(|| self.note(note, decoder));
        }
    }

    fn is_below(&self, node: NodeId, off: &[NodeId]) -> bool {
        let mut line = std::iter::successors(self.tree.parent(node), |node| self.tree.parent(*node));
        // They come in the order of the tree, so only the last one can be above.
        off.last().is_some_and(|last| line.any(|ancestor| ancestor == *last))
    }

    fn unknown(&self, node: NodeId, shape: &'static StructShape) -> Problem {
        let name = quoted(self.tree.name(node));
        let names = schema::open_names(shape);
        let problem = self.key_error(node, Code::UnknownField, "");
        let hint = self.search(self.tree.named_by(node).label, &problem.label);
        let message = match &hint {
            Some(_) => format!("{name} is unknown here"),
            None => format!("{name} is unknown here; expected one of: {}", names.join(", ")),
        };
        Problem { message, ..problem }.with_hint(hint)
    }

    fn standalone(&self, node: NodeId, shape: Shape) -> Problem {
        let name = quoted(self.tree.name(node));
        let problem = self.key_error(node, Code::Standalone, "");
        let first = match shape {
            Shape::Struct(shape) => schema::open_names(shape).first().copied().unwrap_or("…"),
            _ => "<name>",
        };
        let label = self.tree.named_by(node).label;
        let hint = self.search(label, &problem.label).unwrap_or_else(|| format!("{}.{first}", problem.label));
        let message = format!("{name} is a section: it needs a field of its own, such as `{name}.{first}`");
        Problem { message: message.replace("``", "`").replace("`.", "."), ..problem }.with_hint(Some(hint))
    }

    fn below_value(&self, node: NodeId, field: &str) -> Problem {
        // The field's own label may be right; the one that goes deeper is not.
        let child = self.tree.children(node).next().unwrap_or(node);
        let message = format!("`{field}` holds a plain value: nothing can stand below it");
        let problem = self.key_error(child, Code::BelowValue, message);
        let hint = self.search(self.tree.named_by(child).label, &problem.label);
        problem.with_hint(hint)
    }

    fn bad_value(&self, fault: Fault) -> Problem {
        let value = self.tree.value(fault.node);
        let Some(spot) = self.value_spot(fault.node) else {
            return self.key_error(fault.node, values::code(fault.kind), values::missing(fault.kind));
        };
        let (message, hint) = values::explain(value, fault.kind);
        Problem::error(values::code(fault.kind), spot.key, message).at(spot.place).with_hint(hint)
    }

    fn key_error(&self, node: NodeId, code: Code, message: impl Into<String>) -> Problem {
        match self.name_spot(node) {
            Some(spot) => Problem::error(code, spot.key, message).at(spot.place),
            None => Problem::error(code, "", message),
        }
    }

    /// Where a node got its name.
    fn name_spot(&self, node: NodeId) -> Option<Spot<'t>> {
        let origin = self.tree.named_by(node);
        let (key, value) = self.labels.get(origin.label)?;
        let place = Place::Key(origin.start..origin.start + self.tree.name(node).len());
        Some(Spot { key: key.as_ref(), value: value.as_ref(), place })
    }

    /// Where a node got its value.
    fn value_spot(&self, node: NodeId) -> Option<Spot<'t>> {
        let origin = self.tree.valued_by(node)?;
        let (key, value) = self.labels.get(origin.label)?;
        let value = value.as_ref();
        Some(Spot { key: key.as_ref(), value, place: Place::Value(0..value.len()) })
    }

    /// Whether another label defines a name in a section; a router's name is as good as that of its service.
    fn defines(&self, section: &[&str], name: &str, label: usize) -> bool {
        let [protocol, kind] = section else { return false };
        let twin = match *kind {
            "routers" => "services",
            "services" => "routers",
            other => other,
        };
        [*kind, twin].iter().any(|kind| {
            let entries = crate::links::find(self.tree, &[protocol, kind]);
            let mut names = entries.into_iter().flat_map(|section| self.tree.children(section)).take(MAX_NAMES);
            let entry = names.find(|child| self.tree.name(*child) == name);
            // What the label itself defines says nothing.
            entry.is_some_and(|entry| {
                self.tree.named_by(entry).label != label || self.tree.children(entry).nth(1).is_some()
            })
        })
    }

    /// The key that was probably meant, if it is another one.
    fn search(&self, label: usize, key: &str) -> Option<String> {
        let known = |section: &[&str], name: &str| self.defines(section, name, label);
        let found = Search::new(&known).correct(beginning(key, path::LONGEST + 1))?;
        (found != key).then_some(found)
    }
}
