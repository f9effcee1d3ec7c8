//! What the labels of one container refer to among themselves, noticed in what they were decoded to.

use std::collections::BTreeMap;

use traefik_model::{Configuration, NodeId, Tree, http, role::MiddlewareRef, tcp, udp};

use crate::{
    distance::distance,
    notes::{Link, NoteKind, Notes},
};

/// Among more entries, or references, nobody's slip is looked for.
const MAX_NAMES: usize = 200;

/// A router, as far as it refers to something.
struct Router<'c> {
    name: &'c str,
    service: &'c str,
    middlewares: &'c [MiddlewareRef],
    lacks_rule: bool,
}

/// One protocol's part of a configuration.
struct Section<'t, 'c> {
    tree: &'t Tree<'t>,
    protocol: &'static str,
    routers: Vec<Router<'c>>,
}

/// Notices references to nothing, and what nothing refers to.
pub(crate) fn observe(configuration: &Configuration, tree: &Tree<'_>, notes: &mut Notes<'_>) {
    let Configuration { http, tcp, udp, .. } = configuration;
    if !http.routers.is_empty() {
        let section = Section { tree, protocol: "http", routers: http.routers.iter().map(of_http).collect() };
        section.services(&http.services, is_unfinished, notes);
        section.middlewares(&http.middlewares, |name| used_inside(http, name), notes);
        section.routers(notes);
    }
    if !tcp.routers.is_empty() {
        let section = Section { tree, protocol: "tcp", routers: tcp.routers.iter().map(of_tcp).collect() };
        section.services(&tcp.services, |service: &tcp::Service| service.load_balancer.is_none(), notes);
        section.middlewares(&tcp.middlewares, |_| false, notes);
        section.routers(notes);
    }
    if !udp.routers.is_empty() {
        let section = Section { tree, protocol: "udp", routers: udp.routers.iter().map(of_udp).collect() };
        section.services(&udp.services, |service: &udp::Service| service.load_balancer.is_none(), notes);
    }
}

fn of_http<'c>((name, router): (&'c String, &'c http::Router)) -> Router<'c> {
    let lacks_rule = router.rule.is_empty();
    Router { name, service: router.service.as_str(), middlewares: &router.middlewares, lacks_rule }
}

fn of_tcp<'c>((name, router): (&'c String, &'c tcp::Router)) -> Router<'c> {
    let lacks_rule = router.rule.is_empty();
    Router { name, service: router.service.as_str(), middlewares: &router.middlewares, lacks_rule }
}

fn of_udp<'c>((name, router): (&'c String, &'c udp::Router)) -> Router<'c> {
    Router { name, service: router.service.as_str(), middlewares: &[], lacks_rule: false }
}

/// Whether a service has no server of its own.
fn is_unfinished(service: &http::Service) -> bool {
    service.load_balancer.as_ref().is_none_or(|balancer| balancer.servers.is_empty())
}

/// Whether something other than a router uses a middleware.
fn used_inside(http: &http::Http, name: &str) -> bool {
    let is = |reference: &MiddlewareRef| local(reference.as_str()) == name;
    let chains = http.middlewares.values().filter_map(|middleware| middleware.chain.as_ref());
    chains.flat_map(|chain| &chain.middlewares).any(is)
        || http.services.values().flat_map(|service| &service.middlewares).any(is)
}

/// A reference without the provider that labels are of.
fn local(reference: &str) -> &str {
    reference.strip_suffix("@docker").or_else(|| reference.strip_suffix("@http")).unwrap_or(reference)
}

/// The node below another that these names lead to.
pub(crate) fn find(tree: &Tree<'_>, path: &[&str]) -> Option<NodeId> {
    path.iter().try_fold(NodeId::ROOT, |node, name| {
        tree.children(node).find(|child| traefik_model::equal_fold(tree.name(*child), name))
    })
}

/// Whether two names differ as a slip does: by one edit, or two in long ones, and not by their numbers.
fn is_slip(one: &str, other: &str) -> bool {
    let without_digits = |name: &str| name.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let most = if one.len() > 8 { 2 } else { 1 };
    one.len() > 2 && distance(one, other, most).is_some() && without_digits(one) != without_digits(other)
}

// === impl Section ===

impl Section<'_, '_> {
    fn entry(&self, kind: &str, name: &str) -> Option<NodeId> {
        find(self.tree, &[self.protocol, kind, name])
    }

    fn names(&self, kind: &str) -> impl Iterator<Item = NodeId> {
        find(self.tree, &[self.protocol, kind]).into_iter().flat_map(|section| self.tree.children(section))
    }

    /// Whether a router got lost by another problem, and what it referred to is not known.
    fn is_incomplete(&self) -> bool {
        self.names("routers").count() != self.routers.len()
    }

    /// Whether there is more than people write by hand, and than can be compared each with each.
    fn is_large(&self, entries: usize) -> bool {
        let references = self.routers.iter().map(|router| router.middlewares.len()).sum::<usize>();
        entries.max(self.routers.len()).max(references) > MAX_NAMES
    }

