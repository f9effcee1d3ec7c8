use std::sync::Arc;

use container_snapshot::{Container, Defect, Health};
use repo_network::{AUTO_ROUTE, NetworkId, TCP_PORTS, UDP_PORTS};
use traefik_labels::{Code, Decoded, Severity as ProblemSeverity};
use traefik_model::{Configuration, role::EntryPointRef};

use super::{Draft, Member, Part};
use crate::{
    Cache, Finding, FindingCode, Policy, Severity, Subject,
    addresses::Addresses,
    assign::assign,
    build::Builder,
    guard,
    identity::{Enable, Identity},
    merge::{Entry, Merged, for_each_section},
    names::published,
    ports::{self, PortWish},
    references::Rewriter,
    table::{Protocol, RouteKind, RouteSource, Unrouted},
    wants::{self, Want},
};

/// What labels by themselves cannot know and the repository as a whole does: it has findings of its own for these.
const JUDGED: [Code; 5] =
    [Code::ForeignProvider, Code::Unused, Code::NotAPort, Code::UnknownScheme, Code::UnknownReference];

/// Makes the draft of a repository; its members come with the oldest first, and those that are down last.
pub(crate) fn draft(id: NetworkId, members: &[Member], policy: &Policy, cache: &mut Cache) -> Draft {
    let addresses = Addresses::of(id, members.iter().map(|member| member.container.as_ref()));
    let mut drafting =
        Drafting { id, policy, cache, addresses, findings: Vec::new(), unrouted: Vec::new(), wishes: Vec::new() };
    let mut merged = Merged::default();
    for member in members {
        drafting.member(member, &mut merged);
    }
    drafting.findings.append(&mut merged.findings);
    guard::harmless(&mut merged);
    drafting.findings.append(&mut merged.findings);
    let wants = wants::of(&mut merged.configuration, &merged.sources, policy, &mut drafting.findings);
    merged.drop_dangling();
    drafting.findings.append(&mut merged.findings);
    let kept =
        |want: &Want| merged.sources.contains_key(&(want.protocol, crate::merge::Kind::Router, want.name.clone()));
    let wants = wants.into_iter().filter(kept).collect();
    let Drafting { findings, unrouted, wishes, .. } = drafting;
    let Merged { configuration, sources, .. } = merged;
    Draft { configuration, sources, wants, wishes, findings, unrouted, ..Draft::default() }
}

struct Drafting<'a> {
    id: NetworkId,
    policy: &'a Policy,
    cache: &'a mut Cache,
    addresses: Addresses,
    findings: Vec<Finding>,
    unrouted: Vec<Unrouted>,
    wishes: Vec<PortWish>,
}

// === impl Drafting ===

