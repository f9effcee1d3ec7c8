use traefik_model::{
    Configuration, Fault, Field, Filler, NodeId, Origin, Shape, Source, Struct as _, Tree, check_with,
};

use crate::{
    Code, Decoder, Problem, explain,
    explain::Explainer,
    key::{self, BadKey, MAX_KEY_BYTES, ROOT, Segment},
    links,
    notes::Notes,
    problem::Problems,
    router_rules,
};

/// The most labels of one container that are read; nobody writes more, and Docker's own tools break far earlier.
pub const MAX_LABELS: usize = 20_000;
/// The most bytes of one label's value.
pub const MAX_VALUE_BYTES: usize = 256 * 1024;
/// The most items of one label's list.
pub const MAX_LIST_ITEMS: usize = 10_000;

/// How many steps below the root a router, service, middleware or store stands: `traefik.http.routers.NAME`.
pub(crate) const ENTRY_DEPTH: usize = 3;

/// What labels say, and what is wrong with them.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Decoded {
    /// Everything that could be kept: a bad label costs only the router, service, middleware or store that it
    /// belongs to.
    pub configuration: Configuration,
    /// What is wrong: first what Traefik refuses, in the order in which it would find it, then rules, then
    /// warnings. At most [`MAX_PROBLEMS`](crate::MAX_PROBLEMS), and one that says how many more there are.
    pub problems: Vec<Problem>,
}

/// Decodes all labels that can be decoded, and reports all problems.
///
/// A router whose rule Traefik would refuse is left out; see [`Rules`](crate::Rules) for keeping it.
pub fn decode<K: AsRef<str>, V: AsRef<str>>(labels: impl IntoIterator<Item = (K, V)>) -> Decoded {
    everything(&Decoder::default(), labels)
}

/// Decodes as Traefik does: the first problem that it would find loses everything.
///
/// Traefik does not read rules at this stage, so a bad rule is no problem here.
///
/// # Errors
/// The first problem.
pub fn decode_first<K: AsRef<str>, V: AsRef<str>>(
    labels: impl IntoIterator<Item = (K, V)>,
) -> Result<Configuration, Problem> {
    let (labels, _) = select(labels, |_, _| false);
    let mut reading = Reading::new(&labels);
    reading.read_keys();
    reading.check(|_, _, _| ());
    let configuration = reading.fill();
    match reading.problems.into_list().into_iter().next() {
        Some(problem) => Err(problem),
        None => Ok(configuration),
    }
}

pub(crate) fn everything<K: AsRef<str>, V: AsRef<str>>(
    decoder: &Decoder,
    labels: impl IntoIterator<Item = (K, V)>,
) -> Decoded {
    let (labels, others) = select(labels, explain::is_suspicious);
    let mut reading = Reading::new(&labels);
    reading.read_keys();
    let mut notes = Notes::new(decoder);
    reading.check(|tree, node, field| notes.observe(tree, node, field));
    let rules = router_rules::read(&mut reading.tree, &notes.rules, decoder.rules);
    let configuration = reading.fill();
    links::observe(&configuration, &reading.tree, &mut notes);
    let explainer = Explainer::new(&reading.tree, reading.labels);
    let mut problems = reading.problems;
    rules.into_iter().for_each(|problem| problems.push(|| explainer.of_rule(problem)));
    explainer.notes(&notes, decoder, &mut problems);
    for (key, value) in &others {
        problems.push(|| explainer.unread(key.as_ref(), value.as_ref()));
    }
    Decoded { configuration, problems: problems.into_list() }
}

/// The labels that make a configuration, sorted by key as Traefik sorts them, byte by byte; and those of the others
/// that are to be looked at.
#[expect(clippy::type_complexity, reason = "two lists of the same")]
fn select<K: AsRef<str>, V: AsRef<str>>(
    labels: impl IntoIterator<Item = (K, V)>,
    is_suspicious: impl Fn(&str, &str) -> bool,
) -> (Vec<(K, V)>, Vec<(K, V)>) {
    let labels = labels.into_iter();
    let (mut selected, mut others) = (Vec::with_capacity(labels.size_hint().0.min(256)), Vec::new());
    for (key, value) in labels {
        if key::is_selected(key.as_ref()) {
            selected.push((key, value));
        } else if is_suspicious(key.as_ref(), value.as_ref()) {
            others.push((key, value));
        }
    }
    selected.sort_by(|one, other| one.0.as_ref().cmp(other.0.as_ref()));
    others.sort_by(|one, other| one.0.as_ref().cmp(other.0.as_ref()));
    (selected, others)
}

