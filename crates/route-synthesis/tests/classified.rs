//! The filter is deny by default: every text that a label can set either has a role, which the filter decides about,
//! or stands in `fixtures/plain-texts.txt`, the list of texts that point nowhere. A new field is on neither.

use std::collections::BTreeSet;

use traefik_labels::decode;
use traefik_model::{Access, Configuration, Role, Shape, Source, Struct as _, StructShape, Value as _, Visitor};

const MARK: &str = "marked";

/// Every label key that sets a text or a list of texts.
fn text_keys(shape: &'static StructShape, prefix: &str, keys: &mut Vec<String>) {
    for field in shape.fields.iter().filter(|field| field.label != Access::Hidden) {
        let key = format!("{prefix}.{}", field.name_in(Source::Labels));
        match field.shape {
            Shape::Scalar("string") | Shape::List("[]string") => keys.push(key),
            Shape::Struct(inner) => text_keys(inner, &key, keys),
            Shape::Structs(inner) if field.servers => text_keys(inner, &key, keys),
            Shape::Structs(inner) => text_keys(inner, &format!("{key}[0]"), keys),
            Shape::Map(Shape::Struct(inner)) => text_keys(inner, &format!("{key}.{}", name_in(&key)), keys),
            Shape::Map(Shape::Scalar("string")) => keys.push(format!("{key}.m")),
            Shape::Scalar(_) | Shape::List(_) | Shape::Map(_) | Shape::Plugins => {}
        }
    }
}

/// The only store that labels can set is the default one.
fn name_in(map: &str) -> &'static str {
    if map.ends_with("stores") { "default" } else { "m" }
}

#[derive(Default)]
struct Roles(Vec<Role>);

impl Visitor for Roles {
    fn enter(&mut self, _: &str) {}
    fn leave(&mut self) {}
    fn text(&mut self, role: Role, text: &mut String) {
        if text.contains(MARK) {
            self.0.push(role);
        }
    }
}

fn role(key: &str) -> Option<Role> {
    let mut configuration = decode([(key, MARK)]).configuration;
    // A rule that is none costs its router; for it the type stands in.
    if key.ends_with(".rule") {
        return Some(if key.starts_with("traefik.tcp") { Role::TcpRule } else { Role::HttpRule });
    }
    let mut roles = Roles::default();
    assert_ne!(configuration, Configuration::default(), "{key} sets nothing");
    configuration.walk(&mut roles);
    roles.0.first().copied()
}

#[test]
fn every_text_that_a_label_can_set_is_classified() {
    let mut keys = Vec::new();
    text_keys(Configuration::STRUCT, "traefik", &mut keys);
    let plain: BTreeSet<_> = keys.iter().filter(|key| role(key).is_none()).cloned().collect();
    let listed: BTreeSet<_> = include_str!("../../../fixtures/plain-texts.txt").lines().map(str::to_owned).collect();
    let new: Vec<_> = plain.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&plain).collect();
    assert!(new.is_empty() && gone.is_empty(), "not classified: {new:#?}\nlisted, but no plain text: {gone:#?}");
    assert!(keys.len() > 120, "{}", keys.len());
}

#[test]
fn a_role_is_found_where_there_is_one() {
    let role = |key: &str| role(key).expect("it has a role");
    assert_eq!(role("traefik.http.middlewares.m.forwardAuth.address"), Role::Address);
    assert_eq!(role("traefik.http.middlewares.m.basicAuth.usersFile"), Role::HostFile);
    assert_eq!(role("traefik.http.services.m.loadBalancer.healthCheck.path"), Role::BackendPath);
}
