//! What of a repository can be reached, by which name, with which certificate; and what cannot, and why.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr, TcpStream},
    path::Path,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use command_line::{Failure, chain, printable};
use container_snapshot::{Listeners, Transport};
use repo_network::NetworkId;
use route_api::{Answer, ControlError, Finding, Repository::Stopped, Request, Route, Routes};
use serde_json::json;

use super::Repository;
use crate::{
    cli::RoutesOptions,
    containers::Existing,
    files::read,
    output::{say, table},
    paths::Paths,
    proxy::{CertificateState, ROUTER_ADDRESS, certificate_state, failed_certificates, hosts_of, is_secure},
};

/// How long the route server may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long is waited until it is looked again; each time longer, up to the second: the whole fleet's routes are asked for.
const STEP: Duration = Duration::from_millis(200);
const LONGEST_STEP: Duration = Duration::from_secs(2);
/// How long a service that nobody gave labels may take to listen where its auto-route leads: many, such as databases,
/// never do.
const AUTO: Duration = Duration::from_secs(5);
/// How long a connection on loopback may take.
const CONNECT: Duration = Duration::from_millis(300);
/// What the route server finds of a service that listens elsewhere, or of a place where somebody else does: waiting does
/// not help.
const ELSEWHERE: [&str; 5] = ["RS050", "RS051", "RS052", "RS053", "RS054"];

/// Why a host has Traefik's own certificate.
const NOT_ORDERED: &str = "none: no label asks for one (traefik.http.routers.NAME.tls.certresolver=letsencrypt)";

/// Tells the route server that a repository was stopped on purpose: its routes go at once, while those of one whose daemon
/// is only lost stay. A route server that does not run has nothing to forget but what it finds out when it starts.
pub(super) fn gone(id: NetworkId) -> Result<(), Failure> {
    let stopped = Request::Repository(Stopped { network_id: id });
    match route_api::ask_within(&Paths::of_this_machine().control_socket(), &stopped, ANSWER) {
        // One that came before this answer, or another program.
        Ok(Answer::Error { message, .. }) => say(format_args!("its routes stay for a while: {}", printable(&message))),
        Ok(_) | Err(ControlError::Nobody { .. }) => Ok(()),
        Err(error) => say(format_args!("its routes stay for a while: {}", chain(&error))),
    }
}

/// A way to reach a service.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    service: String,
    container: String,
    /// Whether labels ask for it.
    is_asked_for: bool,
    /// `https://app.example.com/`, or `tcp port 5432`.
    place: String,
    /// The host whose certificate is to be looked at.
    host: Option<String>,
    /// Whether Traefik is asked for one.
    is_ordered: bool,
    /// Where it leads; empty: nowhere at the moment.
    address: String,
    /// Whether somebody listens there; none: it was not tried.
    listens: Option<bool>,
    /// Where it does not, the other ports of that address that have a listener.
    others: Vec<u16>,
    certificate: Option<CertificateState>,
}

/// What is known at a time.
#[derive(Debug, Default)]
struct View {
    ways: Vec<Way>,
    /// Containers without a way, and why.
    unrouted: Vec<[String; 2]>,
    findings: Vec<Finding>,
    /// Containers of which the route server says nothing yet.
    unknown: Vec<String>,
    /// Containers that are known to listen elsewhere.
    elsewhere: BTreeSet<String>,
}

