//! What each router wants of what repositories share: hosts, patterns, entry points, certificates.

use std::{collections::BTreeSet, sync::Arc};

use traefik_labels::rule::{Branch, Protocol as RuleProtocol, Rule, Syntax, Tls, parse};
use traefik_model::{Configuration, role::EntryPointRef, tls::CertificateDomain, udp};

use crate::{
    Finding, Policy,
    entry_points::EntryPointKind,
    hosts::HostPattern,
    merge::{Kind, Sources},
    routers::{Facts, Router},
    table::{Protocol, RouteSource},
};

/// One router on its way into the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) protocol: Protocol,
    /// The published name.
    pub(crate) name: String,
    pub(crate) source: Arc<RouteSource>,
    /// Every host that it names anywhere, and every name that it wants a certificate for.
    pub(crate) hosts: BTreeSet<HostPattern>,
    /// For each way in which its rule can match without an exact host: the wildcards that it is confined to.
    pub(crate) loose: BTreeSet<BTreeSet<HostPattern>>,
    /// Entry points that it shares with whoever has another SNI.
    pub(crate) shared: Vec<String>,
    /// Entry points that it needs for its repository alone.
    pub(crate) exclusive: Vec<String>,
    /// The names that it lets Traefik order certificates for.
    pub(crate) orders: BTreeSet<String>,
    /// The TLS options that its hosts get.
    pub(crate) tls_options: String,
}

/// Reads the rules of a repository's routers. A router whose rule Traefik would refuse is taken out.
pub(crate) fn of(
    configuration: &mut Configuration,
    sources: &Sources,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) -> Vec<Want> {
    let mut reading = Reading { policy, sources, findings, wants: Vec::new() };
    configuration.http.routers.retain(|name, router| reading.router(RuleProtocol::Http, name, router));
    configuration.tcp.routers.retain(|name, router| reading.router(RuleProtocol::Tcp, name, router));
    for (name, router) in &configuration.udp.routers {
        let Some(source) = reading.source::<udp::Router>(name) else { continue };
        let want = Want { exclusive: names(&router.entry_points), ..Want::new(Protocol::Udp, name, source) };
        reading.wants.push(want);
    }
    reading.wants
}

/// Reads one router after the other.
struct Reading<'a> {
    policy: &'a Policy,
    sources: &'a Sources,
    findings: &'a mut Vec<Finding>,
    wants: Vec<Want>,
}

// === impl Reading ===

impl Reading<'_> {
    fn source<R: Router>(&self, name: &str) -> Option<Arc<RouteSource>> {
        self.sources.get(&(R::PROTOCOL, Kind::Router, name.to_owned())).cloned()
    }

    /// Notes what a router wants; false when it cannot be published.
    fn router<R: Router>(&mut self, protocol: RuleProtocol, name: &str, router: &R) -> bool {
        let Some(source) = self.source::<R>(name) else { return false };
        let facts = router.facts();
        let Some(rule) = self.rule::<R>(protocol, name, facts, &source) else { return false };
        let domains = facts.tls.map_or(&[][..], |tls| tls.domains);
        let mut want = Want::of_rule(R::PROTOCOL, name, &rule, certificate_names(domains, self.policy), source);
        if facts.tls.is_some_and(|tls| !tls.resolver.is_empty()) {
            want.orders = orders(&rule, domains, self.policy);
        }
        match protocol {
            RuleProtocol::Http => {
                let options = facts.tls.map_or("", |tls| tls.options);
                want.tls_options = if options == "default" { String::new() } else { options.to_owned() };
            }
            RuleProtocol::Tcp => want.enter(facts, self.policy),
        }
        self.wants.push(want);
        true
    }

    fn rule<R: Router>(
        &mut self,
        protocol: RuleProtocol,
        name: &str,
        facts: Facts<'_>,
        source: &RouteSource,
    ) -> Option<Rule> {
        let tls = Tls::from(facts.tls.is_some());
        let parsed = parse(protocol, Syntax::from_label(facts.rule_syntax), facts.rule, tls);
        // The decoder reports the problems of rules; here only what it lets through can be wrong with a published rule.
        if parsed.rule.is_none() {
            let local = name.rsplit_once('-').map_or(name, |(local, _)| local);
            let problem = parsed.problems.iter().find(|problem| problem.severity == traefik_labels::Severity::Error);
            let finding = problem.map(|problem| Finding::from_problem(problem, source.subject()));
            let label = format!("traefik.{}.routers.{local}.rule", R::PROTOCOL.as_str());
            self.findings.extend(finding.map(|finding| finding.label(label)));
        }
        parsed.rule
    }
}