    fn services<S>(&self, services: &BTreeMap<String, S>, unfinished: impl Fn(&S) -> bool, notes: &mut Notes<'_>) {
        if self.is_large(services.len()) {
            return;
        }
        let uses = |name: &str| self.routers.iter().any(|router| local(router.service) == name);
        for router in self.routers.iter().filter(|router| !router.service.is_empty()) {
            let name = local(router.service);
            if !name.contains('@') && !services.contains_key(name) && self.entry("services", name).is_none() {
                self.dangling(router, "service", services.keys(), &uses, Link::Service, notes);
            }
        }
        let only = services.len() == 1 && self.routers.iter().any(|router| router.service.is_empty());
        let elsewhere = self.routers.iter().any(|router| router.service.contains('@'));
        if only || elsewhere {
            return;
        }
        for (name, service) in services.iter().filter(|(name, _)| !uses(name)) {
            let near = services.keys().find(|other| *other != name && is_slip(name, other) && unfinished(service));
            self.unused("services", name, near, Link::Service, notes);
        }
    }

    fn middlewares<M>(
        &self,
        middlewares: &BTreeMap<String, M>,
        used_inside: impl Fn(&str) -> bool,
        notes: &mut Notes<'_>,
    ) {
        if self.is_large(middlewares.len()) {
            return;
        }
        let by_router = |name: &str| {
            self.routers.iter().any(|router| router.middlewares.iter().any(|one| local(one.as_str()) == name))
        };
        let uses = |name: &str| by_router(name) || used_inside(name);
        for router in &self.routers {
            let is_missing = |reference: &MiddlewareRef| {
                let name = local(reference.as_str());
                let here = name.is_empty() || name.contains('@') || middlewares.contains_key(name);
                !here && self.entry("middlewares", name).is_none()
            };
            if router.middlewares.iter().any(is_missing) {
                self.dangling(router, "middlewares", middlewares.keys(), &uses, Link::Middleware, notes);
            }
        }
        if self.is_incomplete() {
            return;
        }
        for name in middlewares.keys().filter(|name| !uses(name)) {
            let near = middlewares.keys().find(|other| *other != name && is_slip(name, other) && uses(other));
            self.unused("middlewares", name, near, Link::Middleware, notes);
        }
    }

    /// A reference to nothing here; it may well be to another container's, unless these labels have something like
    /// it, or something that is not used otherwise.
    fn dangling<'n>(
        &self,
        router: &Router<'_>,
        field: &str,
        mut names: impl Iterator<Item = &'n String>,
        uses: &dyn Fn(&str) -> bool,
        link: Link,
        notes: &mut Notes<'_>,
    ) {
        let references = router.middlewares.iter().map(MiddlewareRef::as_str);
        let wanted: Vec<&str> =
            if link == Link::Service { vec![router.service] } else { references.map(local).collect() };
        let meant = |name: &String| !uses(name) || wanted.iter().any(|wanted| *wanted != name && is_slip(wanted, name));
        if !names.any(meant) {
            return;
        }
        if let Some(node) = find(self.tree, &[self.protocol, "routers", router.name, field]) {
            notes.add(node, None, NoteKind::Dangling(link));
        }
    }

    fn unused(&self, kind: &str, name: &str, near: Option<&String>, link: Link, notes: &mut Notes<'_>) {
        let Some(node) = self.entry(kind, name) else { return };
        match near.and_then(|near| self.entry(kind, near)) {
            Some(near) => self.misspelt(node, near, notes),
            None if self.is_incomplete() => {}
            None => notes.add(node, None, NoteKind::Unused(link)),
        }
    }

    /// A router without a rule beside one of nearly the same name, be that lost by another problem.
    fn routers(&self, notes: &mut Notes<'_>) {
        if self.is_large(0) {
            return;
        }
        for router in self.routers.iter().filter(|router| router.lacks_rule) {
            let Some(node) = self.entry("routers", router.name) else { continue };
            let has_rule = |other: &NodeId| {
                let mut fields = self.tree.children(*other);
                fields.any(|field| {
                    self.tree.name(field).eq_ignore_ascii_case("rule") && !self.tree.value(field).is_empty()
                })
            };
            let is_near = |other: &NodeId| distance(router.name, self.tree.name(*other), 1).is_some();
            let near =
                self.names("routers").take(MAX_NAMES).find(|other| *other != node && is_near(other) && has_rule(other));
            if let Some(near) = near {
                self.misspelt(node, near, notes);
            }
        }
    }

    /// Of two entries that seem to be one, the one with less in it is the slip.
    fn misspelt(&self, one: NodeId, other: NodeId, notes: &mut Notes<'_>) {
        let size = |node| self.labels_below(node);
        let (slip, meant) = if size(one) > size(other) { (other, one) } else { (one, other) };
        notes.add(slip, None, NoteKind::Misspelt(meant));
    }

    fn labels_below(&self, node: NodeId) -> usize {
        let own = usize::from(self.tree.valued_by(node).is_some());
        own + self.tree.children(node).map(|child| self.labels_below(child)).sum::<usize>()
    }
}
