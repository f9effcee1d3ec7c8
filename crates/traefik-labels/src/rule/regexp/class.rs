use super::escape::character;
use super::{Refusal, names};

/// The length of the `[…]` at the beginning of `rest`.
pub(super) fn bracketed(rest: &str) -> Result<usize, Refusal> {
    let mut at = if rest.starts_with("[^") { 2 } else { 1 };
    let mut first = true;
    loop {
        let here = rest.get(at..).unwrap_or_default();
        if here.starts_with(']') && !first {
            return Ok(at + 1);
        }
        first = false;
        let length = match named(here).transpose().or_else(|| escaped(here).transpose()) {
            Some(length) => length,
            None => range(here),
        };
        at += length.map_err(|refusal| refusal.shifted(at))?;
    }
}

/// The length of an escaped class such as `\d` or `\p{Greek}`, if one is here.
pub(super) fn escaped(rest: &str) -> Result<Option<usize>, Refusal> {
    match rest.as_bytes() {
        [b'\\', b'd' | b'D' | b's' | b'S' | b'w' | b'W', ..] => Ok(Some(2)),
        [b'\\', b'p' | b'P', ..] => unicode(rest).map(Some),
        _ => Ok(None),
    }
}

/// The length of `[:alpha:]`, if it is one.
fn named(rest: &str) -> Result<Option<usize>, Refusal> {
    const NAMES: [&str; 14] = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
        "word", "xdigit",
    ];
    let Some((name, _)) = rest.strip_prefix("[:").and_then(|body| body.split_once(":]")) else { return Ok(None) };
    let length = name.len() + 4;
    if NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Ok(Some(length));
    }
    Err(Refusal { span: 0..length, message: "there is no such named class" })
}

fn unicode(rest: &str) -> Result<usize, Refusal> {
    let refusal = |length: usize| Refusal { span: 0..length, message: "Go knows no such class of Unicode" };
    let (name, length) = match rest.get(2..).and_then(|body| body.chars().next()) {
        None => return Err(refusal(rest.len())),
        Some('{') => {
            let end = rest.find('}').ok_or_else(|| refusal(rest.len()))?;
            (rest.get(3..end).unwrap_or_default(), end + 1)
        }
        Some(c) => (rest.get(2..2 + c.len_utf8()).unwrap_or_default(), 2 + c.len_utf8()),
    };
    let name = name.strip_prefix('^').unwrap_or(name);
    if names::is_class(name) { Ok(length) } else { Err(refusal(length)) }
}

/// The length of `a` or `a-z`.
fn range(rest: &str) -> Result<usize, Refusal> {
    let (low, mut length) = single(rest)?;
    let behind = rest.get(length..).unwrap_or_default();
    if behind.len() >= 2 && behind.starts_with('-') && !behind.starts_with("-]") {
        length += 1;
        let behind = rest.get(length..).unwrap_or_default();
        let (high, more) = single(behind).map_err(|refusal| refusal.shifted(length))?;
        length += more;
        if high < low {
            return Err(Refusal { span: 0..length, message: "the range of a class begins behind its end" });
        }
    }
    Ok(length)
}

fn single(rest: &str) -> Result<(u32, usize), Refusal> {
    match rest.chars().next() {
        None => Err(Refusal { span: 0..0, message: "a `[` is never closed" }),
        Some('\\') => character(rest),
        Some(c) => Ok((u32::from(c), c.len_utf8())),
    }
}
