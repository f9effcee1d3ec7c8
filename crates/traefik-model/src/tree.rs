use std::collections::BTreeMap;

use crate::fold::{Folded, equal_chars};

/// From how many children on a node gets an index of their names.
const INDEXED_FROM: u32 = 16;
const NONE: u32 = u32::MAX;

/// A configuration before it is typed: named nodes with values, from labels or from a document.
///
/// Siblings whose names are equal under case folding are one node: the first spelling names it and the last
/// value wins (paerser's `DecodeToNode`).
#[derive(Debug, Default)]
pub struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    index: BTreeMap<(u32, Folded<'a>), u32>,
}

/// One node of a [`Tree`]. The root is `NodeId::ROOT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(u32);

/// Where a node's name or value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Which label, counted by the caller.
    pub label: usize,
    /// The byte at which the name begins in that label's key.
    pub start: usize,
}

/// Nodes are many and read often, so they are kept small.
#[derive(Debug)]
struct Node<'a> {
    name: &'a str,
    value: &'a str,
    named_by: Place,
    valued_by: Option<Place>,
    parent: u32,
    first_child: u32,
    last_child: u32,
    next: u32,
    children: u32,
    field: Option<u16>,
    ignored: bool,
    set_twice: bool,
    is_ascii: bool,
    lookup: Lookup,
}

/// How a name is looked for among the children of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lookup {
    /// All names are plain and came in order: what is plain and comes behind the last is new.
    InOrder,
    /// One by one, as long as they are few.
    Scanned,
    /// In the tree's index, where all of them are.
    Indexed,
}

/// An [`Origin`] in half the room.
#[derive(Debug, Clone, Copy)]
struct Place {
    label: u32,
    start: u32,
}

// === impl Place ===

impl Place {
    fn of(origin: Origin) -> Self {
        let narrow = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self { label: narrow(origin.label), start: narrow(origin.start) }
    }

    const fn origin(self) -> Origin {
        Origin { label: self.label as usize, start: self.start as usize }
    }
}

// === impl NodeId ===

impl NodeId {
    /// The root, which stands for the whole configuration.
    pub const ROOT: Self = Self(0);
}

// === impl Tree ===

impl<'a> Tree<'a> {
    /// A tree with nothing but a root.
    #[must_use]
    pub fn new(root: &'a str) -> Self {
        Self::with_capacity(root, 0)
    }

    /// The same, with room for that many nodes.
    #[must_use]
    pub fn with_capacity(root: &'a str, nodes: usize) -> Self {
        let mut tree = Self { nodes: Vec::with_capacity(nodes), index: BTreeMap::new() };
        tree.push(root, Origin { label: 0, start: 0 }, NONE);
        tree
    }

    /// The child of that name, made when there is none.
    pub fn child(&mut self, parent: NodeId, name: &'a str, origin: Origin) -> NodeId {
        let last = self.get(parent).map_or(NONE, |node| node.last_child);
        if self.nodes.get(last as usize).is_some_and(|last| last.name == name) {
            return NodeId(last);
        }
        if self.is_next(parent, name) {
            let id = self.append(parent, name, origin);
            self.set_lookup(parent, Lookup::InOrder);
            return id;
        }
        if let Some(known) = self.find(parent, name) {
            return known;
        }
        let lookup = self.lookup(parent);
        let id = self.append(parent, name, origin);
        if lookup == Lookup::Indexed {
            self.index.insert((parent.0, Folded(name)), id.0);
            self.set_lookup(parent, Lookup::Indexed);
        }
        id
    }

    /// Another child, whatever the others are called: in documents names are not folded together.
    pub fn append(&mut self, parent: NodeId, name: &'a str, origin: Origin) -> NodeId {
        let id = self.push(name, origin, parent.0);
        if let Some(last) = self.nodes.get(parent.0 as usize).map(|node| node.last_child)
            && let Some(node) = self.nodes.get_mut(last as usize)
        {
            node.next = id.0;
        }
        let Some(node) = self.nodes.get_mut(parent.0 as usize) else { return id };
        if node.first_child == NONE {
            node.first_child = id.0;
        }
        node.last_child = id.0;
        node.children += 1;
        node.lookup = Lookup::Scanned;
        id
    }

