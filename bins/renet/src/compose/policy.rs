//! What the machine's proxy would do with routes, as far as `renet proxy configure` has said.

use command_line::Failure;
use route_synthesis::{AutoRouteCertificate, EntryPoint, EntryPoints, Policy};

use crate::{files::read, paths::Paths};

/// The machine's, as far as `renet proxy configure` has said; else what every machine has.
pub(super) fn policy() -> Result<Policy, Failure> {
    let settings = read(&Paths::of_this_machine().proxy().join("router.env"))?.unwrap_or_default();
    let setting = |name: &str| {
        let name = format!("REDIACC_ROUTER_{name}=");
        settings.lines().find_map(|line| line.strip_prefix(name.as_str()))
    };
    let mut policy =
        Policy { base_domain: setting("BASE_DOMAIN").and_then(|domain| domain.parse().ok()), ..Policy::default() };
    if let Some(names) = setting("ENTRYPOINTS") {
        let known: EntryPoints = names.split(',').filter_map(|name| name.parse::<EntryPoint>().ok()).collect();
        policy.entry_points = known;
    }
    if setting("AUTO_ROUTE_CERTIFICATE") == Some("each") {
        policy.auto_route_certificate = AutoRouteCertificate::Each;
    }
    Ok(policy)
}
