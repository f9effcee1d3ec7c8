//! Units of systemd.

use std::{path::Path, process::Command};

use crate::{State, SupervisorError, fault};

/// So many words of a command are shown.
const SHOWN: usize = 5;
/// Where an administrator's units are.
const UNITS: &str = "/etc/systemd/system";

/// Starts a unit that is there, and has a reboot start it.
pub(crate) fn start(name: &str) -> Result<(), SupervisorError> {
    systemctl(&["enable", "--quiet", "--now", &format!("{name}.service")]).map(drop)
}

pub(crate) fn stop(name: &str) -> Result<bool, SupervisorError> {
    let ran = matches!(state(name)?, State::Running(_));
    // An instance has the file of its template.
    let file = name.split_once('@').map_or_else(|| name.to_owned(), |(template, _)| format!("{template}@"));
    if Path::new(UNITS).join(format!("{file}.service")).exists() {
        systemctl(&["disable", "--quiet", "--now", &format!("{name}.service")])?;
    }
    Ok(ran)
}

pub(crate) fn state(name: &str) -> Result<State, SupervisorError> {
    let shown = systemctl(&["show", "--property=ActiveState,MainPID", &format!("{name}.service")])?;
    let value = |key: &str| shown.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let pid = value("MainPID").and_then(|pid| pid.parse().ok()).filter(|pid| *pid != 0);
    Ok(match (value("ActiveState"), pid) {
        (Some("active" | "activating" | "reloading" | "deactivating"), Some(pid)) => State::Running(pid),
        // Between two tries, or on its way out.
        (Some("failed" | "activating" | "deactivating"), _) => State::Ended,
        _ => State::Stopped,
    })
}

pub(crate) fn last_words(name: &str, lines: usize) -> String {
    let mut command = Command::new("journalctl");
    command.args(["--no-pager", "--output=cat", "--unit", name, "--lines", &lines.to_string()]);
    command.output().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Asks systemd; returns what it prints.
///
/// # Errors
/// When it can't be asked, or says no.
pub fn systemctl(arguments: &[&str]) -> Result<String, SupervisorError> {
    let output = Command::new("systemctl").args(arguments).output().map_err(fault("run", "systemctl"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it failed without a word").to_owned();
    // With many units its words would be lost among their names.
    let more = if arguments.len() > SHOWN { " …" } else { "" };
    let command = arguments.iter().take(SHOWN).copied().collect::<Vec<_>>().join(" ") + more;
    Err(SupervisorError::Systemd { command, said })
}