    /// Sets a node's value; the last one wins.
    pub fn set_value(&mut self, node: NodeId, value: &'a str, origin: Origin) {
        if let Some(node) = self.nodes.get_mut(node.0 as usize) {
            node.set_twice = node.valued_by.is_some();
            node.value = value;
            node.valued_by = Some(Place::of(origin));
        }
    }

    /// The name as it was written first.
    #[must_use]
    pub fn name(&self, node: NodeId) -> &'a str {
        self.get(node).map_or("", |node| node.name)
    }

    /// Where the name was written first.
    #[must_use]
    pub fn named_by(&self, node: NodeId) -> Origin {
        self.get(node).map_or(Origin { label: 0, start: 0 }, |node| node.named_by.origin())
    }

    /// The value; none is the empty one.
    #[must_use]
    pub fn value(&self, node: NodeId) -> &'a str {
        self.get(node).map_or("", |node| node.value)
    }

    /// Where the value was written.
    #[must_use]
    pub fn valued_by(&self, node: NodeId) -> Option<Origin> {
        self.get(node).and_then(|node| node.valued_by).map(Place::origin)
    }

    /// Whether more than one value was set, of which the last one won.
    #[must_use]
    pub fn is_set_twice(&self, node: NodeId) -> bool {
        self.get(node).is_some_and(|node| node.set_twice)
    }

    /// The parent; none for the root.
    #[must_use]
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        self.get(node).filter(|node| node.parent != NONE).map(|node| NodeId(node.parent))
    }

    /// The children, in the order in which they were made.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.first_child(node), |node| self.next_sibling(*node))
    }

    pub(crate) fn first_child(&self, node: NodeId) -> Option<NodeId> {
        self.get(node).filter(|node| node.first_child != NONE).map(|node| NodeId(node.first_child))
    }

    pub(crate) fn next_sibling(&self, node: NodeId) -> Option<NodeId> {
        self.get(node).filter(|node| node.next != NONE).map(|node| NodeId(node.next))
    }

    /// Whether it has any child.
    #[must_use]
    pub fn has_children(&self, node: NodeId) -> bool {
        self.get(node).is_some_and(|node| node.first_child != NONE)
    }

    /// Its ancestor that many steps below the root, or itself when it is not deeper.
    #[must_use]
    pub fn ancestor_at(&self, node: NodeId, depth: usize) -> NodeId {
        let line: Vec<_> = std::iter::successors(Some(node), |node| self.parent(*node)).collect();
        line.len().checked_sub(depth + 1).and_then(|at| line.get(at)).copied().unwrap_or(node)
    }

    /// Makes filling pass the node over, with everything below it.
    pub fn ignore(&mut self, node: NodeId) {
        if let Some(node) = self.nodes.get_mut(node.0 as usize) {
            node.ignored = true;
        }
    }

    /// Whether filling passes the node over.
    #[must_use]
    pub fn is_ignored(&self, node: NodeId) -> bool {
        self.get(node).is_some_and(|node| node.ignored)
    }

    pub(crate) fn resolve(&mut self, node: NodeId, field: usize) {
        if let Some(node) = self.nodes.get_mut(node.0 as usize) {
            node.field = u16::try_from(field).ok();
        }
    }

    pub(crate) fn field(&self, node: NodeId) -> Option<usize> {
        self.get(node).and_then(|node| node.field).map(usize::from)
    }

    fn get(&self, node: NodeId) -> Option<&Node<'a>> {
        self.nodes.get(node.0 as usize)
    }

    fn push(&mut self, name: &'a str, named_by: Origin, parent: u32) -> NodeId {
        let id = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        self.nodes.push(Node {
            name,
            value: "",
            named_by: Place::of(named_by),
            valued_by: None,
            parent,
            first_child: NONE,
            last_child: NONE,
            next: NONE,
            children: 0,
            field: None,
            ignored: false,
            set_twice: false,
            is_ascii: name.is_ascii(),
            lookup: Lookup::InOrder,
        });
        NodeId(id)
    }

    /// Whether a name is certainly not among those of the children: labels arrive sorted, so most come in order.
    fn is_next(&self, parent: NodeId, name: &str) -> bool {
        let Some(node) = self.get(parent).filter(|node| node.lookup == Lookup::InOrder) else { return false };
        let last = self.nodes.get(node.last_child as usize);
        is_plain(name) && last.is_none_or(|last| is_before(last.name, name))
    }

    fn find(&mut self, parent: NodeId, name: &'a str) -> Option<NodeId> {
        let node = self.get(parent)?;
        let (lookup, children, first) = (node.lookup, node.children, node.first_child);
        if lookup != Lookup::Indexed && children < INDEXED_FROM {
            return self.scan(first, name);
        }
        if lookup != Lookup::Indexed {
            let all: Vec<_> = self.children(parent).map(|id| ((parent.0, Folded(self.name(id))), id.0)).collect();
            self.index.extend(all);
            self.set_lookup(parent, Lookup::Indexed);
        }
        self.index.get(&(parent.0, Folded(name))).map(|id| NodeId(*id))
    }

    fn scan(&self, first: u32, name: &str) -> Option<NodeId> {
        let is_ascii = name.is_ascii();
        let mut next = first;
        while let Some(child) = self.nodes.get(next as usize) {
            let same = if is_ascii && child.is_ascii {
                child.name.eq_ignore_ascii_case(name)
            } else {
                equal_chars(child.name, name)
            };
            if same {
                return Some(NodeId(next));
            }
            next = child.next;
        }
        None
    }

    fn lookup(&self, node: NodeId) -> Lookup {
        self.get(node).map_or(Lookup::Scanned, |node| node.lookup)
    }

    fn set_lookup(&mut self, node: NodeId, lookup: Lookup) {
        if let Some(node) = self.nodes.get_mut(node.0 as usize) {
            node.lookup = lookup;
        }
    }
}

