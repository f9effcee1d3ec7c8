//! What is wrong with a label, in words that help.

use traefik_model::{DurationError, Fault, FaultKind, Shape, Source, StructShape, Tree};

use crate::Code;

/// The code, the message and a hint for what Traefik refuses.
pub(crate) fn fault(tree: &Tree<'_>, fault: Fault) -> (Code, String, Option<String>) {
    let name = tree.name(fault.node);
    let value = tree.value(fault.node);
    match fault.kind {
        FaultKind::UnknownField(Some(shape)) => unknown(name, shape),
        FaultKind::UnknownField(None) => (Code::BelowValue, format!("`{name}` stands below the item of a list"), None),
        FaultKind::Standalone(field) => {
            let hint = first_field(field.shape).map(|first| format!("{name}.{first}=…"));
            (Code::Standalone, format!("`{name}` is a section: it needs fields of its own"), hint)
        }
        FaultKind::BelowValue(field) => {
            (Code::BelowValue, format!("`{}` holds a plain value: nothing can stand below it", field.name), None)
        }
        FaultKind::EmptyServer => (
            Code::Standalone,
            format!("`{name}` needs a field"),
            Some(format!("{name}.port={}", if value.is_empty() { "…" } else { value })),
        ),
        FaultKind::NotABool => {
            (Code::NotABool, format!("{value:?} is not `true` or `false`"), as_bool(value).map(str::to_owned))
        }
        FaultKind::NotANumber => (Code::NotANumber, format!("{value:?} is not a whole number"), None),
        FaultKind::NumberTooLarge => (Code::NotANumber, format!("{value:?} is too large"), None),
        FaultKind::NotADuration(why) => (
            Code::NotADuration,
            format!("{value:?} is not a duration: {why}; expected e.g. `10s`, `1m30s` or a number of seconds"),
            matches!(why, DurationError::MissingUnit).then(|| format!("{value}s")),
        ),
    }
}

fn unknown(name: &str, shape: &'static StructShape) -> (Code, String, Option<String>) {
    let open = shape.fields.iter().filter(|field| field.access(Source::Labels) != traefik_model::Access::Hidden);
    let names: Vec<_> = open.map(|field| field.name_in(Source::Labels)).collect();
    let message = format!("`{name}` is unknown here; expected one of: {}", names.join(", "));
    (Code::UnknownField, message, nearest(name, &names).map(str::to_owned))
}

/// The candidate that needs the fewest edits, if that is few enough to be meant.
fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distances = candidates.iter().map(|candidate| (distance(&name, &candidate.to_lowercase()), *candidate));
    distances.min().filter(|(distance, best)| *distance <= 1 + best.len() / 4).map(|(_, best)| best)
}

/// Edits between two texts (insertions, deletions, replacements), counted over at most 64 characters of each.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, c) in one.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), at + 1);
        let mut left = at + 1;
        for (cell, o) in row.iter_mut().skip(1).zip(&other) {
            let value = (diagonal + usize::from(c != *o)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, value);
            left = value;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn first_field(shape: Shape) -> Option<&'static str> {
    match shape {
        Shape::Struct(shape) => shape.fields.first().map(|field| field.name_in(Source::Labels)),
        Shape::Map(_) | Shape::Plugins => Some("<name>"),
        _ => None,
    }
}

fn as_bool(value: &str) -> Option<&'static str> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "enable" | "enabled" | "y" => Some("true"),
        "false" | "no" | "off" | "disable" | "disabled" | "n" => Some("false"),
        _ => None,
    }
}
