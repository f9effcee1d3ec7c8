use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    Configuration, Document, FaultKind, Filler, NodeId, Source, Struct as _, Tree, check,
    raw::{Raw, raw},
};

/// How many names lead to a router, service, middleware and the like: `http`, `routers`, its own.
const ENTRY_DEPTH: usize = 3;

/// Something in a configuration that its document cannot say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFault {
    /// The names that lead there, e.g. `http`, `routers`, `web`, `tls`. The first three name the router, service,
    /// middleware or other entry without which the document is sound.
    pub path: Vec<String>,
    /// What is wrong.
    pub kind: DocumentFaultKind,
}

/// What is wrong with a place of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentFaultKind {
    /// Traefik would refuse the whole document.
    Refused(FaultKind),
    /// Traefik would read something else than what is meant.
    Altered,
}

/// Reads the document of a configuration as Traefik will, and finds everything for which it would refuse the
/// document or understand something else. With none, Traefik takes the document and has the configuration.
///
/// Labels can say a few things that no document can: the character `║` in a list, a plugin's text that begins with
/// it, and the like.
///
/// ```
/// use traefik_model::{Configuration, check_document, http};
///
/// let mut configuration = Configuration::default();
/// let router = http::Router { entry_points: vec!["web║other".into()], ..Default::default() };
/// configuration.http.routers.insert("app".to_owned(), router);
/// assert_eq!(check_document(&configuration)[0].path, ["http", "routers", "app"]);
/// ```
#[must_use]
pub fn check_document(configuration: &Configuration) -> Vec<DocumentFault> {
    let Ok(document) = raw(&Document(configuration)) else {
        return vec![DocumentFault { path: Vec::new(), kind: DocumentFaultKind::Altered }];
    };
    let (read, mut found) = understood(&document);
    if read != *configuration {
        found.extend(altered(configuration, &read, &found));
    }
    found
}

/// Reads a document as Traefik's HTTP provider does once its YAML is parsed: strictly below the root, whose unknown
/// names it ignores. `document` is whatever a YAML or JSON reader made of it.
///
/// # Errors
/// Everything for which Traefik would refuse the document.
pub fn read_document<T: Serialize>(document: &T) -> Result<Configuration, Vec<DocumentFault>> {
    let no_document = || vec![DocumentFault { path: Vec::new(), kind: DocumentFaultKind::Altered }];
    let mut document = raw(document).map_err(|_unreadable| no_document())?;
    if !document.retain_known(Configuration::STRUCT) {
        return Err(no_document());
    }
    let (read, faults) = understood(&document);
    if faults.is_empty() { Ok(read) } else { Err(faults) }
}

/// What Traefik understands, and what it refuses.
fn understood(document: &Raw) -> (Configuration, Vec<DocumentFault>) {
    let mut tree = Tree::new("");
    document.grow(&mut tree, NodeId::ROOT);
    let mut faults = check(&mut tree, Configuration::STRUCT, Source::Document);
    let mut read = Configuration::default();
    let mut filler = Filler::new(&tree, Source::Document);
    filler.fields(&mut read, NodeId::ROOT);
    faults.append(&mut filler.faults);
    let refused = faults
        .iter()
        .map(|fault| DocumentFault { path: path_of(&tree, fault.node), kind: DocumentFaultKind::Refused(fault.kind) });
    (read, refused.collect())
}

fn path_of(tree: &Tree<'_>, node: NodeId) -> Vec<String> {
    let line = std::iter::successors(Some(node), |node| tree.parent(*node));
    let mut path: Vec<_> = line.filter(|node| *node != NodeId::ROOT).map(|node| tree.name(node).to_owned()).collect();
    path.reverse();
    path
}

/// The entries that were read as something else, but for those that are refused anyway.
fn altered(meant: &Configuration, read: &Configuration, refused: &[DocumentFault]) -> Vec<DocumentFault> {
    // As JSON, which leaves out what only labels say: a document has the URL of a server instead.
    let (Ok(meant), Ok(read)) = (raw(meant), raw(read)) else { return Vec::new() };
    let mut paths = BTreeSet::new();
    differences(&meant, &read, &mut Vec::new(), &mut paths);
    let is_refused = |path: &[String]| refused.iter().any(|fault| fault.path.starts_with(path));
    let left = paths.into_iter().filter(|path| !is_refused(path));
    left.map(|path| DocumentFault { path, kind: DocumentFaultKind::Altered }).collect()
}