/// Whether a name is its own folded form.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

/// The order in which sorted keys bring names: with the dot that follows them.
fn is_before(one: &str, other: &str) -> bool {
    one.bytes().chain([b'.']).lt(other.bytes().chain([b'.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Origin = Origin { label: 0, start: 0 };

    #[test]
    fn siblings_fold_together_also_when_they_are_many() {
        let names: Vec<String> = (0..100).map(|n| format!("Router{n}")).collect();
        let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        let mut tree = Tree::new("traefik");
        for name in names.iter().chain(&lower) {
            let child = tree.child(NodeId::ROOT, name, HERE);
            tree.set_value(child, name, HERE);
        }
        let children: Vec<_> = tree.children(NodeId::ROOT).collect();
        assert_eq!(children.len(), 100);
        assert_eq!((tree.name(children[42]), tree.value(children[42])), ("Router42", "router42"));
    }

    #[test]
    fn names_out_of_order_are_found() {
        let names: Vec<String> = (0..40).map(|n| format!("r{n:02}")).collect();
        let mut tree = Tree::new("traefik");
        for name in names.iter().chain(&names).map(String::as_str).chain(["R05", "r", "Z", "z", "r\u{17f}", "rs"]) {
            tree.child(NodeId::ROOT, name, HERE);
        }
        let left: Vec<_> = tree.children(NodeId::ROOT).skip(40).map(|node| tree.name(node)).collect();
        assert_eq!(left, ["r", "Z", "r\u{17f}"]);
    }

    #[test]
    fn ancestors() {
        let mut tree = Tree::new("traefik");
        let http = tree.child(NodeId::ROOT, "http", HERE);
        let routers = tree.child(http, "routers", HERE);
        let name = tree.child(routers, "a", HERE);
        let rule = tree.child(name, "rule", HERE);
        assert_eq!(tree.ancestor_at(rule, 3), name);
        assert_eq!(tree.ancestor_at(http, 3), http);
    }
}
