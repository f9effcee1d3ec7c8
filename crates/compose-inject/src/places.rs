//! Where in a YAML file something stands.

use std::{borrow::Cow, collections::BTreeMap};

use granit_parser::{Event, Parser};

/// Paths are remembered down to here: `services.web.volumes.0.source`.
const DEPTH: usize = 5;
/// So many are remembered of a file.
const MAX_PLACES: usize = 100_000;

/// The longest key of an item that is remembered, in bytes.
const MAX_KEY: usize = 1024;

/// Where the keys of a compose file stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<String, Place>);

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

enum Inside {
    /// A mapping, and the key whose value comes next.
    Mapping(Option<String>),
    /// A sequence, and the number of the next item.
    Sequence(usize),
}

/// Where a key stands: in the last of these files that has it, for that is the one that counts.
#[must_use]
pub fn locate<'a>(key: &str, files: &'a [(String, Places)]) -> Option<(&'a str, Place)> {
    // The lists of several files are put together, and the number is that of the whole.
    let whole = key.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('.');
    let key = if files.len() > 1 { whole } else { key };
    files.iter().rev().find_map(|(file, places)| {
        let place = places.find(key)?;
        // `services` alone is no place.
        (Some(place) != places.find("services")).then_some((file.as_str(), place))
    })
}

// === impl Places ===

impl Places {
    /// Of a file's text. What cannot be read ends it: compose says what is wrong there.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut places = Self::default();
        let mut inside: Vec<Inside> = Vec::new();
        for (event, span) in Parser::new_from_str(text).map_while(Result::ok) {
            if places.0.len() >= MAX_PLACES {
                break;
            }
            let place = Place { line: span.start.line(), column: span.start.col() + 1 };
            match event {
                Event::Scalar(value, ..) => places.node(&mut inside, Some(value), place, None),
                Event::MappingStart(..) => places.node(&mut inside, None, place, Some(Inside::Mapping(None))),
                Event::SequenceStart(..) => places.node(&mut inside, None, place, Some(Inside::Sequence(0))),
                Event::Alias(_) => places.node(&mut inside, Some("*".into()), place, None),
                Event::MappingEnd | Event::SequenceEnd => {
                    inside.pop();
                    next(&mut inside);
                }
                _ => {}
            }
        }
        places
    }

    /// Where a path stands, or the nearest one above it.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return Some(*place);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    /// A node begins: a key, a value, or an item.
    fn node(&mut self, inside: &mut Vec<Inside>, text: Option<Cow<'_, str>>, at: Place, opens: Option<Inside>) {
        match inside.last_mut() {
            Some(Inside::Mapping(key @ None)) => {
                // A key that is no text has no name.
                *key = Some(text.map_or_else(String::new, Cow::into_owned));
                self.note(inside, at);
            }
            Some(Inside::Mapping(_)) if opens.is_none() => next(inside),
            Some(Inside::Mapping(_)) => {}
            Some(Inside::Sequence(_)) => {
                self.note(inside, at);
                // Labels and environment are mostly written as lists of `key=value`.
                if let Some((key, _)) = text.as_ref().and_then(|text| text.split_once('=')) {
                    self.note_as(inside, key, at);
                }
                if opens.is_none() {
                    next(inside);
                }
            }
            None => {}
        }
        inside.extend(opens);
    }

    fn note(&mut self, inside: &[Inside], at: Place) {
        if inside.len() <= DEPTH {
            self.0.entry(path(inside).join(".")).or_insert(at);
        }
    }

    /// An item by its key instead of its number.
    fn note_as(&mut self, inside: &[Inside], key: &str, at: Place) {
        if inside.len() <= DEPTH && key.len() <= MAX_KEY {
            let mut path = path(inside);
            path.pop();
            path.push(key.to_owned());
            self.0.entry(path.join(".")).or_insert(at);
        }
    }
}

fn path(inside: &[Inside]) -> Vec<String> {
    let part = |part: &Inside| match part {
        Inside::Mapping(key) => key.clone().unwrap_or_default(),
        Inside::Sequence(number) => number.to_string(),
    };
    inside.iter().map(part).collect()
}

/// The node is over: the next one is another key, or the next item.
fn next(inside: &mut [Inside]) {
    match inside.last_mut() {
        Some(Inside::Mapping(key)) => *key = None,
        Some(Inside::Sequence(number)) => *number += 1,
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_items_and_what_is_above_them() {
        let text = "services:\n  web: &w\n    image: x\n    volumes:\n      - ./a:/a\n      - {source: /etc, target: /e}\n    \
                    privileged: true\n  db:\n    <<: *w\n    labels: [a=1,\n      b=2]\n";
        let places = Places::of(text);
        let at = |path: &str| places.find(path).map(|place| (place.line, place.column));
        assert_eq!(at("services.web"), Some((2, 3)));
        assert_eq!(at("services.web.privileged"), Some((7, 5)));
        assert_eq!(at("services.web.volumes.1"), Some((6, 9)));
        assert_eq!(at("services.web.volumes.1.source"), Some((6, 10)));
        assert_eq!(at("services.db.labels.1"), Some((11, 7)));
        assert_eq!(at("services.db.labels.b"), Some((11, 7)));
        assert_eq!(at("services.db.image"), Some((8, 3)), "the nearest above");
        assert_eq!(at("nothing"), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = Places::of(&text);
        }
    }
}
