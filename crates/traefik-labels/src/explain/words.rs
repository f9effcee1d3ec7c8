//! What is said of single values.

use super::{lists, values};
use crate::{
    Code, Decoder,
    distance::nearest,
    notes::{PROVIDERS, is_foreign},
    text::quoted,
};

/// A code, a message and a hint.
pub(super) type Words = (Code, String, Option<String>);

pub(super) fn provider(value: &str, targets: &[&str]) -> Words {
    let meant = |item: &str| match item.rsplit_once('@') {
        Some((name, "docker")) => name.to_owned(),
        Some((name, provider)) if is_foreign(provider) => {
            let target = nearest(item, targets.iter().copied()).map(str::to_owned);
            target.unwrap_or_else(|| match nearest(provider, PROVIDERS.iter().copied()) {
                Some("docker") | None => name.to_owned(),
                Some(known) => format!("{name}@{known}"),
            })
        }
        _ => item.to_owned(),
    };
    let hint: Vec<_> = value.split(',').map(|item| meant(item.trim())).collect();
    let message = if value.contains("@docker") {
        format!("{} needs no `@docker`: these labels are found without, whoever reads them", quoted(value))
    } else {
        format!("{} has a provider behind its `@` that Traefik does not have", quoted(value))
    };
    (Code::ForeignProvider, message, Some(hint.join(",")))
}

/// Names in a message: as many as anybody reads.
pub(super) fn some_of(names: &[&str]) -> String {
    let shown: Vec<_> = names.iter().take(20).map(|name| quoted(name)).collect();
    let more = if names.len() > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

pub(super) fn entry_point(value: &str, decoder: &Decoder) -> Words {
    let known: Vec<&str> = decoder.entry_points.iter().flatten().map(String::as_str).collect();
    let wrong = value.split(',').map(str::trim).find(|item| !known.contains(item)).unwrap_or(value);
    let message = format!("there is no entry point {}; there are: {}", quoted(wrong), some_of(&known));
    (Code::UnknownEntryPoint, message, lists::correct(value, &known))
}

pub(super) fn resolver(value: &str, decoder: &Decoder) -> Words {
    let known: Vec<&str> = decoder.resolvers.iter().flatten().map(String::as_str).collect();
    let message = format!("there is no certificate resolver {}; there are: {}", quoted(value), some_of(&known));
    (Code::UnknownResolver, message, nearest(value.trim(), known).map(str::to_owned))
}

pub(super) fn port(value: &str) -> Words {
    let message = format!("{} is no port: expected a number from 1 to 65535", quoted(value));
    (Code::NotAPort, message, values::port(value))
}

pub(super) fn scheme(value: &str) -> Words {
    let message = format!("{} is no scheme of a server; expected http, https or h2c", quoted(value));
    (Code::UnknownScheme, message, nearest(value.trim(), ["http", "https", "h2c"]).map(str::to_owned))
}

pub(super) fn rule_syntax(value: &str) -> Words {
    let message = format!("there is no rule syntax {}: Traefik reads it as `v3`", quoted(value));
    let hint = nearest(value.trim(), ["v3", "v2"]).unwrap_or("v3");
    (Code::UnknownRuleSyntax, message, Some(hint.to_owned()))
}
