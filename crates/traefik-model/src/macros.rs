/// Declares a struct of Traefik's schema, with everything that follows from its table of fields.
///
/// `field: Type = "nameInDocuments" as "Go type" [flags]`; the flags are
/// `allow_empty` (may stand alone), `no_label`, `no_file`, `no_json` (is not read or written there) and
/// `servers` (labels write one of them, as `server`), `json_always` (Go writes it even when it is zero).
macro_rules! schema {
    (
        $(#[$doc:meta])*
        $name:ident = $go:literal {
            $($field:ident: $ty:ty = $yaml:literal as $go_type:literal $([$($flag:ident),*])?,)*
        }
        $(hidden { $($hidden:literal: $shape:expr,)* })?
        $(defaults { $($default:ident: $value:expr,)* })?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $(
                #[doc = concat!("Traefik's `", $yaml, "`, in Go a `", $go_type, "`.")]
                #[serde(rename = $yaml)]
                pub $field: $ty,
            )*
        }

        impl $name {
            /// With the values that Traefik's `SetDefaults` gives it.
            #[must_use]
            pub fn with_defaults() -> Self {
                <Self as $crate::Struct>::with_defaults()
            }
        }

        impl $crate::Struct for $name {
            const STRUCT: &'static $crate::StructShape = &$crate::StructShape {
                go_type: $go,
                fields: &[
                    $($crate::Field {
                        name: $yaml,
                        go_type: $go_type,
                        shape: <$ty as $crate::Value>::SHAPE,
                        role: <$ty as $crate::Value>::ROLE,
                        label: $crate::macros::flag!(label $($($flag)*)?),
                        file: $crate::macros::flag!(file $($($flag)*)?),
                        servers: $crate::macros::flag!(servers $($($flag)*)?),
                    },)*
                    $($($crate::Field {
                        name: $hidden,
                        go_type: "",
                        shape: $shape,
                        role: None,
                        label: $crate::Access::Hidden,
                        file: $crate::Access::Hidden,
                        servers: false,
                    },)*)?
                ],
            };

            #[allow(unused_mut, clippy::field_reassign_with_default, reason = "one body for structs with and without defaults")]
            fn with_defaults() -> Self {
                let mut value = Self::default();
                $($(value.$default = $value;)*)?
                value
            }

            #[allow(unused_variables, unused_mut, unused_assignments, reason = "the last field counts on; some structs have none")]
            fn fill_field(&mut self, at: usize, node: $crate::NodeId, filler: &mut $crate::Filler<'_, '_>) {
                let mut field = 0;
                $(
                    if at == field {
                        return $crate::macros::flag!(fill self.$field, node, filler, $($($flag)*)?);
                    }
                    field += 1;
                )*
            }
        }

        impl $crate::Value for $name {
            const SHAPE: $crate::Shape = $crate::Shape::Struct(<Self as $crate::Struct>::STRUCT);

            fn fill(&mut self, node: $crate::NodeId, filler: &mut $crate::Filler<'_, '_>) {
                filler.fields(self, node);
            }

            fn is_zero(&self) -> bool {
                true $(&& $crate::Value::is_zero(&self.$field))*
            }

            #[allow(unused_variables, unused_mut, unused_assignments, reason = "some structs have no fields")]
            fn emit<S: serde::Serializer>(
                &self,
                style: $crate::Style,
                alone: $crate::fill::Alone,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                static BEGINNINGS: $crate::emit::Beginnings<$name> = $crate::emit::Beginnings::new();
                let defaults = BEGINNINGS.of(alone);
                let mut map = serializer.serialize_map(None)?;
                let mut written = false;
                $({
                    const FIELD: $crate::emit::FieldStyle = $crate::macros::flag!(style $ty, $go_type; $($($flag)*)?);
                    if FIELD.writes(style, &self.$field, &defaults.$field) {
                        written = true;
                        let value = $crate::emit::Styled { value: &self.$field, style, alone: FIELD.alone };
                        map.serialize_entry($yaml, &value)?;
                    }
                })*
                // Traefik refuses `{}` here: one field that says what is the case anyway makes it acceptable.
                let mut needed = !written && style == $crate::Style::Document && alone != $crate::fill::Alone::Allowed;
                for kind in [$crate::emit::Neutral::Scalar, $crate::emit::Neutral::List] {
                    $({
                        const FIELD: $crate::emit::FieldStyle = $crate::macros::flag!(style $ty, $go_type; $($($flag)*)?);
                        if needed && FIELD.neutral == Some(kind) && !FIELD.no_file {
                            needed = false;
                            let value = $crate::emit::Styled { value: &self.$field, style, alone };
                            map.serialize_entry($yaml, &value)?;
                        }
                    })*
                }
                map.end()
            }

            #[allow(unused_variables, reason = "some structs have no fields")]
            fn walk(&mut self, visitor: &mut dyn $crate::Visitor) {
                $(
                    visitor.enter($yaml);
                    $crate::Value::walk(&mut self.$field, visitor);
                    visitor.leave();
                )*
            }
        }

        impl $crate::fill::Element for $name {
            const LIST: $crate::Shape = $crate::Shape::Structs(<Self as $crate::Struct>::STRUCT);
            const MAP: $crate::Shape = $crate::Shape::Map(&$crate::Shape::Struct(<Self as $crate::Struct>::STRUCT));

            fn fill_list(list: &mut Vec<Self>, node: $crate::NodeId, filler: &mut $crate::Filler<'_, '_>) {
                $crate::fill::fill_structs(list, node, filler);
            }

            fn fill_map(
                map: &mut std::collections::BTreeMap<String, Self>,
                node: $crate::NodeId,
                filler: &mut $crate::Filler<'_, '_>,
            ) {
                $crate::fill::fill_entries(map, node, filler);
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::Value::emit(self, $crate::Style::Json, $crate::fill::Alone::Allowed, serializer)
            }
        }
    };
}

