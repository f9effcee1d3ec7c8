//! The model is the table (`fixtures/traefik-fields.tsv`, taken from Traefik by reflection): every row is a field of
//! the model and every field that anybody can set is a row, with type, default, kind, and who may set it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeMap;

use serde_json::Value;
use traefik_model::{
    Access, Configuration, Field, Filler, NodeId, Origin, Shape, Source, Struct as _, StructShape, Tree, check,
};

/// The rows by path: Go type, default, label, document, may be empty, kind.
type Table = BTreeMap<String, [String; 6]>;

/// A struct of the model on the way down.
struct Place<'a> {
    path: String,
    /// The names by which a document leads there.
    names: &'a [&'a str],
    /// Whether labels come so far.
    label: bool,
}

fn rows(shape: &'static StructShape, place: &Place<'_>, table: &mut Table) {
    let parent = with_parent(place.names);
    for field in shape.fields {
        let label = place.label && field.label != Access::Hidden;
        let document = field.file != Access::Hidden;
        if !label && !document {
            continue;
        }
        let name = field.name_in(Source::Labels);
        let index = if matches!(field.shape, Shape::Structs(_)) && !field.servers { "[n]" } else { "" };
        let dot = if place.path.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{name}{index}", place.path);
        let letter = |access, letter| if access == Access::AllowEmpty { letter } else { "" };
        let empty = [letter(field.label, "L"), letter(field.file, "F")].concat();
        let yes = |yes| if yes { "y" } else { "n" }.to_owned();
        let default = default(field, parent.get(field.name));
        table.insert(path.clone(), [field.go_type.to_owned(), default, yes(label), yes(document), empty, kind(field)]);

        let (inner, below): (_, &[_]) = match field.shape {
            Shape::Struct(inner) => (inner, &[field.name]),
            Shape::Structs(inner) => (inner, &[field.name, "[]"]),
            Shape::Map(&Shape::Struct(inner)) => (inner, &[field.name, "name"]),
            _ => continue,
        };
        let path = if matches!(field.shape, Shape::Map(_)) { format!("{path}.<name>") } else { path };
        rows(inner, &Place { path, names: &[place.names, below].concat(), label }, table);
    }
}

/// What stands at a place when a document has led there and said nothing.
fn with_parent(names: &[&str]) -> Value {
    let mut tree = Tree::new("");
    let here = Origin { label: 0, start: 0 };
    names.iter().fold(NodeId::ROOT, |node, name| tree.append(node, name, here));
    // It complains of the last name, which stands alone, and has then found all of them.
    let _faults = check(&mut tree, Configuration::STRUCT, Source::Document);
    let mut configuration = Configuration::default();
    Filler::new(&tree, Source::Document).fields(&mut configuration, NodeId::ROOT);
    let whole = serde_json::to_value(&configuration).unwrap();
    let step = |value: Value, name: &&str| if *name == "[]" { value[0].clone() } else { value[*name].clone() };
    names.iter().fold(whole, step)
}

/// A default as Go prints it; of a struct only that there is one.
fn default(field: &Field, value: Option<&Value>) -> String {
    let pointer = field.go_type.starts_with('*');
    match (field.shape, value) {
        (Shape::Struct(_), _) if !pointer => "{}".to_owned(),
        (Shape::Struct(_), Some(Value::Object(fields))) if !fields.is_empty() => "{}".to_owned(),
        (_, Some(Value::Array(items))) => {
            let items: Vec<_> = items.iter().map(|item| item.as_str().unwrap()).collect();
            format!("[{}]", items.join(" "))
        }
        (Shape::Scalar("string"), Some(text)) => text.to_string(),
        (Shape::Scalar(_), Some(value)) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        (Shape::Scalar(_), None) if pointer => "nil".to_owned(),
        (Shape::Scalar("string"), None) if field.go_type == "types.FileOrContent" => String::new(),
        (Shape::Scalar("string"), None) => "\"\"".to_owned(),
        (Shape::Scalar("bool"), None) => "false".to_owned(),
        (Shape::Scalar("int"), None) => "0".to_owned(),
        (Shape::Scalar("types.Duration"), None) => "0s".to_owned(),
        _ => "nil".to_owned(),
    }
}

fn kind(field: &Field) -> String {
    let kind = match field.shape {
        Shape::Scalar(_) => "scalar",
        Shape::List(_) => "list",
        Shape::Structs(_) if field.servers => "slice-as-struct(yaml:servers)",
        Shape::Structs(_) => "slice-of-struct",
        Shape::Struct(_) if field.go_type.starts_with('*') => "struct",
        Shape::Struct(_) => "struct(value)",
        Shape::Map(_) | Shape::Plugins => "map",
    };
    kind.to_owned()
}

fn fixture() -> Table {
    let lines = include_str!("../../../fixtures/traefik-fields.tsv").lines().skip(1);
    let row = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        // Of the default of a struct, Go printed the contents.
        let default = if columns[2].starts_with('{') { "{}" } else { columns[2] };
        let rest = [columns[1], default, columns[3], columns[4], columns[5], columns[6]].map(str::to_owned);
        (columns[0].to_owned(), rest)
    };
    lines.map(row).collect()
}

#[test]
fn the_model_is_the_table() {
    let mut ours = Table::new();
    rows(Configuration::STRUCT, &Place { path: String::new(), names: &[], label: true }, &mut ours);
    let theirs = fixture();
    let wrong: Vec<_> = theirs
        .keys()
        .chain(ours.keys().filter(|path| !theirs.contains_key(*path)))
        .filter(|path| ours.get(*path) != theirs.get(*path))
        .map(|path| format!("{path}: model {:?}, table {:?}", ours.get(path), theirs.get(path)))
        .collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(theirs.len(), 437);
    assert_eq!(theirs.values().filter(|row| row[2] == "y").count(), 331);
}
