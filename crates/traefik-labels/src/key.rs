//! Keys of labels, taken apart as Traefik does.

use std::ops::Range;

use traefik_model::NodeId;

use crate::Code;

/// The most bytes of one label's key.
pub const MAX_KEY_BYTES: usize = 4 * 1024;
/// The most segments of one label's key.
pub const MAX_SEGMENTS: usize = 64;

pub(crate) const ROOT: &str = "traefik";
/// The labels that make a configuration (Traefik's `label.DecodeConfiguration`).
const PREFIXES: [&str; 4] = ["traefik.http", "traefik.tcp", "traefik.udp", "traefik.tls.stores.default"];

/// One step of a key.
pub(crate) struct Segment<'a> {
    pub(crate) name: &'a str,
    pub(crate) start: usize,
    /// Where the next dot is, or the key ends; an index has it in common with its name.
    pub(crate) end: usize,
    /// The node that it leads to, once there is one.
    pub(crate) node: NodeId,
}

/// What is wrong with a key, and where.
pub(crate) struct BadKey {
    pub(crate) at: Range<usize>,
    pub(crate) code: Code,
    pub(crate) message: String,
}

/// Whether a label is one of those that make a configuration.
pub(crate) fn is_selected(key: &str) -> bool {
    PREFIXES.iter().any(|prefix| starts_with(key, prefix))
}

/// Whether a key begins so, in any case.
pub(crate) fn starts_with(key: &str, prefix: &str) -> bool {
    key.as_bytes().get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// Splits a key as paerser does: at dots, and a segment that ends in `]` before its first `[`. The first segment
/// is the root and is left out. What was read before an error is kept.
///
/// Goes on behind the segments that are there: those of another key that begins with the same ones.
pub(crate) fn split<'a>(key: &'a str, segments: &mut Vec<Segment<'a>>) -> Result<(), BadKey> {
    if key.len() > MAX_KEY_BYTES {
        return Err(BadKey::new(0..MAX_KEY_BYTES, Code::TooLarge, "the key is longer than anybody writes"));
    }
    let mut end = segments.last().map_or(ROOT.len(), |last| last.end);
    if segments.is_empty() && key.as_bytes().get(..=end) != Some(b"traefik.") {
        let root = key.find('.').unwrap_or(key.len());
        return Err(BadKey::new(0..root, Code::MalformedKey, "the first part must be `traefik`, in lower case"));
    }
    while end < key.len() {
        let start = end + 1;
        let (part, bracket) = part(key, start);
        end = start + part.len();
        let malformed = |message| Err(BadKey::new(start..end, Code::MalformedKey, message));
        if segments.len() >= MAX_SEGMENTS {
            return Err(BadKey::new(start..end, Code::TooLarge, "more parts than anybody writes"));
        }
        match bracket {
            _ if part.is_empty() => return malformed("a part between two dots is empty"),
            Some(0) => return malformed("an index belongs behind a name, as in `domains[0]`"),
            None if part.ends_with(']') => return malformed("a `]` without a `[`"),
            Some(bracket) if part.ends_with(']') => {
                let (name, index) = part.split_at(bracket);
                segments.push(Segment { name, start, end, node: NodeId::ROOT });
                segments.push(Segment { name: index, start: start + bracket, end, node: NodeId::ROOT });
            }
            _ => segments.push(Segment { name: part, start, end, node: NodeId::ROOT }),
        }
    }
    Ok(())
}

/// What stands from there to the next dot, and where in it the first `[` is.
fn part(key: &str, start: usize) -> (&str, Option<usize>) {
    let rest = key.get(start..).unwrap_or_default();
    let mut bracket = None;
    // Byte by byte: searching pays only for longer texts.
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'.' => return (rest.get(..at).unwrap_or_default(), bracket),
            b'[' if bracket.is_none() => bracket = Some(at),
            _ => {}
        }
    }
    (rest, bracket)
}

/// How many segments, the first ones of one key, another one begins with, too, with the dot behind them.
pub(crate) fn shared(segments: &[Segment<'_>], key: &str, other: &str) -> usize {
    let equal = key.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    segments.iter().take_while(|segment| segment.end < equal).count()
}

// === impl BadKey ===

impl BadKey {
    pub(crate) fn new(at: Range<usize>, code: Code, message: impl Into<String>) -> Self {
        Self { at, code, message: message.into() }
    }
}
