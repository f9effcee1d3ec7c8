use std::{fmt, ops::Range};

use crate::{Code, Place, Problem, schema, text};

/// How many characters of a label are shown on each side of the place.
const AROUND: usize = 60;

/// A [`Problem`] for people, with a caret under the place.
#[derive(Debug, Clone, Copy)]
pub struct Rendered<'a> {
    problem: &'a Problem,
    value: Option<&'a str>,
}

/// One line of source with a marked part.
struct Line {
    text: String,
    indent: usize,
    width: usize,
}

// === impl Problem ===

impl Problem {
    /// The problem for people, with the value that the label has (or the rule, if it is one of a rule alone):
    ///
    /// ```
    /// let labels = [("traefik.http.routers.app.entrypoint", "websecure")];
    /// let decoded = traefik_labels::decode(labels);
    /// assert_eq!(decoded.problems[0].render(labels[0].1).to_string(), "\
    /// error[TL001]: `entrypoint` is unknown here
    ///   traefik.http.routers.app.entrypoint=websecure
    ///                            ^^^^^^^^^^ did you mean `entryPoints`?
    /// ");
    /// ```
    ///
    /// A secret's value is not shown.
    #[must_use]
    pub fn render<'a>(&'a self, value: &'a str) -> Rendered<'a> {
        Rendered { problem: self, value: Some(value).filter(|_| !schema::is_secret(&self.label)) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Rendered { problem: self, value: None }.fmt(f)
    }
}

// === impl Rendered ===

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { severity, code, message, .. } = self.problem;
        writeln!(f, "{}[{code}]: {}", severity.as_str(), text::escaped(message))?;
        let advice = self.advice();
        match self.line() {
            Some(line) => {
                writeln!(f, "  {}", line.text)?;
                let carets = "^".repeat(line.width.max(1));
                writeln!(f, "  {:indent$}{carets}{}{advice}", "", space(&advice), indent = line.indent)
            }
            None if advice.is_empty() => Ok(()),
            None => writeln!(f, "  {advice}"),
        }
    }
}

fn space(advice: &str) -> &'static str {
    if advice.is_empty() { "" } else { " " }
}

impl Rendered<'_> {
    fn line(&self) -> Option<Line> {
        let Problem { label, place, .. } = self.problem;
        let place = place.as_ref()?;
        if label.is_empty() {
            return match (place, self.value) {
                (Place::Value(range), Some(rule)) => Some(Line::new("", rule, "", range)),
                _ => None,
            };
        }
        let value = self.value.map_or_else(|| "=…".to_owned(), |value| format!("={value}"));
        match place {
            Place::Key(range) => Some(Line::new("", label, &value, range)),
            Place::Value(range) => {
                let value = self.value?;
                Some(Line::new(&format!("{label}="), value, "", range))
            }
        }
    }

    /// What to write instead: the marked part alone, if the rest stays as it is.
    fn advice(&self) -> String {
        let Some(hint) = &self.problem.hint else { return String::new() };
        let hint = self.changed_part(hint).unwrap_or(hint);
        let shown = text::escaped(hint);
        if hint.starts_with("write ") || !self.is_correction() {
            return shown;
        }
        format!("did you mean `{shown}`?")
    }

    /// Whether the hint is a text to write in place of the key or of the value, and not what to do in words.
    fn is_correction(&self) -> bool {
        let spaced = self.problem.hint.as_deref().unwrap_or_default().contains(' ');
        !spaced || matches!(self.problem.code, Code::OuterSpace | Code::EmptyItem)
    }

    fn changed_part<'h>(&self, hint: &'h str) -> Option<&'h str> {
        let (whole, range) = match self.problem.place.as_ref()? {
            Place::Key(range) => (self.problem.label.as_str(), range),
            Place::Value(range) => (self.value?, range),
        };
        let part = hint.strip_prefix(whole.get(..range.start)?)?.strip_suffix(whole.get(range.end..)?)?;
        (!part.is_empty()).then_some(part)
    }
}

// === impl Line ===

impl Line {
    fn new(before: &str, marked: &str, behind: &str, range: &Range<usize>) -> Self {
        let left = format!("{before}{}", marked.get(..range.start).unwrap_or(marked));
        let middle = marked.get(range.clone()).unwrap_or_default();
        let right = format!("{}{behind}", marked.get(range.end..).unwrap_or_default());
        let (left, middle, right) = (last(&left), first(middle, AROUND), first(&right, AROUND));
        Self { indent: width(&left), width: width(&middle), text: format!("{left}{middle}{right}") }
    }
}

/// The last characters of a text, as they may be shown.
fn last(text: &str) -> String {
    match text.char_indices().rev().nth(AROUND) {
        Some((at, c)) => format!("…{}", text::escaped(text.get(at + c.len_utf8()..).unwrap_or_default())),
        None => text::escaped(text),
    }
}

/// The first characters of a text, as they may be shown.
fn first(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text::escaped(text.get(..at).unwrap_or_default())),
        None => text::escaped(text),
    }
}

/// How many columns a text takes: East Asian characters and emoji take two, combining marks none.
fn width(text: &str) -> usize {
    text.chars().map(|c| columns(u32::from(c))).sum()
}

/// The blocks that matter in labels; a table of all of Unicode is not worth a dependency for a caret.
const fn columns(c: u32) -> usize {
    match c {
        0x300..=0x36f | 0x1ab0..=0x1aff | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(place: Place, hint: Option<&str>) -> Problem {
        Problem::error(Code::UnknownField, "traefik.a.b", "no\tgood").at(place).with_hint(hint.map(str::to_owned))
    }

    #[test]
    fn carets_stand_under_the_place() {
        let key = problem(Place::Key(8..9), Some("traefik.x.b"));
        assert_eq!(
            key.render("v\u{1b}[0m").to_string(),
            "error[TL001]: no\\tgood\n  traefik.a.b=v\\u{1b}[0m\n          ^ did you mean `x`?\n"
        );
        assert_eq!(key.to_string().lines().nth(1), Some("  traefik.a.b=…"));
        let value = problem(Place::Value(6..9), Some("日本x"));
        let rendered = value.render("日本abc").to_string();
        assert_eq!(rendered.lines().nth(2), Some("                  ^^^ did you mean `x`?"), "{rendered}");
    }

    #[test]
    fn long_labels_are_shortened_around_the_place() {
        let long = "x".repeat(5000);
        let rendered = problem(Place::Value(2500..2501), None).render(&long).to_string();
        let line = rendered.lines().nth(1).unwrap();
        assert!(line.starts_with("  …x") && line.ends_with("x…") && line.chars().count() < 140, "{line}");
        let outside = problem(Place::Value(7..900), None).render("é").to_string();
        assert!(outside.lines().count() == 3, "{outside}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let key = "traefik.http.middlewares.m.basicauth.user";
        let problem = Problem::error(Code::UnknownField, key, "unknown").at(Place::Key(37..41));
        assert!(!problem.render("admin:$apr1$").to_string().contains("apr1"));
    }
}
