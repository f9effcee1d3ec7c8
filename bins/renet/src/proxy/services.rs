//! The two services of the proxy: started, stopped, looked at.

use std::{
    net::{Ipv4Addr, SocketAddr},
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
    thread,
    time::{Duration, Instant},
};

use command_line::{Failure, printable};
use machine_sockets::Holder;
use route_api::{CheckSeverity, Health, Polls, Request};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use supervisor::{Form, Service, State, Supervisor, SupervisorError};
use traefik_static::{DefaultCertificate, EntryPoint};

use super::{configure::Outcome, units};
use crate::{
    output::say,
    paths::{self, Paths, form},
};

pub(super) const ROUTER: &str = "rediacc-router";
pub(super) const TRAEFIK: &str = "rediacc-traefik";
/// Where the route server answers.
pub(crate) const ROUTER_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7111);
/// Where Traefik answers its ping.
const ADMIN_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7112);
/// How long a service may take to answer after its start.
const START: Duration = Duration::from_secs(15);
/// How long a service may take to end. Traefik lets requests under way finish for 3 s.
const STOP: Duration = Duration::from_secs(6);
/// How long Traefik may take to apply what it was told last: it gathers changes for 100 ms. One that is stopped while it
/// applies something blocks in its ACME provider until it panics after 10 s (seen with v3.7.9).
const SETTLE: Duration = Duration::from_millis(300);
/// How long Traefik may take to have its first routes; normally 0.3 s.
const ROUTES: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(2);

/// Starts both, and waits until both answer. One whose program was replaced is started again.
pub(super) fn up() -> Result<ExitCode, Failure> {
    let supervisor = supervisor();
    let services = [router()?, traefik()?];
    let state = |name| supervisor.state(name).map_err(failure);
    let outdated = [(ROUTER, state(ROUTER)?), (TRAEFIK, state(TRAEFIK)?)];
    let outdated = outdated.into_iter().filter(|(_, state)| pid(*state).is_some_and(is_outdated));
    let outdated: Vec<_> = outdated.map(|(name, _)| name).collect();
    if supervisor.form() == Form::Systemd {
        units::install()?;
        units::start()?;
    } else {
        services.iter().try_for_each(|service| supervisor.start(service).map_err(failure))?;
    }
    let mut failed = None;
    start_again(outdated, &mut |line| failed = failed.take().or(say(line).err()))?;
    services.iter().try_for_each(|service| wait(&supervisor, service))?;
    failed.map_or(Ok(()), Err)?;
    say("the route server and Traefik run")?;
    Ok(ExitCode::SUCCESS)
}

