//! Label sets from the schema: as people write them, with slips, and as nobody should.

use std::collections::BTreeMap;

use traefik_model::{Access, Configuration, Field, Shape, Source, Struct as _, StructShape};

use crate::mutate;
use crate::random::Random;

pub(crate) type Labels = BTreeMap<String, String>;

/// How a label set was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Valid,
    AlmostValid,
    Mutated,
    Hostile,
}

const NAMES: &[&str] =
    &["a", "a", "b", "web", "Web", "web-2816", "x_y", "1", "true", "a b", "é", "ſ", "a]b", "k\u{212a}"];
const HEADERS: &[&str] = &["X-Foo", "x-foo", "X.Y", "X", "Host", "X-Bär", "X.Y.Z", "[x", "a=b"];
const TEXTS: &[&str] = &[
    "",
    "x",
    "Host(`a.example.com`)",
    "PathPrefix(`/a`) && !Host(`b`)",
    " outer spaces ",
    "a,b",
    "ünïcödé",
    "🦀",
    "yes",
    "no",
    "~",
    "null",
    "1_000",
    "0x1F",
    "2024-01-01",
    "12:30:45",
    "=",
    "<<",
    ".inf",
    "-",
    "- a",
    "a: b",
    "a #b",
    "#",
    "!tag",
    "&a",
    "*a",
    "{}",
    "[]",
    "'",
    "\"",
    "\\",
    "%",
    "@",
    "`",
    "line\nbreak",
    "\n",
    "tab\t",
    "\r\n",
    "{{ .Name }}",
    "$1",
    "\u{0}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "\u{fffe}",
    "|",
    ">",
    "?",
    ": ",
    "1e3",
    "...",
    "---",
];
const ITEMS: &[&str] =
    &["web", "websecure", " b ", "", "x y", "a@docker", "\u{a0}n\u{2003}", "yes", "12:30:45", "-", "é", "1"];
/// With the characters by which Traefik's reader marks lists: in documents, and by oversight in labels.
const MARKED: &[&str] = &["║", "a║b", "║24║x", "║24", "║1║x", "x║", ",", ",24,a,b", ",24", ",x", ",24,"];
const NUMBERS: &[&str] = &["0", "1", "-1", "+5", "007", "503", "9223372036854775807", "-9223372036854775808"];
const NO_NUMBERS: &[&str] = &["", "x", "1.5", "0x1", "1_0", " 1", "9223372036854775808", "+", "-", "١", "1e3", "--1"];
const BOOLS: &[&str] = &["true", "false", "1", "0", "t", "F", "TRUE", "False"];
const NO_BOOLS: &[&str] = &["", "yes", " true", "tRUE", "on", "2", "{}"];
const DURATIONS: &[&str] = &[
    "5",
    "0",
    "-3",
    "10s",
    "1m30s",
    "1h2m3.5s",
    "100ms",
    "1.5µs",
    "7us",
    "3ns",
    ".5s",
    "-1m",
    "+2h",
    "1.s",
    "0.1h",
    "9223372036",
    "9223372037",
    "99999999999",
    "2562047h47m16.854775807s",
    "1h1h1h",
];
const NO_DURATIONS: &[&str] =
    &["", "1.5", "1d", "s", ".s", "1s ", " 1s", "1 s", "1h-1m", "9223372036854775808ns", "1m1", "1e3s"];
const PLUGIN_KEYS: &[&str] = &["a", "b", "Conf", "key", "x-y", "a]b", "foo", "Ä"];
const SWITCHES: &[&str] = &["true", "TRUE", "True", "", "false", "{}", "1", "yes", " true", "tRuE"];

/// The next label set.
pub(crate) fn labels(random: &mut Random) -> (Kind, Labels) {
    match random.below(20) {
        0..8 => (Kind::Valid, from_schema(random, Care::Full)),
        8..12 => (Kind::AlmostValid, from_schema(random, Care::Slips)),
        12..17 => {
            let mut labels = from_schema(random, Care::Full);
            for _ in 0..=random.below(3) {
                mutate::one(&mut labels, random);
            }
            (Kind::Mutated, labels)
        }
        _ => (Kind::Hostile, mutate::hostile(random)),
    }
}

/// How good the labels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Every one is fine.
    Full,
    /// One in a few has a bad value, a hidden or standing-alone section, or an index where none belongs.
    Slips,
}

fn from_schema(random: &mut Random, care: Care) -> Labels {
    let most = if random.one_in(100) { 300 } else { 14 };
    (0..=random.below(most)).map(|_| Writer { random, care, key: "traefik".to_owned() }.label()).collect()
}

