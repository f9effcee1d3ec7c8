//! What is published, as the repositories' shares in it: nothing of a fleet is copied because one container changed.

mod cut;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use container_snapshot::Endpoint;
use traefik_model::{Configuration, Fragments, SECTIONS, Yaml, YamlError, assemble, assemble_marked, http, tcp, udp};

use crate::{
    FindingCode,
    draft::Draft,
    listening::is_withheld,
    merge::{Entry, Kind, Sources, for_each_section},
    servers::Balanced,
    table::{Protocol, Route, Table},
};

/// What Traefik is to be told. It shares its entries with what it was made of, so that making and keeping one costs
/// little; [`Publication::configuration`] copies them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Publication {
    /// What is published of each repository.
    pub(crate) shares: Vec<Share>,
    /// The routers and services of allocated ports, and the same as routes.
    ports: Configuration,
    port_routes: Table,
    port_sources: Sources,
    withheld: BTreeSet<Endpoint>,
}

/// How many of something are published, by protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// HTTP.
    pub http: usize,
    /// TCP.
    pub tcp: usize,
    /// UDP.
    pub udp: usize,
    /// All of them.
    pub total: usize,
}

/// What is published of one repository.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Share {
    pub(crate) draft: Arc<Draft>,
    /// The routers that were not admitted, and why.
    pub(crate) refused: Refused,
    /// Entries that are published otherwise than drafted.
    changed: Configuration,
    /// Entries that are not published because Traefik would not take them.
    cut: BTreeSet<(Protocol, Kind, String)>,
}

/// Routers that were not admitted, with the code and message of the finding.
pub(crate) type Refused = BTreeMap<(Protocol, String), (FindingCode, String)>;

// === impl Publication ===

impl Publication {
    /// What is published of each repository, and the routers and services of allocated ports, which come from there.
    pub(crate) fn new(shares: Vec<Share>, ports: Configuration, port_sources: Sources) -> Self {
        let port_routes = Table::of(&ports, &port_sources);
        Self { shares, ports, port_routes, port_sources, withheld: BTreeSet::new() }
    }

    /// The same with a configuration that no container asked for and that nobody has looked at: how a test lets something
    /// through that synthesis would never make.
    #[cfg(any(test, feature = "fixtures"))]
    #[must_use]
    pub fn with_unchecked(mut self, configuration: Configuration) -> Self {
        self.shares.push(Share::new(Arc::new(Draft::of(configuration)), Refused::new()));
        self
    }

    /// All of it as one configuration.
    #[must_use]
    pub fn configuration(&self) -> Configuration {
        let mut configuration = self.ports.clone();
        for share in &self.shares {
            for_each_section!(|E| {
                let entries = share.entries::<E>().map(|(name, entry)| (name.clone(), entry.clone()));
                E::section(&mut configuration).extend(entries);
            });
        }
        configuration
    }

    /// The document that Traefik polls: the bytes that [`traefik_model::to_yaml`] makes of
    /// [`Publication::configuration`]. Only what was not written before is written.
    ///
    /// # Errors
    /// [`YamlError`] when the YAML library refuses; with drafts of this crate that was never seen.
    pub fn document(&self) -> Result<Yaml, YamlError> {
        self.put_together(assemble)
    }

    /// The same with the mark by which Traefik's API tells that it was applied.
    ///
    /// # Errors
    /// As those of [`Publication::document`].
    pub fn marked_document(&self) -> Result<Yaml, YamlError> {
        self.put_together(assemble_marked)
    }

    fn put_together(
        &self,
        assemble: impl FnOnce([Vec<(&str, &str)>; SECTIONS.len()]) -> Yaml,
    ) -> Result<Yaml, YamlError> {
        let drafted: Vec<_> = self.shares.iter().map(|share| share.draft.fragments()).collect::<Result<_, _>>()?;
        let changed: Vec<_> =
            self.shares.iter().map(|share| Fragments::of(&share.changed)).collect::<Result<_, _>>()?;
        let ports = Fragments::of(&self.ports)?;
        let mut sections: [Vec<(&str, &str)>; SECTIONS.len()] = std::array::from_fn(|at| ports.entries(at).collect());
        for ((share, drafted), changed) in self.shares.iter().zip(&drafted).zip(&changed) {
            // The sections come in the order of SECTIONS.
            let mut all = sections.iter_mut().enumerate();
            for_each_section!(|E| {
                if let Some((at, section)) = all.next() {
                    section.extend(drafted.entries(at).filter(|(name, _)| share.is_as_drafted::<E>(name)));
                    section.extend(changed.entries(at));
                }
            });
        }
        Ok(assemble(sections))
    }

    /// How many routers are published.
    #[must_use]
    pub fn routers(&self) -> Counts {
        self.counts(Kind::Router)
    }

    /// How many services are published.
    #[must_use]
    pub fn services(&self) -> Counts {
        self.counts(Kind::Service)
    }