impl Drafting<'_> {
    fn member(&mut self, member: &Member, merged: &mut Merged) {
        let container = member.container.as_ref();
        match member.part {
            Part::OneOff => {
                self.not_routed(container, FindingCode::OneOff, "a one-off container of `docker compose run`")
            }
            Part::Stopped => {
                let reason = format!("the container does not run ({})", container.state.as_str());
                self.not_routed(container, FindingCode::NotRunning, &reason);
            }
            Part::Serving | Part::Waiting | Part::Down => self.container(self.id, container, member.part, merged),
        }
    }

    fn not_routed(&mut self, container: &Container, code: FindingCode, reason: &str) {
        self.findings.push(Finding::new(code, Severity::Info, Subject::container(self.id, container), reason));
        self.unrouted.push(Unrouted::new(Subject::container(self.id, container), code, reason));
    }

    fn container(&mut self, id: NetworkId, container: &Container, part: Part, merged: &mut Merged) {
        let known = self.findings.len();
        let wishes = self.wishes.len();
        let kind = if Enable::of(&container.labels) == Enable::Yes { RouteKind::Labels } else { RouteKind::Auto };
        let source = Arc::new(RouteSource::of(id, container, kind));
        let configuration = self.publishable(id, container, part, &source);
        let mut routed = self.wishes.len() > wishes;
        if let Some(configuration) = configuration {
            routed |= router_count(&configuration) > 0;
            // What it defines may be for routers of other containers.
            merged.add(configuration, &source, part == Part::Down);
        }
        if part == Part::Down {
            // Who is on the way out need not be explained.
            self.findings.truncate(known);
        } else if routed {
            self.not_ready(id, container, part);
        } else {
            self.explain_unrouted(id, container, known);
        }
    }

    /// The gravest of the findings since then is why a container is not routed.
    fn explain_unrouted(&mut self, id: NetworkId, container: &Container, known: usize) {
        let why = self.findings.get(known..).and_then(|new| new.iter().min_by_key(|finding| finding.severity));
        let (code, reason) = why.map_or(
            (FindingCode::NoRouter, "its labels define no router; what they define is for routers of others"),
            |why| (why.code, why.message.as_str()),
        );
        self.unrouted.push(Unrouted::new(Subject::container(id, container), code, reason));
    }

    /// What a container would publish; findings say why it is less than it was meant.
    fn publishable(
        &mut self,
        id: NetworkId,
        container: &Container,
        part: Part,
        source: &Arc<RouteSource>,
    ) -> Option<Configuration> {
        let subject = || Subject::container(id, container);
        for defect in &container.defects {
            let (code, message) = match defect {
                Defect::NoName => (FindingCode::NoName, "the container has no name".to_owned()),
                Defect::LabelsTooLarge(bytes) => (
                    FindingCode::LabelsTooLarge,
                    format!("its labels have {bytes} bytes, more than {}", container_snapshot::MAX_LABEL_BYTES),
                ),
            };
            self.findings.push(Finding::new(code, Severity::Warning, subject(), message));
        }
        let enable = Enable::of(&container.labels);
        match &enable {
            Enable::No => {
                let finding =
                    Finding::new(FindingCode::SwitchedOff, Severity::Info, subject(), "traefik.enable is false");
                self.findings.push(finding.label("traefik.enable"));
                return None;
            }
            Enable::Unclear(text) => {
                let message = format!("{text:?} is neither true nor false");
                let finding = Finding::new(FindingCode::EnableUnclear, Severity::Error, subject(), message);
                self.findings.push(finding.label("traefik.enable").hint("traefik.enable=true"));
                return None;
            }
            Enable::Absent => self.enable_forgotten(id, container),
            Enable::Yes => {}
        }
        let identity = Identity::of(id, container, &mut self.findings)?;
        if container.network_mode == "none" {
            let message = "network_mode none: nothing can be reached there";
            self.findings.push(Finding::new(FindingCode::NetworkMode, Severity::Info, subject(), message));
            return None;
        }
        let serving = part == Part::Serving;
        self.wish(container, &identity, serving, source);
        let mut builder =
            Builder { id, container, identity: &identity, policy: self.policy, serving, findings: Vec::new() };
        let configuration = if enable == Enable::Yes {
            let decoded = self.cache.decoded(id, container);
            let told = decoded.problems.iter().filter(|problem| !JUDGED.contains(&problem.code));
            let problems = told.map(|problem| Finding::from_problem(problem, subject()));
            self.findings.extend(problems);
            let mut labelled = builder.labelled(&decoded);
            self.publish(id, container, &mut labelled);
            if asks_for_nothing(&decoded) {
                let auto = auto_route(&mut builder);
                labelled.http.routers.extend(auto.http.routers);
                labelled.http.services.extend(auto.http.services);
            }
            labelled
        } else if identity.auto_route {
            auto_route(&mut builder)
        } else {
            let finding =
                Finding::new(FindingCode::AutoRouteOff, Severity::Info, subject(), "rediacc.auto_route is false");
            builder.findings.push(finding.label(AUTO_ROUTE));
            Configuration::default()
        };
        self.findings.append(&mut builder.findings);
        Some(configuration)
    }

    fn enable_forgotten(&mut self, id: NetworkId, container: &Container) {
        let traefik = |key: &&String| key.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("traefik."));
        let Some(label) = container.labels.keys().find(traefik) else { return };
        let message = "Traefik's labels have no effect without traefik.enable=true";
        let finding =
            Finding::new(FindingCode::EnableForgotten, Severity::Warning, Subject::container(id, container), message);
        self.findings.push(finding.label(label.clone()).hint("did you forget traefik.enable=true?"));
    }

    fn not_ready(&mut self, id: NetworkId, container: &Container, part: Part) {
        if part != Part::Waiting {
            return;
        }
        let message = match container.health {
            Health::Starting => "its health check has not succeeded yet: clients get 503",
            Health::Unhealthy => "its health check fails: clients get 503",
            Health::Healthy | Health::Unchecked => "it is paused or restarting: clients get 503",
        };
        let severity = if container.health == Health::Starting { Severity::Info } else { Severity::Warning };
        self.findings.push(Finding::new(FindingCode::NotReady, severity, Subject::container(id, container), message));
    }

    /// Gives everything its published name, entry points and references; what cannot be published is left out.
    fn publish(&mut self, id: NetworkId, container: &Container, configuration: &mut Configuration) {
        self.assign_entry_points(id, container, configuration);
        for_each_section!(|E| self.publish_section::<E>(id, container, configuration));
    }

    fn publish_section<E: Entry>(&mut self, id: NetworkId, container: &Container, configuration: &mut Configuration) {
        for (name, mut entry) in std::mem::take(E::section(configuration)) {
            let label = format!("traefik.{}.{}s.{name}", E::PROTOCOL.as_str(), E::KIND.as_str());
            let mut rewriter = Rewriter::new(id, self.policy, &self.addresses);
            entry.walk(&mut rewriter);
            if name.contains('@') || name.chars().any(char::is_control) {
                let message = format!("{name:?} cannot be a name: it holds an @ or a control character");
                rewriter.refused.push((FindingCode::BadName, String::new(), message));
            }
            let refused = rewriter.refused.into_iter().map(|it| (Severity::Error, it));
            let doubted = rewriter.doubted.into_iter().map(|it| (Severity::Warning, it));
            let mut keep = true;
            for (severity, (code, field, message)) in refused.chain(doubted) {
                keep &= severity != Severity::Error;
                let finding = Finding::new(code, severity, Subject::container(id, container), message);
                let label = if field.is_empty() { label.clone() } else { format!("{label}.{field}") };
                self.findings.push(finding.label(label));
            }
            if keep {
                E::section(configuration).insert(published(&name, id), entry);
            }
        }
    }

    fn assign_entry_points(&mut self, id: NetworkId, container: &Container, configuration: &mut Configuration) {
        configuration.http.routers.retain(|name, router| {
            self.assigned(id, container, Protocol::Http, name, router.tls.is_some(), &mut router.entry_points)
        });
        configuration.tcp.routers.retain(|name, router| {
            self.assigned(id, container, Protocol::Tcp, name, router.tls.is_some(), &mut router.entry_points)
        });
        configuration
            .udp
            .routers
            .retain(|name, router| self.assigned(id, container, Protocol::Udp, name, false, &mut router.entry_points));
    }

    fn assigned(
        &mut self,
        id: NetworkId,
        container: &Container,
        protocol: Protocol,
        name: &str,
        has_tls: bool,
        entry_points: &mut Vec<EntryPointRef>,
    ) -> bool {
        let assigned = assign(entry_points, protocol, has_tls, self.policy);
        *entry_points = assigned.entry_points;
        let label = format!("traefik.{}.routers.{name}.entrypoints", protocol.as_str());
        for remark in assigned.remarks {
            let subject = Subject::container(id, container);
            let finding = Finding::new(remark.code, remark.severity, subject, remark.message).label(label.clone());
            self.findings.push(Finding { hint: remark.hint, ..finding });
        }
        !entry_points.is_empty()
    }

    /// The ports that a container wants public ones for.
    fn wish(&mut self, container: &Container, identity: &Identity, serving: bool, source: &Arc<RouteSource>) {
        let subject = source.subject();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !source.service.chars().all(plain) || source.service.is_empty() {
            return;
        }
        for (label, protocol) in [(TCP_PORTS, Protocol::Tcp), (UDP_PORTS, Protocol::Udp)] {
            let Some(text) = container.labels.get(label).filter(|text| !text.trim().is_empty()) else { continue };
            for port in ports::listed(label, text, &subject, &mut self.findings) {
                let source = source.clone();
                self.wishes.push(PortWish { protocol, port, address: identity.address, serving, source });
            }
        }
    }
}

fn auto_route(builder: &mut Builder<'_>) -> Configuration {
    let configuration = builder.auto_route();
    if configuration == Configuration::default() {
        builder.explain_missing_auto_route();
    }
    configuration
}

/// Whether labels say nothing about routers and services: then the container gets what it would get without labels
/// (requirements §3), as Traefik gives it its default router.
fn asks_for_nothing(decoded: &Decoded) -> bool {
    let Configuration { http, tcp, udp, .. } = &decoded.configuration;
    let routers = http.routers.len() + tcp.routers.len() + udp.routers.len();
    let services = http.services.len() + tcp.services.len() + udp.services.len();
    decoded.problems.iter().all(|problem| problem.severity != ProblemSeverity::Error) && routers + services == 0
}

fn router_count(configuration: &Configuration) -> usize {
    configuration.http.routers.len() + configuration.tcp.routers.len() + configuration.udp.routers.len()
}
