//! What one repository's entries could do to everybody's Traefik although they reach nothing of others: stop it,
//! exhaust it, or make it read the document as something else (`docs/FINDINGS.md`, RS044 to RS046).

use std::collections::BTreeMap;

use traefik_model::{
    DocumentFaultKind, check_document, http,
    middleware::{self, Middleware},
    role::MiddlewareRef,
};

use crate::{
    FindingCode,
    merge::{Entry, Merged, for_each_section},
};

/// How many middlewares may stand around a router or service once all chains are written out. Traefik writes them out
/// again for each router, and one chain in another, twice each, are a million after twenty.
const MAX_MIDDLEWARES: usize = 100;

/// The largest body that Traefik may be told to keep in memory: it reserves that much for each request, and is killed
/// when the machine has not got it.
const MAX_BUFFER: i64 = 64 * 1024 * 1024;

/// The highest cost of a bcrypt hash: 14 is a second of a processor for each request, 31 a day.
const MAX_BCRYPT_COST: u32 = 14;

/// Of a rate, in requests: Traefik counts in nanoseconds, and stops for good when that overflows.
const MAX_RATE: i64 = 1_000_000_000;

/// How many chains may lie in one another.
const MAX_DEPTH: usize = 20;

/// Takes out what would harm everybody. What refers to it is left for [`Merged::drop_dangling`].
pub(crate) fn harmless(merged: &mut Merged) {
    hazards(merged);
    long_chains(merged);
    unsayable(merged);
}

/// Numbers that stop or exhaust Traefik, found by reading it and tried on it.
fn hazards(merged: &mut Merged) {
    let found = merged.configuration.http.middlewares.iter().filter_map(|(name, it)| Some((name.clone(), hazard(it)?)));
    for (name, (field, message)) in found.collect::<Vec<_>>() {
        merged.withhold::<Middleware>(&name, FindingCode::Hazard, &message, field);
    }
}

fn hazard(middleware: &Middleware) -> Option<(&'static str, String)> {
    let rate = middleware.rate_limit.as_deref().and_then(rate_hazard);
    let users = middleware.basic_auth.as_deref().and_then(users_hazard);
    rate.or(users).or_else(|| buffer_hazard(middleware))
}

fn rate_hazard(limit: &middleware::RateLimit) -> Option<(&'static str, String)> {
    let average = limit.average;
    let message =
        || format!("{average} is more than {MAX_RATE}: with such a rate Traefik would stop taking any change");
    (average > MAX_RATE).then(|| ("rateLimit.average", message()))
}

fn users_hazard(auth: &middleware::BasicAuth) -> Option<(&'static str, String)> {
    let cost = |user: &str| user.split(':').nth(1)?.strip_prefix("$2")?.split('$').nth(1)?.parse::<u32>().ok();
    let cost = auth.users.iter().filter_map(|user| cost(user.as_str())).find(|cost| *cost > MAX_BCRYPT_COST)?;
    let message =
        format!("a bcrypt hash of cost {cost}, more than {MAX_BCRYPT_COST}: every request would keep a processor busy");
    Some(("basicAuth.users", message))
}

fn buffer_hazard(middleware: &Middleware) -> Option<(&'static str, String)> {
    let forward = middleware.forward_auth.as_deref();
    let buffering = middleware.buffering.as_deref();
    let sizes = [
        ("forwardAuth.maxBodySize", forward.and_then(|it| it.max_body_size)),
        ("forwardAuth.maxResponseBodySize", forward.and_then(|it| it.max_response_body_size)),
        ("buffering.memRequestBodyBytes", buffering.map(|it| it.mem_request_body_bytes)),
        ("buffering.memResponseBodyBytes", buffering.map(|it| it.mem_response_body_bytes)),
        ("retry.maxRequestBodyBytes", middleware.retry.as_deref().and_then(|it| it.max_request_body_bytes)),
    ];
    let (field, size) =
        sizes.into_iter().find_map(|(field, size)| Some((field, size.filter(|it| *it > MAX_BUFFER)?)))?;
    Some((
        field,
        format!("{size} bytes are more than {MAX_BUFFER}, which is what Traefik may keep in memory for a request"),
    ))
}

/// Routers and services with more middlewares than is good for anybody, and the chains that make so many of few.
fn long_chains(merged: &mut Merged) {
    let http = &merged.configuration.http;
    let lengths = Lengths::of(&http.middlewares);
    let long = |length: usize| length > MAX_MIDDLEWARES;
    let routers: Vec<_> = http
        .routers
        .iter()
        .filter(|(_, it)| long(lengths.sum(&it.middlewares)))
        .map(|(name, _)| name.clone())
        .collect();
    let services: Vec<_> = http
        .services
        .iter()
        .filter(|(_, it)| long(lengths.sum(&it.middlewares)))
        .map(|(name, _)| name.clone())
        .collect();
    let chains: Vec<_> = http.middlewares.keys().filter(|name| long(lengths.get(name))).cloned().collect();
    let (code, message) = (
        FindingCode::TooManyMiddlewares,
        format!("more than {MAX_MIDDLEWARES} middlewares when its chains are written out, or a chain that has no end"),
    );
    for name in routers {
        merged.withhold::<http::Router>(&name, code, &message, "middlewares");
    }
    for name in services {
        merged.withhold::<http::Service>(&name, code, &message, "middlewares");
    }
    for name in chains {
        merged.withhold::<Middleware>(&name, code, &message, "chain.middlewares");
    }
}

