//! `renet repo slots`: which service has which address, for good.

use std::process::ExitCode;

use command_line::Failure;
use repo_lifecycle::RepositoryName;
use repo_network::variable_name;
use serde_json::{Value, json};

use super::{Repository, daemons::Daemons};
use crate::{
    output::{say, table},
    repository,
};

/// Prints them, or frees one.
pub(super) fn run(name: &RepositoryName, free: Option<&str>, as_json: bool) -> Result<ExitCode, Failure> {
    let found = Repository::find(name)?;
    found.must_be_there()?;
    let repository = repository::Repository { root: found.root.clone(), id: found.id };
    // A service is in use for as long as a container of it exists, running or not.
    let containers = Daemons::of(&found).containers();
    let used = |address: &str| -> Option<bool> {
        let containers = containers.as_ref().ok()?;
        Some(containers.iter().any(|it| it.get("address").and_then(Value::as_str) == Some(address)))
    };
    let _lock = repository.lock()?;
    let mut slots = repository.slots()?;
    let Some(service) = free else {
        let mut rows = vec![["SERVICE", "SLOT", "ADDRESS", "VARIABLE", "FILE", "CONTAINER"].map(str::to_owned)];
        let mut all = Vec::new();
        for (service, slot) in slots.services() {
            let address = found.id.service_ip(slot).to_string();
            let file = slots.definition(service).map_or("", |(_, file)| file);
            let container = match used(&address) {
                Some(true) => "yes",
                Some(false) => "no",
                None => "unknown",
            };
            let cells = [service, &slot.to_string(), &address, &variable_name(service), file, container];
            rows.push(cells.map(str::to_owned));
            all.push(
                json!({"service": service, "slot": slot, "address": address, "file": file, "container": container}),
            );
        }
        if as_json {
            say(json!({"slots": all}))?
        } else {
            table(&rows)?
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(slot) = slots.slot(service) else {
        return Err(Failure::Usage(format!("no service {service:?} has a slot; `renet repo slots {name}` lists them")));
    };
    let address = found.id.service_ip(slot).to_string();
    match used(&address) {
        Some(false) => {}
        Some(true) => {
            return Err(Failure::Refused(format!(
                "service {service:?} has a container with the address {address}; remove that first (renet compose -- down)"
            )));
        }
        None => {
            return Err(Failure::Refused(format!(
                "whether service {service:?} has a container cannot be seen while the daemon is stopped; `renet repo up \
                 {name}` starts it"
            )));
        }
    }
    slots.free(service);
    repository.save(&mut slots)?;
    say(format_args!("{address} is free; the next new service gets it"))?;
    Ok(ExitCode::SUCCESS)
}
