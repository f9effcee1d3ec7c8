use std::sync::OnceLock;

use serde::{Serialize, Serializer};

use crate::{
    Configuration, Shape, Value,
    fill::{Alone, Struct},
};

/// How a configuration is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As Go's `encoding/json` writes Traefik's structs: every value that is not zero, defaults included.
    Json,
    /// For Traefik's HTTP provider: only what differs from the defaults, and never an empty section, for which
    /// Traefik refuses the whole document.
    Document,
}

/// A configuration, to be serialised for Traefik's HTTP provider.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a>(pub &'a Configuration);

/// A value with the style in which it is written.
pub(crate) struct Styled<'a, T> {
    pub(crate) value: &'a T,
    pub(crate) style: Style,
    pub(crate) alone: Alone,
}

/// How one field is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldStyle {
    /// Traefik accepts it empty in documents.
    pub(crate) alone: Alone,
    /// Left out of JSON (Go's tag `json:"-"`).
    pub(crate) no_json: bool,
    /// Left out of documents.
    pub(crate) no_file: bool,
    /// The servers of a load balancer: written even when there are none.
    pub(crate) servers: bool,
    /// In JSON even when it is zero: a struct held by value, or a field without Go's `omitempty`.
    pub(crate) json_always: bool,
    /// Whether it can stand in for an empty struct.
    pub(crate) neutral: Option<Neutral>,
}

/// A field that can be written although it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Neutral {
    /// A plain value.
    Scalar,
    /// A list.
    List,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.emit(Style::Document, Alone::Allowed, serializer)
    }
}

impl<T: Value> Serialize for Styled<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.emit(self.style, self.alone, serializer)
    }
}

// === impl FieldStyle ===

impl FieldStyle {
    /// What follows from a field's shape, and from whether Go has a pointer there.
    pub(crate) const fn of(shape: Shape, go_type: &str) -> Self {
        let pointer = matches!(go_type.as_bytes(), [b'*', ..]);
        let neutral = match shape {
            Shape::Scalar(_) if !pointer => Some(Neutral::Scalar),
            Shape::List(_) | Shape::Structs(_) => Some(Neutral::List),
            _ => None,
        };
        let by_value = matches!(shape, Shape::Struct(_)) && !pointer;
        let alone = if by_value { Alone::Embedded } else { Alone::Refused };
        Self { alone, no_json: false, no_file: false, servers: false, json_always: by_value, neutral }
    }

    /// Whether a field is written.
    pub(crate) fn writes<T: Value + PartialEq>(self, style: Style, value: &T, default: &T) -> bool {
        match style {
            Style::Json => !self.no_json && (self.json_always || !value.is_zero()),
            // A scalar that was set to zero although its default is another must say so.
            Style::Document if !self.no_file => {
                let says = value != default && (!value.is_zero() || matches!(T::SHAPE, Shape::Scalar(_)));
                self.servers || (says && !value.is_absent())
            }
            Style::Document => false,
        }
    }
}

/// What a struct is before any field of it is set; each kind is made once.
pub(crate) struct Beginnings<T> {
    zero: OnceLock<T>,
    defaults: OnceLock<T>,
}

// === impl Beginnings ===

impl<T: Struct> Beginnings<T> {
    pub(crate) const fn new() -> Self {
        Self { zero: OnceLock::new(), defaults: OnceLock::new() }
    }

    /// The values that need not be written there.
    pub(crate) fn of(&self, alone: Alone) -> &T {
        match alone {
            Alone::Embedded => self.zero.get_or_init(T::default),
            Alone::Allowed | Alone::Refused => self.defaults.get_or_init(T::with_defaults),
        }
    }
}