/// Why an entry is withheld for a fault of the document.
pub(crate) fn why_unsayable(kind: DocumentFaultKind) -> &'static str {
    match kind {
        DocumentFaultKind::Altered => "Traefik would read something else in the document than the label says",
        DocumentFaultKind::Refused(_) => "Traefik would refuse the whole document for this",
    }
}

/// What no document can say, or what Traefik would read as something else: it would refuse the whole document.
fn unsayable(merged: &mut Merged) {
    for fault in check_document(&merged.configuration) {
        let [_, _, name, field @ ..] = fault.path.as_slice() else { continue };
        let message = why_unsayable(fault.kind);
        let is = |protocol: &str, kind: &str| fault.path.starts_with(&[protocol.to_owned(), format!("{kind}s")]);
        for_each_section!(|E| if is(E::PROTOCOL.as_str(), E::KIND.as_str()) {
            merged.withhold::<E>(name, FindingCode::Unsayable, message, &field.join("."));
        });
    }
}

/// How many middlewares each one is when chains are written out; no more than [`Lengths::TOO_LONG`].
struct Lengths<'a>(BTreeMap<&'a str, usize>);

// === impl Lengths ===

impl<'a> Lengths<'a> {
    const TOO_LONG: usize = MAX_MIDDLEWARES + 1;

    fn of(middlewares: &'a BTreeMap<String, Middleware>) -> Self {
        let chains: Vec<_> =
            middlewares.iter().filter_map(|(name, it)| Some((name.as_str(), it.chain.as_deref()?))).collect();
        let mut lengths = Self(chains.iter().map(|(name, _)| (*name, 1)).collect());
        // Each round sees one level more. What grows after the last is too deep, or has no end.
        for round in 0..=MAX_DEPTH {
            let mut grown = false;
            for (name, chain) in &chains {
                let length = 1 + lengths.sum(&chain.middlewares);
                if length > lengths.get(name) {
                    lengths.0.insert(name, if round == MAX_DEPTH { Self::TOO_LONG } else { length });
                    grown = true;
                }
            }
            if !grown {
                break;
            }
        }
        lengths
    }

    fn get(&self, name: &str) -> usize {
        self.0.get(name).copied().unwrap_or(1)
    }

    fn sum(&self, names: &[MiddlewareRef]) -> usize {
        let mut sum = 0;
        for name in names {
            sum += self.get(name.as_str());
            if sum > MAX_MIDDLEWARES {
                return Self::TOO_LONG;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains(links: &[(&str, &[&str])]) -> BTreeMap<String, Middleware> {
        let chain = |to: &[&str]| {
            let middlewares = to.iter().map(|name| (*name).into()).collect();
            Middleware { chain: Some(Box::new(middleware::Chain { middlewares })), ..Middleware::default() }
        };
        links.iter().map(|(name, to)| ((*name).to_owned(), chain(to))).collect()
    }

    #[test]
    fn chains_are_counted_as_they_are_written_out() {
        let all = chains(&[("a", &["x", "y"]), ("b", &["a", "a"]), ("c", &["b", "z"])]);
        let lengths = Lengths::of(&all);
        assert_eq!([lengths.get("a"), lengths.get("b"), lengths.get("c"), lengths.get("x")], [3, 7, 9, 1]);
    }

    #[test]
    fn what_doubles_is_too_long() {
        let names: Vec<_> = (0..40).map(|n| format!("c{n:02}")).collect();
        let links: Vec<_> = names.windows(2).map(|pair| (pair[1].as_str(), vec![pair[0].as_str(); 2])).collect();
        let links: Vec<_> = links.iter().map(|(name, to)| (*name, to.as_slice())).collect();
        let all = chains(&links);
        let lengths = Lengths::of(&all);
        assert_eq!(lengths.get("c05"), 63);
        assert!(["c07", "c30", "c39"].iter().all(|name| lengths.get(name) > MAX_MIDDLEWARES));
    }

    #[test]
    fn what_has_no_end_is_too_long() {
        let all = chains(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["d"])]);
        let lengths = Lengths::of(&all);
        let long = |name: &&str| lengths.get(name) > MAX_MIDDLEWARES;
        assert!(["a", "b", "c"].iter().any(long), "{lengths:?}", lengths = lengths.0);
    }

    #[test]
    fn numbers_that_stop_traefik() {
        let limit = |average| middleware::RateLimit { average, ..middleware::RateLimit::default() };
        assert!(rate_hazard(&limit(33_831_688_342_692_755)).is_some());
        assert!(rate_hazard(&limit(1_000_000)).is_none());
        let auth = |user: &str| middleware::BasicAuth { users: vec![user.into()], ..Default::default() };
        assert!(users_hazard(&auth("admin:$2y$31$abcdefghijklmnopqrstuv")).is_some());
        for fine in ["admin:$2y$10$abcdefghijklmnopqrstuv", "admin:$apr1$x$y", "admin", ""] {
            assert!(users_hazard(&auth(fine)).is_none(), "{fine}");
        }
    }
}
