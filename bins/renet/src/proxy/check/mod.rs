//! `renet proxy check`: what keeps a site from being reached, or from having a certificate, told before anybody asks.

mod authority;
mod cloudflare;
mod handshake;
mod names;
mod state;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    net::IpAddr,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use certificate_check::{Certificate, cure, failed_orders, stored};
use command_line::Failure;
use route_api::{Check, CheckSeverity, ProxyCheck};
use serde_json::json;
use supervisor::{Form, Supervisor};
use traefik_static::{Addresses, DefaultCertificate, Infra, entry_points};

pub(crate) use self::state::{CertificateState, certificate_state, failed_certificates};
use self::state::{Shown, shown};
use super::{
    addresses::addresses,
    configure,
    hosts::{hosts_of, is_secure},
    ports,
    services::{self, ROUTER_ADDRESS},
};
use crate::{
    files::{read, replace},
    output::{say, table},
    paths::{Paths, form},
};

/// How long the route server may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the certificates of all hosts together may be asked for.
const HANDSHAKES: Duration = Duration::from_secs(60);
/// So many hosts are looked at.
const MAX_HOSTS: usize = 200;
/// So much of Traefik's log is read, from its end.
const MAX_LOG: u64 = 8 << 20;
/// A certificate that ends sooner should have been renewed: Traefik does so 30 days before.
const SOON: i64 = 14 * 24 * 3600;
/// A clock that is so wrong makes certificates invalid.
const CLOCK: u64 = 300;

/// Everything that was looked at.
#[derive(Debug, Default)]
struct Checks(Vec<Check>);

