//! Whether Go would compile a regular expression.
//!
//! Rust's `regex` accepts another language (`a**`, `[a&&b]`, `(?x)`, and no `\Q…\E`, no `{` as itself),
//! so this follows the parser of Go's `regexp/syntax` and decides as it does. Not modelled: Go's bound on
//! the compiled size (128 MiB), which takes a hostile expression of many kilobytes to reach.

mod class;
mod escape;
mod names;
mod stack;

use std::ops::Range;

use stack::Stack;

/// What Go dislikes about an expression, and at which bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) span: Range<usize>,
    pub(super) message: &'static str,
}

/// The largest count that Go takes in `{n,m}`, also as the product of nested ones.
const MAX_REPEAT: u32 = 1000;

/// Checks an expression as `regexp.Compile` does.
pub(super) fn check(text: &str) -> Result<(), Refusal> {
    let mut parser = Parser { text, at: 0, stack: Stack::default() };
    let mut after_repeat = false;
    while parser.at < text.len() {
        after_repeat = parser.step(after_repeat)?;
    }
    parser.stack.finish().map_err(|message| Refusal { span: 0..text.len(), message })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    stack: Stack,
}

/// The bounds of a repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Repeat {
    min: u32,
    /// None: no upper bound.
    max: Option<u32>,
    counted: bool,
}

// === impl Parser ===

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn refuse(&self, length: usize, message: &'static str) -> Refusal {
        let end = (self.at + length).min(self.text.len());
        Refusal { span: self.at..end, message }
    }

    /// Reads one element; answers whether it was a repetition.
    fn step(&mut self, after_repeat: bool) -> Result<bool, Refusal> {
        match self.rest().as_bytes() {
            [b'(', b'?', ..] => self.group_with_flags()?,
            [b'(', ..] => self.open(1, true)?,
            [b')', ..] => {
                self.stack.close().map_err(|message| self.refuse(1, message))?;
                self.at += 1;
            }
            [b'|', ..] => {
                self.stack.alternative();
                self.at += 1;
            }
            [b'[', ..] => {
                self.at += class::bracketed(self.rest()).map_err(|refusal| refusal.shifted(self.at))?;
                self.stack.push();
            }
            [b'\\', ..] => self.escape()?,
            [b'*', ..] => return self.repeat(1, Repeat { min: 0, max: None, counted: false }, after_repeat),
            [b'+', ..] => return self.repeat(1, Repeat { min: 1, max: None, counted: false }, after_repeat),
            [b'?', ..] => return self.repeat(1, Repeat { min: 0, max: Some(1), counted: false }, after_repeat),
            [b'{', ..] => match counts(self.rest()) {
                Some((repeat, length)) => return self.counted_repeat(repeat, length, after_repeat),
                None => self.literal(),
            },
            _ => self.literal(),
        }
        Ok(false)
    }

    fn literal(&mut self) {
        self.at += self.rest().chars().next().map_or(1, char::len_utf8);
        self.stack.push_literal();
    }

    fn open(&mut self, length: usize, captures: bool) -> Result<(), Refusal> {
        self.stack.open(captures).map_err(|message| self.refuse(length, message))?;
        self.at += length;
        Ok(())
    }

    fn counted_repeat(&mut self, repeat: Option<Repeat>, length: usize, after_repeat: bool) -> Result<bool, Refusal> {
        let sound = |repeat: &Repeat| {
            repeat.min <= MAX_REPEAT && repeat.max.is_none_or(|max| max <= MAX_REPEAT && repeat.min <= max)
        };
        match repeat.filter(sound) {
            Some(repeat) => self.repeat(length, repeat, after_repeat),
            None => Err(self.refuse(length, "a count of a repetition is above 1000, or the first is the greater")),
        }
    }

    fn repeat(&mut self, length: usize, repeat: Repeat, after_repeat: bool) -> Result<bool, Refusal> {
        let lazy = self.text.as_bytes().get(self.at + length) == Some(&b'?');
        if after_repeat {
            return Err(self.refuse(length, "a repetition of a repetition, such as `a**`"));
        }
        self.stack.repeat(repeat).map_err(|message| self.refuse(length, message))?;
        self.at += length + usize::from(lazy);
        Ok(true)
    }

    fn escape(&mut self) -> Result<(), Refusal> {
        let rest = self.rest();
        match rest.as_bytes().get(1) {
            Some(b'A' | b'b' | b'B' | b'z') => {
                self.at += 2;
                self.stack.push();
            }
            Some(b'Q') => self.verbatim(rest),
            _ => {
                let length = class::escaped(rest).transpose().or_else(|| Some(escape::length(rest)));
                self.at += length.unwrap_or(Ok(0)).map_err(|refusal| refusal.shifted(self.at))?;
                self.stack.push();
            }
        }
        Ok(())
    }

    /// `\Q…\E`, or to the end of the expression.
    fn verbatim(&mut self, rest: &str) {
        let body = rest.get(2..).unwrap_or_default();
        let (text, length) = body.split_once("\\E").map_or((body, body.len()), |(text, _)| (text, text.len() + 2));
        if !text.is_empty() {
            self.stack.push_literal();
        }
        self.at += 2 + length;
    }

    fn group_with_flags(&mut self) -> Result<(), Refusal> {
        let rest = self.rest();
        // As long as Go wants it to be before it looks for a name.
        let name = match rest.as_bytes() {
            [_, _, b'P', b'<', _, ..] => Some(4),
            [_, _, b'<', _, ..] => Some(3),
            _ => None,
        };
        match name {
            Some(start) => self.named_group(rest, start),
            None => self.flags(rest),
        }
    }

    fn named_group(&mut self, rest: &str, start: usize) -> Result<(), Refusal> {
        let end = rest.find('>').ok_or_else(|| self.refuse(rest.len(), "the name of a group is not closed by `>`"))?;
        let name = rest.get(start..end).unwrap_or_default();
        if name.is_empty() || !name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()) {
            return Err(self.refuse(end + 1, "the name of a group may have letters, digits and `_` only"));
        }
        self.open(end + 1, true)
    }

    /// `(?flags)` and `(?flags:`.
    fn flags(&mut self, rest: &str) -> Result<(), Refusal> {
        let (mut negated, mut saw_flag) = (false, false);
        for (position, c) in rest.char_indices().skip(2) {
            match c {
                'i' | 'm' | 's' | 'U' => saw_flag = true,
                '-' if !negated => (negated, saw_flag) = (true, false),
                ':' | ')' if !negated || saw_flag => {
                    if c == ':' {
                        return self.open(position + 1, false);
                    }
                    self.at += position + 1;
                    return Ok(());
                }
                _ => {
                    let length = position + c.len_utf8();
                    return Err(self.refuse(length, "Go knows no such group; it has no look-around either"));
                }
            }
        }
        Err(self.refuse(rest.len(), "a group's flags are not closed"))
    }
}

