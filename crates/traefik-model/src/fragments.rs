//! A document in pieces: the lines of each entry, written once and put together again whenever others change.

use std::ops::Range;

use crate::{
    Configuration, Document,
    yaml::{Yaml, YamlError, revision, write_yaml},
};

/// The sections whose entries can be put together, in the order in which a document has them.
pub const SECTIONS: [Section; 8] = [
    Section("http", "routers"),
    Section("http", "services"),
    Section("http", "middlewares"),
    Section("tcp", "routers"),
    Section("tcp", "services"),
    Section("tcp", "middlewares"),
    Section("udp", "routers"),
    Section("udp", "services"),
];

/// What the name of the middleware that marks a document begins with.
const MARK: &str = "revision-";

/// How deep the lines of a section's entries are.
const ENTRY_INDENT: &str = "    ";

/// A section of the document: the protocol's name and what the entries are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Section(&'static str, &'static str);

/// The entries of a configuration, as their lines stand in its document.
///
/// ```
/// use traefik_model::{Configuration, Fragments, assemble, http, to_yaml};
///
/// let mut configuration = Configuration::default();
/// configuration.http.routers.insert("app".to_owned(), http::Router { rule: "Host(`a.b`)".into(), ..Default::default() });
/// let fragments = Fragments::of(&configuration)?;
/// let mut routers: Vec<_> = fragments.entries(0).collect();
/// assert_eq!(routers, [("app", "    app:\n      rule: Host(`a.b`)\n")]);
/// let together = assemble([routers, vec![], vec![], vec![], vec![], vec![], vec![], vec![]]);
/// assert_eq!(together, to_yaml(&configuration)?);
/// # Ok::<(), traefik_model::YamlError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Fragments {
    text: String,
    entries: [Vec<(Box<str>, Range<usize>)>; SECTIONS.len()],
}

// === impl Fragments ===

impl Fragments {
    /// Writes the entries of the sections [`SECTIONS`]; there must be no others.
    ///
    /// # Errors
    /// [`YamlError`] when the YAML library refuses, or when the configuration has entries in other sections.
    pub fn of(configuration: &Configuration) -> Result<Self, YamlError> {
        if configuration.is_empty() {
            return Ok(Self::default());
        }
        let mut fragments = Self { text: write_yaml(&Document(configuration))?, entries: Default::default() };
        fragments.cut(configuration).then_some(fragments).ok_or(YamlError::Sections)
    }

    /// The entries of a section, by their index in [`SECTIONS`]: name and lines, in order of names.
    pub fn entries(&self, section: usize) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.entries.get(section).into_iter().flatten();
        entries.map(|(name, lines)| (&**name, self.text.get(lines.clone()).unwrap_or_default()))
    }

    /// Finds where each entry begins. The writer puts one name on a line and never breaks a text, so the indent of a
    /// line says what it is; the names are known, and their number must be right.
    fn cut(&mut self, configuration: &Configuration) -> bool {
        let names = names(configuration);
        let mut names = names.map(|names| names.into_iter());
        let (mut protocol, mut section, mut at) = ("", None, 0);
        for line in self.text.split_inclusive('\n') {
            let end = at + line.len();
            let indent = line.len() - line.trim_start_matches(' ').len();
            match indent {
                0 => (protocol, section) = (key(line), None),
                2 => section = SECTIONS.iter().position(|it| (it.0, it.1) == (protocol, key(line))),
                _ => {
                    let Some(entries) = section.and_then(|section| self.entries.get_mut(section)) else { return false };
                    if indent == ENTRY_INDENT.len() {
                        let name = section.and_then(|section| names.get_mut(section)).and_then(Iterator::next);
                        let Some(name) = name else { return false };
                        entries.push((name.as_str().into(), at..end));
                    } else if let Some((_, lines)) = entries.last_mut() {
                        lines.end = end;
                    }
                }
            }
            at = end;
        }
        names.iter_mut().all(|names| names.next().is_none())
    }
}

/// A line's key, when it has nothing else.
fn key(line: &str) -> &str {
    line.trim().trim_end_matches(':')
}

/// The names of each section's entries, in their order.
fn names(configuration: &Configuration) -> [Vec<&String>; SECTIONS.len()] {
    let Configuration { http, tcp, udp, .. } = configuration;
    [
        http.routers.keys().collect(),
        http.services.keys().collect(),
        http.middlewares.keys().collect(),
        tcp.routers.keys().collect(),
        tcp.services.keys().collect(),
        tcp.middlewares.keys().collect(),
        udp.routers.keys().collect(),
        udp.services.keys().collect(),
    ]
}

/// Puts a document together from entries of several [`Fragments`], given for each section of [`SECTIONS`] and in any
/// order; the names of a section must differ. The bytes are those that [`crate::to_yaml`] makes of all these entries
/// in one configuration.
#[must_use]
pub fn assemble(mut sections: [Vec<(&str, &str)>; SECTIONS.len()]) -> Yaml {
    Yaml::of(text_of(&mut sections))
}

