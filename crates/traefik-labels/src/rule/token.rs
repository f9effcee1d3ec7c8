use std::ops::Range;

use super::literal;
use super::report::{Fault, fault};
use crate::Code;

/// What a rule consists of. Go's scanner knows many more kinds; no rule can contain them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A word: the name of a matcher, or text that lacks its quotes.
    Word,
    /// Quoted text, with its escapes resolved. Go's strings are bytes.
    Text(Vec<u8>),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `...`
    Ellipsis,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `!`
    Not,
    /// A line's end at a place where Go takes it for a `;`.
    LineEnd,
    /// The rule's end.
    End,
    /// Anything else; never legal.
    Other,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) span: Range<usize>,
}

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Takes a rule apart as Go's scanner does, up to the first thing that it refuses.
pub(super) fn scan(text: &str) -> Result<Vec<Lexeme>, Fault> {
    refuse_illegal(text)?;
    let mut scanner = Scanner { text, at: 0, line: 0, ends_statement: false };
    if text.starts_with(BYTE_ORDER_MARK) {
        scanner.at = BYTE_ORDER_MARK.len_utf8();
    }
    let mut lexemes = Vec::new();
    loop {
        let lexeme = scanner.next()?;
        let end = lexeme.token == Token::End;
        lexemes.push(lexeme);
        if end {
            return Ok(lexemes);
        }
    }
}

fn refuse_illegal(text: &str) -> Result<(), Fault> {
    let illegal = |&(at, c): &(usize, char)| c == '\0' || (c == BYTE_ORDER_MARK && at > 0);
    let Some((at, c)) = text.char_indices().find(illegal) else { return Ok(()) };
    let name = if c == '\0' { "a NUL character" } else { "a byte order mark" };
    Err(fault(Code::RuleSyntax, at..at + c.len_utf8(), format!("{name} is not allowed in a rule"))
        .with_hint("remove the invisible character"))
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Where the current line begins.
    line: usize,
    /// Whether a line's end would now be read as `;`.
    ends_statement: bool,
}

// === impl Scanner ===

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Result<Lexeme, Fault> {
        if let Some(lexeme) = self.skip_blank()? {
            return Ok(lexeme);
        }
        let start = self.at;
        let (token, length) = self.read()?;
        self.at += length;
        self.ends_statement = matches!(token, Token::Word | Token::Text(_) | Token::Close);
        Ok(Lexeme { token, span: start..self.at })
    }

    /// Skips white space and comments; answers when one of them counts as a `;`.
    fn skip_blank(&mut self) -> Result<Option<Lexeme>, Fault> {
        loop {
            let start = self.at;
            match self.rest().as_bytes() {
                [b'\n', ..] => {
                    self.at += 1;
                    self.line = self.at;
                }
                [b' ' | b'\t' | b'\r', ..] => {
                    self.at += 1;
                    continue;
                }
                [b'/', b'/', ..] => {
                    self.skip_line_comment()?;
                    continue;
                }
                [b'/', b'*', ..] => self.skip_block_comment()?,
                _ => return Ok(None),
            }
            let breaks = self.text.get(start..self.at).is_some_and(|blank| blank.contains('\n'));
            if breaks && std::mem::take(&mut self.ends_statement) {
                return Ok(Some(Lexeme { token: Token::LineEnd, span: start..self.at }));
            }
        }
    }

    fn skip_line_comment(&mut self) -> Result<(), Fault> {
        let length = self.rest().find('\n').unwrap_or(self.rest().len());
        let comment = self.rest().get(..length).unwrap_or_default();
        let directive = (self.at == self.line).then(|| comment.strip_prefix("//line ")).flatten();
        if let Some(directive) = directive {
            self.check_directive(directive.strip_suffix('\r').unwrap_or(directive), length)?;
        }
        self.at += length;
        Ok(())
    }

    fn skip_block_comment(&mut self) -> Result<(), Fault> {
        let body = self.rest().get(2..).unwrap_or_default();
        let Some(length) = body.find("*/") else {
            return Err(fault(Code::RuleSyntax, self.at..self.text.len(), "the comment is not closed")
                .with_hint("close the comment with */"));
        };
        let comment = body.get(..length).unwrap_or_default();
        if let Some(directive) = comment.strip_prefix("line ") {
            self.check_directive(directive, length + 4)?;
        }
        if let Some(newline) = comment.rfind('\n') {
            self.line = self.at + 2 + newline + 1;
        }
        self.at += length + 4;
        Ok(())
    }

    /// Go reads `//line file:1` in comments, and refuses the text when the number is none.
    fn check_directive(&self, directive: &str, length: usize) -> Result<(), Fault> {
        if directive_is_sound(directive) {
            return Ok(());
        }
        let message = "a comment that begins with `line ` is a directive of Go, and its line number is none";
        Err(fault(Code::RuleSyntax, self.at..self.at + length, message).with_hint("remove the comment"))
    }

    fn read(&self) -> Result<(Token, usize), Fault> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok((Token::End, 0)) };
        Ok(match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '!' if !rest.starts_with("!=") => (Token::Not, 1),
            '&' if rest.starts_with("&&") => (Token::And, 2),
            '|' if rest.starts_with("||") => (Token::Or, 2),
            '.' if rest.starts_with("...") => (Token::Ellipsis, 3),
            '`' | '"' => {
                let (text, length) = literal::unquote(rest).map_err(|fault| fault.shifted(self.at))?;
                (Token::Text(text), length)
            }
            c if c == '_' || c.is_alphabetic() => {
                (Token::Word, rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len()))
            }
            c => (Token::Other, c.len_utf8()),
        })
    }
}

/// Whether Go takes `file:line` or `file:line:column` of a directive, or sees no directive in it.
fn directive_is_sound(directive: &str) -> bool {
    const LARGEST: i64 = 1 << 30;
    let Some((before, last)) = directive.rsplit_once(':') else { return true };
    let in_range = |number: i64| number != 0 && number <= LARGEST;
    let Some(last) = go_number(last) else { return false };
    match before.rsplit_once(':').and_then(|(_, line)| go_number(line)) {
        Some(line) => in_range(last) && in_range(line),
        None => in_range(last),
    }
}

/// An unsigned number, wrapped into Go's signed one as its scanner does.
fn go_number(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse::<u64>().ok().map(u64::cast_signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        scan(text).unwrap().into_iter().map(|lexeme| lexeme.token).collect()
    }

    #[test]
    fn a_line_end_counts_only_after_an_operand() {
        assert_eq!(tokens("a\n"), [Token::Word, Token::LineEnd, Token::End]);
        assert_eq!(tokens("a &&\nb"), [Token::Word, Token::And, Token::Word, Token::End]);
        assert_eq!(tokens("a /*\n*/ b"), [Token::Word, Token::LineEnd, Token::Word, Token::End]);
        assert_eq!(tokens("a // x\n"), [Token::Word, Token::LineEnd, Token::End]);
        assert_eq!(tokens("\n\n a"), [Token::Word, Token::End]);
    }

    #[test]
    fn line_directives_are_checked() {
        assert!(scan("/*line a:1*/a").is_ok());
        assert!(scan("/*line a:x*/a").is_err());
        assert!(scan("//line :0\na").is_err());
        assert!(scan(" //line :0\na").is_ok());
    }

    #[test]
    fn invisible_characters_are_refused() {
        assert!(scan("a\0").is_err());
        assert!(scan("a\u{feff}").is_err());
        assert_eq!(tokens("\u{feff}a"), [Token::Word, Token::End]);
    }
}