fn is_long_list(tree: &Tree<'_>, node: NodeId, field: Option<&Field>) -> bool {
    match field.map(|field| field.shape) {
        Some(Shape::List(_)) => {
            let value = tree.value(node);
            value.len() > MAX_LIST_ITEMS && value.matches(',').count() >= MAX_LIST_ITEMS
        }
        Some(Shape::Structs(_)) => tree.children(node).nth(MAX_LIST_ITEMS).is_some(),
        _ => false,
    }
}

/// The labels on their way into a configuration.
struct Reading<'a, K, V> {
    labels: &'a [(K, V)],
    tree: Tree<'a>,
    problems: Problems,
    /// The key before, and its segments: sorted keys have most of them in common.
    previous: &'a str,
    segments: Vec<Segment<'a>>,
}

// === impl Reading ===

impl<'a, K: AsRef<str>, V: AsRef<str>> Reading<'a, K, V> {
    fn new(labels: &'a [(K, V)]) -> Self {
        // Of the segments of a label, all but two or three are those of the one before.
        let tree = Tree::with_capacity(ROOT, 8 + 3 * labels.len().min(MAX_LABELS));
        Self { labels, tree, problems: Problems::default(), previous: "", segments: Vec::with_capacity(8) }
    }

    fn read_keys(&mut self) {
        if self.labels.len() > MAX_LABELS {
            let message = format!("{} labels; only the first {MAX_LABELS}, by name, are read", self.labels.len());
            self.problems.push(|| Problem::error(Code::TooLarge, "", message));
        }
        let labels = self.labels;
        for (at, (key, value)) in labels.iter().take(MAX_LABELS).enumerate() {
            if let Err(bad) = self.read_key(at, key.as_ref(), value.as_ref()) {
                let explainer = Explainer::new(&self.tree, labels);
                self.problems.push(|| explainer.bad_key(at, bad));
            }
        }
    }

    fn read_key(&mut self, label: usize, key: &'a str, value: &'a str) -> Result<(), BadKey> {
        let mut segments = std::mem::take(&mut self.segments);
        let known = if key.len() > MAX_KEY_BYTES { 0 } else { key::shared(&segments, self.previous, key) };
        segments.truncate(known);
        let mut result = key::split(key, &mut segments);
        if result.is_ok() && value.len() > MAX_VALUE_BYTES {
            let message = format!("the value has {} bytes, more than {MAX_VALUE_BYTES}", value.len());
            result = Err(BadKey::new(0..key.len(), Code::TooLarge, message));
        }
        // A key that cannot be read costs the entry that it begins with, if it gets so far.
        let kept = if result.is_ok() { segments.len() } else { ENTRY_DEPTH };
        if segments.len() >= kept {
            let mut node = segments.get(..known.min(kept)).and_then(<[_]>::last).map_or(NodeId::ROOT, |last| last.node);
            for segment in segments.iter_mut().take(kept).skip(known) {
                node = self.tree.child(node, segment.name, Origin { label, start: segment.start });
                segment.node = node;
            }
            match result {
                Ok(()) => self.tree.set_value(node, value, Origin { label, start: 0 }),
                Err(_) => self.tree.ignore(node),
            }
        }
        self.previous = if result.is_ok() { key } else { "" };
        self.segments = segments;
        result
    }

    fn check(&mut self, mut observe: impl FnMut(&Tree<'a>, NodeId, Option<&'static Field>)) {
        let mut long = Vec::new();
        let faults = check_with(&mut self.tree, Configuration::STRUCT, Source::Labels, |tree, node, field| {
            if is_long_list(tree, node, field) {
                long.push(node);
            }
            observe(tree, node, field);
        });
        for fault in faults {
            self.tree.ignore(self.tree.ancestor_at(fault.node, ENTRY_DEPTH));
            self.report(fault);
        }
        for node in long {
            self.tree.ignore(self.tree.ancestor_at(node, ENTRY_DEPTH));
            let explainer = Explainer::new(&self.tree, self.labels);
            self.problems.push(|| explainer.long_list(node));
        }
    }

    fn fill(&mut self) -> Configuration {
        let mut configuration = Configuration::default();
        let mut filler = Filler::new(&self.tree, Source::Labels);
        filler.fields(&mut configuration, NodeId::ROOT);
        for fault in std::mem::take(&mut filler.faults) {
            self.report(fault);
        }
        configuration
    }

    fn report(&mut self, fault: Fault) {
        let explainer = Explainer::new(&self.tree, self.labels);
        self.problems.push(|| explainer.fault(fault));
    }
}
