use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use container_snapshot::{Container, ContainerState, DaemonView, Link, Listeners, Snapshot, Timestamp, Tracked};
use repo_network::NetworkId;
use traefik_model::{Configuration, tcp, udp};

use crate::{
    Cache, Finding, FindingCode, Ledger, Moment, Policy, PortTable, Severity, Subject,
    draft::{Draft, Member, Part, draft},
    ledger::Used,
    merge::Sources,
    ports::PortWish,
    publication::{Publication, Refused, Share},
    table::Unrouted,
    tenancy::Registrar,
    wants::Want,
};

/// What came of a snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// What Traefik is to be told.
    pub publication: Publication,
    /// The ports that were allocated.
    pub ports: PortTable,
    /// The containers that are not routed, and why.
    pub unrouted: Vec<Unrouted>,
    /// Everything that is not as it was meant, sorted.
    pub findings: Vec<Finding>,
    /// Who owns what from now on.
    pub ledger: Ledger,
    /// When the outcome changes although nothing else does, by the steady clock.
    pub next_deadline: Option<Timestamp>,
}

/// Makes Traefik's configuration of what the daemons said.
#[must_use]
pub fn synthesize(
    snapshot: &Snapshot,
    policy: &Policy,
    ledger: &Ledger,
    cache: &mut Cache,
    now: impl Into<Moment>,
) -> Outcome {
    cache.begin(policy);
    let mut synthesis = Synthesis::new(policy, ledger, snapshot.listeners.as_ref(), now.into());
    for (path, reason) in &snapshot.refused_sockets {
        let message = format!("{path}: {reason}");
        let finding = Finding::new(FindingCode::RefusedSocket, Severity::Warning, Subject::default(), message);
        synthesis
            .outcome
            .findings
            .push(finding.hint("sockets are named docker-<network ID>.sock, e.g. docker-2816.sock"));
    }
    for (id, view) in &snapshot.daemons {
        synthesis.daemon(*id, view, cache);
    }
    cache.end(|id| snapshot.daemons.contains_key(&id));
    synthesis.finish()
}

struct Synthesis<'a> {
    registrar: Registrar<'a>,
    now: Moment,
    listeners: Option<&'a Listeners>,
    outcome: Outcome,
    drafts: BTreeMap<NetworkId, Arc<Draft>>,
    lost: BTreeSet<NetworkId>,
}

// === impl Synthesis ===

impl<'a> Synthesis<'a> {
    fn new(policy: &'a Policy, ledger: &Ledger, listeners: Option<&'a Listeners>, now: Moment) -> Self {
        Self {
            registrar: Registrar {
                policy,
                used: Used::default(),
                now: now.wall,
                patterns: ledger.hosts.iter().any(|(host, claim)| claim.assigned && host.is_pattern()),
                ledger: ledger.clone(),
                options: BTreeMap::new(),
                owned: ledger.owned(),
                idle: BTreeMap::new(),
            },
            now,
            listeners,
            outcome: Outcome::default(),
            drafts: BTreeMap::new(),
            lost: BTreeSet::new(),
        }
    }