/// The names that Traefik orders certificates for: the domains, else every host of the rule.
fn orders(rule: &Rule, domains: &[CertificateDomain], policy: &Policy) -> BTreeSet<String> {
    if domains.is_empty() {
        return rule.hosts.iter().filter(|host| !host.contains('*')).cloned().collect();
    }
    certificate_names(domains, policy).map(|host| host.as_str().to_owned()).collect()
}

/// The names of certificates, without the wildcard that all auto-routes share: it is ordered anyway, and nobody gets
/// its key.
fn certificate_names(domains: &[CertificateDomain], policy: &Policy) -> impl Iterator<Item = HostPattern> {
    let shared = policy.base_domain.as_ref().map(|domain| HostPattern::named(&format!("*.{domain}")));
    let apart = domains.iter().flat_map(|domain| std::iter::once(&domain.main).chain(&domain.sans));
    let names = apart.filter(|name| !name.is_empty()).map(|name| HostPattern::named(name.as_str()));
    names.filter(move |name| Some(name) != shared.as_ref())
}

fn names(entry_points: &[EntryPointRef]) -> Vec<String> {
    entry_points.iter().map(ToString::to_string).collect()
}

/// The wildcards that a branch without an exact host is confined to; none where an exact host is pinned.
fn loose(branch: &Branch) -> Option<BTreeSet<HostPattern>> {
    let wildcards = branch.wildcards.iter().map(|text| HostPattern::named(text));
    branch.pinned.is_empty().then(|| wildcards.filter(|wildcard| wildcard.as_str() != "*").collect())
}

// === impl Want ===

impl Want {
    pub(crate) fn new(protocol: Protocol, name: &str, source: Arc<RouteSource>) -> Self {
        Self {
            protocol,
            name: name.to_owned(),
            source,
            hosts: BTreeSet::new(),
            loose: BTreeSet::new(),
            shared: Vec::new(),
            exclusive: Vec::new(),
            orders: BTreeSet::new(),
            tls_options: String::new(),
        }
    }

    fn of_rule(
        protocol: Protocol,
        name: &str,
        rule: &Rule,
        certificates: impl Iterator<Item = HostPattern>,
        source: Arc<RouteSource>,
    ) -> Self {
        let named = rule.hosts.iter().filter(|host| *host != "*").map(|host| HostPattern::named(host));
        let hosts = named.chain(certificates).collect();
        let loose = rule.branches.iter().filter_map(loose).collect();
        Self { hosts, loose, ..Self::new(protocol, name, source) }
    }

    /// Notes which entry points a TCP router wants, shared with others or for its repository alone.
    fn enter(&mut self, facts: Facts<'_>, policy: &Policy) {
        let is_web = |name: &String| policy.entry_points.kind(name) == Some(EntryPointKind::Https);
        let (web, own): (Vec<_>, Vec<_>) = names(facts.entry_points).into_iter().partition(is_web);
        if self.loose.is_empty() && facts.tls.is_some() {
            self.shared = own;
            return;
        }
        // On an entry point of its own any rule is harmless to others; on HTTPS it would be in front of everybody.
        self.exclusive = own;
        if web.is_empty() {
            self.loose.clear();
        }
    }

    /// How the router is called in messages.
    pub(crate) fn label(&self) -> String {
        let local = self.name.rsplit_once('-').map_or(self.name.as_str(), |(local, _)| local);
        format!("traefik.{}.routers.{local}", self.protocol.as_str())
    }
}
