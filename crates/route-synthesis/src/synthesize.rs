use std::sync::Arc;

use container_snapshot::{Container, ContainerState, DaemonView, Defect, Health, Link, Snapshot, Timestamp, Tracked};
use repo_network::NetworkId;
use traefik_labels::{Decoded, Severity as ProblemSeverity};
use traefik_model::{Configuration, role::EntryPointRef};

use crate::{
    DecodeCache, Finding, FindingCode, Policy, Severity, Subject,
    assign::assign,
    build::Builder,
    identity::{Enable, Identity},
    merge::{Entry, Merged, Sources, for_each_section},
    names::published,
    references::Rewriter,
    table::{Protocol, RouteKind, RouteSource, Table, Unrouted},
};

/// What came of a snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// What Traefik is to be told.
    pub configuration: Configuration,
    /// The same for people.
    pub table: Table,
    /// The containers that are not routed, and why.
    pub unrouted: Vec<Unrouted>,
    /// Everything that is not as it was meant, sorted.
    pub findings: Vec<Finding>,
    /// When the outcome changes although nothing else does.
    pub next_deadline: Option<Timestamp>,
}

/// Makes Traefik's configuration of what the daemons said.
#[must_use]
pub fn synthesize(snapshot: &Snapshot, policy: &Policy, cache: &mut DecodeCache, now: Timestamp) -> Outcome {
    cache.begin();
    let mut synthesis = Synthesis { policy, cache, now, outcome: Outcome::default(), sources: Sources::new() };
    for (path, reason) in &snapshot.refused_sockets {
        let message = format!("{path}: {reason}");
        let finding = Finding::new(FindingCode::RefusedSocket, Severity::Warning, Subject::default(), message);
        synthesis
            .outcome
            .findings
            .push(finding.hint("sockets are named docker-<network ID>.sock, e.g. docker-2816.sock"));
    }
    for (id, view) in &snapshot.daemons {
        synthesis.daemon(*id, view);
    }
    synthesis.finish()
}

struct Synthesis<'a> {
    policy: &'a Policy,
    cache: &'a mut DecodeCache,
    now: Timestamp,
    outcome: Outcome,
    sources: Sources,
}

/// How a container takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It answers.
    Serving,
    /// It exists and does not answer yet, or not at the moment: routers without servers.
    Waiting,
    /// It went down a moment ago: routers without servers, for the grace time.
    Down,
}

// === impl Synthesis ===