/// What the flags of a field say.
macro_rules! flag {
    (label allow_empty $($rest:ident)*) => { $crate::Access::AllowEmpty };
    (label no_label $($rest:ident)*) => { $crate::Access::Hidden };
    (label $other:ident $($rest:ident)*) => { $crate::macros::flag!(label $($rest)*) };
    (label) => { $crate::Access::Open };
    (file allow_empty $($rest:ident)*) => { $crate::Access::AllowEmpty };
    (file no_file $($rest:ident)*) => { $crate::Access::Hidden };
    (file $other:ident $($rest:ident)*) => { $crate::macros::flag!(file $($rest)*) };
    (file) => { $crate::Access::Open };
    (servers servers $($rest:ident)*) => { true };
    (servers $other:ident $($rest:ident)*) => { $crate::macros::flag!(servers $($rest)*) };
    (servers) => { false };
    (fill $self:ident.$field:ident, $node:ident, $filler:ident, servers) => {
        $crate::fill::fill_server(&mut $self.$field, $node, $filler)
    };
    (fill $self:ident.$field:ident, $node:ident, $filler:ident, $($flag:ident)*) => {
        $crate::Value::fill(&mut $self.$field, $node, $filler)
    };
    (style $ty:ty, $go_type:literal; $($flag:ident)*) => {{
        #[allow(unused_mut, reason = "most fields have no flag")]
        let mut style = $crate::emit::FieldStyle::of(<$ty as $crate::Value>::SHAPE, $go_type);
        $(style = $crate::macros::flag!(with style, $flag);)*
        style
    }};
    (with $style:ident, allow_empty) => { $crate::emit::FieldStyle { alone: $crate::fill::Alone::Allowed, ..$style } };
    (with $style:ident, no_json) => { $crate::emit::FieldStyle { no_json: true, ..$style } };
    (with $style:ident, no_file) => { $crate::emit::FieldStyle { no_file: true, ..$style } };
    (with $style:ident, servers) => { $crate::emit::FieldStyle { servers: true, ..$style } };
    (with $style:ident, json_always) => { $crate::emit::FieldStyle { json_always: true, ..$style } };
    (with $style:ident, no_label) => { $style };
}

pub(crate) use {flag, schema};
