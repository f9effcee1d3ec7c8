use traefik_labels::rule::{Protocol, Syntax, Tls};

use crate::pools::{
    ADDRESSES, CLASSES, ESCAPES, HOSTS, HTTP_V2, HTTP_V3, PATHS, REGEXPS, SCRAPS, TCP, TEMPLATES, WORDS,
};
use crate::random::Random;

/// A rule and what it is read as.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) protocol: Protocol,
    pub(crate) syntax: Syntax,
    pub(crate) tls: Tls,
    pub(crate) rule: String,
}

pub(crate) fn question(random: &mut Random) -> Question {
    let protocol = if random.one_in(3) { Protocol::Tcp } else { Protocol::Http };
    let syntax = if random.one_in(3) { Syntax::V2 } else { Syntax::V3 };
    let tls = *random.pick(&[Tls::Unknown, Tls::Unknown, Tls::On, Tls::Off]);
    let mut generator = Generator { random, protocol, syntax };
    let rule = match generator.random.below(24) {
        0..=6 => generator.rule(3),
        7..=14 => {
            let mut rule = generator.rule(2);
            for _ in 0..=generator.random.below(3) {
                generator.mutate(&mut rule);
            }
            rule
        }
        15..=17 => generator.matcher(),
        18 => generator.random.soup(SCRAPS, 12),
        19 => generator.deep(),
        20..=22 => generator.with_expression(),
        _ => generator.with_escapes(),
    };
    Question { protocol, syntax, tls, rule }
}

struct Generator<'r> {
    random: &'r mut Random,
    protocol: Protocol,
    syntax: Syntax,
}