fn differences(one: &Raw, other: &Raw, path: &mut Vec<String>, found: &mut BTreeSet<Vec<String>>) {
    if one == other {
        return;
    }
    let has_entries = |raw: &Raw| !raw.entries().is_empty();
    if path.len() == ENTRY_DEPTH || !(has_entries(one) || has_entries(other)) {
        found.insert(path.clone());
        return;
    }
    let mut pairs: BTreeMap<&str, (&Raw, &Raw)> = BTreeMap::new();
    for (name, value) in one.entries() {
        pairs.insert(name, (value, &Raw::Null));
    }
    for (name, value) in other.entries() {
        pairs.entry(name).or_insert((&Raw::Null, value)).1 = value;
    }
    for (name, (one, other)) in pairs {
        path.push(name.to_owned());
        differences(one, other, path, found);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PluginValue, Plugins, http, middleware, tls};

    fn text(text: &str) -> PluginValue {
        PluginValue::Text(text.to_owned())
    }

    fn with_plugin(name: &str, value: PluginValue) -> Configuration {
        let plugin = Plugins([("p".to_owned(), [(name.to_owned(), value)].into())].into());
        let middleware = middleware::Middleware { plugin, ..Default::default() };
        let mut configuration = Configuration::default();
        configuration.http.middlewares.insert("m".to_owned(), middleware);
        configuration
    }

    fn json(configuration: &Configuration) -> String {
        serde_json::to_string(&Document(configuration)).unwrap()
    }

    #[test]
    fn what_traefik_would_mistake_is_written_in_another_way() {
        let map = |name: &str, value| PluginValue::Map([(name.to_owned(), value)].into());
        for (name, value, written) in [
            // A map with its own name in it would be put in its own place.
            ("a", map("a", text("1")), r#"{"a":{"a":{"a":"1"}}}"#),
            // Of a mixed list only the maps would be left.
            ("l", PluginValue::List(vec![text("x"), map("k", text("v"))]), r#"{"l":{"[0]":"x","[1]":{"k":"v"}}}"#),
            ("l", PluginValue::List(vec![text("x║y")]), r#"{"l":{"[0]":"x║y"}}"#),
            ("l", PluginValue::List(vec![text("x"), text("")]), r#"{"l":["x",""]}"#),
        ] {
            let configuration = with_plugin(name, value);
            let expected = format!(r#"{{"http":{{"middlewares":{{"m":{{"plugin":{{"p":{written}}}}}}}}}}}"#);
            assert_eq!(json(&configuration), expected);
            assert_eq!(check_document(&configuration), []);
        }
    }

    #[test]
    fn a_struct_that_is_no_pointer_begins_without_defaults() {
        let mut configuration = Configuration::default();
        let observability = http::Observability { trace_verbosity: "minimal".into(), ..Default::default() };
        configuration.http.models.insert("m".to_owned(), http::Model { observability, ..Default::default() });
        let expected = r#"{"http":{"models":{"m":{"observability":{"traceVerbosity":"minimal"}}}}}"#;
        assert_eq!(json(&configuration), expected);
        assert_eq!(check_document(&configuration), []);
    }

    #[test]
    fn what_cannot_be_said_is_found_where_it_is() {
        let mut configuration = with_plugin("a", text("║x"));
        let balancer = http::LoadBalancer { pass_host_header: None, ..http::LoadBalancer::with_defaults() };
        let service = http::Service { load_balancer: Some(Box::new(balancer)), ..Default::default() };
        configuration.http.services.insert("s".to_owned(), service);
        let options = tls::Options { alpn_protocols: Vec::new(), ..tls::Options::with_defaults() };
        configuration.tls.options.insert("o".to_owned(), options);
        let found = check_document(&configuration);
        let found: Vec<_> = found.iter().map(|fault| (fault.path.join("."), fault.kind)).collect();
        let expected = [
            ("http.middlewares.m.plugin.p.a", DocumentFaultKind::Refused(FaultKind::NotANumber)),
            ("http.services.s", DocumentFaultKind::Altered),
            ("tls.options.o", DocumentFaultKind::Altered),
        ];
        assert_eq!(found, expected.map(|(path, kind)| (path.to_owned(), kind)));
    }
}
