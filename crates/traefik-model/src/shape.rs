use crate::Role;

/// A struct of Traefik: its fields, in Traefik's order.
#[derive(Debug, PartialEq, Eq)]
pub struct StructShape {
    /// Go's name of the type, e.g. `dynamic.Router`.
    pub go_type: &'static str,
    /// The fields; the typed ones first, then the ones that nothing can set.
    pub fields: &'static [Field],
}

/// A field of a [`StructShape`].
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// The name in documents, e.g. `entryPoints`; labels spell it in any case.
    pub name: &'static str,
    /// Go's type, e.g. `*dynamic.RouterTLSConfig`.
    pub go_type: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// What its text, or that of its items, means.
    pub role: Option<Role>,
    /// How labels may set it.
    pub label: Access,
    /// How documents may set it.
    pub file: Access,
    /// It is the list of a load balancer's servers, of which labels can write only one, as `server`
    /// (Traefik's tag `label-slice-as-struct`).
    pub servers: bool,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One value; Go's type of it.
    Scalar(&'static str),
    /// A list of values, comma separated in a label; Go's type of it.
    List(&'static str),
    /// A list of structs, indexed in a label.
    Structs(&'static StructShape),
    /// A struct.
    Struct(&'static StructShape),
    /// A map from free names.
    Map(&'static Shape),
    /// A map from plugin names to trees of anything.
    Plugins,
}

/// How a field may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// As usual.
    Open,
    /// A struct that may stand alone: its name with no value or `true` switches it on, any other value off.
    AllowEmpty,
    /// Known and ignored (Traefik's tag `-`).
    Hidden,
}

/// Where a [`Tree`](crate::Tree) was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Container labels.
    Labels,
    /// A document for Traefik's HTTP or file provider.
    Document,
}

// === impl StructShape ===

impl StructShape {
    /// The field that Traefik finds for a name: in any case, and `server` for `servers` in labels.
    #[must_use]
    pub fn find(&self, name: &str, source: Source) -> Option<usize> {
        if !name.is_ascii() {
            return self.fields.iter().position(|field| crate::equal_fold(field.name_in(source), name));
        }
        self.fields.iter().position(|field| field.name_in(source).eq_ignore_ascii_case(name))
    }
}

// === impl Field ===

impl Field {
    /// The name that the field has there.
    #[must_use]
    pub fn name_in(&self, source: Source) -> &'static str {
        match source {
            Source::Labels if self.servers => "server",
            _ => self.name,
        }
    }

    /// How the field may be set from there.
    #[must_use]
    pub fn access(&self, source: Source) -> Access {
        match source {
            Source::Labels => self.label,
            Source::Document => self.file,
        }
    }
}