/// Looks at everything, and prints it; exit code 1 when something is an error.
pub(super) fn run(as_json: bool) -> Result<ExitCode, Failure> {
    let Some(infra) = configure::infra()? else {
        return Err(Failure::Runtime(
            "this machine has no configuration yet; `rdc context push-infra` brings it, or `renet proxy configure`"
                .to_owned(),
        ));
    };
    let addresses = addresses(&infra);
    let mut checks = Checks::default();
    checks.services()?;
    checks.ports(&infra, addresses)?;
    let hosts = checks.hosts();
    let certificates = checks.stored();
    checks.orders(&certificates);
    checks.default_certificate();
    // Auto-routes have names of their own: any name below the domain has to lead here.
    let any = infra.base_domain.iter().map(|domain| format!("rediacc-check.{domain}"));
    let names = hosts.iter().cloned().chain(any).collect();
    checks.token(&infra, &names);
    checks.authority(&infra);
    checks.names(&infra, addresses, &names);
    checks.certificates(addresses, &hosts);
    checks.0.sort_by_key(|check| std::cmp::Reverse(check.severity));
    let checked_at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let found = ProxyCheck { checked_at, checks: checks.0 };
    // For /health, which the route server makes without the right to look at any of it.
    let file = Paths::of_this_machine().run().join("proxy-check.json");
    replace(&file, &json!(found).to_string(), 0o644)?;
    if as_json {
        say(json!(found))?;
    } else {
        let row = |check: &Check| {
            let word = match check.severity {
                CheckSeverity::Ok => "ok",
                CheckSeverity::Warning => "warning",
                CheckSeverity::Error => "ERROR",
            };
            let hint = if check.hint.is_empty() { String::new() } else { format!("; {}", check.hint) };
            [word.to_owned(), check.kind.clone(), check.subject.clone(), format!("{}{hint}", check.message)]
        };
        table(&found.checks.iter().map(row).collect::<Vec<_>>())?;
    }
    let errors = found.count(CheckSeverity::Error);
    Ok(if errors > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

// === impl Checks ===

impl Checks {
    fn add(&mut self, severity: CheckSeverity, kind: &'static str, subject: &str, message: String, hint: &str) {
        let (kind, subject, hint) = (kind.to_owned(), subject.to_owned(), hint.to_owned());
        self.0.push(Check { severity, kind, subject, message, hint });
    }

    fn services(&mut self) -> Result<(), Failure> {
        let running = services::running()?;
        for name in [services::ROUTER, services::TRAEFIK] {
            if running.contains(&name) {
                self.add(CheckSeverity::Ok, "service", name, "runs".to_owned(), "");
            } else {
                let hint = "renet proxy up starts it, renet proxy logs says why it ended";
                self.add(CheckSeverity::Error, "service", name, "does not run".to_owned(), hint);
            }
        }
        Ok(())
    }

    /// Entry points that were left out because somebody has their port, or would be now.
    fn ports(&mut self, infra: &Infra, addresses: Addresses) -> Result<(), Failure> {
        let is_systemd = form() == Form::Systemd;
        let (free, busy) = ports::part(entry_points(infra, addresses), &services::holds(is_systemd)?);
        for it in busy {
            let message = format!("{} has {}", it.holder(), it.entry_point.address);
            self.add(
                CheckSeverity::Error,
                "port",
                &it.entry_point.name,
                message,
                "free it, then renet proxy configure",
            );
        }
        self.add(CheckSeverity::Ok, "port", "entry points", format!("{} are ours or free", free.len()), "");
        Ok(())
    }

    /// The hosts that are to have a certificate.
    fn hosts(&mut self) -> BTreeSet<String> {
        let routes = match route_api::routes(ROUTER_ADDRESS, ANSWER) {
            Ok(routes) => routes,
            Err(error) => {
                let message = format!("the routes cannot be asked for: {error}");
                self.add(CheckSeverity::Error, "service", services::ROUTER, message, "renet proxy up");
                return BTreeSet::new();
            }
        };
        let secure = routes.http.iter().filter(|route| is_secure(route));
        let hosts: BTreeSet<String> = secure.flat_map(hosts_of).filter(|host| !host.contains('*')).collect();
        if hosts.len() > MAX_HOSTS {
            let message = format!("of {} hosts the first {MAX_HOSTS} are looked at", hosts.len());
            self.add(CheckSeverity::Warning, "dns", "hosts", message, "");
        }
        hosts.into_iter().take(MAX_HOSTS).collect()
    }

    fn stored(&mut self) -> Vec<Certificate> {
        let path = Paths::of_this_machine().proxy().join("letsencrypt/acme.json");
        let name = path.display().to_string();
        let Ok(metadata) = fs::metadata(&path) else {
            let message = "is not there: nothing was ordered yet".to_owned();
            self.add(CheckSeverity::Warning, "acme", &name, message, "it comes with the first route that has TLS");
            return Vec::new();
        };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let message =
                format!("has mode {mode:o}: Traefik refuses it, and shows its own certificate for every name");
            self.add(CheckSeverity::Error, "acme", &name, message, "chmod 600 it, then renet proxy down and up");
        }
        let text = read(&path).ok().flatten().unwrap_or_default();
        let all = match stored(&text) {
            Ok(all) => all,
            Err(error) => {
                let hint = "set it aside, then renet proxy down and up: Traefik orders everything anew";
                self.add(CheckSeverity::Error, "acme", &name, error.to_string(), hint);
                return Vec::new();
            }
        };
        let now = now();
        let mut certificates = Vec::new();
        for stored in all {
            let subject = stored.domains.join(", ");
            match stored.certificate {
                Ok(certificate) => {
                    let (severity, hint) = match certificate.not_after - now {
                        left if left < 0 => (CheckSeverity::Error, "it was not renewed: the failed orders say why"),
                        left if left < SOON => {
                            (CheckSeverity::Warning, "it should have been renewed: the failed orders say why")
                        }
                        _ => (CheckSeverity::Ok, ""),
                    };
                    let days = (certificate.not_after - now) / (24 * 3600);
                    self.add(severity, "acme", &subject, format!("stored, valid for {days} days"), hint);
                    certificates.push(certificate);
                }
                Err(error) => self.add(CheckSeverity::Error, "acme", &subject, error.to_string(), ""),
            }
        }
        certificates
    }

    /// What Traefik shows for a name without a certificate.
    fn default_certificate(&mut self) {
        let proxy = Paths::of_this_machine().proxy();
        let path = proxy.join(DefaultCertificate::FILE);
        let is_whole = read(&path).ok().flatten().as_deref().and_then(DefaultCertificate::parse).is_some();
        let local = read(&proxy.join("local.yml")).ok().flatten().unwrap_or_default();
        let (severity, message) = match (is_whole, local.contains(DefaultCertificate::FILE)) {
            (true, true) => return,
            (_, false) => (
                CheckSeverity::Warning,
                "Traefik does not know of it, and makes a new key before each change of routes",
            ),
            (false, true) => (
                CheckSeverity::Error,
                "is not there, or no certificate with its key: clients of a name without a certificate are cut off",
            ),
        };
        let hint = format!("renet proxy configure <{}", proxy.join("infra.json").display());
        self.add(severity, "certificate", &path.display().to_string(), message.to_owned(), &hint);
    }

    /// Orders that failed and were not made good since.
    fn orders(&mut self, certificates: &[Certificate]) {
        for order in failed_orders(&log()) {
            let is_there = |domain: &String| {
                certificates.iter().any(|it| it.not_after > now() && (it.covers(domain) || it.names.contains(domain)))
            };
            if !order.domains.iter().all(is_there) {
                let message = format!("the order of {} failed: {}", order.time, order.cause);
                let hint =
                    format!("{}; Traefik tries again when it is started (renet proxy down, up)", cure(&order.cause));
                self.add(CheckSeverity::Error, "order", &order.domains.join(", "), message, &hint);
            }
        }
    }

    /// The token, by the calls that Traefik makes with it.
    fn token(&mut self, infra: &Infra, hosts: &BTreeSet<String>) {
        let Some(token) = &infra.cf_dns_api_token else {
            let message = "none: certificates are proved over port 80, one for each host".to_owned();
            self.add(CheckSeverity::Ok, "token", "Cloudflare", message, "");
            return;
        };
        let cloudflare = cloudflare::Cloudflare::new(token, &settings());
        let mut zones: BTreeSet<cloudflare::Zone> = BTreeSet::new();
        for host in hosts {
            // Cloudflare is asked once for each zone, not for each host.
            if zones.iter().any(|zone| zone.has(host)) {
                continue;
            }
            match cloudflare.zone_of(host) {
                Ok(zone) => drop(zones.insert(zone)),
                Err(cause) => {
                    self.add(CheckSeverity::Error, "token", host, cause.clone(), cure(&cause));
                    // The same for every other host.
                    if !cause.contains("zone could not be found") {
                        break;
                    }
                }
            }
        }
        for zone in zones {
            match cloudflare.may_write(&zone) {
                Ok(()) => self.add(CheckSeverity::Ok, "token", &zone.name, "may write DNS records".to_owned(), ""),
                Err(cause) => self.add(CheckSeverity::Error, "token", &zone.name, cause.clone(), cure(&cause)),
            }
        }
    }

    /// Whether the certificate authority can be asked, and whether its clock is ours.
    fn authority(&mut self, infra: &Infra) {
        match authority::date(infra.acme_server.as_deref()) {
            Ok((url, theirs)) => {
                self.add(CheckSeverity::Ok, "authority", &url, "answers".to_owned(), "");
                let Some(theirs) = theirs else { return };
                let off = theirs.abs_diff(u64::try_from(now()).unwrap_or_default());
                if off > CLOCK {
                    let message = format!("differs by {off} s from that of the certificate authority");
                    let hint = "certificates need the right time: set the clock (timedatectl set-ntp true)";
                    self.add(CheckSeverity::Error, "clock", "this machine", message, hint);
                } else {
                    self.add(CheckSeverity::Ok, "clock", "this machine", "is right".to_owned(), "");
                }
            }
            Err((url, cause)) => {
                let hint = "no certificate can be ordered or renewed: look at this machine's DNS, routes and firewall";
                self.add(CheckSeverity::Error, "authority", &url, cause, hint);
            }
        }
    }

    /// Where the names lead.
    fn names(&mut self, infra: &Infra, addresses: Addresses, hosts: &BTreeSet<String>) {
        let public = [infra.public_ipv4.map(IpAddr::V4), infra.public_ipv6.map(IpAddr::V6)];
        let local = [addresses.ipv4.map(IpAddr::V4), addresses.ipv6.map(IpAddr::V6)];
        let own: BTreeSet<IpAddr> = public.into_iter().chain(local).flatten().collect();
        let shown = own.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        for (host, found) in names::resolved(hosts) {
            let record = format!("make its record at the DNS lead to {shown}");
            match found {
                None => {
                    self.add(
                        CheckSeverity::Error,
                        "dns",
                        &host,
                        "cannot be resolved in time".to_owned(),
                        "look at this machine's DNS",
                    );
                }
                Some(found) if found.is_empty() => {
                    self.add(CheckSeverity::Error, "dns", &host, "has no address".to_owned(), &record);
                }
                Some(found) => {
                    let leads = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                    let strangers = found.iter().filter(|address| !own.contains(address)).count();
                    let (severity, message, hint) = match strangers {
                        0 => (CheckSeverity::Ok, format!("leads to {leads}"), String::new()),
                        count if count < found.len() => (
                            CheckSeverity::Warning,
                            format!("leads to {leads}, and not all of that is this machine"),
                            record,
                        ),
                        _ => {
                            let hint = format!("{record}, unless a proxy such as Cloudflare's stands before it");
                            (CheckSeverity::Error, format!("leads to {leads}, which is not this machine"), hint)
                        }
                    };
                    self.add(severity, "dns", &host, message, &hint);
                }
            }
        }
    }

    /// What a client really gets.
    fn certificates(&mut self, addresses: Addresses, hosts: &BTreeSet<String>) {
        let ip = addresses.ipv4.map(IpAddr::V4).or(addresses.ipv6.map(IpAddr::V6));
        let Some(ip) = ip else { return };
        let end = Instant::now() + HANDSHAKES;
        for (at, host) in hosts.iter().enumerate() {
            if Instant::now() > end {
                let message = format!("{} hosts were not asked for: the server is too slow", hosts.len() - at);
                self.add(CheckSeverity::Error, "certificate", "hosts", message, "renet proxy status, renet proxy logs");
                break;
            }
            let (severity, message, hint) = match shown(ip, host) {
                Shown::Good(words) => (CheckSeverity::Ok, words, ""),
                Shown::Default => {
                    let hint = "no certificate for this name: what failed stands under order, token and dns";
                    (CheckSeverity::Error, "Traefik shows its own certificate (TRAEFIK DEFAULT CERT)".to_owned(), hint)
                }
                Shown::Other(names) => (
                    CheckSeverity::Error,
                    format!("the certificate is for {}", names.join(", ")),
                    "label it with tls.certresolver",
                ),
                Shown::Expired => (CheckSeverity::Error, "the certificate has expired".to_owned(), "see the orders"),
                Shown::Nothing(reason) => {
                    (CheckSeverity::Error, reason, "renet proxy status says whether Traefik runs")
                }
            };
            self.add(severity, "certificate", host, message, hint);
        }
    }
}

/// The end of Traefik's log.
fn log() -> String {
    if form() == Form::Systemd {
        let mut command = Command::new("journalctl");
        command.args(["--quiet", "--no-pager", "--output=cat", "--unit", services::TRAEFIK, "--lines=20000"]);
        let output = command.args(["--grep", "Unable to obtain ACME"]).stderr(Stdio::null()).output();
        return output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    }
    let paths = Paths::of_this_machine();
    let path = Supervisor::new(Form::Detached, paths.run().join("services"), paths.logs()).log(services::TRAEFIK);
    let tail = || {
        let mut file = File::open(&path)?;
        let start = file.metadata()?.len().saturating_sub(MAX_LOG);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(MAX_LOG).read_to_end(&mut bytes).map(|_| bytes)
    };
    tail().map(|bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// What the operator set for Traefik, which we follow where it says whom to ask.
fn settings() -> BTreeMap<String, String> {
    let path = Paths::of_this_machine().proxy().join("traefik.local.env");
    let text = read(Path::new(&path)).ok().flatten().unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.trim().split_once('='));
    lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
