//! Lines of what programs print.

use std::io::Read;

/// The most bytes of a line; more are the next line.
const MAX_LINE: usize = 16 << 10;

/// Hands on lines as they come, until nobody takes them; what redraws its line gives one for each time. Empty ones are
/// left out.
pub(super) fn each_line(mut reader: impl Read, mut take: impl FnMut(String) -> bool) {
    let (mut line, mut bytes) = (Vec::new(), [0; 4096]);
    let mut send = |line: &mut Vec<u8>| {
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        line.clear();
        text.is_empty() || take(text)
    };
    while let Ok(count) = reader.read(&mut bytes) {
        if count == 0 {
            break;
        }
        for &byte in bytes.get(..count).unwrap_or_default() {
            let is_end = matches!(byte, b'\n' | b'\r');
            if (is_end || line.len() >= MAX_LINE) && !send(&mut line) {
                return;
            }
            if !is_end {
                line.push(byte);
            }
        }
    }
    send(&mut line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_bounded() {
        let mut lines = Vec::new();
        let text = format!("a\n\nb\rc\u{fffd}\n{}", "x".repeat(MAX_LINE + 1));
        each_line(text.as_bytes(), |line| {
            lines.push(line);
            true
        });
        assert_eq!(lines[..3], ["a", "b", "c\u{fffd}"]);
        assert_eq!(lines[3..].iter().map(String::len).collect::<Vec<_>>(), [MAX_LINE, 1]);
        let mut count = 0;
        each_line("a\nb\nc".as_bytes(), |_| {
            count += 1;
            false
        });
        assert_eq!(count, 1);
    }
}
