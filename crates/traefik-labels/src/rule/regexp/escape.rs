use super::Refusal;

const BAD: &str = "Go knows no such escape sequence";

/// How long the escape sequence of a single character at the beginning of `rest` is.
pub(super) fn length(rest: &str) -> Result<usize, Refusal> {
    character(rest).map(|(_, length)| length)
}

/// The character that the escape sequence at the beginning of `rest` stands for, and its length.
/// Numbers beyond Unicode are refused, surrogates are not.
pub(super) fn character(rest: &str) -> Result<(u32, usize), Refusal> {
    let refusal = |length: usize| Refusal { span: 0..length.min(rest.len()), message: BAD };
    let Some(c) = rest.chars().nth(1) else {
        return Err(Refusal { span: 0..1, message: "a backslash at the end of the expression" });
    };
    let next_is_octal = rest.as_bytes().get(2).is_some_and(|b| matches!(b, b'0'..=b'7'));
    match c {
        '0' => Ok(octal(rest)),
        '1'..='7' if next_is_octal => Ok(octal(rest)),
        'x' => hexadecimal(rest).ok_or_else(|| refusal(4)),
        'a' => Ok((7, 2)),
        'f' => Ok((12, 2)),
        'n' => Ok((10, 2)),
        'r' => Ok((13, 2)),
        't' => Ok((9, 2)),
        'v' => Ok((11, 2)),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok((u32::from(c), 2)),
        c => Err(refusal(1 + c.len_utf8())),
    }
}

fn octal(rest: &str) -> (u32, usize) {
    let digits = rest.bytes().skip(1).take(3).take_while(|b| matches!(b, b'0'..=b'7'));
    digits.fold((0, 1), |(value, length), digit| (value * 8 + u32::from(digit - b'0'), length + 1))
}

fn hexadecimal(rest: &str) -> Option<(u32, usize)> {
    let body = rest.get(2..)?;
    let (digits, length) = match body.strip_prefix('{') {
        Some(body) => (body.split_once('}')?.0, body.find('}')? + 4),
        None => (body.get(..2)?, 4),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let value = if digits.is_empty() { 0 } else { u32::from_str_radix(digits, 16).ok()? };
    (value <= u32::from(char::MAX)).then_some((value, length))
}
