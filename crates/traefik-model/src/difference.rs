use std::fmt;

use serde::Serialize;

use crate::{
    Role, Shape, Source, Struct, StructShape,
    raw::{Raw, raw},
};

/// The first place in which two definitions differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The fields that lead there, with dots between them.
    pub path: String,
    /// What the one says; none: nothing, or not one value, or a secret.
    pub one: Option<String>,
    /// What the other says.
    pub other: Option<String>,
}

/// The most characters of a value that are shown.
const SHOWN: usize = 80;

/// The first difference between two definitions of one kind, in the order of field names; none when they say the same
/// but for their servers.
pub fn difference<T: Struct + Serialize>(one: &T, other: &T) -> Option<Difference> {
    let (one, other) = (raw(one).ok()?, raw(other).ok()?);
    let mut path = Vec::new();
    let (one, other) = first(&one, &other, &mut path)?;
    let secret = is_secret(T::STRUCT, &path);
    let shown = |raw: &Raw| raw.text().filter(|_| !secret).map(|text| text.chars().take(SHOWN).collect());
    Some(Difference { path: path.join("."), one: shown(one), other: shown(other) })
}

fn first<'r>(one: &'r Raw, other: &'r Raw, path: &mut Vec<String>) -> Option<(&'r Raw, &'r Raw)> {
    if one == other {
        return None;
    }
    if one.entries().is_empty() || other.entries().is_empty() {
        return Some((one, other));
    }
    let value = |raw: &'r Raw, name: &str| {
        raw.entries().iter().find(|(its, _)| its == name).map_or(&Raw::Null, |(_, value)| value)
    };
    let mut names: Vec<_> = one.entries().iter().chain(other.entries()).map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    // Replicas differ in their servers by right.
    names.retain(|name| *name != "servers");
    names.into_iter().find_map(|name| {
        path.push(name.to_owned());
        let found = first(value(one, name), value(other, name), path);
        if found.is_none() {
            path.pop();
        }
        found
    })
}

/// Whether a field on the way holds secrets.
fn is_secret(shape: &'static StructShape, path: &[String]) -> bool {
    let Some((name, rest)) = path.split_first() else { return false };
    let Some(field) = shape.find(name, Source::Document).and_then(|at| shape.fields.get(at)) else { return true };
    match field.shape {
        _ if field.role == Some(Role::Secret) => true,
        Shape::Struct(inner) | Shape::Structs(inner) => is_secret(inner, rest),
        _ => false,
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        match (&self.one, &self.other) {
            (None, None) => Ok(()),
            (one, other) => {
                let said =
                    |value: &Option<String>| value.as_ref().map_or("nothing".to_owned(), |text| format!("{text:?}"));
                write!(f, " is {} there and {} here", said(one), said(other))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http, middleware};

    #[test]
    fn the_first_difference_is_named_and_secrets_are_not_shown() {
        let router = |rule: &str| http::Router { rule: rule.into(), ..Default::default() };
        let found = difference(&router("Host(`a`)"), &router("Host(`b`)")).unwrap();
        assert_eq!(found.to_string(), r#"rule is "Host(`a`)" there and "Host(`b`)" here"#);
        assert_eq!(difference(&router("x"), &router("x")), None);
        let users = |hash: &str| middleware::Middleware {
            basic_auth: Some(Box::new(middleware::BasicAuth { users: vec![hash.into()], ..Default::default() })),
            ..Default::default()
        };
        let found = difference(&users("a:hash"), &users("b:hash")).unwrap();
        assert_eq!(found.to_string(), "basicAuth.users");
    }
}
