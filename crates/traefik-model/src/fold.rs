//! Go's `strings.EqualFold`: equality under Unicode simple case folding.

use std::cmp::Ordering;

/// Whether Go's `strings.EqualFold` calls the two equal (`ſ` and `s`, the Kelvin sign and `k` are).
#[must_use]
pub fn equal_fold(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    equal_chars(one, other)
}

/// The same for texts of which at least one is known to go beyond ASCII.
pub(crate) fn equal_chars(one: &str, other: &str) -> bool {
    one.chars().map(fold).eq(other.chars().map(fold))
}

/// A text that is ordered, and equal to others, under folding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folded<'a>(pub(crate) &'a str);

// === impl Folded ===

impl Ord for Folded<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0.is_ascii() && other.0.is_ascii() {
            let (one, other) = (self.0.bytes(), other.0.bytes());
            return one.map(|byte| byte.to_ascii_lowercase()).cmp(other.map(|byte| byte.to_ascii_lowercase()));
        }
        self.0.chars().map(fold).cmp(other.0.chars().map(fold))
    }
}

impl PartialOrd for Folded<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Folded<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Folded<'_> {}

fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    // The dotless i stands alone in simple folding, although its upper case is I.
    if c == 'ı' {
        return c;
    }
    single(single(single(c, char::to_lowercase), char::to_uppercase), char::to_lowercase)
}

fn single<I: Iterator<Item = char>>(c: char, map: impl Fn(char) -> I) -> char {
    let mut mapped = map(c);
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::equal_fold;

    #[test]
    fn as_go_folds() {
        for (one, other) in [("tls", "TLS"), ("tlſ", "TLS"), ("\u{212a}ey", "key"), ("Σ", "ς"), ("ẞ", "ß"), ("ϴ", "ϑ")]
        {
            assert!(equal_fold(one, other), "{one} {other}");
        }
        for (one, other) in [("ı", "i"), ("İ", "i"), ("ß", "ss"), ("a", "b"), ("a", "aa")] {
            assert!(!equal_fold(one, other), "{one} {other}");
        }
    }
}