    /// Whether nothing is published.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ports.is_empty() && self.shares.iter().all(Share::is_empty)
    }

    fn counts(&self, kind: Kind) -> Counts {
        let mut by_protocol: BTreeMap<Protocol, usize> = BTreeMap::new();
        for_each_section!(|E| {
            if E::KIND == kind {
                let drafted: usize = self.shares.iter().map(Share::count::<E>).sum();
                *by_protocol.entry(E::PROTOCOL).or_default() += drafted + E::section_of(&self.ports).len();
            }
        });
        let of = |protocol| by_protocol.get(&protocol).copied().unwrap_or_default();
        let (http, tcp, udp) = (of(Protocol::Http), of(Protocol::Tcp), of(Protocol::Udp));
        Counts { http, tcp, udp, total: http + tcp + udp }
    }

    /// Every published router, those of one repository together, with all the backends that it would have if none
    /// were withheld.
    pub fn routes(&self) -> impl Iterator<Item = (Protocol, &Route)> {
        let drafted = self.shares.iter().flat_map(|share| {
            let routes = share.draft.table().iter();
            routes.filter(|(protocol, route)| share.publishes(*protocol, &route.name))
        });
        drafted.chain(self.port_routes.iter())
    }

    /// The same for people: without withheld backends, and in order of names.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut table = Table::default();
        for (protocol, route) in self.routes() {
            let mut route = route.clone();
            route.backends.retain(|backend| !is_withheld(protocol, backend, &self.withheld));
            table.section(protocol).push(route);
        }
        for protocol in [Protocol::Http, Protocol::Tcp, Protocol::Udp] {
            table.section(protocol).sort_by(|one, other| one.name.cmp(&other.name));
        }
        table
    }

    /// Takes backends out; a service that has no other has no servers then (503).
    pub fn withhold(&mut self, withheld: &BTreeSet<Endpoint>) {
        if withheld.is_empty() {
            return;
        }
        self.withhold_in::<http::Service>(withheld);
        self.withhold_in::<tcp::Service>(withheld);
        self.withhold_in::<udp::Service>(withheld);
        self.withheld.extend(withheld);
    }

    fn withhold_in<S: Entry + Balanced + Clone>(&mut self, withheld: &BTreeSet<Endpoint>) {
        let is_withheld = |backend: &str| is_withheld(S::PROTOCOL, backend, withheld);
        for service in S::section(&mut self.ports).values_mut() {
            service.retain_backends(|backend| !is_withheld(backend));
        }
        for share in &mut self.shares {
            let drafted = S::section_of(&share.draft.configuration).iter();
            for (name, service) in drafted.filter(|(_, it)| it.backends().iter().any(|it| is_withheld(it))) {
                let mut service = service.clone();
                service.retain_backends(|backend| !is_withheld(backend));
                S::section(&mut share.changed).insert(name.clone(), service);
            }
        }
    }
}

// === impl Share ===

impl Share {
    /// All of a draft but for the routers that were not admitted.
    pub(crate) fn new(draft: Arc<Draft>, refused: Refused) -> Self {
        Self { draft, refused, changed: Configuration::default(), cut: BTreeSet::new() }
    }

    /// What is published of a section.
    pub(crate) fn entries<E: Entry>(&self) -> impl Iterator<Item = (&String, &E)> {
        let changed = E::section_of(&self.changed);
        let drafted = E::section_of(&self.draft.configuration).iter();
        drafted.filter(|(name, _)| self.is_as_drafted::<E>(name)).chain(changed)
    }

    fn refuses(&self, protocol: Protocol, name: &str) -> bool {
        // Most repositories have nothing refused, and a key need not be made to see that.
        !self.refused.is_empty() && self.refused.contains_key(&(protocol, name.to_owned()))
    }

    fn publishes(&self, protocol: Protocol, name: &str) -> bool {
        let cut = !self.cut.is_empty() && self.cut.contains(&(protocol, Kind::Router, name.to_owned()));
        !cut && !self.refuses(protocol, name)
    }

    fn is_as_drafted<E: Entry>(&self, name: &str) -> bool {
        let changed = E::section_of(&self.changed);
        let refused = E::KIND == Kind::Router && self.refuses(E::PROTOCOL, name);
        let cut = !self.cut.is_empty() && self.cut.contains(&(E::PROTOCOL, E::KIND, name.to_owned()));
        !refused && !cut && (changed.is_empty() || !changed.contains_key(name))
    }

    fn count<E: Entry>(&self) -> usize {
        if self.cut.is_empty() && (self.refused.is_empty() || E::KIND != Kind::Router) {
            return E::section_of(&self.draft.configuration).len();
        }
        self.entries::<E>().count()
    }

    fn is_empty(&self) -> bool {
        let mut published = 0;
        for_each_section!(|E| published += self.count::<E>());
        published == 0
    }

    /// Publishes a router without asking Traefik to order its certificate.
    pub(crate) fn without_resolver(&mut self, protocol: Protocol, name: &str) {
        let Configuration { http, tcp, .. } = &self.draft.configuration;
        if let Some(mut router) = http.routers.get(name).filter(|_| protocol == Protocol::Http).cloned() {
            router.tls.as_mut().into_iter().for_each(|tls| tls.cert_resolver.0.clear());
            self.changed.http.routers.insert(name.to_owned(), router);
        }
        if let Some(mut router) = tcp.routers.get(name).filter(|_| protocol == Protocol::Tcp).cloned() {
            router.tls.as_mut().into_iter().for_each(|tls| tls.cert_resolver.0.clear());
            self.changed.tcp.routers.insert(name.to_owned(), router);
        }
    }
}
