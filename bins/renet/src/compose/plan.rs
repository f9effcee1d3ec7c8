//! `renet compose plan`: what would be done, and what would come of it.

use std::{
    collections::BTreeMap, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path, process::ExitCode, sync::Arc,
};

use command_line::Failure;
use compose_inject::{Places, Plan, Problem, locate, refusals};
use container_snapshot::{Container, ContainerState, DaemonView, Health, Link, Snapshot, Timestamp, Tracked};
use repo_network::SlotFile;
use route_synthesis::{Cache, Finding, Ledger, Outcome, Severity, synthesize};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{
    Session, allow,
    ask::{EVERYTHING, parse},
    policy::policy,
    text,
};
use crate::{
    files::fault,
    output::{say, table},
};

/// What is known without anything having been written.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) problems: Vec<Problem>,
    outcome: Outcome,
    /// The slots as they would be.
    pub(super) slots: SlotFile,
    /// The override document; it goes with this.
    pub(super) document: NamedTempFile,
}

// === impl Prepared ===

impl Prepared {
    /// Whether nothing of it would be started.
    pub(super) fn is_refused(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == compose_inject::Severity::Error)
    }
}

// === impl Session ===

impl Session {
    /// Prints the plan; exit code 3 when something in it would be refused.
    pub(super) fn plan(self, as_json: bool) -> Result<ExitCode, Failure> {
        let prepared = match self.prepare()? {
            Ok(prepared) => prepared,
            Err(code) => return Ok(code),
        };
        if as_json {
            say(self.as_json(&prepared)?)?
        } else {
            self.as_table(&prepared)?
        }
        Ok(ExitCode::from(if prepared.is_refused() { 3 } else { 0 }))
    }

    /// Prints the plan, the override document and the command.
    pub(super) fn dry_run(self) -> Result<ExitCode, Failure> {
        let prepared = match self.prepare()? {
            Ok(prepared) => prepared,
            Err(code) => return Ok(code),
        };
        self.as_table(&prepared)?;
        let document = self.repository.project_directory(&prepared.plan.project).join("override.yml");
        say(format_args!("\n{}:\n{}", document.display(), prepared.plan.override_document().trim_end()))?;
        let document = text(&document)?;
        let flags = self.invocation.flags_with(self.files.names.iter().chain([&document]));
        say(format_args!("\nwould run: docker compose {} {}", flags.join(" "), self.invocation.command.join(" ")))?;
        Ok(ExitCode::SUCCESS)
    }

    pub(super) fn prepare(&self) -> Result<Result<Prepared, ExitCode>, Failure> {
        let flags = self.invocation.flags_with(&self.files.names);
        let mut slots = self.repository.slots()?;
        let mut model = match self.structure(&flags, &slots)? {
            Ok(model) => model,
            Err(code) => return Ok(Err(code)),
        };
        self.assign(&model, &mut slots)?;
        if model.needs_variables() {
            match self.ask(&flags, &EVERYTHING, &slots)? {
                Ok(json) => model.with_variables(&parse(&json)?),
                Err(refusal) => return self.explain(refusal, &flags, &EVERYTHING, &slots).map(Err),
            }
        }
        self.define(&model, &mut slots)?;
        let plan = self.planned(&model, &slots)?;
        let document = NamedTempFile::with_suffix("-override.yml").and_then(|mut file| {
            file.as_file().set_permissions(std::fs::Permissions::from_mode(0o600))?;
            file.write_all(plan.override_document().as_bytes()).map(|()| file)
        });
        let document = document.map_err(fault("write", Path::new("a temporary file")))?;
        let name = text(document.path())?;
        let flags = self.invocation.flags_with(self.files.names.iter().chain([&name]));
        let json = match self.ask(&flags, &EVERYTHING, &slots)? {
            Ok(json) => json,
            Err(refusal) => return self.explain(refusal, &flags, &EVERYTHING, &slots).map(Err),
        };
        let fault = |error| Failure::runtime("docker compose", &error);
        let (surroundings, allowed) = allow::around(&self.repository.root)?;
        let mut problems = plan.problems.clone();
        problems.extend(plan.verify(&json).map_err(fault)?);
        problems.extend(refusals(&json, &model, &surroundings, &allowed, &allow::real).map_err(fault)?);
        problems.extend(plan.warnings(&json, &model, &policy()?.entry_points.tcp_ports()).map_err(fault)?);
        let places = self.places();
        problems.iter_mut().for_each(|problem| problem.locate(&places));
        let outcome = self.routed(&plan, &json)?;
        Ok(Ok(Prepared { plan, problems, outcome, slots, document }))
    }

