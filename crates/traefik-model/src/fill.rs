use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::{Duration, Fault, FaultKind, NodeId, Role, Shape, Source, StructShape, Style, Tree, emit::Styled};

/// With which Traefik's reader of documents joins the items of a list to one value: the mark, the number of their
/// Go kind, and the items, each behind another mark (paerser's `defaultRawSliceSeparator`).
pub(crate) const LIST_MARK: char = '║';

/// Fills typed values from a checked [`Tree`], and collects what is wrong (paerser's `Fill`).
#[derive(Debug)]
pub struct Filler<'t, 'a> {
    /// The tree that is read.
    pub tree: &'t Tree<'a>,
    /// Where the tree was read from.
    pub source: Source,
    /// What was wrong so far.
    pub faults: Vec<Fault>,
}

/// A struct of the schema.
pub trait Struct: Value + Clone + Default + PartialEq + 'static {
    /// Its table of fields.
    const STRUCT: &'static StructShape;

    /// With the values that Traefik's `SetDefaults` gives it.
    #[must_use]
    fn with_defaults() -> Self;

    /// Fills the field at that place of [`Struct::STRUCT`].
    fn fill_field(&mut self, at: usize, node: NodeId, filler: &mut Filler<'_, '_>);
}

/// Anything that can stand in a field.
pub trait Value {
    /// What the schema says of it.
    const SHAPE: Shape;
    /// What its text, or that of its items, means; none if it is no text that points somewhere.
    const ROLE: Option<Role> = None;

    /// Takes the node's value and children.
    fn fill(&mut self, node: NodeId, filler: &mut Filler<'_, '_>);

    /// Whether it is Go's zero value.
    fn is_zero(&self) -> bool;

    /// Whether it is no value at all (Go's nil pointer).
    fn is_absent(&self) -> bool {
        false
    }

    /// Writes it; `alone` says whether Traefik accepts it with nothing in it.
    ///
    /// # Errors
    /// Only the serializer's own.
    fn emit<S: Serializer>(&self, style: Style, alone: Alone, serializer: S) -> Result<S::Ok, S::Error>;

    /// Shows the visitor everything in it that has a role.
    fn walk(&mut self, visitor: &mut dyn Visitor);
}

/// What may stand in lists and maps, which hold structs in another way than values.
pub trait Element: Value + Sized {
    /// The shape of a list of it.
    const LIST: Shape;
    /// The shape of a map to it.
    const MAP: Shape;

    /// Fills a list.
    fn fill_list(list: &mut Vec<Self>, node: NodeId, filler: &mut Filler<'_, '_>);
    /// Fills a map.
    fn fill_map(map: &mut BTreeMap<String, Self>, node: NodeId, filler: &mut Filler<'_, '_>);
}

/// Whether something may stand with nothing in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alone {
    /// `{}` is fine there.
    Allowed,
    /// `{}` makes Traefik refuse the document.
    Refused,
    /// The same, and it begins as Go's zero value: Traefik sets the defaults only of what a pointer points to.
    Embedded,
}

/// Sees, and may change, everything in a configuration that has a [`Role`].
pub trait Visitor {
    /// A field or a map entry begins.
    fn enter(&mut self, name: &str);
    /// It ends.
    fn leave(&mut self);
    /// A text with a role.
    fn text(&mut self, role: Role, text: &mut String);
}

// === impl Filler ===

impl<'t, 'a> Filler<'t, 'a> {
    /// Reads from this tree, which [`check`](crate::check) has seen.
    #[must_use]
    pub fn new(tree: &'t Tree<'a>, source: Source) -> Self {
        Self { tree, source, faults: Vec::new() }
    }

    /// Fills a struct's fields from the children of a node.
    pub fn fields<T: Struct>(&mut self, target: &mut T, node: NodeId) {
        let tree = self.tree;
        for child in tree.children(node) {
            if let Some(at) = tree.field(child).filter(|_| !tree.is_ignored(child)) {
                target.fill_field(at, child, self);
            }
        }
    }

    pub(crate) fn fault(&mut self, node: NodeId, kind: FaultKind) {
        self.faults.push(Fault { node, kind });
    }

    fn number(&mut self, text: &str, node: NodeId) -> Option<i64> {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        match text.parse() {
            Ok(number) => Some(number),
            Err(error) => {
                let large = matches!(error.kind(), PosOverflow | NegOverflow);
                self.fault(node, if large { FaultKind::NumberTooLarge } else { FaultKind::NotANumber });
                None
            }
        }
    }
}

// === impl Value for scalars ===

impl Value for bool {
    const SHAPE: Shape = Shape::Scalar("bool");

