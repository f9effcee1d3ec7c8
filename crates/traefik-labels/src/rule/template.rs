//! Templates of Traefik v2: `/{id:[0-9]+}`, a name and an expression in braces.

/// What a template describes, which decides what a part without an expression stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A whole path.
    Path,
    /// The beginning of a path.
    Prefix,
    /// `name=value` of a query.
    Query,
    /// A host name.
    Host,
    /// The host name that a TLS client asks for; its parts are not looked at one by one.
    Sni,
}

/// A template, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template<'a> {
    /// The names in braces.
    pub(super) names: Vec<&'a str>,
    /// The expression of each.
    pub(super) parts: Vec<String>,
    /// The expression of the whole.
    pub(super) whole: String,
}

/// Takes a template apart as `gorilla/mux` does; the message says what is wrong with it.
pub(super) fn split(text: &str, subject: Subject) -> Result<Template<'_>, &'static str> {
    let mut template = Template { names: Vec::new(), parts: Vec::new(), whole: String::new() };
    if matches!(subject, Subject::Host | Subject::Sni) {
        template.whole.push_str("(?i)");
    }
    template.whole.push('^');
    let mut rest = text;
    while let Some((before, inner, behind)) = next_braces(rest)? {
        let (name, pattern) = inner.split_once(':').unwrap_or((inner, subject.default_pattern()));
        if name.is_empty() || pattern.is_empty() {
            return Err("a part in braces lacks its name or its expression; it is written {name:expression}");
        }
        let number = template.names.len();
        template.whole.push_str(&format!("{}(?P<v{number}>{pattern})", quote_meta(before)));
        template.names.push(name);
        if subject != Subject::Sni {
            template.parts.push(format!("^{pattern}$"));
        }
        rest = behind;
    }
    template.whole.push_str(&quote_meta(rest));
    if subject == Subject::Query && text.split_once('=').is_some_and(|(_, value)| value.is_empty()) {
        template.whole.push_str(Subject::Query.default_pattern());
    }
    if subject != Subject::Prefix {
        template.whole.push('$');
    }
    Ok(template)
}

// === impl Subject ===

impl Subject {
    const fn default_pattern(self) -> &'static str {
        match self {
            Self::Path | Self::Prefix => "[^/]+",
            Self::Query => ".*",
            Self::Host | Self::Sni => "[^.]+",
        }
    }
}

type Braces<'a> = (&'a str, &'a str, &'a str);

/// What stands before, in and behind the first braces.
fn next_braces(text: &str) -> Result<Option<Braces<'_>>, &'static str> {
    const UNBALANCED: &str = "the braces are not balanced";
    let (mut level, mut start) = (0_usize, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => {
                level += 1;
                if level == 1 {
                    start = at;
                }
            }
            b'}' => {
                level = level.checked_sub(1).ok_or(UNBALANCED)?;
                if level == 0 {
                    let inside = (text.get(..start), text.get(start + 1..at), text.get(at + 1..));
                    let (Some(before), Some(inner), Some(behind)) = inside else { return Ok(None) };
                    return Ok(Some((before, inner, behind)));
                }
            }
            _ => {}
        }
    }
    if level == 0 { Ok(None) } else { Err(UNBALANCED) }
}

fn quote_meta(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_becomes_an_expression() {
        let template = split("{sub:[a-z]{2}}.a.com", Subject::Host).unwrap();
        assert_eq!(template.whole, r"(?i)^(?P<v0>[a-z]{2})\.a\.com$");
        assert_eq!(template.names, ["sub"]);
        assert_eq!(template.parts, ["^[a-z]{2}$"]);
        assert_eq!(split("/{id}", Subject::Prefix).unwrap().whole, "^/(?P<v0>[^/]+)");
        assert_eq!(split("a=", Subject::Query).unwrap().whole, "^a=.*$");
    }

    #[test]
    fn broken_braces_are_refused() {
        for text in ["{", "}", "{a:}", "{:a}", "{}", "a}{b"] {
            assert!(split(text, Subject::Path).is_err(), "{text}");
        }
    }
}