    /// What the route server would make of it, if this repository were alone on the machine.
    fn routed(&self, plan: &Plan, json: &str) -> Result<Outcome, Failure> {
        let model: Value = serde_json::from_str(json).map_err(|error| Failure::runtime("docker compose", &error))?;
        let containers = plan.services.iter().enumerate().map(|(at, service)| {
            let labels = model.pointer(&format!("/services/{}/labels", service.name)).and_then(Value::as_object);
            let own = [("com.docker.compose.service", &service.name), ("com.docker.compose.project", &plan.project)];
            let own = own.map(|(key, value)| (key.to_owned(), value.clone()));
            let labels = labels
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.replace("$$", "$"))));
            let container = Container {
                id: format!("{at:064}").into(),
                name: service.name.clone(),
                labels: Arc::new(labels.chain(own).collect()),
                created: Timestamp::from_millis(at as u64),
                state: ContainerState::Running,
                health: Health::Unchecked,
                network_mode: service.network_mode.clone(),
                defects: Vec::new(),
            };
            let id = container.id.clone();
            (id, Tracked { container: Arc::new(container), down_since: None, up_since: None, removed: false })
        });
        let view = DaemonView {
            socket: text(&self.repository.socket())?,
            link: Link::Live,
            since: Timestamp::from_millis(0),
            reason: None,
            containers: containers.collect(),
        };
        let snapshot =
            Snapshot { daemons: BTreeMap::from([(self.repository.id, Arc::new(view))]), ..Snapshot::default() };
        let policy = policy()?;
        Ok(synthesize(&snapshot, &policy, &Ledger::default(), &mut Cache::default(), Timestamp::from_millis(1)))
    }

    fn as_table(&self, prepared: &Prepared) -> Result<(), Failure> {
        let Prepared { plan, problems, outcome, .. } = prepared;
        say(format_args!(
            "project {} of network {}, in {}",
            plan.project,
            plan.network_id,
            self.repository.root.display()
        ))?;
        let mut rows = vec![["SERVICE", "ADDRESS", "VARIABLE", "NETWORK", "ROUTES"].map(str::to_owned)];
        for service in &plan.services {
            let routes: Vec<_> = routes(outcome, &service.name).iter().map(shown).collect();
            rows.push([
                service.name.clone(),
                service.address.to_string(),
                service.variable.clone(),
                service.network_mode.clone(),
                routes.join(", "),
            ]);
        }
        table(&rows)?;
        for problem in problems {
            say(format_args!("{}: {problem}", problem.severity))?;
        }
        let places = self.places();
        for finding in &outcome.findings {
            say(located(finding, &places))?;
        }
        Ok(())
    }

    /// Says what of the labels will not do what was meant, before anything starts. It stops nothing: the rest is routed.
    pub(super) fn warn_of_labels(&self, plan: &Plan, json: &str) -> Result<(), Failure> {
        let outcome = self.routed(plan, json)?;
        let mut wrong = outcome.findings.iter().filter(|finding| finding.severity != Severity::Info).peekable();
        let places = if wrong.peek().is_some() { self.places() } else { Vec::new() };
        for finding in wrong {
            let written = writeln!(std::io::stderr(), "renet: {}", located(finding, &places));
            written.map_err(|error| Failure::output(&error))?;
        }
        Ok(())
    }

    fn as_json(&self, prepared: &Prepared) -> Result<Value, Failure> {
        let Prepared { plan, problems, outcome, .. } = prepared;
        let fault = |error| Failure::runtime("the plan", &error);
        let state = self.repository.project_directory(&plan.project);
        let mut services = serde_json::to_value(&plan.services).map_err(fault)?;
        for (service, planned) in services.as_array_mut().into_iter().flatten().zip(&plan.services) {
            if let Some(service) = service.as_object_mut() {
                service.insert("routes".to_owned(), Value::Array(routes(outcome, &planned.name)));
            }
        }
        let places = self.places();
        let findings = outcome.findings.iter().map(|finding| Ok(as_problem(finding, &places)));
        let problems = problems.iter().map(serde_json::to_value).chain(findings);
        Ok(json!({
            "network_id": plan.network_id,
            "repository": self.repository.root,
            "project": plan.project,
            "override": state.join("override.yml"),
            "hosts_file": state.join("hosts"),
            "services": services,
            "problems": problems.collect::<Result<Vec<_>, _>>().map_err(fault)?,
        }))
    }
}

/// A finding in the form of a problem.
fn as_problem(finding: &Finding, places: &[(String, Places)]) -> Value {
    let place = locate(&key(finding), places);
    json!({
        "severity": finding.severity, "code": finding.code, "service": finding.subject.service,
        "file": place.map(|(file, _)| file), "line": place.map(|(_, at)| at.line),
        "column": place.map(|(_, at)| at.column), "key": key(finding), "message": finding.message,
        "hint": finding.hint,
    })
}

/// A finding behind its place.
fn located(finding: &Finding, places: &[(String, Places)]) -> String {
    match locate(&key(finding), places) {
        Some((file, at)) => format!("{file}:{}:{}: {finding}", at.line, at.column),
        None => finding.to_string(),
    }
}

fn key(finding: &Finding) -> String {
    let key = format!("services.{}.labels.{}", finding.subject.service, finding.subject.label);
    key.trim_end_matches('.').to_owned()
}

/// The routes of a service.
fn routes(outcome: &Outcome, service: &str) -> Vec<Value> {
    let table = outcome.publication.table();
    let protocols = [("http", &table.http), ("tcp", &table.tcp), ("udp", &table.udp)];
    let all = protocols.into_iter().flat_map(|(protocol, routes)| routes.iter().map(move |route| (protocol, route)));
    let own = all.filter(|(_, route)| route.source.service == service);
    let shown = own.map(|(protocol, route)| {
        let port = route.backends.first().and_then(|backend| backend.rsplit(':').next()?.parse::<u16>().ok());
        json!({
            "kind": route.source.kind, "protocol": protocol, "rule": route.rule, "entrypoints": route.entrypoints,
            "port": port,
        })
    });
    shown.collect()
}

fn shown(route: &Value) -> String {
    let text = |key: &str| route.get(key).and_then(Value::as_str).unwrap_or_default();
    let port = route.get("port").and_then(Value::as_u64).map(|port| format!(" → :{port}")).unwrap_or_default();
    let rule = if text("rule").is_empty() { text("protocol") } else { text("rule") };
    format!("{rule}{port}")
}