/// Writes one label on a random way through the schema.
struct Writer<'a> {
    random: &'a mut Random,
    care: Care,
    key: String,
}

// === impl Writer ===

impl Writer<'_> {
    fn label(mut self) -> (String, String) {
        let value = self.below_struct(Configuration::STRUCT);
        (self.key, value)
    }

    fn slip(&mut self, times: usize) -> bool {
        self.care == Care::Slips && self.random.one_in(times)
    }

    fn below_struct(&mut self, shape: &'static StructShape) -> String {
        let hidden = self.slip(8) || self.random.one_in(60);
        let usable = |field: &&Field| (field.label == Access::Hidden) == hidden || field.label == Access::AllowEmpty;
        let mut fields: Vec<_> = shape.fields.iter().filter(usable).collect();
        if fields.is_empty() {
            fields = shape.fields.iter().collect();
        }
        if fields.is_empty() {
            return self.text();
        }
        let field = *self.random.pick(&fields);
        self.segment(field.name_in(Source::Labels));
        self.field(field)
    }

    fn field(&mut self, field: &'static Field) -> String {
        let may_end = field.label == Access::AllowEmpty && self.random.one_in(3);
        if may_end || self.slip(12) {
            return (*self.random.pick(SWITCHES)).to_owned();
        }
        match field.shape {
            Shape::Scalar(kind) => self.scalar(kind),
            Shape::List(_) => self.list(),
            Shape::Structs(shape) => {
                if !field.servers {
                    let index = *self.random.pick(&["[0]", "[0]", "[1]", "[10]", "[2]", "[foo]", "[]", ".main"]);
                    self.key.push_str(index);
                }
                self.below_struct(shape)
            }
            Shape::Struct(shape) => self.below_struct(shape),
            Shape::Map(inner) => self.entry(*inner),
            Shape::Plugins => self.plugin(),
        }
    }

    fn entry(&mut self, inner: Shape) -> String {
        let name = match inner {
            _ if self.key.ends_with("stores") => {
                self.random.pick(&["default", "default", "Default", "default2", "other"])
            }
            Shape::Scalar("int") => self.random.pick(&["410", "410-418", "x"]),
            Shape::Scalar(_) => self.random.pick(HEADERS),
            _ => self.random.pick(NAMES),
        };
        self.key.push('.');
        self.key.push_str(name);
        match inner {
            Shape::Scalar(kind) => self.scalar(kind),
            Shape::Struct(_) if self.random.one_in(25) => self.text(),
            Shape::Struct(shape) => self.below_struct(shape),
            _ => self.text(),
        }
    }

    fn plugin(&mut self) -> String {
        for _ in 0..=self.random.below(4) {
            let name = *self.random.pick(PLUGIN_KEYS);
            self.key.push('.');
            self.key.push_str(name);
            if self.random.one_in(3) {
                let index = *self.random.pick(&["[0]", "[1]", "[10]", "[2]", "[]", "[x]", "[0][1]"]);
                self.key.push_str(index);
            }
        }
        self.text()
    }

    /// The name of a field, in some spelling.
    fn segment(&mut self, name: &str) {
        self.key.push('.');
        let spelled = match self.random.below(12) {
            0..6 => name.to_ascii_lowercase(),
            6..10 => name.to_owned(),
            10 => name.to_ascii_uppercase(),
            _ => name.replacen('s', "ſ", 1).replacen('k', "\u{212a}", 1),
        };
        // The prefixes by which Traefik selects labels know no folding beyond ASCII.
        let plain = self.key.matches('.').count() < 3;
        self.key.push_str(if plain { name } else { &spelled });
    }

    fn scalar(&mut self, kind: &str) -> String {
        let bad = self.slip(4);
        let values = match (kind, bad) {
            ("bool", false) => BOOLS,
            ("bool", true) => NO_BOOLS,
            ("int", false) => NUMBERS,
            ("int", true) => NO_NUMBERS,
            ("types.Duration", false) => DURATIONS,
            ("types.Duration", true) => NO_DURATIONS,
            _ => return self.text(),
        };
        (*self.random.pick(values)).to_owned()
    }

    fn list(&mut self) -> String {
        if self.slip(6) {
            self.key.push_str("[0]");
        }
        let items: Vec<_> = (0..self.random.below(4)).map(|_| self.one_of(ITEMS)).collect();
        items.join(",")
    }

    fn text(&mut self) -> String {
        self.one_of(TEXTS).to_owned()
    }

    fn one_of(&mut self, from: &'static [&'static str]) -> &'static str {
        let marked = self.random.one_in(150);
        let from = if marked { MARKED } else { from };
        from[self.random.below(from.len())]
    }
}