    fn fill(&mut self, node: NodeId, filler: &mut Filler<'_, '_>) {
        // Go's strconv.ParseBool.
        match filler.tree.value(node) {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => *self = true,
            "0" | "f" | "F" | "FALSE" | "false" | "False" => *self = false,
            _ => filler.fault(node, FaultKind::NotABool),
        }
    }

    fn is_zero(&self) -> bool {
        !*self
    }

    fn emit<S: Serializer>(&self, _: Style, _: Alone, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self)
    }

    fn walk(&mut self, _: &mut dyn Visitor) {}
}

impl Value for i64 {
    const SHAPE: Shape = Shape::Scalar("int");

    fn fill(&mut self, node: NodeId, filler: &mut Filler<'_, '_>) {
        if let Some(number) = filler.number(filler.tree.value(node), node) {
            *self = number;
        }
    }

    fn is_zero(&self) -> bool {
        *self == 0
    }

    fn emit<S: Serializer>(&self, _: Style, _: Alone, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(*self)
    }

    fn walk(&mut self, _: &mut dyn Visitor) {}
}

impl Value for Duration {
    const SHAPE: Shape = Shape::Scalar("types.Duration");

    fn fill(&mut self, node: NodeId, filler: &mut Filler<'_, '_>) {
        match filler.tree.value(node).parse() {
            Ok(duration) => *self = duration,
            Err(error) => filler.fault(node, FaultKind::NotADuration(error)),
        }
    }

    fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    fn emit<S: Serializer>(&self, _: Style, _: Alone, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }

    fn walk(&mut self, _: &mut dyn Visitor) {}
}

impl Value for String {
    const SHAPE: Shape = Shape::Scalar("string");

    fn fill(&mut self, node: NodeId, filler: &mut Filler<'_, '_>) {
        filler.tree.value(node).clone_into(self);
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn emit<S: Serializer>(&self, _: Style, _: Alone, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }

    fn walk(&mut self, _: &mut dyn Visitor) {}
}

/// Go's pointers: nothing, or a value that starts from its defaults.
impl<T: Value + Fresh> Value for Option<T> {
    const SHAPE: Shape = T::SHAPE;
    const ROLE: Option<Role> = T::ROLE;

    fn fill(&mut self, node: NodeId, filler: &mut Filler<'_, '_>) {
        self.get_or_insert_with(T::fresh).fill(node, filler);
    }

    fn is_zero(&self) -> bool {
        self.is_none()
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn emit<S: Serializer>(&self, style: Style, alone: Alone, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.emit(style, alone, serializer),
            None => serializer.serialize_none(),
        }
    }

    fn walk(&mut self, visitor: &mut dyn Visitor) {
        if let Some(value) = self {
            value.walk(visitor);
        }
    }
}

impl<T: Value> Value for Box<T> {
    const SHAPE: Shape = T::SHAPE;
    const ROLE: Option<Role> = T::ROLE;

    fn fill(&mut self, node: NodeId, filler: &mut Filler<'_, '_>) {
        (**self).fill(node, filler);
    }

    fn is_zero(&self) -> bool {
        (**self).is_zero()
    }

    fn emit<S: Serializer>(&self, style: Style, alone: Alone, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).emit(style, alone, serializer)
    }

    fn walk(&mut self, visitor: &mut dyn Visitor) {
        (**self).walk(visitor);
    }
}

/// What a pointer points to when it is first touched.
pub trait Fresh {
    /// The value with its defaults.
    fn fresh() -> Self;
}

impl<T: Struct> Fresh for Box<T> {
    fn fresh() -> Self {
        Self::new(T::with_defaults())
    }
}

macro_rules! fresh_is_zero {
    ($($ty:ty),*) => {
        $(impl Fresh for $ty {
            fn fresh() -> Self {
                Self::default()
            }
        })*
    };
}

fresh_is_zero!(bool, i64, String, Duration);

// === impl Value for lists and maps ===

impl<T: Element> Value for Vec<T> {
    const SHAPE: Shape = T::LIST;
    const ROLE: Option<Role> = T::ROLE;

    fn fill(&mut self, node: NodeId, filler: &mut Filler<'_, '_>) {
        T::fill_list(self, node, filler);
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn emit<S: Serializer>(&self, style: Style, _: Alone, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|item| Styled { value: item, style, alone: Alone::Allowed }))
    }

    fn walk(&mut self, visitor: &mut dyn Visitor) {
        for item in self {
            item.walk(visitor);
        }
    }
}

impl<T: Element> Value for BTreeMap<String, T> {
    const SHAPE: Shape = T::MAP;
    const ROLE: Option<Role> = T::ROLE;

