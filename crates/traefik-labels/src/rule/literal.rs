use std::fmt::Write as _;
use std::ops::Range;

use super::report::{Fault, fault};
use crate::Code;

/// Reads the quoted text at the beginning of `source`: its bytes, and how long it is with its quotes.
pub(super) fn unquote(source: &str) -> Result<(Vec<u8>, usize), Fault> {
    if source.starts_with('`') { unquote_raw(source) } else { unquote_escaped(source) }
}

fn unquote_raw(source: &str) -> Result<(Vec<u8>, usize), Fault> {
    let body = source.get(1..).unwrap_or_default();
    let Some(length) = body.find('`') else {
        return Err(fault(Code::RuleQuotes, 0..source.len(), "the backquote that begins here is never closed"));
    };
    // Go drops carriage returns from raw text.
    let text = body.bytes().take(length).filter(|&byte| byte != b'\r').collect();
    Ok((text, length + 2))
}

fn unquote_escaped(source: &str) -> Result<(Vec<u8>, usize), Fault> {
    let mut text = Vec::new();
    let mut at = 1;
    loop {
        let rest = source.get(at..).unwrap_or_default();
        match rest.chars().next() {
            None | Some('\n') => {
                let message = "the double quote that begins here is not closed on its line";
                return Err(fault(Code::RuleQuotes, 0..at, message));
            }
            Some('"') => return Ok((text, at + 1)),
            Some('\\') => at += unescape(rest, &mut text).map_err(|fault| fault.shifted(at))?,
            Some(c) => {
                let length = c.len_utf8();
                text.extend(rest.bytes().take(length));
                at += length;
            }
        }
    }
}

/// Appends what the escape sequence at the beginning of `source` stands for; its length.
fn unescape(source: &str, text: &mut Vec<u8>) -> Result<usize, Fault> {
    let (digits, radix) = match source.as_bytes().get(1) {
        Some(b'x') => (2..4, 16),
        Some(b'u') => (2..6, 16),
        Some(b'U') => (2..10, 16),
        Some(b'0'..=b'7') => (1..4, 8),
        Some(&letter) => {
            text.push(simple_escape(letter).ok_or_else(|| bad_escape(source))?);
            return Ok(2);
        }
        None => return Err(bad_escape(source)),
    };
    let value = code_point(source, &digits, radix).ok_or_else(|| bad_escape(source))?;
    if source.starts_with("\\u") || source.starts_with("\\U") {
        let c = char::from_u32(value).ok_or_else(|| bad_escape(source))?;
        text.extend(c.encode_utf8(&mut [0; 4]).bytes());
    } else {
        text.push(u8::try_from(value).map_err(|_overflow| bad_escape(source))?);
    }
    Ok(digits.end)
}

fn code_point(source: &str, digits: &Range<usize>, radix: u32) -> Option<u32> {
    let digits = source.get(digits.clone())?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, radix).ok())?
}

const fn simple_escape(letter: u8) -> Option<u8> {
    Some(match letter {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' | b'"' => letter,
        _ => return None,
    })
}

fn bad_escape(source: &str) -> Fault {
    let shown: String = source.chars().take(2).collect();
    fault(Code::RuleQuotes, 0..shown.len(), format!("`{shown}` is no escape sequence of a double-quoted text"))
        .with_hint("put the text into backquotes, which have no escape sequences, or double the backslash")
}

/// Quotes text so that [`unquote`] reads it back: in backquotes where it can be, else in double quotes.
pub(super) fn quote(text: &str) -> String {
    let plain = |c: char| !matches!(c, '`' | '\r' | '\0' | '\u{feff}');
    if text.chars().all(plain) {
        return format!("`{text}`");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\u{feff}' => quoted.push_str("\\ufeff"),
            // Writing into a String cannot fail.
            c if c.is_ascii_control() => drop(write!(quoted, "\\x{:02x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_text_drops_carriage_returns() {
        assert_eq!(unquote("`a\r\nb`c").unwrap(), (b"a\nb".to_vec(), 6));
        assert!(unquote("`a").is_err());
    }

    #[test]
    fn escapes_are_those_of_go() {
        assert_eq!(unquote(r#""\x41\101\u0041\n\"""#).unwrap().0, b"AAA\n\"");
        assert_eq!(unquote(r#""\xff""#).unwrap().0, [0xff]);
        for bad in [r#""\q""#, r#""\'""#, r#""\ud800""#, r#""\400""#, r#""\U00110000""#, "\"a\nb\"", r#""\x+1""#] {
            assert!(unquote(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn quoted_text_reads_back() {
        for text in ["", "a b", "a`b", "\"\\`", "\r\n\0`", "\u{feff}", "é`ß"] {
            assert_eq!(unquote(&quote(text)).unwrap().0, text.as_bytes(), "{text:?}");
        }
    }
}