impl Generator<'_> {
    fn known(&self) -> &'static [&'static str] {
        match (self.protocol, self.syntax) {
            (Protocol::Http, Syntax::V3) => HTTP_V3,
            (Protocol::Http, Syntax::V2) => HTTP_V2,
            (Protocol::Tcp, _) => TCP,
        }
    }

    fn rule(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.one_in(3) {
            return self.matcher_mostly_good();
        }
        let blank = *self.random.pick(&["", " ", " ", " ", "\n", " /* x */ ", "\t", "\r\n"]);
        match self.random.below(6) {
            0 | 1 => format!("{} &&{blank}{}", self.rule(depth - 1), self.rule(depth - 1)),
            2 | 3 => format!("{} ||{blank}{}", self.rule(depth - 1), self.rule(depth - 1)),
            4 => format!("({blank}{})", self.rule(depth - 1)),
            _ => format!("!{blank}{}", self.rule(depth - 1)),
        }
    }

    fn matcher_mostly_good(&mut self) -> String {
        if self.random.one_in(8) {
            return self.matcher();
        }
        let name = *self.random.pick(self.known());
        let arguments = match name {
            "Host" | "HostHeader" | "HostSNI" => *self.random.pick(&["`a.com`", "\"B.com\"", "`*`", "`c.example.org`"]),
            "HostRegexp" | "HostSNIRegexp" | "PathRegexp" => {
                *self.random.pick(&["`^[a-z]+\\.a\\.com$`", "`{a:[a-z]+}.com`"])
            }
            "Path" | "PathPrefix" => *self.random.pick(&["`/x`", "\"/x/y\"", "`/{id:[0-9]+}`"]),
            "Header" | "Headers" | "HeaderRegexp" | "HeadersRegexp" => "`X-Foo`, `bar`",
            "Query" | "QueryRegexp" if self.syntax == Syntax::V2 => "`a=b`",
            "ClientIP" => "`10.0.0.0/8`",
            _ => "`x`",
        };
        format!("{}({arguments})", self.spelled(name))
    }

    fn spelled(&mut self, name: &str) -> String {
        match self.random.below(12) {
            0 => name.to_lowercase(),
            1 => name.to_uppercase(),
            2 => name[..1].to_owned() + &name[1..].to_lowercase(),
            _ => name.to_owned(),
        }
    }

    /// Any matcher with any arguments.
    fn matcher(&mut self) -> String {
        let from: &[&str] = if self.random.one_in(12) { &[HTTP_V2, HTTP_V3, TCP].concat() } else { self.known() };
        let name = *self.random.pick(from);
        let usual =
            if name.starts_with("Header") || (name.starts_with("Query") && !self.random.one_in(3)) { 2 } else { 1 };
        let count = if self.random.one_in(6) { self.random.below(4) } else { usual };
        let arguments: Vec<String> = (0..count)
            .map(|_| {
                let text = self.text(name);
                self.quoted(&text)
            })
            .collect();
        let comma = if self.random.one_in(20) { "," } else { "" };
        let ellipsis = if self.random.one_in(40) { "..." } else { "" };
        format!("{}({}{ellipsis}{comma})", self.spelled(name), arguments.join(", "))
    }

    fn text(&mut self, name: &str) -> String {
        let old = self.syntax == Syntax::V2;
        match name {
            _ if self.random.one_in(20) => self.random.soup(SCRAPS, 3),
            "Host" | "HostHeader" | "HostSNI" => (*self.random.pick(HOSTS)).to_owned(),
            "HostRegexp" | "HostSNIRegexp" if old => self.random.soup(TEMPLATES, 5),
            "Path" | "PathPrefix" if old && self.random.one_in(2) => format!("/{}", self.random.soup(TEMPLATES, 5)),
            "Path" | "PathPrefix" => (*self.random.pick(PATHS)).to_owned(),
            "ClientIP" => (*self.random.pick(ADDRESSES)).to_owned(),
            "Query" if old && self.random.one_in(2) => format!("a={}", self.random.soup(TEMPLATES, 4)),
            _ if name.ends_with("Regexp") && !self.random.one_in(4) => self.random.soup(REGEXPS, 6),
            _ => (*self.random.pick(WORDS)).to_owned(),
        }
    }

    fn quoted(&mut self, text: &str) -> String {
        if text.contains('`') || self.random.one_in(6) { format!("{text:?}") } else { format!("`{text}`") }
    }

    /// A matcher with a larger regular expression that is nearly always one.
    fn with_expression(&mut self) -> String {
        let mut expression = self.expression(4);
        if self.random.one_in(3) {
            self.mutate(&mut expression);
        }
        let old = self.syntax == Syntax::V2;
        let (name, text) = match (self.protocol, old) {
            (Protocol::Http, false) => ("PathRegexp(", expression),
            (Protocol::Http, true) => ("PathPrefix(", format!("/{{name:{expression}}}")),
            (Protocol::Tcp, false) => ("HostSNIRegexp(", expression),
            (Protocol::Tcp, true) => ("HostSNIRegexp(", format!("{{name:{expression}}}.a.com")),
        };
        format!("{name}{})", self.quoted(&text))
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.one_in(4) {
            return (*self.random.pick(REGEXPS)).to_owned();
        }
        let inner = self.expression(depth - 1);
        match self.random.below(6) {
            0 => format!("({inner})"),
            1 => format!("(?:{inner}|{})", self.expression(depth - 1)),
            2 => format!(
                "({inner}){{{}}}",
                self.random.pick(&["2", "10", "31", "32", "100", "0", "1,", "0,1", "5,40", "1000"])
            ),
            3 => format!("({inner}){}", self.random.pick(&["*", "+", "?", "*?", "+?", "??"])),
            4 => format!("[{}]", self.random.soup(CLASSES, 5)),
            _ => inner + &self.expression(depth - 1),
        }
    }

    /// A matcher with a text in double quotes that is full of escape sequences.
    fn with_escapes(&mut self) -> String {
        let text = self.random.soup(ESCAPES, 6);
        let name = *self.random.pick(self.known());
        format!("{name}(\"a{text}\")")
    }

    /// Changes, drops, doubles or adds a little somewhere.
    fn mutate(&mut self, rule: &mut String) {
        let mut characters: Vec<char> = rule.chars().collect();
        let at = self.random.below(characters.len() + 1);
        let end = (at + 1 + self.random.below(3)).min(characters.len());
        match self.random.below(5) {
            0 if at < end => drop(characters.drain(at..end)),
            1 if at < end => characters.extend_from_within(at..end),
            2 if at + 1 < characters.len() => characters.swap(at, at + 1),
            3 if at < end => drop(characters.splice(at..end, self.random.pick(SCRAPS).chars())),
            _ => drop(characters.splice(at..at, self.random.pick(SCRAPS).chars())),
        }
        *rule = characters.into_iter().collect();
    }

    /// Many parentheses and negations, sometimes one too few.
    fn deep(&mut self) -> String {
        let depth = self.random.below(130);
        let closed = depth.saturating_sub(usize::from(self.random.one_in(8)));
        let negations = "!".repeat(self.random.below(5));
        format!("{}{negations}{}{}", "(".repeat(depth), self.matcher_mostly_good(), ")".repeat(closed))
    }
}
