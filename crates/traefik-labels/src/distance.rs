//! How far apart two words are.

/// Longer words are not compared.
const LONGEST: usize = 64;

/// How many insertions, deletions, replacements and swaps of neighbours lie between two words in any case; none
/// if more than `most`.
pub(crate) fn distance(one: &str, other: &str, most: usize) -> Option<usize> {
    if one.len() > LONGEST || other.len() > LONGEST || one.len().abs_diff(other.len()) > most * 4 {
        return None;
    }
    if one.eq_ignore_ascii_case(other) {
        return Some(0);
    }
    if most == 0 {
        return None;
    }
    let chars = |text: &str| text.chars().map(|c| c.to_ascii_lowercase()).collect::<Vec<char>>();
    let (one, other) = (chars(one), chars(other));
    if one.len().abs_diff(other.len()) > most {
        return None;
    }
    Some(damerau(&one, &other)).filter(|distance| *distance <= most)
}

fn damerau(one: &[char], other: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(LONGEST * 2);
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for (j, b) in other.iter().enumerate() {
            let mut best = at(&row, j) + usize::from(a != b);
            best = best.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            if i > 0 && j > 0 && one.get(i - 1) == Some(b) && other.get(j - 1) == Some(a) {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

/// How many edits of a word of that length are still a slip.
pub(crate) fn tolerance(word: &str) -> usize {
    1 + word.len() / 5
}

/// The candidate that is nearest to a word, if it is near enough to be meant; the first of equally near ones.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let measured = candidates.into_iter().filter_map(|candidate| {
        let most = tolerance(candidate).min(candidate.chars().count().saturating_sub(1));
        Some((distance(word, candidate, most)?, candidate))
    });
    measured.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_one_edit() {
        for slip in ["rlue", "rul", "rulee", "rile", "RULE "] {
            assert_eq!(distance(slip, "rule", 2), Some(1), "{slip}");
        }
        assert_eq!(distance("Rule", "rule", 0), Some(0));
        assert_eq!(distance("rule", "port", 2), None);
        assert_eq!(distance("", "rule", 2), None);
    }

    #[test]
    fn the_nearest_is_near() {
        assert_eq!(nearest("entrypoint", ["service", "entryPoints", "rule"]), Some("entryPoints"));
        assert_eq!(nearest("method", ["service", "rule"]), None);
        assert_eq!(nearest("x", ["a"]), None);
    }
}
