//! Containers of one repository meet: equal definitions are one, services gather servers, and of different
//! definitions the oldest stays (Traefik would delete every copy).

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use traefik_model::{Configuration, Struct, difference, http, middleware, tcp, udp};

use crate::{
    Finding, FindingCode, Severity,
    references::References,
    table::{Protocol, RouteSource},
};

/// What entries of a section are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Router,
    Service,
    Middleware,
}

/// An entry of one of the sections `routers`, `services`, `middlewares`.
pub(crate) trait Entry: Struct + Serialize {
    const PROTOCOL: Protocol;
    const KIND: Kind;

    /// The section that holds entries of this type.
    fn section(configuration: &mut Configuration) -> &mut BTreeMap<String, Self>;

    /// The same, to look at.
    fn section_of(configuration: &Configuration) -> &BTreeMap<String, Self>;

    /// Takes in another definition of the same name; false when the two contradict each other.
    fn merge(&mut self, other: &Self) -> bool {
        self == other
    }
}

/// Does something for every section, given the type of its entries.
macro_rules! for_each_section {
    (@one $entry:ty, |$alias:ident| $body:expr) => {{
        type $alias = $entry;
        $body
    }};
    ($($call:tt)*) => {{
        for_each_section!(@one traefik_model::http::Router, $($call)*);
        for_each_section!(@one traefik_model::http::Service, $($call)*);
        for_each_section!(@one traefik_model::middleware::Middleware, $($call)*);
        for_each_section!(@one traefik_model::tcp::Router, $($call)*);
        for_each_section!(@one traefik_model::tcp::Service, $($call)*);
        for_each_section!(@one traefik_model::tcp::Middleware, $($call)*);
        for_each_section!(@one traefik_model::udp::Router, $($call)*);
        for_each_section!(@one traefik_model::udp::Service, $($call)*);
    }};
}
pub(crate) use for_each_section;

macro_rules! entry {
    ($($entry:ty: $protocol:ident $kind:ident $($section:ident).+;)*) => {
        $(impl Entry for $entry {
            const PROTOCOL: Protocol = Protocol::$protocol;
            const KIND: Kind = Kind::$kind;

            fn section(configuration: &mut Configuration) -> &mut BTreeMap<String, Self> {
                &mut configuration.$($section).+
            }

            fn section_of(configuration: &Configuration) -> &BTreeMap<String, Self> {
                &configuration.$($section).+
            }
        })*
    };
    (service $($entry:ty: $protocol:ident $($section:ident).+, $key:ident;)*) => {
        $(impl Entry for $entry {
            const PROTOCOL: Protocol = Protocol::$protocol;
            const KIND: Kind = Kind::Service;

            fn section(configuration: &mut Configuration) -> &mut BTreeMap<String, Self> {
                &mut configuration.$($section).+
            }

            fn section_of(configuration: &Configuration) -> &BTreeMap<String, Self> {
                &configuration.$($section).+
            }

            /// Replicas: load balancers that are equal but for their servers gather these.
            fn merge(&mut self, other: &Self) -> bool {
                let (Some(mine), Some(theirs)) = (&mut self.load_balancer, &other.load_balancer) else {
                    return self == other;
                };
                let servers = std::mem::take(&mut mine.servers);
                let mut others = theirs.as_ref().clone();
                let added = std::mem::take(&mut others.servers);
                let same = **mine == others;
                mine.servers = servers;
                if same {
                    let new = added.into_iter().filter(|server| mine.servers.iter().all(|mine| mine.$key != server.$key));
                    let new: Vec<_> = new.collect();
                    mine.servers.extend(new);
                    mine.servers.sort_by(|one, other| one.$key.cmp(&other.$key));
                }
                same
            }
        })*
    };
}

entry! {
    http::Router: Http Router http.routers;
    middleware::Middleware: Http Middleware http.middlewares;
    tcp::Router: Tcp Router tcp.routers;
    tcp::Middleware: Tcp Middleware tcp.middlewares;
    udp::Router: Udp Router udp.routers;
}

entry! { service
    http::Service: Http http.services, url;
    tcp::Service: Tcp tcp.services, address;
    udp::Service: Udp udp.services, address;
}

/// What is known of where each entry comes from.
pub(crate) type Sources = BTreeMap<(Protocol, Kind, String), Arc<RouteSource>>;

