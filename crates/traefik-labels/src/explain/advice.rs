//! What is legal and surely not meant, in words.

use traefik_model::{NodeId, Role};

use super::{
    Explainer, MAX_NAMES, Spot, lists,
    words::{Words, entry_point, port, provider, resolver, rule_syntax, scheme},
};
use crate::{
    Code, Decoder, Place, Problem,
    distance::nearest,
    notes::{Link, Note, NoteKind, PROVIDERS},
    schema,
    text::quoted,
};

// === impl NoteKind ===

impl NoteKind {
    /// Whether nothing below it matters any more.
    pub(super) fn hides_all_below(self) -> bool {
        matches!(self, Self::Hidden | Self::SwitchedOff)
    }
}

/// The key with another text in a place.
fn replaced(whole: &str, place: &Place, new: &str) -> Option<String> {
    let (Place::Key(range) | Place::Value(range)) = place;
    Some(format!("{}{new}{}", whole.get(..range.start)?, whole.get(range.end..)?))
}

// === impl Explainer ===

impl<'t, K: AsRef<str>, V: AsRef<str>> Explainer<'t, '_, K, V> {
    pub(super) fn note(&self, note: &Note, decoder: &Decoder) -> Problem {
        let spot = if about_value(note.kind) { self.value_spot(note.node) } else { None };
        let Some(spot) = spot.or_else(|| self.name_spot(note.node)) else {
            return Problem::warning(Code::NoEffect, "", "has no effect");
        };
        let (code, message, hint) = match spot.place {
            Place::Value(_) => self.about_value(note, &spot, decoder),
            Place::Key(_) => self.about_key(note, &spot),
        };
        let place = if note.kind == NoteKind::IgnoredIndex { index_place(&spot) } else { spot.place };
        Problem::warning(code, spot.key, message).at(place).with_hint(hint)
    }

    fn about_value(&self, note: &Note, spot: &Spot<'_>, decoder: &Decoder) -> Words {
        let value = spot.value;
        let secret = note.field.is_some_and(|field| field.role == Some(Role::Secret)) || schema::is_secret(spot.key);
        let shown = if secret { "the value".to_owned() } else { quoted(value) };
        let name = note.field.map_or("it", |field| field.name);
        match note.kind {
            NoteKind::SwitchedOff => (
                Code::SwitchedOff,
                format!("{shown} switches `{name}` off, with everything below it; only `true` switches it on"),
                Some("true".to_owned()),
            ),
            NoteKind::OuterSpace => {
                let hint = (!secret).then(|| value.trim().to_owned());
                (Code::OuterSpace, format!("{shown} begins or ends with a space, which Traefik keeps"), hint)
            }
            NoteKind::EmptyItem => {
                let hint = (!secret).then(|| self.without_empty(note, value, decoder));
                (Code::EmptyItem, format!("{shown} has an empty item, which Traefik keeps"), hint)
            }
            NoteKind::RuleSyntax => rule_syntax(value),
            NoteKind::Keyword(words) => {
                let message = format!("Traefik knows no {name} {shown}; expected one of: {}", words.join(", "));
                (Code::UnknownKeyword, message, nearest(value.trim(), words.iter().copied()).map(str::to_owned))
            }
            NoteKind::Port => port(value),
            NoteKind::Scheme => scheme(value),
            NoteKind::Provider => provider(value, &self.targets(note)),
            NoteKind::EntryPoint => entry_point(value, decoder),
            NoteKind::Resolver => resolver(value, decoder),
            NoteKind::Dangling(link) => self.dangling(note.node, value, link),
            NoteKind::SameLabel => self.same_label(spot),
            _ => self.ignored_value(note.node, spot, &shown),
        }
    }

    fn ignored_value(&self, node: NodeId, spot: &Spot<'_>, shown: &str) -> Words {
        let name = quoted(self.tree.name(node));
        let message = format!("{shown} has no effect: {name} is a section, which has fields but no value");
        let alone = !self.tree.has_children(node);
        let label = self.tree.valued_by(node).map_or(usize::MAX, |origin| origin.label);
        match self.search(label, spot.key).filter(|_| alone) {
            Some(meant) => (Code::NoEffect, message, Some(meant)),
            None => (Code::NoEffect, message, Some("leave it out: it stands for nothing".to_owned())),
        }
    }

    fn without_empty(&self, note: &Note, value: &str, decoder: &Decoder) -> String {
        let clean = lists::without_empty(value);
        let is_entry_points = note.field.is_some_and(|field| field.role == Some(Role::EntryPointRef));
        let known: Vec<&str> = decoder.entry_points.iter().flatten().map(String::as_str).collect();
        let corrected = lists::correct(&clean, &known).filter(|_| is_entry_points && !known.is_empty());
        let sound = clean.split(',').all(|item| known.contains(&item));
        corrected.filter(|_| !sound).unwrap_or(clean)
    }

    fn about_key(&self, note: &Note, spot: &Spot<'_>) -> Words {
        let name = quoted(self.tree.name(note.node));
        let other = |new: &str| replaced(spot.key, &spot.place, new);
        match note.kind {
            NoteKind::Hidden => (
                Code::NotForLabels,
                format!("{name} cannot be set by labels: Traefik ignores it, with everything below it"),
                None,
            ),
            NoteKind::IgnoredIndex => {
                let Place::Key(range) = &spot.place else { return (Code::NoEffect, String::new(), None) };
                let message = format!(
                    "{name} is a list of values: what stands below it has no effect; separate the values by commas"
                );
                (Code::NoEffect, message, spot.key.get(..range.end).map(str::to_owned))
            }
            NoteKind::NameWithAt => {
                let message = format!("nothing can refer to {name}: `@` separates a name from its provider");
                (Code::NameWithAt, message, other(&self.name_without_at(note.node)))
            }
            NoteKind::Deprecated(instead) => {
                let hint = if instead.contains(' ') { Some(format!("use {instead}")) } else { other(instead) };
                (Code::Deprecated, format!("{name} is deprecated, and will be removed from Traefik"), hint)
            }
            NoteKind::UrlAndPort => {
                let message = "Traefik allows a server's `url`, or its `port` and `scheme`, but not both".to_owned();
                (Code::UrlAndPort, message, Some("leave out one of them".to_owned()))
            }
            NoteKind::SeveralKinds => self.several_kinds(note.node),
            NoteKind::Unused(link) => self.unused(note.node, link),
            NoteKind::Misspelt(meant) => {
                let meant = self.tree.name(meant);
                (
                    Code::MisspeltName,
                    format!("{name} is unfinished or unused, and looks like {}", quoted(meant)),
                    other(meant),
                )
            }
            _ => (Code::NoEffect, format!("{name} has no effect"), None),
        }
    }

    fn name_without_at(&self, node: NodeId) -> String {
        let own = self.tree.name(node);
        let (head, tail) = own.split_once('@').unwrap_or((own, ""));
        let clean = if PROVIDERS.contains(&tail) { head.to_owned() } else { own.replace('@', "") };
        let siblings = self.siblings(node).into_iter().filter(|name| !name.contains('@'));
        nearest(own, siblings).map_or(clean, str::to_owned)
    }

    /// The names beside an entry's.
    fn siblings(&self, node: NodeId) -> Vec<&'t str> {
        let section = self.tree.parent(node).into_iter();
        let others = section.flat_map(|section| self.tree.children(section)).filter(|other| *other != node);
        others.take(MAX_NAMES).map(|other| self.tree.name(other)).collect()
    }

    /// What the value of a note may refer to.
    fn targets(&self, note: &Note) -> Vec<&'t str> {
        let kind = match note.field.and_then(|field| field.role) {
            Some(Role::ServiceRef) => "services",
            Some(Role::MiddlewareRef) => "middlewares",
            _ => return Vec::new(),
        };
        let section = crate::links::find(self.tree, &[self.protocol(note.node), kind]).into_iter();
        section
            .flat_map(|section| self.tree.children(section))
            .take(MAX_NAMES)
            .map(|node| self.tree.name(node))
            .collect()
    }

    fn protocol(&self, node: NodeId) -> &'t str {
        self.tree.name(self.tree.ancestor_at(node, 1))
    }

    fn several_kinds(&self, node: NodeId) -> Words {
        let kinds: Vec<_> = self.tree.children(node).take(4).map(|kind| quoted(self.tree.name(kind))).collect();
        let message = format!("a middleware is of one kind; this one is {}", kinds.join(" and "));
        (Code::SeveralKinds, message, Some("define one middleware for each, and list them in the router".to_owned()))
    }

    fn unused(&self, node: NodeId, link: Link) -> Words {
        let name = self.tree.name(node);
        let kind = if link == Link::Service { "service" } else { "middleware" };
        let message = format!("no router of this container uses the {kind} {}", quoted(name));
        // What it could have been meant for: a reference that leads nowhere.
        let section = self.tree.parent(node);
        let protocol = self.protocol(node);
        let field = if link == Link::Service { "service" } else { "middlewares" };
        let routers = crate::links::find(self.tree, &[protocol, "routers"]);
        let routers: Vec<_> = routers.into_iter().flat_map(|routers| self.tree.children(routers)).collect();
        let wanted = routers.iter().flat_map(|router| {
            let fields = self.tree.children(*router).filter(|child| self.tree.name(*child).eq_ignore_ascii_case(field));
            fields.flat_map(|field| self.tree.value(field).split(',').map(str::trim))
        });
        let defined: Vec<_> = section
            .into_iter()
            .flat_map(|section| self.tree.children(section))
            .take(MAX_NAMES)
            .map(|node| self.tree.name(node))
            .collect();
        let lost: Vec<&str> = wanted.filter(|name| !defined.contains(name) && !name.contains('@')).take(100).collect();
        let spot = self.name_spot(node);
        let renamed = nearest(name, lost.iter().copied()).or_else(|| lost.first().copied().filter(|_| lost.len() == 1));
        let hint = match (renamed, spot) {
            (Some(lost), Some(spot)) => replaced(spot.key, &spot.place, lost),
            _ => routers
                .first()
                .map(|router| format!("write traefik.{protocol}.routers.{}.{field}={name}", self.tree.name(*router))),
        };
        (Code::Unused, message, hint)
    }

    fn dangling(&self, node: NodeId, value: &str, link: Link) -> Words {
        let kind = if link == Link::Service { "services" } else { "middlewares" };
        let section = crate::links::find(self.tree, &[self.protocol(node), kind]);
        let names: Vec<_> = section
            .into_iter()
            .flat_map(|section| self.tree.children(section))
            .map(|node| self.tree.name(node))
            .collect();
        let message = format!(
            "{} names something that these labels do not define; they define the {kind} {}",
            quoted(value),
            names.iter().take(5).map(|name| quoted(name)).collect::<Vec<_>>().join(", "),
        );
        let only = || names.first().filter(|_| names.len() == 1 && !value.contains(',')).map(|name| (*name).to_owned());
        (Code::UnknownReference, message, lists::correct(value, &names).or_else(only))
    }

    fn same_label(&self, spot: &Spot<'_>) -> Words {
        let same = |key: &str| key != spot.key && traefik_model::equal_fold(key, spot.key);
        let other = self.labels.iter().map(|(key, _)| key.as_ref()).find(|key| same(key)).unwrap_or_default();
        let message =
            format!("{} is the same label in other letters, and loses: this one's value counts", quoted(other));
        (Code::SameLabel, message, Some(format!("leave out {}", quoted(other))))
    }
}

/// Whether the thing to show is the value.
fn about_value(kind: NoteKind) -> bool {
    !matches!(
        kind,
        NoteKind::Hidden
            | NoteKind::IgnoredIndex
            | NoteKind::NameWithAt
            | NoteKind::Deprecated(_)
            | NoteKind::UrlAndPort
            | NoteKind::SeveralKinds
            | NoteKind::Unused(_)
            | NoteKind::Misspelt(_)
    )
}

/// What stands behind the name.
fn index_place(spot: &Spot<'_>) -> Place {
    match &spot.place {
        Place::Key(range) => Place::Key(range.end.min(spot.key.len())..spot.key.len()),
        other => other.clone(),
    }
}
