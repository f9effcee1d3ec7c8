//! Our tables of fields, the hidden ones too, are Traefik's: by reflection over its structs.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use traefik_model::{Access, Configuration, Field, Shape, Struct as _, StructShape, equal_fold};

use crate::oracle::Oracle;

/// Traefik's tables by Go type, and what was compared so far.
struct Comparison {
    theirs: BTreeMap<String, Value>,
    seen: Vec<&'static str>,
    fields: usize,
    wrong: Vec<String>,
}

// === impl Comparison ===

impl Comparison {
    fn structs(&mut self, shape: &'static StructShape) {
        if self.seen.contains(&shape.go_type) {
            return;
        }
        self.seen.push(shape.go_type);
        let Some(table) = self.theirs.get(shape.go_type) else {
            return self.wrong.push(format!("{}: Traefik has no such struct", shape.go_type));
        };
        let rows = table["fields"].as_array().cloned().unwrap_or_default();
        let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
        if rows.len() != shape.fields.len() {
            let theirs: Vec<_> = rows.iter().map(name).collect();
            self.wrong.push(format!("{}: Traefik's fields are {theirs:?}", shape.go_type));
        }
        for field in shape.fields {
            match rows.iter().find(|row| equal_fold(field.name, &name(row))) {
                Some(row) => self.field(shape, field, row),
                None => self.wrong.push(format!("{}.{}: unknown to Traefik", shape.go_type, field.name)),
            }
        }
    }

    fn field(&mut self, shape: &StructShape, field: &'static Field, row: &Value) {
        self.fields += 1;
        let ours = json!({
            "label": tag(field.label), "file": tag(field.file), "servers": field.servers,
            "kind": kind(field.shape), "struct": struct_in(field.shape).map(|shape| shape.go_type),
        });
        let theirs = json!({
            "label": row["label"].as_str().unwrap_or(""), "file": row["file"].as_str().unwrap_or(""),
            "servers": row["sliceAs"] == "server", "kind": go_kind(row), "struct": row.get("struct"),
        });
        if ours != theirs {
            self.wrong.push(format!("{}.{}: {ours}, in Traefik {theirs}", shape.go_type, field.name));
        }
        // The hidden fields carry no Go type: nothing is read into them.
        if !field.go_type.is_empty() && row["type"] != field.go_type {
            self.wrong.push(format!("{}.{}: {} is {}", shape.go_type, field.name, field.go_type, row["type"]));
        }
        if let Some(inner) = struct_in(field.shape) {
            self.structs(inner);
        }
    }
}

fn tag(access: Access) -> &'static str {
    match access {
        Access::Open => "",
        Access::AllowEmpty => "allowEmpty",
        Access::Hidden => "-",
    }
}

fn kind(shape: Shape) -> &'static str {
    match shape {
        Shape::Scalar(_) => "scalar",
        Shape::List(_) | Shape::Structs(_) => "slice",
        Shape::Struct(_) => "struct",
        Shape::Map(_) | Shape::Plugins => "map",
    }
}

fn go_kind(row: &Value) -> &str {
    match row["kind"].as_str().unwrap() {
        // A pointer to a map is no map for Traefik's decoder: nothing can stand below it.
        "map" if row["type"].as_str().unwrap().starts_with('*') => "scalar",
        known @ ("slice" | "struct" | "map") => known,
        _ => "scalar",
    }
}

fn struct_in(shape: Shape) -> Option<&'static StructShape> {
    match shape {
        Shape::Structs(inner) | Shape::Struct(inner) => Some(inner),
        Shape::Map(inner) => struct_in(*inner),
        Shape::Scalar(_) | Shape::List(_) | Shape::Plugins => None,
    }
}

#[test]
fn our_tables_are_traefiks() {
    let Some(mut oracle) = Oracle::start() else { return };
    let theirs = serde_json::from_value(oracle.ask_one(json!({ "op": "schema" }))["schema"].clone()).unwrap();
    let mut comparison = Comparison { theirs, seen: Vec::new(), fields: 0, wrong: Vec::new() };
    comparison.structs(Configuration::STRUCT);
    let missing: Vec<_> = comparison.theirs.keys().filter(|name| !comparison.seen.contains(&name.as_str())).collect();
    println!("{} structs with {} fields compared", comparison.seen.len(), comparison.fields);
    assert!(comparison.wrong.is_empty(), "{} differ:\n{}", comparison.wrong.len(), comparison.wrong.join("\n"));
    assert!(missing.is_empty(), "not in our tables: {missing:?}");
}
