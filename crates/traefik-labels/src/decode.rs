use traefik_model::{Configuration, Fault, FaultKind, Filler, NodeId, Origin, Source, Struct as _, Tree, check};

use crate::{Code, Place, Problem, Severity, explain};

/// The most labels of one container that are read; nobody writes more, and Docker's own tools break far earlier.
pub const MAX_LABELS: usize = 20_000;
/// The most bytes of one label's key.
pub const MAX_KEY_BYTES: usize = 4 * 1024;
/// The most bytes of one label's value.
pub const MAX_VALUE_BYTES: usize = 256 * 1024;
/// The most segments of one label's key.
pub const MAX_SEGMENTS: usize = 64;

/// How many steps below the root a router, service, middleware or store stands: `traefik.http.routers.NAME`.
const ENTRY_DEPTH: usize = 3;
/// The labels that make a configuration (Traefik's `label.DecodeConfiguration`).
const PREFIXES: [&str; 4] = ["traefik.http", "traefik.tcp", "traefik.udp", "traefik.tls.stores.default"];
const ROOT: &str = "traefik";

/// What labels say, and what is wrong with them.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Decoded {
    /// Everything that could be kept: a bad label costs only the router, service, middleware or store that it
    /// belongs to.
    pub configuration: Configuration,
    /// What is wrong, in the order in which Traefik would find it.
    pub problems: Vec<Problem>,
}

/// Decodes all labels that can be decoded, and reports all problems.
pub fn decode<K: AsRef<str>, V: AsRef<str>>(labels: impl IntoIterator<Item = (K, V)>) -> Decoded {
    let (labels, too_many) = select(labels);
    let mut reading = Reading::new(&labels);
    reading.problems.extend(too_many);
    reading.read_keys();
    reading.check();
    let configuration = reading.fill();
    Decoded { configuration, problems: reading.problems }
}

/// Decodes as Traefik does: the first problem that it would find loses everything.
///
/// # Errors
/// The first problem.
pub fn decode_first<K: AsRef<str>, V: AsRef<str>>(
    labels: impl IntoIterator<Item = (K, V)>,
) -> Result<Configuration, Problem> {
    let Decoded { configuration, problems } = decode(labels);
    match problems.into_iter().find(|problem| problem.severity == Severity::Error) {
        Some(problem) => Err(problem),
        None => Ok(configuration),
    }
}

/// The labels that make a configuration, sorted by key as Traefik sorts them: byte by byte.
fn select<K: AsRef<str>, V: AsRef<str>>(
    labels: impl IntoIterator<Item = (K, V)>,
) -> (Vec<(K, V)>, Option<Problem>) {
    let mut selected: Vec<_> = labels.into_iter().filter(|(key, _)| is_selected(key.as_ref())).collect();
    selected.sort_by(|one, other| one.0.as_ref().cmp(other.0.as_ref()));
    let too_many = (selected.len() > MAX_LABELS).then(|| {
        let message = format!("{} labels; only the first {MAX_LABELS}, by name, are read", selected.len());
        Problem { severity: Severity::Error, code: Code::TooLarge, label: String::new(), place: None, message, hint: None }
    });
    selected.truncate(MAX_LABELS);
    (selected, too_many)
}

fn is_selected(key: &str) -> bool {
    PREFIXES.iter().any(|prefix| {
        key.as_bytes().get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
    })
}

/// The labels on their way into a configuration.
struct Reading<'a, K, V> {
    labels: &'a [(K, V)],
    tree: Tree<'a>,
    problems: Vec<Problem>,
    /// Room for the segments of one key.
    segments: Vec<(&'a str, usize)>,
}

/// What is wrong with a key, and where.
struct BadKey {
    at: std::ops::Range<usize>,
    code: Code,
    message: String,
    hint: Option<String>,
}

// === impl BadKey ===

impl BadKey {
    fn new(at: std::ops::Range<usize>, code: Code, message: &str) -> Self {
        Self { at, code, message: message.to_owned(), hint: None }
    }
}

// === impl Reading ===

impl<'a, K: AsRef<str>, V: AsRef<str>> Reading<'a, K, V> {
    fn new(labels: &'a [(K, V)]) -> Self {
        Self { labels, tree: Tree::new(ROOT), problems: Vec::new(), segments: Vec::new() }
    }

