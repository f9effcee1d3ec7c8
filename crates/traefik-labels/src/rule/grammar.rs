use std::ops::Range;

use super::MAX_RULE_DEPTH;
use super::report::{Fault, fault};
use super::token::{Lexeme, Token, scan};
use crate::Code;

/// A rule as it is written, before the names of its matchers are looked up.
#[derive(Debug)]
pub(super) struct Raw<'a> {
    pub(super) span: Range<usize>,
    pub(super) node: RawNode<'a>,
}

#[derive(Debug)]
pub(super) enum RawNode<'a> {
    Call(Call<'a>),
    And(Vec<Raw<'a>>),
    Or(Vec<Raw<'a>>),
    Not(Box<Raw<'a>>),
}

/// A name and, in parentheses, its arguments.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    pub(super) span: Range<usize>,
    pub(super) arguments: Vec<RawArgument>,
}

#[derive(Debug)]
pub(super) struct RawArgument {
    pub(super) span: Range<usize>,
    pub(super) bytes: Vec<u8>,
}

/// Reads a rule as `vulcand/predicate` does: an expression of Go, of which little is used.
pub(super) fn read(text: &str) -> Result<Raw<'_>, Fault> {
    let lexemes = scan(text)?;
    let mut grammar = Grammar { text, lexemes: &lexemes, depth: 0 };
    let raw = grammar.alternatives()?;
    if *grammar.peek() == Token::LineEnd {
        grammar.advance();
    }
    match grammar.peek() {
        Token::End => Ok(raw),
        _ => Err(grammar.unexpected_after_operand()),
    }
}

struct Grammar<'t, 'l> {
    text: &'t str,
    lexemes: &'l [Lexeme],
    depth: usize,
}

// === impl Grammar ===

impl<'t> Grammar<'t, '_> {
    fn peek(&self) -> &Token {
        self.lexemes.first().map_or(&Token::End, |lexeme| &lexeme.token)
    }

    fn here(&self) -> Range<usize> {
        self.lexemes.first().map_or(self.text.len()..self.text.len(), |lexeme| lexeme.span.clone())
    }

    fn advance(&mut self) -> Range<usize> {
        let span = self.here();
        if let [_, rest @ ..] = self.lexemes {
            self.lexemes = rest;
        }
        span
    }

    fn alternatives(&mut self) -> Result<Raw<'t>, Fault> {
        self.joined(&Token::Or, Self::conjunction, RawNode::Or)
    }

    fn conjunction(&mut self) -> Result<Raw<'t>, Fault> {
        self.joined(&Token::And, Self::operand, RawNode::And)
    }

    fn joined(
        &mut self,
        operator: &Token,
        part: fn(&mut Self) -> Result<Raw<'t>, Fault>,
        join: fn(Vec<Raw<'t>>) -> RawNode<'t>,
    ) -> Result<Raw<'t>, Fault> {
        let first = part(self)?;
        if self.peek() != operator {
            return Ok(first);
        }
        let start = first.span.start;
        let mut end = first.span.end;
        let mut parts = vec![first];
        while self.peek() == operator {
            self.advance();
            let next = part(self)?;
            end = next.span.end;
            parts.push(next);
        }
        Ok(Raw { span: start..end, node: join(parts) })
    }

    fn operand(&mut self) -> Result<Raw<'t>, Fault> {
        match self.peek() {
            Token::Not => {
                let start = self.advance().start;
                let inner = self.deeper(start, Self::operand)?;
                Ok(Raw { span: start..inner.span.end, node: RawNode::Not(Box::new(inner)) })
            }
            Token::Open => {
                let open = self.advance();
                let inner = self.deeper(open.start, Self::alternatives)?;
                let end = self.close(&open, "the parenthesis that begins here is never closed")?;
                Ok(Raw { span: open.start..end, ..inner })
            }
            Token::Word => self.call(),
            _ => Err(self.operand_expected()),
        }
    }

    /// Parses one level further down, as far as the bound allows.
    fn deeper(&mut self, start: usize, parse: fn(&mut Self) -> Result<Raw<'t>, Fault>) -> Result<Raw<'t>, Fault> {
        if self.depth == MAX_RULE_DEPTH {
            let message = format!("more than {MAX_RULE_DEPTH} levels of parentheses and `!`");
            return Err(fault(Code::RuleTooLarge, start..start + 1, message).with_hint("write the rule flatter"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn close(&mut self, open: &Range<usize>, unclosed: &str) -> Result<usize, Fault> {
        match self.peek() {
            Token::Close => Ok(self.advance().end),
            Token::End => Err(fault(Code::RuleSyntax, open.clone(), unclosed)),
            _ => Err(self.unexpected_after_operand()),
        }
    }

    fn call(&mut self) -> Result<Raw<'t>, Fault> {
        let word = self.advance();
        let name = self.text.get(word.clone()).unwrap_or_default();
        if *self.peek() != Token::Open {
            return Err(self.parenthesis_expected(name, word));
        }
        let open = self.advance();
        let (arguments, end) = self.arguments(name, &open)?;
        let span = word.start..end;
        let call = Call { name, span: span.clone(), arguments };
        Ok(Raw { span, node: RawNode::Call(call) })
    }

    /// The arguments of a call and the byte behind its `)`.
    fn arguments(&mut self, name: &str, open: &Range<usize>) -> Result<(Vec<RawArgument>, usize), Fault> {
        let mut arguments = Vec::new();
        let unclosed = format!("the parenthesis of `{name}(` is never closed");
        while *self.peek() != Token::Close {
            arguments.push(self.argument(open, &unclosed)?);
            // Go's `f(list...)`; what reads the rule takes no notice of it.
            let last = *self.peek() == Token::Ellipsis;
            if last {
                self.advance();
            }
            match self.peek() {
                Token::Comma => {
                    self.advance();
                }
                Token::Close => break,
                Token::End => return Err(fault(Code::RuleSyntax, open.clone(), unclosed)),
                _ => return Err(self.comma_expected()),
            }
            if last {
                break;
            }
        }
        Ok((arguments, self.close(open, &unclosed)?))
    }

    fn argument(&mut self, open: &Range<usize>, unclosed: &str) -> Result<RawArgument, Fault> {
        let bytes = match self.peek() {
            Token::Text(bytes) => bytes.clone(),
            Token::End => return Err(fault(Code::RuleSyntax, open.clone(), unclosed)),
            _ => return Err(self.text_expected()),
        };
        Ok(RawArgument { span: self.advance(), bytes })
    }

    /// What stands here, for a message.
    fn found(&self) -> String {
        match self.peek() {
            Token::End => "the rule ends".to_owned(),
            Token::LineEnd => "the line ends".to_owned(),
            _ => format!("found `{}`", self.text.get(self.here()).unwrap_or_default()),
        }
    }

    fn operand_expected(&self) -> Fault {
        let message = format!("expected a matcher such as Host(`example.com`), {}", self.found());
        fault(Code::RuleSyntax, self.here(), message)
    }

    fn unexpected_after_operand(&self) -> Fault {
        fault(Code::RuleSyntax, self.here(), format!("expected `&&`, `||` or the end here, {}", self.found()))
    }

    fn parenthesis_expected(&self, name: &str, word: Range<usize>) -> Fault {
        let message = format!("expected `(` and arguments after `{name}`, {}", self.found());
        fault(Code::RuleSyntax, word, message)
    }

    fn comma_expected(&self) -> Fault {
        fault(Code::RuleSyntax, self.here(), format!("expected `,` or `)` after an argument, {}", self.found()))
    }

    fn text_expected(&self) -> Fault {
        let start = self.here().start;
        let rest = self.text.get(start..).unwrap_or_default();
        let length = rest.find([',', ')', ' ', '\n']).filter(|&length| length > 0);
        let end = length.map_or(self.here().end, |length| start + length);
        let shown = self.text.get(start..end).unwrap_or_default();
        fault(Code::RuleQuotes, start..end, format!("expected text in backquotes, found `{shown}`"))
    }
}
