use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::ExitCode,
};

use container_snapshot::{Event, Snapshot, Store, Timestamp};
use repo_network::NetworkId;
use route_synthesis::{Cache, Finding, Ledger, synthesize};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::clock::steady;
use crate::{cli::RenderOptions, exit::Failure, settings};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "expected {\"daemons\": […]}")]
struct Input {
    daemons: Vec<Daemon>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "expected {\"network_id\": 2816, \"containers\": […]}")]
struct Daemon {
    network_id: NetworkId,
    containers: Box<RawValue>,
}

/// The most bytes of an input file.
const MAX_INPUT: u64 = 1 << 30;

/// Prints the document for containers from a file, and the findings on standard error.
pub(crate) fn run(options: &RenderOptions) -> Result<ExitCode, Failure> {
    let now = steady();
    let snapshot = snapshot(&options.input, &read(options)?, now)?;
    let policy = settings::policy(&options.routing);
    let outcome = synthesize(&snapshot, &policy, &Ledger::default(), &mut Cache::default(), now);
    let yaml = outcome.publication.document().map_err(|error| Failure::runtime("cannot write the document", &error))?;
    let mut out = std::io::stdout().lock();
    out.write_all(yaml.text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;
    for finding in &outcome.findings {
        say(finding, options.json)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read(options: &RenderOptions) -> Result<String, Failure> {
    let path = &options.input;
    let fault = |error: std::io::Error| Failure::Usage(format!("--input {}: {error}", path.display()));
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(MAX_INPUT).read_to_string(&mut text).map_err(fault)?;
    } else {
        fs::File::open(path).map_err(fault)?.take(MAX_INPUT).read_to_string(&mut text).map_err(fault)?;
    }
    Ok(text)
}

fn snapshot(path: &Path, text: &str, now: Timestamp) -> Result<Snapshot, Failure> {
    let fault = |what: String| Failure::Usage(format!("--input {}: {what}", path.display()));
    let input: Input = serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
    let mut store = Store::default();
    for daemon in input.daemons {
        let id = daemon.network_id;
        let containers = docker_discovery::containers_from_json(daemon.containers.get().as_bytes())
            .map_err(|error| fault(format!("containers of network {id}: {}", without_place(&error))))?;
        store.apply(id, Event::Found { socket: format!("docker-{id}.sock") }, now);
        store.apply(id, Event::Listed(containers), now);
    }
    Ok(store.snapshot().clone())
}

/// The place is one in this daemon's containers, not in the file.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

fn say(finding: &Finding, json: bool) -> Result<(), Failure> {
    let line = if json {
        serde_json::to_string(finding).map_err(|error| Failure::runtime("cannot write a finding", &error))?
    } else {
        finding.to_string()
    };
    writeln!(std::io::stderr().lock(), "{line}").map_err(|error| Failure::output(&error))
}