impl Refusal {
    fn shifted(self, by: usize) -> Self {
        Self { span: self.span.start + by..self.span.end + by, ..self }
    }
}

/// Reads `{n}`, `{n,}` or `{n,m}`: nothing if it is none, no repetition if a count is beyond all bounds.
fn counts(rest: &str) -> Option<(Option<Repeat>, usize)> {
    let body = rest.strip_prefix('{')?;
    let end = body.find('}')?;
    let body = body.get(..end)?;
    let (min, max) = match body.split_once(',') {
        None => (count(body)?, Some(count(body)?)),
        Some((min, "")) => (count(min)?, None),
        Some((min, max)) => (count(min)?, Some(count(max)?)),
    };
    Some((Some(Repeat { min, max, counted: true }), end + 2))
}

/// A count without leading zeros; one that is too large becomes the largest.
fn count(digits: &str) -> Option<u32> {
    let sound = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !sound || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some(digits.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_compiles_is_accepted() {
        for text in [
            "",
            "a",
            "a|b",
            "^a.b$",
            "(a)(b)",
            "(?:a)",
            "(?i)a",
            "(?P<a1>x)",
            "(?<n>x)",
            "a{,2}",
            "{a}",
            "{",
            "a{1001",
            "a*?",
            r"\Qa*b\E",
            r"\Q(",
            r"\pL\p{Greek}\p{^Lu}\P{letter}",
            "[]a]",
            "[^]a]",
            "[a-]",
            "[-a]",
            r"[\d-z]",
            "[[:alpha:]]",
            "[[:alpha]",
            "(a{2}){500}",
            r"\x{10FFFF}\x41\07\12",
            r"\/\.\-\_",
            "a(?i)*",
            "|",
            "()",
            "^*",
            r"[\]]",
            "a{2}b{1000}",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in [
            "*",
            "a**",
            "a++",
            "a*??",
            "(*)",
            "a|*",
            "(",
            ")",
            "(a",
            "a)",
            "[",
            "[a",
            "[]",
            "[b-a]",
            "[[:foo:]]",
            r"\",
            r"\1",
            r"\8",
            r"\q",
            r"\C",
            r"\Z",
            r"\u0041",
            r"\x4",
            r"\x{110000}",
            r"\x{}",
            r"\p",
            r"\p{Foo}",
            r"\pX",
            "(?=a)",
            "(?<=a)",
            "(?P<a-b>x)",
            "(?P<>x)",
            "(?",
            "(?i-)",
            "(?x)a",
            "a{1001}",
            "a{2,1}",
            "(a{100}){11}",
            r"[\b]",
            r"[a-\d]",
            "(?i)*",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
