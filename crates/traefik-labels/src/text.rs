//! Text of strangers, made fit to be shown.

use std::fmt::Write as _;

/// The most bytes of a value that a message repeats.
pub(crate) const MAX_SHOWN: usize = 80;
/// The most bytes of a message.
const MAX_MESSAGE: usize = 600;
/// The most bytes of a hint; a longer one is no help, and a part of one is misleading.
const MAX_HINT: usize = 1000;
/// The most bytes of a key that a problem carries.
const MAX_LABEL: usize = 1024;

/// The beginning of a text, at most that many bytes of it.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A value in a message: in quotes, escaped, shortened.
pub(crate) fn quoted(value: &str) -> String {
    let shown = beginning(value, MAX_SHOWN);
    let mark = if shown.len() < value.len() { "…" } else { "" };
    format!("`{}{mark}`", escaped(shown))
}

/// The text with control characters, and what changes the direction of text, written as escapes.
pub(crate) fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) {
            result.push(c);
        } else {
            let _infallible = write!(result, "{}", c.escape_default());
        }
    }
    result
}

/// Whether a character may stand on a terminal as it is.
pub(crate) fn is_plain(c: char) -> bool {
    let unseen = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    !c.is_control() && !unseen && c != '\u{feff}'
}

/// A key as it may stand in a problem.
pub(crate) fn label(key: &str) -> String {
    beginning(key, MAX_LABEL).to_owned()
}

/// A message of any origin, shortened.
pub(crate) fn message(text: String) -> String {
    if text.len() <= MAX_MESSAGE { text } else { format!("{}…", beginning(&text, MAX_MESSAGE)) }
}

/// A hint of any origin, if it is short enough to help.
pub(crate) fn hint(text: String) -> Option<String> {
    (text.len() <= MAX_HINT).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shortened_between_characters_and_escaped() {
        assert_eq!(quoted("a\u{1b}[31m\u{202e}é"), "`a\\u{1b}[31m\\u{202e}é`");
        let long = "é".repeat(100);
        assert_eq!(quoted(&long), format!("`{}…`", "é".repeat(40)));
        assert_eq!(hint("x".repeat(2000)), None);
    }
}
