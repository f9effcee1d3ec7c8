//! `renet repo show`: what is set up and what it holds, whether it runs or not.

use std::process::ExitCode;

use command_line::{Failure, printable};
use repo_lifecycle::{RepositoryName, shown};
use repo_network::{SlotFile, variable_name};
use route_api::Holdings;
use serde_json::json;

use super::{Repository, backup::holdings, image};
use crate::{
    files::read,
    output::{say, table},
    repository::SLOT_FILE,
};

pub(super) fn run(name: &RepositoryName, as_json: bool) -> Result<ExitCode, Failure> {
    let repository = Repository::find(name)?;
    let is_mounted = repository.is_mounted().unwrap_or(false);
    let slots = if is_mounted { read(&repository.root.join(SLOT_FILE))? } else { None };
    let slots = slots.map(|text| SlotFile::parse(&text)).transpose();
    let slots = slots.map_err(|error| Failure::usage(SLOT_FILE, &error))?.unwrap_or_default();
    let held = holdings(&repository);
    let resumes = repository.resumes()?;
    let size = repository.image.as_deref().and_then(|file| image::look(file).ok()).map(|it| it.length);
    if as_json {
        let services = slots.services().map(|(service, slot)| {
            json!({"service": service, "address": repository.id.service_ip(slot), "variable": variable_name(service)})
        });
        say(json!({
            "name": name, "network_id": repository.id, "addresses": format!("{}/26", repository.id.network()),
            "path": repository.root, "image": repository.image, "image_size": size, "mounted": is_mounted,
            "resumes": resumes, "services": services.collect::<Vec<_>>(), "holdings": held.as_ref().ok(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    say(name)?;
    let line = |title: &str, text: String| say(format_args!("  {title:<15}{text}"));
    line("network", format!("{} ({}/26)", repository.id, repository.id.network()))?;
    line("path", repository.root.display().to_string())?;
    if let Some(file) = &repository.image {
        let size = size.map_or_else(|| "it cannot be read".to_owned(), shown);
        let state = if is_mounted { "mounted" } else { "not mounted" };
        line("image", format!("{}, {size}, {state}", file.display()))?;
    }
    line("after a reboot", if resumes { "it comes back" } else { "it stays down" }.to_owned())?;
    match held {
        Ok(held) => {
            for (title, text) in told(&held) {
                line(title, text)?;
            }
        }
        Err(failure) => line("hosts", format!("not known: {}", failure.reason().unwrap_or_default()))?,
    }
    let head = ["SERVICE", "ADDRESS", "VARIABLE"].map(str::to_owned);
    let row =
        |(service, slot)| [printable(service), repository.id.service_ip(slot).to_string(), variable_name(service)];
    let rows: Vec<_> = [head].into_iter().chain(slots.services().map(row)).collect();
    match rows.len() {
        1 if is_mounted => line("services", "none has an address yet".to_owned())?,
        1 => line("services", "not to be seen while it is not mounted".to_owned())?,
        _ => table(&rows)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What it holds, in words.
fn told(held: &Holdings) -> Vec<(&'static str, String)> {
    let names = |names: &[String]| names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ");
    let port =
        |it: &route_api::HeldPort| format!("{}-{} for {}:{}", it.protocol, it.public, printable(&it.service), it.port);
    let ports: Vec<_> = held.ports.iter().map(port).collect();
    let all = [
        ("hosts", names(&held.hosts)),
        ("assigned", names(&held.assigned)),
        ("entry points", names(&held.exclusive)),
        ("shared", names(&held.shared)),
        ("public ports", ports.join(", ")),
    ];
    all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}