    fn policy(&self) -> &'a Policy {
        self.registrar.policy
    }

    fn daemon(&mut self, id: NetworkId, view: &DaemonView, cache: &mut Cache) {
        if view.link != Link::Live {
            self.daemon_not_live(id, view);
            self.lost.insert(id);
        }
        let mut members = self.members(view);
        // A daemon that is away is not its containers: they serve on while it is upgraded, hangs or was killed.
        if matches!(view.link, Link::Stale | Link::Gone) {
            let end = view.since.after(self.policy().stale_for);
            if self.now.steady < end {
                self.deadline(end);
            } else {
                members.retain(|member| self.is_heard(view, &member.container));
            }
            if members.is_empty() {
                self.lost.remove(&id);
                return;
            }
        }
        let draft = cache.draft(id, &members).unwrap_or_else(|| {
            let made = Arc::new(draft(id, &members, self.registrar.policy, cache));
            cache.keep(id, members, made.clone());
            made
        });
        self.drafts.insert(id, draft);
    }

    /// Whether a container is seen to listen.
    fn is_heard(&self, view: &DaemonView, container: &Container) -> bool {
        let tracked = view.containers.get(&container.id);
        self.listeners.zip(tracked).is_some_and(|(listeners, tracked)| tracked.is_heard(listeners))
    }

    fn daemon_not_live(&mut self, id: NetworkId, view: &DaemonView) {
        let reason = view.reason.as_deref().unwrap_or("it has not answered yet");
        let message = match view.link {
            Link::Connecting => format!("{}: {reason}", view.socket),
            Link::Live | Link::Stale | Link::Gone => {
                format!("{}: {reason}; its routes stay as they were where somebody listens", view.socket)
            }
        };
        let finding = Finding::new(FindingCode::DaemonNotLive, Severity::Warning, Subject::repository(id), message);
        self.outcome.findings.push(finding);
    }

    /// The containers that matter: the oldest first, but whoever is there before whoever is down.
    fn members(&mut self, view: &DaemonView) -> Vec<Member> {
        let mut members: Vec<_> = view.containers.values().filter_map(|tracked| self.member(tracked)).collect();
        members.sort_by(|one, other| {
            let key = |member: &Member| (member.part == Part::Down, member.container.created);
            key(one).cmp(&key(other)).then_with(|| one.container.id.cmp(&other.container.id))
        });
        members
    }

    fn member(&mut self, tracked: &Tracked) -> Option<Member> {
        let container = &tracked.container;
        let member = |part| Some(Member { part, container: container.clone() });
        if container.labels.get("com.docker.compose.oneoff").is_some_and(|value| value == "True") {
            return if tracked.removed { None } else { member(Part::OneOff) };
        }
        if container.is_serving() && !tracked.removed {
            return member(Part::Serving);
        }
        let exists =
            matches!(container.state, ContainerState::Running | ContainerState::Paused | ContainerState::Restarting);
        if exists && !tracked.removed {
            return member(Part::Waiting);
        }
        let end = tracked.down_since.unwrap_or(self.now.steady).after(self.policy().grace);
        if self.now.steady < end {
            self.deadline(end);
            return member(Part::Down);
        }
        if tracked.removed { None } else { member(Part::Stopped) }
    }

    /// Lets repositories meet: routers are admitted in the order in which their containers were made.
    fn admit(&mut self) -> Vec<Share> {
        let drafts = std::mem::take(&mut self.drafts);
        let mut wants: Vec<&Want> = drafts.values().flat_map(|draft| &draft.wants).collect();
        wants.sort_by_key(|want| (want.source.created, want.source.network_id, want.protocol, &want.name));
        let mut refused: BTreeMap<NetworkId, Refused> = BTreeMap::new();
        let mut without_resolver: BTreeMap<NetworkId, Vec<&Want>> = BTreeMap::new();
        for want in wants {
            let id = want.source.network_id;
            if let Err(refusal) = self.registrar.admit(want) {
                let finding = refusal.finding(want);
                let reason = (finding.code, finding.message.clone());
                self.outcome.findings.push(finding);
                refused.entry(id).or_default().insert((want.protocol, want.name.clone()), reason);
            } else if !self.registrar.may_order(want) {
                self.too_many_certificates(want);
                without_resolver.entry(id).or_default().push(want);
            }
        }
        let share = |(id, draft): (&NetworkId, &Arc<Draft>)| {
            let mut share = Share::new(draft.clone(), refused.remove(id).unwrap_or_default());
            for want in without_resolver.remove(id).into_iter().flatten() {
                share.without_resolver(want.protocol, &want.name);
            }
            self.tell(&share);
            share
        };
        drafts.iter().map(share).collect()
    }

    /// What there is to say of a repository. A container none of whose routers was admitted is not routed.
    fn tell(&mut self, Share { draft, refused, .. }: &Share) {
        self.outcome.findings.extend(draft.findings.iter().cloned());
        self.outcome.unrouted.extend(draft.unrouted.iter().cloned());
        if refused.is_empty() {
            return;
        }
        let reason = |want: &Want| refused.get(&(want.protocol, want.name.clone()));
        let admitted = draft.wants.iter().filter(|want| reason(want).is_none());
        let mut told: BTreeSet<_> = admitted.map(|want| &want.source.container).collect();
        for want in &draft.wants {
            if let Some((code, reason)) = reason(want).filter(|_| told.insert(&want.source.container)) {
                self.outcome.unrouted.push(Unrouted::new(want.source.subject(), *code, reason));
            }
        }
    }

    fn too_many_certificates(&mut self, want: &Want) {
        let limit = self.policy().certificates_per_week;
        let message = format!(
            "its repository asked for more than {limit} new certificate names within a week: it is published with Traefik's default certificate"
        );
        let finding = Finding::new(FindingCode::TooManyCertificates, Severity::Error, want.source.subject(), message);
        self.outcome.findings.push(finding.label(want.label()).hint("use one wildcard certificate, or wait"));
    }

    /// Gives services the public ports that they ask for, in the order in which they first asked.
    fn allocate(&mut self, shares: &[Share]) -> (Configuration, Sources) {
        let (mut configuration, mut sources) = (Configuration::default(), Sources::new());
        let mut wishes: Vec<&PortWish> = shares.iter().flat_map(|share| &share.draft.wishes).collect();
        if wishes.is_empty() {
            return (configuration, sources);
        }
        wishes.sort_by_key(|wish| (wish.source.created, wish.key()));
        let taken = entry_points_in_use(shares);
        // Of several containers of a service the one that answers.
        let answering: BTreeMap<_, _> =
            wishes.iter().filter(|wish| wish.serving).map(|wish| (wish.key(), *wish)).collect();
        let mut served = BTreeSet::new();
        for wish in wishes {
            if !served.insert(wish.key()) {
                continue;
            }
            let wish = answering.get(&wish.key()).copied().unwrap_or(wish);
            match self.registrar.allocate(wish, &taken) {
                Some(allocation) => {
                    let twin = self.registrar.twin(&allocation);
                    self.outcome.ports.add(wish, &allocation, twin, &mut configuration, &mut sources);
                }
                None => self.no_port_left(wish),
            }
        }
        (configuration, sources)
    }

    fn no_port_left(&mut self, wish: &PortWish) {
        let protocol = wish.protocol.as_str();
        let message = format!(
            "no public {protocol} port is left for its port {}: all of {} are taken or have no entry point",
            wish.port,
            self.policy().dynamic_ports
        );
        let finding = Finding::new(FindingCode::NoPortLeft, Severity::Error, wish.source.subject(), message);
        let hint = format!("register a port of its own: rdc context set-infra <name> --{protocol}-ports …");
        self.outcome.findings.push(finding.label(format!("rediacc.{protocol}_ports")).hint(hint));
    }

    fn deadline(&mut self, at: Timestamp) {
        let next = self.outcome.next_deadline.map_or(at, |next| next.min(at));
        self.outcome.next_deadline = Some(next);
    }

    fn finish(mut self) -> Outcome {
        let shares = self.admit();
        let (ports, sources) = self.allocate(&shares);
        let Registrar { policy, mut ledger, used, now, .. } = self.registrar;
        let release = ledger.settle(&used, &self.lost, now, policy.claim_for);
        // From the ledger's clock to the one that is waited by.
        let release = release.map(|release| self.now.steady.after(release.since(now)));
        let mut outcome = self.outcome;
        outcome.next_deadline = [outcome.next_deadline, release].into_iter().flatten().min();
        outcome.publication = Publication::new(shares, ports, sources);
        outcome.ledger = ledger;
        outcome.findings.sort();
        outcome.findings.dedup();
        outcome.unrouted.sort();
        outcome
    }
}

/// The TCP and UDP entry points that users' own routers are on.
fn entry_points_in_use(shares: &[Share]) -> BTreeSet<String> {
    let tcp = shares.iter().flat_map(Share::entries::<tcp::Router>).flat_map(|(_, router)| &router.entry_points);
    let udp = shares.iter().flat_map(Share::entries::<udp::Router>).flat_map(|(_, router)| &router.entry_points);
    tcp.chain(udp).map(ToString::to_string).collect()
}
