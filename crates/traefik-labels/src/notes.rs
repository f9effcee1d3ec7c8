//! What is legal and surely not meant, noticed in passing and as cheaply as can be; explained later, if at all.

use traefik_model::{Access, Field, NodeId, Role, Shape, Tree};

use crate::{Decoder, rule::Protocol};

/// Something to be explained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Note {
    pub(crate) node: NodeId,
    pub(crate) field: Option<&'static Field>,
    pub(crate) kind: NoteKind,
}

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoteKind {
    SwitchedOff,
    Hidden,
    IgnoredIndex,
    IgnoredValue,
    OuterSpace,
    EmptyItem,
    RuleSyntax,
    NameWithAt,
    Keyword(&'static [&'static str]),
    Provider,
    Port,
    Scheme,
    Deprecated(&'static str),
    EntryPoint,
    Resolver,
    UrlAndPort,
    SeveralKinds,
    SameLabel,
    /// A reference from the node to nothing in these labels.
    Dangling(Link),
    /// An entry that nothing uses.
    Unused(Link),
    /// An entry that seems to be part of another one.
    Misspelt(NodeId),
}

/// What kind of thing is referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Service,
    Middleware,
}

/// All that was noticed, in the order of the labels.
#[derive(Debug)]
pub(crate) struct Notes<'d> {
    decoder: &'d Decoder,
    pub(crate) list: Vec<Note>,
    /// The rules of routers.
    pub(crate) rules: Vec<(NodeId, Protocol)>,
}

/// Fields that Traefik will remove, with what takes their place.
const DEPRECATED: &[(&str, &str)] = &[
    ("ipWhiteList", "ipAllowList"),
    ("sslRedirect", "the middleware `redirectScheme`"),
    ("sslTemporaryRedirect", "the middleware `redirectScheme`"),
    ("sslHost", "the middleware `redirectRegex`"),
    ("sslForceHost", "the middleware `redirectRegex`"),
    ("featurePolicy", "permissionsPolicy"),
];

/// Fields with a closed set of words.
fn keywords(field: &Field) -> Option<&'static [&'static str]> {
    match field.name {
        "strategy" => Some(&["wrr", "p2c", "hrw", "leasttime"]),
        "sameSite" => Some(&["none", "lax", "strict"]),
        "mode" => Some(&["http", "grpc"]),
        "traceVerbosity" => Some(&["minimal", "detailed"]),
        _ => None,
    }
}

fn deprecated(field: &Field) -> Option<&'static str> {
    let suspect = matches!(field.name.as_bytes().first(), Some(b'i' | b's' | b'f'));
    let found = DEPRECATED.iter().find(|(name, _)| suspect && *name == field.name);
    found.map(|(_, instead)| *instead)
}

/// Whether a text is a port that a server can have.
pub(crate) fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn has_outer_space(value: &str) -> bool {
    let space = |c: Option<char>| c.is_some_and(char::is_whitespace);
    space(value.chars().next()) || space(value.chars().next_back())
}

// === impl Notes ===

impl<'d> Notes<'d> {
    pub(crate) fn new(decoder: &'d Decoder) -> Self {
        Self { decoder, list: Vec::new(), rules: Vec::new() }
    }

    pub(crate) fn add(&mut self, node: NodeId, field: Option<&'static Field>, kind: NoteKind) {
        self.list.push(Note { node, field, kind });
    }

    /// Looks at a node of a tree that is being checked.
    pub(crate) fn observe(&mut self, tree: &Tree<'_>, node: NodeId, field: Option<&'static Field>) {
        let value = tree.value(node);
        if tree.is_set_twice(node) {
            self.add(node, field, NoteKind::SameLabel);
        }
        let Some(field) = field else { return self.entry(tree, node, value) };
        if field.label == Access::Hidden {
            return self.add(node, Some(field), NoteKind::Hidden);
        }
        match field.shape {
            Shape::Scalar(_) => self.scalar(tree, node, field, value),
            Shape::List(_) => self.items(tree, node, field, value),
            Shape::Struct(_) | Shape::Map(_) | Shape::Plugins | Shape::Structs(_) => {
                self.section(tree, node, field, value);
            }
        }
    }

    fn entry(&mut self, tree: &Tree<'_>, node: NodeId, value: &str) {
        if !value.is_empty() {
            self.add(node, None, NoteKind::IgnoredValue);
        }
        if tree.name(node).contains('@') {
            self.add(node, None, NoteKind::NameWithAt);
        }
        let is_middleware =
            tree.parent(node).is_some_and(|parent| tree.name(parent).eq_ignore_ascii_case("middlewares"));
        if is_middleware && tree.children(node).nth(1).is_some() {
            self.add(node, None, NoteKind::SeveralKinds);
        }
    }

