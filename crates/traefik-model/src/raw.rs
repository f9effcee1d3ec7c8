//! A document as Traefik's reader of YAML sees it before it is typed.

use std::fmt;

use serde::{Serialize, Serializer, ser};

use crate::{NodeId, Origin, Source, StructShape, Tree, fill::LIST_MARK, plugins::LIST_OF_STRINGS};

/// One value of a document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    /// Nothing; Traefik's reader drops it.
    Null,
    /// A text, a number or a boolean, as text.
    Text(String),
    /// A list.
    List(List),
    /// A map, in the order in which it was written.
    Map(Vec<(String, Self)>),
}

/// A list of a document.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    items: Vec<Raw>,
    /// The items that are no maps, as paerser joins them.
    joined: String,
}

/// What no configuration says: the schema has texts, numbers, booleans, lists and maps.
#[derive(Debug)]
pub(crate) struct Foreign(String);

/// Reads a value into its raw form.
pub(crate) fn raw<T: Serialize>(value: &T) -> Result<Raw, Foreign> {
    value.serialize(Builder)
}

// === impl Raw ===

impl Raw {
    /// The entries, if it is a map.
    pub(crate) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The text, if it is one value or a list of them; a list with its items apart.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::List(list) => list.items.iter().map(Self::text).collect::<Option<Vec<_>>>().map(|all| all.join(",")),
            Self::Null | Self::Map(_) => None,
        }
    }

    /// Leaves out the entries that are no fields: below the root Traefik is strict, at the root it is not. False when
    /// it is no map, and not nothing either.
    pub(crate) fn retain_known(&mut self, root: &StructShape) -> bool {
        match self {
            Self::Map(entries) => entries.retain(|(name, _)| root.find(name, Source::Document).is_some()),
            Self::Null => {}
            Self::Text(_) | Self::List(_) => return false,
        }
        true
    }

    /// Puts it below a node (paerser's `decodeRaw`).
    pub(crate) fn grow<'a>(&'a self, tree: &mut Tree<'a>, node: NodeId) {
        const HERE: Origin = Origin { label: 0, start: 0 };
        match self {
            Self::Null => {}
            Self::Text(text) => tree.set_value(node, text, HERE),
            Self::List(list) => {
                tree.set_value(node, &list.joined, HERE);
                for item in list.items.iter().filter(|item| matches!(item, Self::Map(_))) {
                    let child = tree.append(node, "[]", HERE);
                    item.grow(tree, child);
                }
            }
            Self::Map(entries) => {
                for (name, value) in entries.iter().filter(|(_, value)| *value != Self::Null) {
                    let child = tree.append(node, name, HERE);
                    value.grow(tree, child);
                }
            }
        }
    }
}

// === impl List ===

impl List {
    fn push(&mut self, item: Raw) {
        if let Raw::Text(text) = &item {
            if self.joined.is_empty() {
                self.joined = format!("{LIST_MARK}{LIST_OF_STRINGS}");
            }
            self.joined.push(LIST_MARK);
            self.joined.push_str(text);
        }
        self.items.push(item);
    }
}

// === impl Foreign ===

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Foreign {}

impl ser::Error for Foreign {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Makes a [`Raw`] of what is serialised.
struct Builder;

/// A map on its way.
#[derive(Default)]
struct MapBuilder {
    entries: Vec<(String, Raw)>,
    name: String,
}

macro_rules! foreign {
    ($($method:ident($($ty:ty),*) $(-> $result:ident)?;)*) => {
        $(fn $method(self, $(_: $ty),*) -> Result<foreign!(@ $($result)?), Foreign> {
            Err(Foreign(stringify!($method).to_owned()))
        })*
    };
    (@) => { Raw };
    (@ $result:ident) => { Self::$result };
}

impl Serializer for Builder {
    type Ok = Raw;
    type Error = Foreign;
    type SerializeSeq = List;
    type SerializeMap = MapBuilder;
    type SerializeTuple = ser::Impossible<Raw, Foreign>;
    type SerializeTupleStruct = ser::Impossible<Raw, Foreign>;
    type SerializeTupleVariant = ser::Impossible<Raw, Foreign>;
    type SerializeStruct = ser::Impossible<Raw, Foreign>;
    type SerializeStructVariant = ser::Impossible<Raw, Foreign>;

    foreign! {
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_f32(f32);
        serialize_char(char);
        serialize_bytes(&[u8]);
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
        serialize_tuple(usize) -> SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }

    fn serialize_bool(self, value: bool) -> Result<Raw, Foreign> {
        Ok(Raw::Text(value.to_string()))
    }

    fn serialize_i64(self, value: i64) -> Result<Raw, Foreign> {
        Ok(Raw::Text(value.to_string()))
    }

    fn serialize_u64(self, value: u64) -> Result<Raw, Foreign> {
        Ok(Raw::Text(value.to_string()))
    }

    /// With six decimal places, which are left out where they are zero (paerser's `getSimpleValue`).
    fn serialize_f64(self, value: f64) -> Result<Raw, Foreign> {
        let text = format!("{value:.6}");
        Ok(Raw::Text(text.strip_suffix(".000000").unwrap_or(&text).to_owned()))
    }

    fn serialize_unit(self) -> Result<Raw, Foreign> {
        Ok(Raw::Null)
    }

    fn serialize_str(self, value: &str) -> Result<Raw, Foreign> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn serialize_none(self) -> Result<Raw, Foreign> {
        Ok(Raw::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Raw, Foreign> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Raw, Foreign> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<Raw, Foreign> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List, Foreign> {
        Ok(List::default())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<MapBuilder, Foreign> {
        Ok(MapBuilder::default())
    }
}

impl ser::SerializeSeq for List {
    type Ok = Raw;
    type Error = Foreign;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Foreign> {
        self.push(value.serialize(Builder)?);
        Ok(())
    }

    fn end(self) -> Result<Raw, Foreign> {
        Ok(Raw::List(self))
    }
}

impl ser::SerializeMap for MapBuilder {
    type Ok = Raw;
    type Error = Foreign;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Foreign> {
        match key.serialize(Builder)? {
            Raw::Text(name) => self.name = name,
            _ => return Err(Foreign("a key that is no text".to_owned())),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Foreign> {
        let name = std::mem::take(&mut self.name);
        self.entries.push((name, value.serialize(Builder)?));
        Ok(())
    }

    fn end(self) -> Result<Raw, Foreign> {
        Ok(Raw::Map(self.entries))
    }
}