impl Synthesis<'_> {
    fn daemon(&mut self, id: NetworkId, view: &DaemonView) {
        let patience = match view.link {
            Link::Connecting | Link::Live => None,
            Link::Stale => Some(self.policy.stale_for),
            Link::Gone => Some(self.policy.grace),
        };
        if view.link != Link::Live {
            self.daemon_not_live(id, view);
        }
        if let Some(patience) = patience {
            let end = view.since.after(patience);
            if self.now >= end {
                return;
            }
            self.deadline(end);
        }
        self.repository(id, view);
    }

    fn daemon_not_live(&mut self, id: NetworkId, view: &DaemonView) {
        let reason = view.reason.as_deref().unwrap_or("it has not answered yet");
        let message = match view.link {
            Link::Connecting => format!("{}: {reason}", view.socket),
            Link::Stale => format!("{}: {reason}; its routes stay for a while as they were", view.socket),
            Link::Live | Link::Gone => format!("{}: {reason}; its routes will go", view.socket),
        };
        let finding = Finding::new(FindingCode::DaemonNotLive, Severity::Warning, Subject::repository(id), message);
        self.outcome.findings.push(finding);
    }

    fn repository(&mut self, id: NetworkId, view: &DaemonView) {
        let mut parts: Vec<_> = view.containers.values().filter_map(|tracked| self.part(id, tracked)).collect();
        // The oldest first, but whoever is there before whoever is down.
        parts.sort_by_key(|(part, container)| (*part == Part::Down, container.created, container.id.clone()));
        let mut merged = Merged::default();
        for (part, container) in parts {
            self.container(id, container, part, &mut merged);
        }
        merged.drop_dangling();
        self.outcome.findings.append(&mut merged.findings);
        for_each_section!(|E| {
            let entries = std::mem::take(E::section(&mut merged.configuration));
            E::section(&mut self.outcome.configuration).extend(entries);
        });
        self.sources.append(&mut merged.sources);
    }

    /// Whether and how a container takes part.
    fn part<'t>(&mut self, id: NetworkId, tracked: &'t Tracked) -> Option<(Part, &'t Container)> {
        let container = tracked.container.as_ref();
        if container.labels.get("com.docker.compose.oneoff").is_some_and(|value| value == "True") {
            self.unrouted(id, container, FindingCode::OneOff, "a one-off container of `docker compose run`");
            return None;
        }
        if container.is_serving() && !tracked.removed {
            return Some((Part::Serving, container));
        }
        let state = container.state;
        let exists = matches!(state, ContainerState::Running | ContainerState::Paused | ContainerState::Restarting);
        if exists && !tracked.removed {
            return Some((Part::Waiting, container));
        }
        let end = tracked.down_since.unwrap_or(self.now).after(self.policy.grace);
        if self.now < end {
            self.deadline(end);
            return Some((Part::Down, container));
        }
        if !tracked.removed {
            let reason = format!("the container does not run ({})", state.as_str());
            self.unrouted(id, container, FindingCode::NotRunning, &reason);
        }
        None
    }

    fn container(&mut self, id: NetworkId, container: &Container, part: Part, merged: &mut Merged) {
        let known = self.outcome.findings.len();
        let configuration = self.publishable(id, container, part);
        let routed = configuration.as_ref().is_some_and(|configuration| router_count(configuration) > 0);
        if let Some(configuration) = configuration {
            // What it defines may be for routers of other containers.
            let kind = if Enable::of(&container.labels) == Enable::Yes { RouteKind::Labels } else { RouteKind::Auto };
            let subject = Subject::container(id, container);
            let source = RouteSource { network_id: id, container: subject.container, service: subject.service, kind };
            merged.add(configuration, &Arc::new(source), part == Part::Down);
        }
        if routed {
            self.not_ready(id, container, part);
        } else if part == Part::Down {
            // Who is on the way out need not be explained.
            self.outcome.findings.truncate(known);
        } else {
            self.explain_unrouted(id, container, known);
        }
    }

    /// The gravest of the findings since then is why a container is not routed.
    fn explain_unrouted(&mut self, id: NetworkId, container: &Container, known: usize) {
        let why = self.outcome.findings.get(known..).and_then(|new| new.iter().min_by_key(|finding| finding.severity));
        let (code, reason) = why.map_or_else(
            || {
                (
                    FindingCode::NoRouter,
                    "its labels define no router; what they define is for routers of others".to_owned(),
                )
            },
            |why| (why.code, why.message.clone()),
        );
        self.add_unrouted(id, container, code, reason);
    }

    /// What a container would publish; findings say why it is less than it was meant.
    fn publishable(&mut self, id: NetworkId, container: &Container, part: Part) -> Option<Configuration> {
        let subject = || Subject::container(id, container);
        for defect in &container.defects {
            let (code, message) = match defect {
                Defect::NoName => (FindingCode::NoName, "the container has no name".to_owned()),
                Defect::LabelsTooLarge(bytes) => (
                    FindingCode::LabelsTooLarge,
                    format!("its labels have {bytes} bytes, more than {}", container_snapshot::MAX_LABEL_BYTES),
                ),
            };
            self.outcome.findings.push(Finding::new(code, Severity::Warning, subject(), message));
        }
        let enable = Enable::of(&container.labels);
        match &enable {
            Enable::No => {
                let finding =
                    Finding::new(FindingCode::SwitchedOff, Severity::Info, subject(), "traefik.enable is false");
                self.outcome.findings.push(finding.label("traefik.enable"));
                return None;
            }
            Enable::Unclear(text) => {
                let message = format!("{text:?} is neither true nor false");
                let finding = Finding::new(FindingCode::EnableUnclear, Severity::Error, subject(), message);
                self.outcome.findings.push(finding.label("traefik.enable").hint("traefik.enable=true"));
                return None;
            }
            Enable::Absent => self.enable_forgotten(id, container),
            Enable::Yes => {}
        }
        let identity = Identity::of(id, container, &mut self.outcome.findings)?;
        if container.network_mode == "none" {
            let message = "network_mode none: nothing can be reached there";
            self.outcome.findings.push(Finding::new(FindingCode::NetworkMode, Severity::Info, subject(), message));
            return None;
        }
        let serving = part == Part::Serving;
        let mut builder =
            Builder { id, container, identity: &identity, policy: self.policy, serving, findings: Vec::new() };
        let configuration = if enable == Enable::Yes {
            let decoded = self.cache.decoded(id, container);
            let problems = decoded.problems.iter().map(|problem| Finding::from_problem(problem, subject()));
            self.outcome.findings.extend(problems);
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
            builder.findings.push(finding.label("rediacc.auto_route"));
            Configuration::default()
        };
        self.outcome.findings.append(&mut builder.findings);
        Some(configuration)
    }

    fn enable_forgotten(&mut self, id: NetworkId, container: &Container) {
        let traefik = |key: &&String| key.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("traefik."));
        let Some(label) = container.labels.keys().find(traefik) else { return };
        let message = "Traefik's labels have no effect without traefik.enable=true";
        let finding =
            Finding::new(FindingCode::EnableForgotten, Severity::Warning, Subject::container(id, container), message);
        self.outcome.findings.push(finding.label(label.clone()).hint("did you forget traefik.enable=true?"));
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
        self.outcome.findings.push(Finding::new(
            FindingCode::NotReady,
            severity,
            Subject::container(id, container),
            message,
        ));
    }

    /// Gives everything its published name, entry points and references; what cannot be published is left out.
    fn publish(&mut self, id: NetworkId, container: &Container, configuration: &mut Configuration) {
        self.assign_entry_points(id, container, configuration);
        for_each_section!(|E| self.publish_section::<E>(id, container, configuration));
    }

    fn publish_section<E: Entry>(&mut self, id: NetworkId, container: &Container, configuration: &mut Configuration) {
        for (name, mut entry) in std::mem::take(E::section(configuration)) {
            let label = format!("traefik.{}.{}s.{name}", E::PROTOCOL.as_str(), E::KIND.as_str());
            let mut rewriter = Rewriter::new(id, self.policy);
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
                self.outcome.findings.push(finding.label(label));
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
            self.outcome.findings.push(Finding { hint: remark.hint, ..finding });
        }
        !entry_points.is_empty()
    }

    fn unrouted(&mut self, id: NetworkId, container: &Container, code: FindingCode, reason: &str) {
        let finding = Finding::new(code, Severity::Info, Subject::container(id, container), reason);
        self.outcome.findings.push(finding);
        self.add_unrouted(id, container, code, reason.to_owned());
    }

    fn add_unrouted(&mut self, id: NetworkId, container: &Container, code: FindingCode, reason: String) {
        let Subject { container, service, .. } = Subject::container(id, container);
        self.outcome.unrouted.push(Unrouted { network_id: Some(id), container, service, code, reason });
    }

    fn deadline(&mut self, at: Timestamp) {
        let next = self.outcome.next_deadline.map_or(at, |next| next.min(at));
        self.outcome.next_deadline = Some(next);
    }

    fn finish(self) -> Outcome {
        let mut outcome = self.outcome;
        outcome.table = Table::of(&outcome.configuration, &self.sources);
        outcome.findings.sort();
        outcome.findings.dedup();
        outcome.unrouted.sort();
        outcome
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