/// Stops both, Traefik first: nobody is sent to it for routes that are gone.
pub(super) fn down() -> Result<ExitCode, Failure> {
    let supervisor = supervisor();
    let names = [TRAEFIK, ROUTER];
    let ran = names.map(|name| matches!(supervisor.state(name), Ok(State::Running(_))));
    if supervisor.form() == Form::Systemd {
        units::stop()?;
    } else {
        release_polls();
        names.iter().try_for_each(|name| supervisor.stop(name, STOP).map(drop).map_err(failure))?;
    }
    for (name, ran) in names.into_iter().zip(ran) {
        say(format_args!("{name}: {}", if ran { "stopped" } else { "did not run" }))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Answers the polls that Traefik's end would wait for. Without a route server there are none.
pub(super) fn release_polls() {
    let socket = Paths::of_this_machine().control_socket();
    // One that is about to end itself does not answer, and systemd would hold the connection for it.
    if route_api::ask_within(&socket, &Request::Polls(Polls::Release), ANSWER).is_ok() {
        thread::sleep(SETTLE);
    }
}

/// Which of the two run.
pub(super) fn running() -> Result<Vec<&'static str>, Failure> {
    let supervisor = supervisor();
    let mut running = Vec::new();
    for name in [ROUTER, TRAEFIK] {
        if matches!(supervisor.state(name).map_err(failure)?, State::Running(_)) {
            running.push(name);
        }
    }
    Ok(running)
}

/// Starts again what ran and has to know of files that changed, or of sockets that came or went.
pub(super) fn take_over(
    ran: &[&str],
    changed: &[String],
    sockets_changed: bool,
    tell: &mut dyn FnMut(String),
) -> Result<(), Failure> {
    let concerns = |names: &[&str]| changed.iter().any(|name| names.contains(&name.as_str()));
    let of_router = concerns(&["router.env", "poll-token"]);
    let of_traefik = sockets_changed
        || concerns(&["traefik.yml", "local.yml", DefaultCertificate::FILE, "traefik.env", "cloudflare-token"]);
    let concerned = [(ROUTER, of_router), (TRAEFIK, of_traefik)];
    let names = concerned.into_iter().filter(|(name, concerned)| *concerned && ran.contains(name));
    start_again(names.map(|(name, _)| name), tell)
}

/// Starts services again, and waits until they answer. systemd holds their sockets meanwhile, and each is restarted in one
/// step: a connection to one that is only stopped would start it. Without systemd Traefik is stopped first: one that finds
/// nobody at the route server's port, and is stopped while it takes over what the next one says, may hang ([`SETTLE`]).
fn start_again(names: impl IntoIterator<Item = &'static str>, tell: &mut dyn FnMut(String)) -> Result<(), Failure> {
    let supervisor = supervisor();
    let names: Vec<_> = names.into_iter().collect();
    let is_systemd = supervisor.form() == Form::Systemd;
    if !is_systemd {
        if names.contains(&TRAEFIK) {
            release_polls();
        }
        names.iter().rev().try_for_each(|name| supervisor.stop(name, STOP).map(drop).map_err(failure))?;
    }
    for name in names {
        let service = if name == ROUTER { router()? } else { traefik()? };
        if is_systemd {
            units::restart(name)?;
        } else {
            supervisor.start(&service).map_err(failure)?;
        }
        wait(&supervisor, &service)?;
        tell(format!("{name}: started again"));
    }
    Ok(())
}

/// Whether a process runs a program whose file was replaced since: a newer version waits to be started.
fn is_outdated(process: u32) -> bool {
    let link = std::fs::read_link(format!("/proc/{process}/exe"));
    link.is_ok_and(|path| path.to_string_lossy().ends_with(" (deleted)"))
}

/// Tells who has an entry point for us: Traefik, or systemd by a unit of ours.
pub(super) fn holds(is_systemd: bool) -> Result<impl Fn(&EntryPoint, &Holder) -> bool, Failure> {
    let traefik = pid(supervisor().state(TRAEFIK).map_err(failure)?);
    let sockets = if is_systemd { units::active_sockets()? } else { Vec::new() };
    Ok(move |entry_point: &EntryPoint, holder: &Holder| {
        Some(holder.pid) == traefik || (holder.pid == 1 && sockets.contains(&entry_point.socket_unit().name))
    })
}

/// Has the route server ask all daemons again.
pub(super) fn refresh() -> Result<ExitCode, Failure> {
    let State::Running(pid) = supervisor().state(ROUTER).map_err(failure)? else {
        return Err(Failure::Runtime(format!("{ROUTER} does not run; renet proxy up starts it")));
    };
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let told = process.map_or(Ok(()), |process| kill_process(process, Signal::HUP));
    told.map_err(|error| Failure::runtime(format_args!("cannot tell process {pid}"), &error))?;
    say("the route server asks all daemons again")?;
    Ok(ExitCode::SUCCESS)
}

/// Becomes whatever shows the logs of both.
pub(super) fn logs(follow: bool, lines: u32) -> Result<ExitCode, Failure> {
    let supervisor = supervisor();
    let lines = lines.to_string();
    let mut command = if supervisor.form() == Form::Systemd {
        let mut command = Command::new("journalctl");
        command.args(["--unit", ROUTER, "--unit", TRAEFIK, "--lines", &lines]);
        command.arg(if follow { "--follow" } else { "--no-pager" });
        command
    } else {
        let files = [ROUTER, TRAEFIK].map(|name| supervisor.log(name));
        if !files.iter().any(|file| file.is_file()) {
            return Err(Failure::Runtime(
                "nothing was started yet, and so there are no logs; renet proxy up".to_owned(),
            ));
        }
        let mut command = Command::new("tail");
        command.args(["--lines", &lines]).args(follow.then_some("--follow=name"));
        command.args(files.iter().filter(|file| file.is_file()));
        command
    };
    Err(Failure::runtime("cannot show the logs", &command.exec()))
}

/// Prints what runs and what it says.
pub(super) fn status(json: bool) -> Result<ExitCode, Failure> {
    let supervisor = supervisor();
    let state = |name| supervisor.state(name).map_err(failure);
    let (router, traefik) = (state(ROUTER)?, state(TRAEFIK)?);
    let health = route_api::health(ROUTER_ADDRESS, ANSWER).ok();
    let pings = route_api::get(ADMIN_ADDRESS, "/ping", ANSWER).is_ok_and(|(status, _)| status == 200);
    let configured = Outcome::last(&Paths::of_this_machine().proxy())?;
    let works = matches!((router, traefik), (State::Running(_), State::Running(_))) && pings && health.is_some();
    if json {
        say(json!({
            "router": {"state": word(router), "pid": pid(router), "health": health},
            "traefik": {"state": word(traefik), "pid": pid(traefik), "answers": pings},
            "configured": configured.map(|last| json!({"at": last.at, "outcome": last.word()})),
        }))?;
    } else {
        say(format_args!("{ROUTER}   {}", shown(router)))?;
        say(format_args!("{TRAEFIK}  {}{}", shown(traefik), if pings { "" } else { ", does not answer" }))?;
        if let Some(last) = &configured {
            say(format_args!("last configured: {}, {}", last.at, last.word()))?;
        }
        if let Some(health) = &health {
            let (routers, daemons) = (health.routers.total, health.daemons.len());
            say(format_args!(
                "routes: {}, {routers} routers of {daemons} daemons; route server on {ROUTER_ADDRESS}",
                health.status
            ))?;
            for daemon in health.troubled_daemons() {
                let reason = daemon.reason.as_deref().map(|reason| format!(": {}", printable(reason)));
                let (id, state) = (daemon.network_id, &daemon.state);
                say(format_args!("daemon of network {id}: {state}{}", reason.unwrap_or_default()))?;
            }
            if let Some(check) = &health.proxy {
                let (errors, warnings) = (check.count(CheckSeverity::Error), check.count(CheckSeverity::Warning));
                say(format_args!("renet proxy check of {}: {errors} errors, {warnings} warnings", check.checked_at))?;
                for check in check.checks.iter().filter(|check| check.severity == CheckSeverity::Error) {
                    let (subject, message) = (printable(&check.subject), printable(&check.message));
                    say(format_args!("  {} {subject}: {message}; {}", check.kind, printable(&check.hint)))?;
                }
            }
            if let Some(error) = &health.state.error {
                say(format_args!("the route server cannot write {}: {error}", health.state.dir))?;
            }
            for note in &health.state.notes {
                say(printable(note))?;
            }
            say_of_traefik(health)?;
        }
    }
    Ok(if works { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints what Traefik's API says, where the route server asks it.
fn say_of_traefik(health: &Health) -> Result<(), Failure> {
    let traefik = &health.traefik;
    if let Some(applied) = &traefik.applied_revision {
        let (applied, version) = (printable(applied), printable(traefik.version.as_deref().unwrap_or("unknown")));
        let newest = if applied == health.revision { "the newest routes" } else { "older routes" };
        say(format_args!("Traefik {version} has applied {newest} (revision {applied})"))?;
    }
    for refused in &traefik.refused {
        let (router, reason) = (printable(&refused.router), printable(&refused.reason));
        say(format_args!("Traefik does not take {} router {router}: {reason}", refused.protocol))?;
    }
    match &traefik.error {
        Some(error) => say(format_args!("Traefik's API cannot be asked: {}", printable(error))),
        None => Ok(()),
    }
}

/// Waits until it answers.
fn wait(supervisor: &Supervisor, service: &Service) -> Result<(), Failure> {
    let answers = || match service.name.as_str() {
        ROUTER => route_api::get(ROUTER_ADDRESS, "/health", ANSWER).is_ok_and(|(status, _)| status == 200),
        _ => route_api::get(ADMIN_ADDRESS, "/ping", ANSWER).is_ok_and(|(status, _)| status == 200),
    };
    let begun = Instant::now();
    loop {
        // One that has ended is not waited for; what answers then is another program.
        let state = supervisor.state(&service.name).map_err(failure)?;
        let runs = matches!(state, State::Running(_));
        if runs && answers() {
            if service.name == TRAEFIK {
                wait_for_routes();
            }
            return Ok(());
        }
        if !runs || begun.elapsed() > START {
            let what = if runs { "does not answer" } else { "ended" };
            let words = supervisor.last_words(&service.name, 3);
            return Err(Failure::Runtime(format!("{} {what}; its last words: {words}", service.name)));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until Traefik has routes of the route server's, where there are any: before that it answers 404. Not for long,
/// and no error: it may be that it cannot take them, which `renet proxy check` tells.
fn wait_for_routes() {
    let token = std::fs::read_to_string(Paths::of_this_machine().proxy().join("api-token"));
    let (Ok(token), Ok(health)) = (token, route_api::health(ROUTER_ADDRESS, ANSWER)) else { return };
    let counts = [("http", health.routers.http), ("tcp", health.routers.tcp), ("udp", health.routers.udp)];
    let Some((protocol, _)) = counts.into_iter().find(|(_, count)| *count > 0) else { return };
    let (path, header) = (format!("/api/{protocol}/routers"), format!("X-Api-Token: {}", token.trim()));
    let has_some = || {
        let answer = route_api::get_as(ADMIN_ADDRESS, &path, &header, ANSWER);
        answer.is_ok_and(|(_, routers)| routers.contains("@http\""))
    };
    let begun = Instant::now();
    while begun.elapsed() < ROUTES && !has_some() {
        thread::sleep(Duration::from_millis(20));
    }
}

fn supervisor() -> Supervisor {
    let paths = Paths::of_this_machine();
    Supervisor::new(form(), paths.run().join("services"), paths.logs())
}

fn router() -> Result<Service, Failure> {
    let proxy = configured()?;
    let program = paths::program("route-server", "ROUTE_SERVER_BIN")?;
    let mut service = Service::new(ROUTER, [program.into_os_string(), "serve".into()]);
    service.environment_files = vec![proxy.join("router.env")];
    Ok(service)
}

fn traefik() -> Result<Service, Failure> {
    let proxy = configured()?;
    let program = paths::program("traefik", "TRAEFIK_BIN")?;
    let flag = format!("--configFile={}", proxy.join("traefik.yml").display());
    let mut service = Service::new(TRAEFIK, [program.into_os_string(), flag.into()]);
    // The second is the operator's own; renet never writes it.
    service.environment_files = vec![proxy.join("traefik.env"), proxy.join("traefik.local.env")];
    Ok(service)
}

fn configured() -> Result<std::path::PathBuf, Failure> {
    let proxy = Paths::of_this_machine().proxy();
    if proxy.join("traefik.yml").is_file() {
        return Ok(proxy);
    }
    Err(Failure::Runtime(format!(
        "{} has no configuration yet; `rdc context push-infra` brings it, or `renet proxy configure < infra.json`",
        proxy.display()
    )))
}

pub(crate) fn failure(error: SupervisorError) -> Failure {
    Failure::runtime("the proxy's services", &error)
}

fn word(state: State) -> &'static str {
    match state {
        State::Running(_) => "running",
        State::Ended => "ended",
        State::Stopped => "stopped",
    }
}

fn pid(state: State) -> Option<u32> {
    if let State::Running(pid) = state { Some(pid) } else { None }
}

fn shown(state: State) -> String {
    match state {
        State::Running(pid) => format!("running, process {pid}"),
        State::Ended => "has ended by itself; renet proxy up starts it".to_owned(),
        State::Stopped => "stopped".to_owned(),
    }
}
