use crate::{Access, Field, NodeId, Shape, Source, StructShape, Tree};

/// Something in a [`Tree`] that Traefik refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The node that is wrong.
    pub node: NodeId,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// What is wrong with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// No field of that name; the struct in which it was looked for, none where there are no fields at all.
    UnknownField(Option<&'static StructShape>),
    /// A struct or map that needs fields of its own.
    Standalone(&'static Field),
    /// Something below a field that holds one value.
    BelowValue(&'static Field),
    /// `server` with a value and no fields.
    EmptyServer,
    /// No boolean, where one belongs.
    NotABool,
    /// No whole number, where one belongs.
    NotANumber,
    /// A whole number that does not fit in 64 bits.
    NumberTooLarge,
    /// No duration, where one belongs.
    NotADuration(crate::DurationError),
}

/// Finds the field of every node, and everything that Traefik's type check refuses, in Traefik's order
/// (paerser's `AddMetadata`). The tree is then ready for a [`Filler`](crate::Filler).
#[must_use]
pub fn check(tree: &mut Tree<'_>, root: &'static StructShape, source: Source) -> Vec<Fault> {
    check_with(tree, root, source, |_, _, _| ())
}

/// The same, and shows every node to an observer, with its field; entries of maps and items of lists have none.
#[must_use]
pub fn check_with<'a>(
    tree: &mut Tree<'a>,
    root: &'static StructShape,
    source: Source,
    observer: impl FnMut(&Tree<'a>, NodeId, Option<&'static Field>),
) -> Vec<Fault> {
    let mut check = Check { tree, source, faults: Vec::new(), observer };
    check.fields_below(NodeId::ROOT, root);
    check.faults
}

struct Check<'t, 'a, O> {
    tree: &'t mut Tree<'a>,
    source: Source,
    faults: Vec<Fault>,
    observer: O,
}

// === impl Check ===

impl<'a, O: FnMut(&Tree<'a>, NodeId, Option<&'static Field>)> Check<'_, 'a, O> {
    fn fault(&mut self, node: NodeId, kind: FaultKind) {
        self.faults.push(Fault { node, kind });
    }

    fn each_child(&mut self, node: NodeId, mut visit: impl FnMut(&mut Self, NodeId)) {
        let mut next = self.tree.first_child(node);
        while let Some(child) = next {
            visit(self, child);
            next = self.tree.next_sibling(child);
        }
    }

    fn fields_below(&mut self, node: NodeId, shape: &'static StructShape) {
        self.each_child(node, |check, child| {
            match shape.find(check.tree.name(child), check.source).and_then(|at| Some((at, shape.fields.get(at)?))) {
                Some((at, field)) => {
                    check.tree.resolve(child, at);
                    check.field(child, field);
                }
                None => check.fault(child, FaultKind::UnknownField(Some(shape))),
            }
        });
    }

    fn field(&mut self, node: NodeId, field: &'static Field) {
        (self.observer)(self.tree, node, Some(field));
        let access = field.access(self.source);
        let alone = !self.tree.has_children(node);
        if matches!(field.shape, Shape::Struct(_) | Shape::Map(_) | Shape::Plugins) {
            if alone && access == Access::Open {
                self.fault(node, FaultKind::Standalone(field));
            }
            let value = self.tree.value(node);
            if access == Access::AllowEmpty && !value.is_empty() && !value.eq_ignore_ascii_case("true") {
                self.tree.ignore(node);
            }
        }
        if access == Access::Hidden {
            self.tree.ignore(node);
        }
        if !alone {
            self.below(node, field);
        }
    }

    fn below(&mut self, node: NodeId, field: &'static Field) {
        match field.shape {
            Shape::Scalar(_) => self.fault(node, FaultKind::BelowValue(field)),
            Shape::Struct(shape) => self.fields_below(node, shape),
            Shape::Structs(shape) if field.servers && self.source == Source::Labels => self.fields_below(node, shape),
            Shape::Structs(shape) | Shape::Map(&Shape::Struct(shape)) => {
                self.each_child(node, |check, child| {
                    (check.observer)(check.tree, child, None);
                    check.fields_below(child, shape);
                });
            }
            // The items of a list are values: nothing can stand below one.
            Shape::List(_) => {
                self.each_child(node, |check, item| {
                    check.each_child(item, |check, below| check.fault(below, FaultKind::UnknownField(None)));
                });
            }
            Shape::Map(_) | Shape::Plugins => {}
        }
    }
}
