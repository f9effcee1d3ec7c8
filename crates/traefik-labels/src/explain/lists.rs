//! Lists of names, of which it is known what they could be.

use crate::distance::nearest;

/// Longer lists are not corrected.
const LONGEST: usize = 300;

/// The list that was probably meant, of names that are known.
pub(super) fn correct(value: &str, known: &[&str]) -> Option<String> {
    if value.len() > LONGEST {
        return None;
    }
    let sound = |list: &str| list.split(',').all(|item| known.contains(&item.trim()));
    let by_comma = other_commas(value).find(|list| sound(list));
    by_comma.or_else(|| {
        let items: Option<Vec<_>> = value.split(',').map(|item| correct_item(item, known)).collect();
        items.map(|items| items.join(",")).filter(|list| list != value)
    })
}

fn correct_item<'i>(item: &'i str, known: &[&'i str]) -> Option<&'i str> {
    let name = item.trim();
    if known.contains(&name) { Some(item) } else { nearest(name, known.iter().copied()) }
}

/// The list with one comma less, one more, one in place of a character, or one moved by a character.
fn other_commas(value: &str) -> impl Iterator<Item = String> {
    let halves = move |at: usize| value.split_at_checked(at).unwrap_or((value, ""));
    let places = || value.char_indices().map(|(at, _)| at);
    let left_out = places().filter(move |at| halves(*at).1.starts_with(',')).flat_map(move |at| {
        let (before, behind) = (halves(at).0, halves(at).1.get(1..).unwrap_or_default());
        let last = before.chars().next_back().map_or(0, char::len_utf8);
        let (head, tail) = before.split_at_checked(before.len() - last).unwrap_or_default();
        let mut next = behind.chars();
        let first = next.next().map(String::from).unwrap_or_default();
        [format!("{before}{behind}"), format!("{head},{tail}{behind}"), format!("{before}{first},{}", next.as_str())]
    });
    let put_in = places().filter(|at| *at > 0).flat_map(move |at| {
        let (before, behind) = halves(at);
        let mut chars = behind.chars();
        chars.next();
        [format!("{before},{behind}"), format!("{before},{}", chars.as_str())]
    });
    left_out.chain(put_in)
}

/// The list without its empty items.
pub(super) fn without_empty(value: &str) -> String {
    let items: Vec<_> = value.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    items.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_corrected() {
        let known = ["web", "websecure", "websecure-v6"];
        for slip in [
            "websecure,websecure-v",
            "webecure,websecure-v6",
            "websecurewebsecure-v6",
            "websecure.websecure-v6",
            "websecur,ewebsecure-v6",
            "websecurew,ebsecure-v6",
            "webs,ecure,websecure-v6",
            "websecrue,websecuer-v6",
        ] {
            assert_eq!(correct(slip, &known).as_deref(), Some("websecure,websecure-v6"), "{slip}");
        }
        assert_eq!(correct("something", &known), None);
        assert_eq!(without_empty(" web ,, websecure,"), "web,websecure");
    }
}