    fn fill(&mut self, node: NodeId, filler: &mut Filler<'_, '_>) {
        T::fill_map(self, node, filler);
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn emit<S: Serializer>(&self, style: Style, _: Alone, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = self.iter();
        serializer.collect_map(entries.map(|(name, value)| (name, Styled { value, style, alone: Alone::Allowed })))
    }

    fn walk(&mut self, visitor: &mut dyn Visitor) {
        for (name, value) in self {
            visitor.enter(name);
            value.walk(visitor);
            visitor.leave();
        }
    }
}

/// A list: split at commas, trimmed, empty items kept; an empty value leaves the field as it was.
pub(crate) fn fill_texts<T: From<String>>(list: &mut Vec<T>, node: NodeId, filler: &Filler<'_, '_>) {
    let value = filler.tree.value(node);
    if !value.is_empty() {
        *list = items(value, filler.source).map(|item| item.trim().to_owned().into()).collect();
    }
}

/// The items of a list's value. In a document that came as a list they stand behind two marks ([`LIST_MARK`]).
fn items(value: &str, source: Source) -> impl Iterator<Item = &str> {
    let marked = source == Source::Document && value.contains(LIST_MARK);
    value.split(if marked { LIST_MARK } else { ',' }).skip(if marked { 2 } else { 0 })
}

impl Element for String {
    const LIST: Shape = Shape::List("[]string");
    const MAP: Shape = Shape::Map(&Shape::Scalar("string"));

    fn fill_list(list: &mut Vec<Self>, node: NodeId, filler: &mut Filler<'_, '_>) {
        fill_texts(list, node, filler);
    }

    /// Deeper names are joined with dots; a name that has deeper ones loses its own value.
    fn fill_map(map: &mut BTreeMap<String, Self>, node: NodeId, filler: &mut Filler<'_, '_>) {
        fn leaves(name: String, node: NodeId, tree: &Tree<'_>, map: &mut BTreeMap<String, String>) {
            if !tree.has_children(node) {
                map.insert(name, tree.value(node).to_owned());
                return;
            }
            for child in tree.children(node) {
                leaves(format!("{name}.{}", tree.name(child)), child, tree, map);
            }
        }
        for child in filler.tree.children(node) {
            leaves(filler.tree.name(child).to_owned(), child, filler.tree, map);
        }
    }
}

impl Element for i64 {
    const LIST: Shape = Shape::List("[]int");
    const MAP: Shape = Shape::Map(&Shape::Scalar("int"));

    fn fill_list(list: &mut Vec<Self>, node: NodeId, filler: &mut Filler<'_, '_>) {
        let value = filler.tree.value(node);
        if !value.is_empty() {
            *list = items(value, filler.source).filter_map(|item| filler.number(item.trim(), node)).collect();
        }
    }

    fn fill_map(map: &mut BTreeMap<String, Self>, node: NodeId, filler: &mut Filler<'_, '_>) {
        for child in filler.tree.children(node) {
            if let Some(number) = filler.number(filler.tree.value(child), child) {
                map.insert(filler.tree.name(child).to_owned(), number);
            }
        }
    }
}

/// A list of structs: one for each child, whatever its name.
pub(crate) fn fill_structs<T: Struct>(list: &mut Vec<T>, node: NodeId, filler: &mut Filler<'_, '_>) {
    *list = filler.tree.children(node).map(|child| filled(child, filler)).collect();
}

/// A map of structs: an entry with a fault is left out.
pub(crate) fn fill_entries<T: Struct>(map: &mut BTreeMap<String, T>, node: NodeId, filler: &mut Filler<'_, '_>) {
    for child in filler.tree.children(node) {
        if filler.tree.is_ignored(child) {
            continue;
        }
        let faults = filler.faults.len();
        let entry = filled(child, filler);
        if filler.faults.len() == faults {
            map.insert(filler.tree.name(child).to_owned(), entry);
        }
    }
}

/// Labels write the one server that they can have as if it were a struct.
pub(crate) fn fill_server<T: Struct>(list: &mut Vec<T>, node: NodeId, filler: &mut Filler<'_, '_>) {
    if filler.source == Source::Document {
        fill_structs(list, node, filler);
    } else if filler.tree.has_children(node) {
        *list = vec![filled(node, filler)];
    } else {
        filler.fault(node, FaultKind::EmptyServer);
    }
}

fn filled<T: Struct>(node: NodeId, filler: &mut Filler<'_, '_>) -> T {
    let mut value = T::with_defaults();
    filler.fields(&mut value, node);
    value
}