/// `renet repo routes`.
pub(super) fn run(options: &RoutesOptions) -> Result<ExitCode, Failure> {
    let repository = Repository::find(&options.name)?;
    let view = wait(&repository, options.wait.map_or(Duration::ZERO, Into::into), &|| false)?;
    if options.json {
        say(view.json())?;
    } else {
        view.show()?;
    }
    // Who waits for it wants to know whether it came.
    let failed = options.wait.is_some() && !view.is_good();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// As part of a repository's state, for people or as JSON; none: that is not known.
pub(super) fn now(repository: &Repository, as_json: bool) -> Result<Option<serde_json::Value>, Failure> {
    match wait(repository, Duration::ZERO, &|| true) {
        Ok(view) if as_json => Ok(Some(view.json())),
        Ok(view) => view.show().map(|()| None),
        Err(Failure::Runtime(_)) if as_json => Ok(None),
        Err(Failure::Runtime(reason)) => say(format_args!("what can be reached is not known: {reason}")).map(|()| None),
        Err(failure) => Err(failure),
    }
}

/// After `up`: what came of it. That a machine has no proxy is told, and no failure of this.
pub(super) fn after_up(
    repository: &Repository,
    patience: Duration,
    is_enough: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    match wait(repository, patience, is_enough) {
        Ok(view) => view.show(),
        Err(Failure::Runtime(reason)) => say(format_args!("what can be reached is not known: {reason}")),
        Err(failure) => Err(failure),
    }
}

/// Looks until all is well, or the time is up, or somebody has seen enough.
fn wait(repository: &Repository, patience: Duration, is_enough: &dyn Fn() -> bool) -> Result<View, Failure> {
    let begun = Instant::now();
    let mut step = STEP;
    let mut certificates = BTreeMap::new();
    loop {
        let mut view = look(repository)?;
        view.certify(&mut certificates);
        view.ways.iter_mut().for_each(Way::try_it);
        if view.ways.iter().any(|way| way.listens == Some(false)) {
            let table = |name| read(&Path::new("/proc/net").join(name)).map(Option::unwrap_or_default);
            // Behind a fence an IPv6 socket listens on ::ffff:127.0.11.2.
            let listeners = Listeners::from_proc(&table("tcp")?, &table("tcp6")?, "", "");
            view.ways.iter_mut().filter(|way| way.listens == Some(false)).for_each(|way| way.look_beside(&listeners));
        }
        if view.is_settled(begun.elapsed()) || begun.elapsed() >= patience || is_enough() {
            return Ok(view);
        }
        thread::sleep(step.min(patience.saturating_sub(begun.elapsed())));
        step = (step * 3 / 2).min(LONGEST_STEP);
    }
}

fn look(repository: &Repository) -> Result<View, Failure> {
    let routes = route_api::routes(ROUTER_ADDRESS, ANSWER);
    let routes = routes
        .map_err(|error| Failure::Runtime(format!("no route server answers ({error}); `renet proxy up` starts it")))?;
    let socket = Paths::of_this_machine().docker_socket(repository.id);
    let containers = Existing::all(&socket)?;
    let meant = containers.iter().filter(|container| container.state == "running" && !container.is_one_off());
    let names = meant.filter(|container| container.address().is_some()).map(Existing::name);
    Ok(View::of(&routes, repository.id, names))
}

// === impl View ===

impl View {
    fn of<'a>(routes: &Routes, id: repo_network::NetworkId, running: impl Iterator<Item = &'a str>) -> Self {
        let own = routes.all().filter(|(_, route)| route.source.network_id == id);
        let own: Vec<_> = own.collect();
        let unrouted: Vec<_> = routes.unrouted.iter().filter(|it| it.network_id == Some(id)).collect();
        let is_known = |name: &str| {
            own.iter().any(|(_, route)| route.source.container == name)
                || unrouted.iter().any(|it| it.container == name)
        };
        let unknown = running.filter(|name| !is_known(name)).map(str::to_owned).collect();
        let findings = routes.findings.iter().filter(|it| it.subject.network_id == Some(id));
        let elsewhere = findings.clone().filter(|it| ELSEWHERE.contains(&it.code.as_str()));
        let elsewhere = elsewhere.map(|it| it.subject.container.clone()).collect();
        let findings = findings.filter(|it| it.severity != "info");
        Self {
            ways: own.iter().flat_map(|(protocol, route)| ways(protocol, route)).collect(),
            unrouted: unrouted.iter().map(|it| [it.service.clone(), format!("{} ({})", it.reason, it.code)]).collect(),
            findings: findings.cloned().collect(),
            unknown,
            elsewhere,
        }
    }

    /// What a client gets for each host. One that is good or given up is not looked at again.
    fn certify(&mut self, known: &mut BTreeMap<String, CertificateState>) {
        let hosts = self.ways.iter().filter_map(|way| way.host.clone());
        let is_open = |host: &String| known.get(host).is_none_or(|state| *state == CertificateState::Pending);
        let open: BTreeSet<_> = hosts.filter(is_open).collect();
        // Once a round: the log may be long.
        let failed = if open.is_empty() { Vec::new() } else { failed_certificates() };
        known.extend(open.into_iter().map(|host| (host.clone(), certificate_state(&host, &failed))));
        for way in &mut self.ways {
            let state = way.host.as_ref().and_then(|host| known.get(host).cloned());
            way.certificate = match state {
                // One that is not ordered does not come.
                Some(CertificateState::Pending) if !way.is_ordered => {
                    Some(CertificateState::Bad(NOT_ORDERED.to_owned()))
                }
                other => other,
            };
        }
    }

    /// Whether nothing more will come by waiting on.
    fn is_settled(&self, waited: Duration) -> bool {
        let is_settled = |way: &Way| {
            let is_no_web_page = !way.is_asked_for && (waited >= AUTO || !way.others.is_empty());
            let is_given_up = self.elsewhere.contains(&way.container) || is_no_web_page;
            let listens = !way.address.is_empty() && way.listens != Some(false);
            (listens || is_given_up) && way.certificate != Some(CertificateState::Pending)
        };
        self.unknown.is_empty() && self.ways.iter().all(is_settled)
    }

    fn is_good(&self) -> bool {
        let is_good = |way: &Way| {
            let certificate = way.certificate.as_ref();
            // That a database has no web page is no fault.
            let listens = !way.address.is_empty() && (way.listens != Some(false) || !way.is_asked_for);
            listens && certificate.is_none_or(|it| matches!(it, CertificateState::Good(_)))
        };
        let has_errors = self.findings.iter().any(|finding| finding.severity == "error");
        self.unknown.is_empty() && !has_errors && self.ways.iter().all(is_good)
    }

    fn show(&self) -> Result<(), Failure> {
        if self.ways.is_empty() {
            say("nothing can be reached from outside")?;
        } else {
            let head = ["SERVICE", "REACHED BY", "ADDRESS", "CERTIFICATE"].map(str::to_owned);
            let row = |way: &Way| {
                let address = match (way.address.as_str(), way.listens) {
                    ("", _) => "nowhere at the moment".to_owned(),
                    (address, Some(false)) if way.others.is_empty() => format!("{address}, where nobody listens"),
                    (address, Some(false)) => {
                        let others: Vec<_> = way.others.iter().map(u16::to_string).collect();
                        format!("{address}, but it listens on {}", others.join(", "))
                    }
                    (address, _) => address.to_owned(),
                };
                let certificate = way.certificate.as_ref().map_or_else(String::new, CertificateState::words);
                [way.service.clone(), way.place.clone(), address, certificate]
            };
            table(&[head].into_iter().chain(self.ways.iter().map(row)).collect::<Vec<_>>())?;
        }
        for [service, reason] in &self.unrouted {
            say(format_args!("not reached: {}: {}", printable(service), printable(reason)))?;
        }
        for name in &self.unknown {
            say(format_args!("not reached yet: {}", printable(name)))?;
        }
        for finding in &self.findings {
            let subject = &finding.subject;
            let about = [&subject.service, &subject.container, &subject.label];
            let about = about.into_iter().find(|text| !text.is_empty()).map(|text| format!(" {}:", printable(text)));
            let hint = finding.hint.as_ref().map(|hint| format!("; {}", printable(hint))).unwrap_or_default();
            let (severity, code, message) = (&finding.severity, &finding.code, printable(&finding.message));
            say(format_args!("{severity} {code}{} {message}{hint}", about.unwrap_or_default()))?;
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Value {
        let way = |way: &Way| {
            let certificate = way.certificate.as_ref();
            json!({
                "service": way.service, "reached_by": way.place, "host": way.host, "address": way.address,
                "listens": way.listens, "other_ports": way.others,
                "certificate": certificate.map(|it| json!({
                    "good": matches!(it, CertificateState::Good(_)), "message": it.words(),
                })),
            })
        };
        let unrouted = self.unrouted.iter().map(|[service, reason]| json!({"service": service, "reason": reason}));
        json!({
            "good": self.is_good(), "routes": self.ways.iter().map(way).collect::<Vec<_>>(),
            "unrouted": unrouted.collect::<Vec<_>>(), "unknown": self.unknown, "findings": self.findings,
        })
    }
}

// === impl Way ===

impl Way {
    /// Connects to where it leads; UDP has no answer to that.
    fn try_it(&mut self) {
        if self.place.starts_with("udp ") {
            return;
        }
        let addresses = self.addresses();
        let listens: Vec<_> =
            addresses.into_iter().map(|address| TcpStream::connect_timeout(&address, CONNECT).is_ok()).collect();
        self.listens = (!listens.is_empty()).then(|| listens.contains(&true));
    }

    fn look_beside(&mut self, listeners: &Listeners) {
        let addresses = self.addresses().into_iter().filter_map(|address| match address.ip() {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        });
        let ports = addresses.flat_map(|ip| listeners.ports_at(Transport::Tcp, ip).map(|(port, _)| port));
        self.others = ports.collect();
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        let address = |backend: &str| {
            let address = backend.split_once("://").map_or(backend, |(_, address)| address);
            address.parse().ok()
        };
        self.address.split(' ').filter_map(address).collect()
    }
}

/// A route's ways: one for each host, or for each port.
fn ways(protocol: &str, route: &Route) -> Vec<Way> {
    let service = if route.source.service.is_empty() { &route.source.container } else { &route.source.service };
    let way = |place: String, host: Option<String>| Way {
        service: service.clone(),
        container: route.source.container.clone(),
        is_asked_for: route.source.kind == "labels",
        place,
        host,
        is_ordered: !route.cert_resolver.is_empty(),
        address: route.backends.join(" "),
        listens: None,
        others: Vec::new(),
        certificate: None,
    };
    // The same for IPv6 is said once.
    let mut entry_points: Vec<_> = route.entrypoints.iter().map(|name| name.trim_end_matches("-v6")).collect();
    entry_points.dedup();
    if protocol != "http" {
        let port =
            |name: &str| name.rsplit_once('-').map_or_else(|| name.to_owned(), |(_, port)| format!("port {port}"));
        return entry_points.iter().map(|name| way(format!("{protocol} {}", port(name)), None)).collect();
    }
    let is_secure = is_secure(route);
    let named = hosts_of(route).into_iter().map(|host| {
        let scheme = if is_secure { "https" } else { "http" };
        let is_exact = is_secure && !host.contains('*');
        way(format!("{scheme}://{host}/"), is_exact.then_some(host))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(rule: &str, entrypoints: &[&str], backends: &[&str]) -> serde_json::Value {
        json!({"name": "x", "rule": rule, "entrypoints": entrypoints, "service": "x", "middlewares": [], "tls": false,
               "priority": 0, "backends": backends,
               "source": {"network_id": 2816, "container": "app-web-1", "service": "web", "kind": "labels"}})
    }

    #[test]
    fn what_is_reached_and_what_is_not() {
        let routes: Routes = serde_json::from_value(json!({
            "revision": "1",
            "http": [route("Host(`a.example.com`) || Host(`b.example.com`)", &["websecure", "websecure-v6"], &["http://127.0.11.2:80"]),
                     route("Host(`c.example.com`)", &["web"], &[])],
            "tcp": [route("HostSNI(`*`)", &["tcp-5432", "tcp-5432-v6"], &["127.0.11.2:5432"])],
            "udp": [],
            "unrouted": [{"network_id": 2816, "container": "app-db-1", "service": "db", "code": "RS010", "reason": "it is off"},
                         {"network_id": 2880, "container": "other", "service": "other", "code": "RS010", "reason": "x"}],
            "findings": [],
        }))
        .unwrap();
        let running = ["app-web-1", "app-db-1", "app-new-1"];
        let mut view = View::of(&routes, 2816.try_into().unwrap(), running.into_iter());
        let shown: Vec<_> = view.ways.iter().map(|way| format!("{} {}", way.place, way.address)).collect();
        assert_eq!(
            shown,
            [
                "https://a.example.com/ http://127.0.11.2:80",
                "https://b.example.com/ http://127.0.11.2:80",
                "http://c.example.com/ ",
                "tcp port 5432 127.0.11.2:5432",
            ]
        );
        assert_eq!(view.unrouted, [["db".to_owned(), "it is off (RS010)".to_owned()]]);
        assert_eq!(view.unknown, ["app-new-1"]);
        assert!(!view.is_settled(Duration::ZERO) && !view.is_good());
        view.unknown.clear();
        view.ways.retain(|way| !way.address.is_empty());
        assert!(view.is_settled(Duration::ZERO) && view.is_good(), "nothing was tried");
        view.ways[0].listens = Some(false);
        assert!(!view.is_settled(AUTO) && !view.is_good(), "labels ask for it");
        view.elsewhere.insert("app-web-1".to_owned());
        assert!(view.is_settled(Duration::ZERO) && !view.is_good());
        view.elsewhere.clear();
        view.ways[0].is_asked_for = false;
        assert!(!view.is_settled(Duration::ZERO) && view.is_settled(AUTO) && view.is_good());
        view.ways[0].others = vec![5432];
        assert!(view.is_settled(Duration::ZERO) && view.is_good(), "a database");
        view.ways[0].listens = Some(true);
        view.ways[0].certificate = Some(CertificateState::Pending);
        assert!(!view.is_settled(AUTO));
        view.ways[0].certificate = Some(CertificateState::Bad("no".to_owned()));
        assert!(view.is_settled(Duration::ZERO) && !view.is_good());
        assert_eq!(view.json()["routes"][0]["certificate"]["good"], false);
    }
}