    fn read_keys(&mut self) {
        for (at, (key, value)) in self.labels.iter().enumerate() {
            if let Err(bad) = self.read_key(at, key.as_ref(), value.as_ref()) {
                self.problems.push(Problem {
                    severity: Severity::Error,
                    code: bad.code,
                    label: shortened(key.as_ref()),
                    place: Some(Place::Key(bad.at)),
                    message: bad.message,
                    hint: bad.hint,
                });
            }
        }
    }

    fn read_key(&mut self, label: usize, key: &'a str, value: &'a str) -> Result<(), BadKey> {
        let mut segments = std::mem::take(&mut self.segments);
        segments.clear();
        let mut result = split(key, &mut segments);
        if result.is_ok() && value.len() > MAX_VALUE_BYTES {
            let message = format!("the value has {} bytes, more than {MAX_VALUE_BYTES}", value.len());
            result = Err(BadKey { at: 0..key.len(), code: Code::TooLarge, message, hint: None });
        }
        // A key that cannot be read costs the entry that it begins with, if it gets so far.
        let kept = if result.is_ok() { segments.len() } else { ENTRY_DEPTH };
        if segments.len() >= kept {
            let mut node = NodeId::ROOT;
            for (name, start) in segments.iter().take(kept) {
                node = self.tree.child(node, name, Origin { label, start: *start });
            }
            match result {
                Ok(()) => self.tree.set_value(node, value, Origin { label, start: 0 }),
                Err(_) => self.tree.ignore(node),
            }
        }
        self.segments = segments;
        result
    }

    fn check(&mut self) {
        for fault in check(&mut self.tree, Configuration::STRUCT, Source::Labels) {
            self.tree.ignore(self.tree.ancestor_at(fault.node, ENTRY_DEPTH));
            self.report(fault);
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
        let in_value = matches!(
            fault.kind,
            FaultKind::NotABool | FaultKind::NotANumber | FaultKind::NumberTooLarge | FaultKind::NotADuration(_)
        );
        let named_by = self.tree.named_by(fault.node);
        let origin = self.tree.valued_by(fault.node).filter(|_| in_value).unwrap_or(named_by);
        let Some((key, value)) = self.labels.get(origin.label) else { return };
        let place = if in_value {
            Place::Value(0..value.as_ref().len())
        } else {
            Place::Key(named_by.start..named_by.start + self.tree.name(fault.node).len())
        };
        let (code, message, hint) = explain::fault(&self.tree, fault);
        let label = shortened(key.as_ref());
        self.problems.push(Problem { severity: Severity::Error, code, label, place: Some(place), message, hint });
    }
}

/// Splits a key as paerser does: at dots, and a segment that ends in `]` before its first `[`. The first segment
/// is the root and is left out. What was read before an error is kept.
fn split<'a>(key: &'a str, segments: &mut Vec<(&'a str, usize)>) -> Result<(), BadKey> {
    if key.len() > MAX_KEY_BYTES {
        return Err(BadKey::new(0..MAX_KEY_BYTES, Code::TooLarge, "the key is longer than anybody writes"));
    }
    let mut parts = key.split('.');
    let root = parts.next().unwrap_or_default();
    if root != ROOT {
        let hint = Some(format!("{ROOT}{}", key.get(root.len()..).unwrap_or_default()));
        let bad = BadKey::new(0..root.len(), Code::MalformedKey, "the first part must be `traefik`, in lower case");
        return Err(BadKey { hint, ..bad });
    }
    let mut start = root.len() + 1;
    for part in parts {
        let range = start..start + part.len();
        let malformed = |message| Err(BadKey::new(range.clone(), Code::MalformedKey, message));
        if segments.len() >= MAX_SEGMENTS {
            return Err(BadKey::new(range, Code::TooLarge, "more parts than anybody writes"));
        }
        match part.find('[') {
            _ if part.is_empty() => return malformed("a part between two dots is empty"),
            Some(0) => return malformed("an index belongs behind a name, as in `domains[0]`"),
            None if part.ends_with(']') => return malformed("a `]` without a `[`"),
            Some(bracket) if part.ends_with(']') => {
                let (name, index) = part.split_at(bracket);
                segments.push((name, start));
                segments.push((index, start + bracket));
            }
            _ => segments.push((part, start)),
        }
        start = range.end + 1;
    }
    Ok(())
}

/// A key as it may stand in a message.
fn shortened(key: &str) -> String {
    let mut end = key.len().min(MAX_KEY_BYTES);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    key.get(..end).unwrap_or_default().to_owned()
}
