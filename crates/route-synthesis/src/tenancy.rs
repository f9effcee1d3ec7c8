//! Repositories that do not know each other meet in one Traefik: what each of them may have.

use std::collections::{BTreeMap, BTreeSet};

use container_snapshot::Timestamp;
use repo_network::NetworkId;

use crate::{
    Finding, FindingCode, Isolation, Policy, Severity,
    hosts::{HostPattern, Reserved},
    ledger::{Claim, Ledger, Used},
    table::Protocol,
    wants::Want,
};

/// Admits routers in order and notes in the ledger what they take.
pub(crate) struct Registrar<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) ledger: Ledger,
    pub(crate) used: Used,
    pub(crate) now: Timestamp,
    /// Whether the operator assigned any pattern, which then has to be looked for.
    pub(crate) patterns: bool,
    /// The TLS options of shared hosts, and whose router had them first: with others beside them Traefik takes none.
    pub(crate) options: BTreeMap<HostPattern, (NetworkId, String)>,
    /// How many hosts each repository has claimed.
    pub(crate) owned: BTreeMap<NetworkId, usize>,
    /// The hosts that a repository at its limit would give up, the one first that it has used last; made when needed.
    pub(crate) idle: BTreeMap<NetworkId, Vec<HostPattern>>,
}

/// Whose a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// Nobody's yet.
    Free,
    /// The operator opened it to all repositories.
    Shared,
    /// The operator's own.
    Operator,
    /// A repository's, by its form.
    Form(NetworkId),
    /// A repository's, by a claim.
    Repository(NetworkId, Claim),
}

/// Why a router is not admitted.
pub(crate) struct Refusal {
    pub(crate) code: FindingCode,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

// === impl Registrar ===

impl Registrar<'_> {
    /// Admits a router, and claims what it uses; or says why not, and claims nothing.
    pub(crate) fn admit(&mut self, want: &Want) -> Result<(), Refusal> {
        if self.policy.isolation == Isolation::Strict {
            self.check_hosts(want)?;
            self.check_number(want)?;
            self.check_options(want)?;
            self.check_loose(want)?;
            self.check_entry_points(want)?;
        }
        self.claim(want);
        Ok(())
    }

    fn holder(&self, host: &HostPattern) -> Holder {
        let own = self.ledger.hosts.get(host);
        if let Some(claim) = own.filter(|claim| claim.assigned) {
            return Holder::Repository(claim.owner, *claim);
        }
        if self.policy.shared_hosts.contains(host) {
            return Holder::Shared;
        }
        match host.reserved(self.policy.base_domain.as_ref()) {
            Some(Reserved::Repository(id)) => return Holder::Form(id),
            Some(Reserved::Operator) => return Holder::Operator,
            None => {}
        }
        let granted = self
            .patterns
            .then(|| host.covering().into_iter().find_map(|pattern| self.ledger.hosts.get(&pattern)))
            .flatten();
        match granted.filter(|claim| claim.assigned).or(own) {
            Some(claim) => Holder::Repository(claim.owner, *claim),
            None => Holder::Free,
        }
    }

    fn check_hosts(&self, want: &Want) -> Result<(), Refusal> {
        let id = want.source.network_id;
        for host in &want.hosts {
            match self.holder(host) {
                Holder::Shared => {}
                Holder::Form(owner) | Holder::Repository(owner, _) if owner == id => {}
                Holder::Free if !host.is_pattern() => {}
                Holder::Free => return Err(Refusal::pattern(host, id)),
                Holder::Operator => return Err(Refusal::operators(host, id)),
                Holder::Form(owner) => {
                    let message =
                        format!("{host:?} is the name of an auto-route of repository {owner}", host = host.as_str());
                    return Err(Refusal::new(FindingCode::HostTaken, message));
                }
                Holder::Repository(owner, claim) => return Err(Refusal::taken(host, owner, claim, self.now)),
            }
        }
        Ok(())
    }

    /// A repository owns a limited number of hosts, or the ledger would grow with every label that somebody makes up.
    fn check_number(&mut self, want: &Want) -> Result<(), Refusal> {
        let id = want.source.network_id;
        let limit = self.policy.hosts_per_repository;
        let new = want.hosts.iter().filter(|host| self.holder(host) == Holder::Free).count();
        let owned = self.owned.get(&id).copied().unwrap_or_default();
        if new == 0 || owned + new <= limit {
            return Ok(());
        }
        if !self.idle.contains_key(&id) {
            let idle = self.idle_hosts(id);
            self.idle.insert(id, idle);
        }
        let idle = self.idle.entry(id).or_default();
        idle.retain(|host| !self.used.hosts.contains(host) && !want.hosts.contains(host));
        let needed = (owned + new).saturating_sub(idle.len());
        if needed <= limit {
            return Ok(());
        }
        let message = format!("its repository would own {needed} hosts, and may own {limit}");
        Err(Refusal::new(FindingCode::TooManyHosts, message)
            .hint("use fewer hosts; the operator can raise --hosts-per-repository, or grant a wildcard"))
    }