/// The same with a mark: an HTTP middleware that does nothing, named after the revision, which is that of the document
/// without it. Whoever asks Traefik's API for it learns which document Traefik has applied.
///
/// ```
/// let marked = traefik_model::assemble_marked(Default::default());
/// assert_eq!(marked.revision, traefik_model::assemble(Default::default()).revision);
/// let lines = format!("    revision-{}:\n      headers:\n        stsSeconds: 0\n", marked.revision);
/// assert_eq!(marked.text, format!("http:\n  middlewares:\n{lines}"));
/// assert_eq!(traefik_model::revision_of(&marked.text), marked.revision);
/// ```
#[must_use]
pub fn assemble_marked(mut sections: [Vec<(&str, &str)>; SECTIONS.len()]) -> Yaml {
    let revision = revision(&text_of(&mut sections));
    let name = mark(&revision);
    // Traefik refuses the whole document for `headers: {}`; to no seconds it adds no header.
    let lines = format!("{ENTRY_INDENT}{name}:\n{ENTRY_INDENT}  headers:\n{ENTRY_INDENT}    stsSeconds: 0\n");
    // Borrowed for as long as these two, too.
    let mut sections: [Vec<(&str, &str)>; SECTIONS.len()] = sections;
    let [_, _, middlewares, ..] = &mut sections;
    middlewares.push((&name, &lines));
    let text = text_of(&mut sections);
    Yaml { text, revision }
}

/// The name of the middleware that marks a document of this revision. Nobody else's can be called so: what is published of
/// a repository ends in its network ID, which has no 16 digits.
#[must_use]
pub fn mark(revision: &str) -> String {
    format!("{MARK}{revision}")
}

/// The revision of a document's text, be it marked or not.
#[must_use]
pub fn revision_of(text: &str) -> String {
    let marked = text.lines().find_map(|line| {
        let name = line.strip_prefix(ENTRY_INDENT)?.strip_prefix(MARK)?.strip_suffix(':')?;
        (name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| name.to_owned())
    });
    marked.unwrap_or_else(|| revision(text))
}

fn text_of(sections: &mut [Vec<(&str, &str)>; SECTIONS.len()]) -> String {
    let size: usize = sections.iter().flatten().map(|(_, lines)| lines.len()).sum();
    let mut text = String::with_capacity(size + 256);
    let mut protocol = "";
    for (entries, section) in sections.iter_mut().zip(SECTIONS).filter(|(entries, _)| !entries.is_empty()) {
        if protocol != section.0 {
            protocol = section.0;
            text.extend([protocol, ":\n"]);
        }
        text.extend(["  ", section.1, ":\n"]);
        // Stable: it takes advantage of the parts that are in order already.
        entries.sort_by_key(|(name, _)| *name);
        for (_, lines) in entries {
            text.push_str(lines);
        }
    }
    if text.is_empty() {
        text.push_str("{}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http, middleware, role::ServiceRef, tcp, to_yaml, udp};

    fn sections<'a>(parts: &'a [&'a Fragments]) -> [Vec<(&'a str, &'a str)>; SECTIONS.len()] {
        std::array::from_fn(|section| parts.iter().flat_map(|part| part.entries(section)).collect())
    }

    /// Something in every section, under names that a writer could trip over.
    fn configuration(names: &[&str]) -> Configuration {
        let mut configuration = Configuration::default();
        for name in names {
            let (service, name): (ServiceRef, _) = ((*name).into(), (*name).to_owned());
            let router =
                http::Router { service: service.clone(), rule: "Host(`a`)\n\n  || x:\n".into(), ..Default::default() };
            configuration.http.routers.insert(name.clone(), router);
            let balancer = http::LoadBalancer { servers: Vec::new(), ..http::LoadBalancer::with_defaults() };
            let balanced = http::Service { load_balancer: Some(Box::new(balancer)), ..Default::default() };
            configuration.http.services.insert(name.clone(), balanced);
            let chain = middleware::Chain { middlewares: vec![name.as_str().into()] };
            let chained = middleware::Middleware { chain: Some(Box::new(chain)), ..Default::default() };
            configuration.http.middlewares.insert(name.clone(), chained);
            configuration
                .tcp
                .routers
                .insert(name.clone(), tcp::Router { service: service.clone(), ..Default::default() });
            let list = tcp::IpAllowList { source_range: vec!["10.0.0.0/8".to_owned()] };
            let allow = tcp::Middleware { ip_allow_list: Some(Box::new(list)), ..Default::default() };
            configuration.tcp.middlewares.insert(name.clone(), allow);
            configuration.udp.routers.insert(name, udp::Router { service, ..Default::default() });
        }
        configuration
    }

    #[test]
    fn in_pieces_and_together_it_is_the_same_document() {
        let hostile =
            ["a\nb", "http:", "  routers:", "a: b", "- x", "#", "\u{2028}x", "\u{85}", "é", "{}", "", "yes", "\\"];
        let (first, second): (Vec<_>, Vec<_>) =
            hostile.into_iter().chain(["web-2816", "db-2816"]).enumerate().partition(|(at, _)| at % 2 == 0);
        let names = |part: Vec<(usize, &'static str)>| part.into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        let (first, second) = (names(first), names(second));
        let all: Vec<_> = first.iter().chain(&second).copied().collect();
        let (one, other) = (configuration(&first), configuration(&second));
        let parts = [&Fragments::of(&other).unwrap(), &Fragments::of(&one).unwrap()];
        assert_eq!(assemble(sections(&parts)), to_yaml(&configuration(&all)).unwrap());
    }

    #[test]
    fn an_empty_document_is_the_same_too() {
        let nothing = Fragments::of(&Configuration::default()).unwrap();
        assert_eq!(assemble(sections(&[&nothing])), to_yaml(&Configuration::default()).unwrap());
    }

    #[test]
    fn what_has_no_place_is_refused() {
        let mut configuration = configuration(&["app"]);
        configuration
            .http
            .models
            .insert("m".to_owned(), http::Model { tls: Some(Box::default()), ..Default::default() });
        assert!(matches!(Fragments::of(&configuration), Err(YamlError::Sections)));
    }
}