    fn section(&mut self, tree: &Tree<'_>, node: NodeId, field: &'static Field, value: &str) {
        let plain = field.label == Access::Open;
        if !plain && !value.is_empty() && !value.eq_ignore_ascii_case("true") {
            self.add(node, Some(field), NoteKind::SwitchedOff);
        }
        let listed = matches!(field.shape, Shape::Structs(_)) && !field.servers;
        if plain && !value.is_empty() && (listed || tree.has_children(node)) {
            self.add(node, Some(field), NoteKind::IgnoredValue);
        }
        if let Some(instead) = deprecated(field) {
            self.add(node, Some(field), NoteKind::Deprecated(instead));
        }
    }

    fn items(&mut self, tree: &Tree<'_>, node: NodeId, field: &'static Field, value: &str) {
        if tree.has_children(node) {
            self.add(node, Some(field), NoteKind::IgnoredIndex);
        }
        if value.is_empty() {
            return;
        }
        if value.split(',').any(|item| item.trim().is_empty()) {
            self.add(node, Some(field), NoteKind::EmptyItem);
        }
        match field.role {
            Some(Role::EntryPointRef) if !self.knows_entry_points(value) => {
                self.add(node, Some(field), NoteKind::EntryPoint);
            }
            Some(Role::MiddlewareRef) => self.provider(node, field, value),
            _ => {}
        }
    }

    fn knows_entry_points(&self, list: &str) -> bool {
        let Some(known) = &self.decoder.entry_points else { return true };
        list.split(',').map(str::trim).all(|name| name.is_empty() || known.contains(name))
    }

    fn scalar(&mut self, tree: &Tree<'_>, node: NodeId, field: &'static Field, value: &str) {
        match field.role {
            Some(Role::HttpRule) => return self.rules.push((node, Protocol::Http)),
            Some(Role::TcpRule) => return self.rules.push((node, Protocol::Tcp)),
            Some(Role::BackendPort) if !is_port(value) => return self.add(node, Some(field), NoteKind::Port),
            Some(Role::BackendScheme) if !matches!(value, "http" | "https" | "h2c") => {
                return self.add(node, Some(field), NoteKind::Scheme);
            }
            Some(Role::BackendUrl) if stands_beside_port(tree, node) => {
                self.add(node, Some(field), NoteKind::UrlAndPort);
            }
            Some(Role::ResolverRef) if !self.knows_resolver(value) => {
                return self.add(node, Some(field), NoteKind::Resolver);
            }
            Some(Role::ServiceRef | Role::TransportRef | Role::TlsOptionsRef) => self.provider(node, field, value),
            None => self.word(node, field, value),
            _ => {}
        }
        if has_outer_space(value) && field.shape == Shape::Scalar("string") {
            self.add(node, Some(field), NoteKind::OuterSpace);
        }
    }

    fn word(&mut self, node: NodeId, field: &'static Field, value: &str) {
        let kind = match keywords(field) {
            Some(words) if !words.contains(&value) => NoteKind::Keyword(words),
            None if field.name == "ruleSyntax" && !matches!(value, "" | "v2" | "v3") => NoteKind::RuleSyntax,
            None => match deprecated(field) {
                Some(instead) => NoteKind::Deprecated(instead),
                None => return,
            },
            Some(_) => return,
        };
        self.add(node, Some(field), kind);
    }

    fn provider(&mut self, node: NodeId, field: &'static Field, value: &str) {
        if value.split(',').filter_map(|item| item.trim().rsplit_once('@')).any(|(_, name)| is_foreign(name)) {
            self.add(node, Some(field), NoteKind::Provider);
        }
    }

    fn knows_resolver(&self, name: &str) -> bool {
        self.decoder.resolvers.as_ref().is_none_or(|known| known.contains(name))
    }
}

/// The providers that Traefik has, other than the one that labels come from.
pub(crate) const PROVIDERS: &[&str] = &[
    "file",
    "internal",
    "http",
    "swarm",
    "kubernetescrd",
    "kubernetes",
    "kubernetesgateway",
    "consulcatalog",
    "nomad",
    "ecs",
    "rest",
    "consul",
    "etcd",
    "zookeeper",
    "redis",
    "docker",
];

/// Whether a reference to that provider is surely not meant: it is the labels' own one, or there is none such.
pub(crate) fn is_foreign(provider: &str) -> bool {
    provider == "docker" || !(PROVIDERS.contains(&provider) || provider.starts_with("plugin-"))
}

fn stands_beside_port(tree: &Tree<'_>, node: NodeId) -> bool {
    let Some(server) = tree.parent(node) else { return false };
    let is_other = |name: &str| name.eq_ignore_ascii_case("port") || name.eq_ignore_ascii_case("scheme");
    tree.children(server).any(|child| is_other(tree.name(child)))
}
