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
    let mut check = Check { tree, source, faults: Vec::new() };
    check.fields_below(NodeId::ROOT, root);
    check.faults
}

struct Check<'t, 'a> {
    tree: &'t mut Tree<'a>,
    source: Source,
    faults: Vec<Fault>,
}

// === impl Check ===

impl Check<'_, '_> {
    fn fault(&mut self, node: NodeId, kind: FaultKind) {
        self.faults.push(Fault { node, kind });
    }

    fn children(&self, node: NodeId) -> Vec<NodeId> {
        self.tree.children(node).collect()
    }

    fn fields_below(&mut self, node: NodeId, shape: &'static StructShape) {
        for child in self.children(node) {
            match shape.find(self.tree.name(child), self.source).and_then(|at| Some((at, shape.fields.get(at)?))) {
                Some((at, field)) => {
                    self.tree.resolve(child, at);
                    self.field(child, field);
                }
                None => self.fault(child, FaultKind::UnknownField(Some(shape))),
            }
        }
    }

    fn field(&mut self, node: NodeId, field: &'static Field) {
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
                for child in self.children(node) {
                    self.fields_below(child, shape);
                }
            }
            // The items of a list are values: nothing can stand below one.
            Shape::List(_) => {
                for item in self.children(node) {
                    for below in self.children(item) {
                        self.fault(below, FaultKind::UnknownField(None));
                    }
                }
            }
            Shape::Map(_) | Shape::Plugins => {}
        }
    }
}