    /// The hosts that a repository claimed and does not use, the one first that it has used last.
    fn idle_hosts(&self, id: NetworkId) -> Vec<HostPattern> {
        let its = self.ledger.hosts.iter().filter(|(_, claim)| claim.owner == id && !claim.assigned);
        let mut idle: Vec<_> = its.filter_map(|(host, claim)| Some((claim.unused_since?, host))).collect();
        idle.sort_by(|one, other| other.cmp(one));
        idle.into_iter().map(|(_, host)| host.clone()).collect()
    }

    /// Claims a host that nobody has; at the limit the longest unused one goes for it.
    fn own(&mut self, host: &HostPattern, id: NetworkId) {
        let owned = self.owned.entry(id).or_default();
        if *owned >= self.policy.hosts_per_repository
            && let Some(gone) = self.idle.get_mut(&id).and_then(Vec::pop)
        {
            self.ledger.hosts.remove(&gone);
            *owned -= 1;
        }
        *owned += 1;
        self.ledger.hosts.insert(host.clone(), Claim::new(id, self.now));
    }

    /// Two routers of one host with different TLS options make Traefik take its own, and a client certificate that
    /// the first one asks for is no longer asked for.
    fn check_options(&self, want: &Want) -> Result<(), Refusal> {
        let others = want.hosts.iter().filter_map(|host| Some((host, self.options.get(host)?)));
        let mut others =
            others.filter(|(_, (owner, _))| want.protocol == Protocol::Http && *owner != want.source.network_id);
        match others.find(|(_, (_, options))| *options != want.tls_options) {
            None => Ok(()),
            Some((host, (owner, _))) => Err(Refusal::new(
                FindingCode::HostTaken,
                format!(
                    "the shared host {:?} has other TLS options in repository {owner}, which used it first",
                    host.as_str()
                ),
            )
            .hint("with different ones for the same host Traefik takes none: use the same")),
        }
    }

    /// A rule that can match without an exact host needs the operator's grant.
    fn check_loose(&self, want: &Want) -> Result<(), Refusal> {
        let id = want.source.network_id;
        let granted = |host: &HostPattern| {
            let own = |pattern: &HostPattern| {
                self.ledger.hosts.get(pattern).is_some_and(|claim| claim.assigned && claim.owner == id)
            };
            own(host) || host.covering().iter().any(own)
        };
        let everything = granted(&HostPattern::named("*"));
        match want.loose.iter().find(|wildcards| !everything && !wildcards.iter().any(granted)) {
            None => Ok(()),
            Some(wildcards) => Err(match wildcards.first() {
                Some(wildcard) => Refusal::pattern(wildcard, id),
                None => Refusal::unpinned(want.protocol),
            }),
        }
    }

    fn check_entry_points(&self, want: &Want) -> Result<(), Refusal> {
        let id = want.source.network_id;
        for name in want.exclusive.iter().chain(&want.shared) {
            if let Some(owner) = self.exclusive_owner(name).filter(|owner| *owner != id) {
                let message =
                    format!("entry point {name:?} belongs to repository {owner}, which takes everything on it");
                return Err(Refusal::new(FindingCode::EntryPointTaken, message));
            }
        }
        for name in &want.exclusive {
            let claims = self.ledger.entry_points.get(name);
            let other = claims.and_then(|claims| claims.shared.keys().find(|owner| **owner != id));
            if let Some(other) = other {
                let message = format!(
                    "entry point {name:?} is used by repository {other}: a rule for every connection cannot join it"
                );
                return Err(Refusal::new(FindingCode::EntryPointTaken, message)
                    .hint("name a host with HostSNI and switch TLS on, or use another entry point"));
            }
        }
        Ok(())
    }

