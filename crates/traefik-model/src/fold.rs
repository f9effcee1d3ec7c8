//! Go's `strings.EqualFold`: equality under Unicode simple case folding.

/// Whether Go's `strings.EqualFold` calls the two equal (`ſ` and `s`, the Kelvin sign and `k` are).
#[must_use]
pub fn equal_fold(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    one.chars().map(fold).eq(other.chars().map(fold))
}

/// The text with every character folded, for look-ups.
pub(crate) fn folded(text: &str) -> String {
    text.chars().map(fold).collect()
}

fn fold(c: char) -> char {
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
