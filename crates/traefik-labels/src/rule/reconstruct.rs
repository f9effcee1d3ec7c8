use super::matcher::MatcherKind;
use super::suggest;

/// Builds a rule anew from its quoted texts: between two of them can only stand `,`, or the end of a matcher,
/// an operator and the beginning of the next.
pub(super) fn reconstruct(text: &str, known: &[MatcherKind]) -> Option<String> {
    let parts: Vec<&str> = text.split('`').collect();
    let (last, parts) = parts.split_last()?;
    let (pairs, odd) = parts.as_chunks::<2>();
    if pairs.is_empty() || !odd.is_empty() {
        return None;
    }
    let mut builder = Builder { rule: String::new(), open: 0, known };
    for (position, [between, literal]) in pairs.iter().enumerate() {
        if position == 0 {
            builder.begin(between)?;
        } else {
            builder.between(between)?;
        }
        builder.rule.push_str(&format!("`{literal}`"));
    }
    builder.end(last)
}

struct Builder<'k> {
    rule: String,
    /// Parentheses around matchers that are still to be closed.
    open: usize,
    known: &'k [MatcherKind],
}

// === impl Builder ===

impl Builder<'_> {
    /// Everything up to the first text: `!`, parentheses and a name.
    fn begin(&mut self, text: &str) -> Option<()> {
        let start = text.find(char::is_alphabetic)?;
        let (symbols, name) = text.split_at_checked(start)?;
        let prefix: String = symbols.chars().filter(|c| matches!(c, '!' | '(')).collect();
        self.open += prefix.matches('(').count();
        let name = name.trim_end_matches([' ', '(']).trim_end();
        let kind = suggest::meant(name, self.known)?;
        let name = if MatcherKind::find(self.known, name) == Some(kind) { name } else { kind.name() };
        self.rule.push_str(&format!("{prefix}{name}("));
        Some(())
    }

    fn between(&mut self, text: &str) -> Option<()> {
        let Some(start) = text.find(char::is_alphabetic) else {
            self.rule.push_str(", ");
            return Some(());
        };
        let (mut symbols, mut rest) = text.split_at_checked(start)?;
        let closed = symbols.matches(')').count().saturating_sub(1).min(self.open);
        self.open -= closed;
        self.rule.push_str(&")".repeat(closed + 1));
        let mut or = symbols.contains('|') && !symbols.contains("&&");
        for (word, is_or) in [("and ", false), ("or ", true)] {
            let (start, behind) = rest.split_at_checked(word.len()).unwrap_or_default();
            if start.eq_ignore_ascii_case(word) {
                (or, rest) = (is_or, behind);
            }
        }
        self.rule.push_str(if or { " || " } else { " && " });
        symbols = symbols.rsplit(['&', '|', ')', ' ']).next().unwrap_or_default();
        self.begin(&format!("{symbols}{rest}"))
    }

    fn end(mut self, text: &str) -> Option<String> {
        if text.contains(char::is_alphanumeric) {
            return None;
        }
        self.rule.push_str(&")".repeat(self.open + 1));
        Some(self.rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::matcher::known;
    use crate::rule::{Protocol, Syntax};

    #[test]
    fn what_stands_between_the_texts_is_put_right() {
        let reconstruct = |text| reconstruct(text, known(Protocol::Http, Syntax::V3)).unwrap();
        assert_eq!(
            reconstruct("H.st`a`) & !(.athPrefix(`/x`) or host (`b`"),
            "Host(`a`) && !(PathPrefix(`/x`) || host(`b`))"
        );
        assert_eq!(reconstruct("Header((`X`.`y`))"), "Header(`X`, `y`)");
        assert_eq!(reconstruct("Host(`a`)|)Path(`/x`)"), "Host(`a`) || Path(`/x`)");
    }
}