    /// Who has an entry point for itself: by a claim, or because its port was allocated.
    pub(crate) fn exclusive_owner(&self, name: &str) -> Option<NetworkId> {
        let claimed = self.ledger.entry_points.get(name).and_then(|claims| claims.exclusive);
        let is_its = |entry_point: String| {
            entry_point == name || self.policy.entry_points.v6_twin(&entry_point).is_some_and(|twin| twin == name)
        };
        let allocated = || self.ledger.ports.iter().find(|it| is_its(it.entry_point())).map(|it| it.network_id);
        claimed.map(|claim| claim.owner).or_else(allocated)
    }

    fn claim(&mut self, want: &Want) {
        let id = want.source.network_id;
        for host in &want.hosts {
            let held = self.holder(host);
            if held == Holder::Shared && want.protocol == Protocol::Http {
                self.options.entry(host.clone()).or_insert_with(|| (id, want.tls_options.clone()));
            }
            if held == Holder::Free && self.policy.isolation == Isolation::Strict {
                self.own(host, id);
            }
            if self.ledger.hosts.get(host).is_some_and(|claim| claim.owner == id) {
                self.used.hosts.insert(host.clone());
            }
        }
        if self.policy.isolation == Isolation::Trusted {
            return;
        }
        for name in &want.exclusive {
            let claims = self.ledger.entry_points.entry(name.clone()).or_default();
            claims.exclusive.get_or_insert(Claim::new(id, self.now));
            self.used.exclusive.insert(name.clone());
        }
        for name in &want.shared {
            let claims = self.ledger.entry_points.entry(name.clone()).or_default();
            claims.shared.entry(id).or_insert(Claim::new(id, self.now));
            self.used.shared.insert((name.clone(), id));
        }
    }

    /// Counts the names that a router lets Traefik order certificates for; false when the repository has asked for
    /// too many new ones within a week. Those that it asked for before cost nothing.
    pub(crate) fn may_order(&mut self, want: &Want) -> bool {
        let id = want.source.network_id;
        let known = self.ledger.certificates.get(&id);
        if want.orders.iter().all(|name| known.is_some_and(|known| known.contains_key(name))) {
            return true;
        }
        let asked = self.ledger.certificates.entry(id).or_default();
        let recent = asked.values().filter(|first| self.now.since(**first) < crate::policy::WEEK).count();
        let new: BTreeSet<_> = want.orders.iter().filter(|name| !asked.contains_key(*name)).cloned().collect();
        let allowed = recent + new.len() <= self.policy.certificates_per_week;
        if allowed {
            asked.extend(new.into_iter().map(|name| (name, self.now)));
        }
        if asked.is_empty() {
            self.ledger.certificates.remove(&id);
        }
        allowed
    }
}

// === impl Refusal ===

impl Refusal {
    fn new(code: FindingCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn taken(host: &HostPattern, owner: NetworkId, claim: Claim, now: Timestamp) -> Self {
        let how = if claim.assigned { " by the operator's decision".to_owned() } else { first_used(claim, now) };
        let message = format!("host {:?} belongs to repository {owner}{how}", host.as_str());
        Self::new(FindingCode::HostTaken, message)
            .hint(format!("the operator can move it: route-server claims assign {host} <network ID>"))
    }

    fn operators(host: &HostPattern, id: NetworkId) -> Self {
        let message =
            format!("{:?} is the machine's own: its base domain, or the wildcard of all auto-routes", host.as_str());
        Self::new(FindingCode::HostTaken, message)
            .hint(format!("the operator can grant it: route-server claims assign '{host}' {id}"))
    }

    fn pattern(host: &HostPattern, id: NetworkId) -> Self {
        let message = format!("{:?} stands for hosts of others too: only the operator can grant it", host.as_str());
        Self::new(FindingCode::NotPinned, message)
            .hint(format!("name exact hosts, or: route-server claims assign '{host}' {id}"))
    }

    fn unpinned(protocol: Protocol) -> Self {
        let matcher = if protocol == Protocol::Tcp { "HostSNI" } else { "Host" };
        let message = "the rule can match without an exact host, and so take what is meant for others";
        Self::new(FindingCode::NotPinned, message).hint(format!("add {matcher}(`app.example.com`) && to every branch"))
    }

    /// The finding about a router.
    pub(crate) fn finding(self, want: &Want) -> Finding {
        let finding = Finding::new(self.code, Severity::Error, want.source.subject(), self.message).label(want.label());
        Finding { hint: self.hint, ..finding }
    }
}

fn first_used(claim: Claim, now: Timestamp) -> String {
    match now.since(claim.since).as_secs() / 86_400 {
        0 => ", which used it first".to_owned(),
        1 => ", which has used it since yesterday".to_owned(),
        days => format!(", which has used it for {days} days"),
    }
}