/// One repository's configuration as its containers add to it, the oldest first.
#[derive(Default)]
pub(crate) struct Merged {
    pub(crate) configuration: Configuration,
    pub(crate) sources: Sources,
    pub(crate) findings: Vec<Finding>,
}

/// The label that made a field of an entry.
pub(crate) fn label_of((protocol, kind, name): &(Protocol, Kind, String), field: &str) -> String {
    let local = name.rsplit_once('-').map_or(name.as_str(), |(local, _)| local);
    let label = format!("traefik.{}.{}s.{local}.{field}", protocol.as_str(), kind.as_str());
    label.trim_end_matches('.').to_owned()
}

// === impl Merged ===

impl Merged {
    /// Adds what a container publishes. A container that is down adds what nobody else defines.
    pub(crate) fn add(&mut self, mut addition: Configuration, source: &Arc<RouteSource>, down: bool) {
        for_each_section!(|E| self.add_section::<E>(&mut addition, source, down));
    }

    fn add_section<E: Entry>(&mut self, addition: &mut Configuration, source: &Arc<RouteSource>, down: bool) {
        for (name, entry) in std::mem::take(E::section(addition)) {
            let section = E::section(&mut self.configuration);
            let key = (E::PROTOCOL, E::KIND, name);
            match section.get_mut(&key.2) {
                None => {
                    section.insert(key.2.clone(), entry);
                    self.sources.insert(key, source.clone());
                }
                Some(mine) => {
                    if !mine.merge(&entry) && !down {
                        let owner = self.sources.get(&key).map_or("another container", |source| &source.container);
                        let what = E::KIND.as_str();
                        let differs = difference(mine, &entry).map_or_else(String::new, |it| format!(": {it}"));
                        let message = format!(
                            "{what} {:?} is defined differently by {owner}, which is older and keeps it{differs}",
                            key.2
                        );
                        let finding = Finding::new(FindingCode::Conflict, Severity::Error, source.subject(), message);
                        self.findings.push(finding.hint("use another name, or make the definitions equal"));
                    }
                }
            }
        }
    }

    /// Takes out an entry that must not be published, and says why.
    pub(crate) fn withhold<E: Entry>(&mut self, name: &str, code: FindingCode, message: &str, field: &str) {
        E::section(&mut self.configuration).remove(name);
        let key = (E::PROTOCOL, E::KIND, name.to_owned());
        let Some(source) = self.sources.remove(&key) else { return };
        let finding = Finding::new(code, Severity::Error, source.subject(), message);
        self.findings.push(finding.label(label_of(&key, field)));
    }

    /// Withholds what refers to something that is not there, and what refers to that.
    pub(crate) fn drop_dangling(&mut self) {
        loop {
            let before = self.findings.len();
            for_each_section!(|E| self.drop_dangling_in::<E>());
            if self.findings.len() == before {
                break;
            }
        }
    }

    fn drop_dangling_in<E: Entry>(&mut self) {
        let mut dangling = Vec::new();
        let mut entries = std::mem::take(E::section(&mut self.configuration));
        for (name, entry) in &mut entries {
            let mut references = References::default();
            entry.walk(&mut references);
            let services = references.services.iter().map(|to| (Kind::Service, to));
            let middlewares = references.middlewares.iter().map(|to| (Kind::Middleware, to));
            let missing =
                services.chain(middlewares).find(|(kind, to)| !self.has(E::PROTOCOL, *kind, to, name, E::KIND));
            dangling.extend(missing.map(|(kind, to)| (name.clone(), kind, to.clone())));
        }
        for (name, kind, to) in dangling {
            entries.remove(&name);
            let key = (E::PROTOCOL, E::KIND, name);
            let Some(source) = self.sources.remove(&key) else { continue };
            let message =
                format!("{} {:?} refers to {} {to:?}, which does not exist", E::KIND.as_str(), key.2, kind.as_str());
            self.findings.push(Finding::new(
                FindingCode::DanglingReference,
                Severity::Error,
                source.subject(),
                message,
            ));
        }
        *E::section(&mut self.configuration) = entries;
    }

    /// Whether an entry is there; one that refers to itself is not.
    fn has(&self, protocol: Protocol, kind: Kind, to: &str, from: &str, from_kind: Kind) -> bool {
        let itself = kind == from_kind && to == from;
        !itself && self.sources.contains_key(&(protocol, kind, to.to_owned()))
    }
}

// === impl Kind ===

impl Kind {
    /// The field's word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Service => "service",
            Self::Middleware => "middleware",
        }
    }
}
