//! Units of systemd.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use crate::{Service, State, SupervisorError, fault};

/// Where an administrator's units are, which a reboot starts again.
const UNITS: &str = "/etc/systemd/system";

pub(crate) fn start(service: &Service) -> Result<(), SupervisorError> {
    let name = format!("{}.service", service.name);
    let path = Path::new(UNITS).join(&name);
    let text = unit(service);
    if fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
        return systemctl(&["enable", "--quiet", "--now", &name]).map(drop);
    }
    fs::write(&path, text).map_err(fault("write", path.display().to_string()))?;
    systemctl(&["daemon-reload"])?;
    systemctl(&["enable", "--quiet", &name])?;
    systemctl(&["restart", &name]).map(drop)
}

pub(crate) fn stop(name: &str) -> Result<bool, SupervisorError> {
    let ran = matches!(state(name)?, State::Running(_));
    let name = format!("{name}.service");
    if Path::new(UNITS).join(&name).exists() {
        systemctl(&["disable", "--quiet", "--now", &name])?;
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

fn systemctl(arguments: &[&str]) -> Result<String, SupervisorError> {
    let output = Command::new("systemctl").args(arguments).output().map_err(fault("run", "systemctl"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(SupervisorError::Systemd { command: arguments.join(" "), said })
}

/// The unit's text. It never stops trying: a program that cannot start now may be able to in a minute.
fn unit(service: &Service) -> String {
    let mut text =
        format!("[Unit]\nDescription={}\nAfter=network.target\nStartLimitIntervalSec=0\n", service.description);
    let command: Vec<_> = service.command.iter().map(|word| quoted(&word.to_string_lossy())).collect();
    // Writing to a string does not fail.
    let _ = write!(text, "\n[Service]\nExecStart={}\nRestart=always\nRestartSec=500ms\n", command.join(" "));
    for (name, value) in &service.environment {
        let _ = writeln!(text, "Environment={}", quoted(&format!("{name}={value}")));
    }
    for file in &service.environment_files {
        let _ = writeln!(text, "EnvironmentFile=-{}", file.display().to_string().replace('%', "%%"));
    }
    if service.leaves_children {
        text.push_str("KillMode=process\n");
    }
    if service.delegates {
        // Containers are in it, and many a first process of one ignores SIGTERM: a reboot would wait for 90 s.
        text.push_str("Delegate=yes\nTimeoutStopSec=10\n");
    }
    text.push_str("\n[Install]\nWantedBy=multi-user.target\n");
    text
}

/// A word of a command line, as systemd.syntax(7) reads it.
fn quoted(word: &str) -> String {
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{}\"", escaped.replace('%', "%%").replace('$', "$$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit() {
        let mut service = Service::new("x", ["/usr/bin/x", "a b", "100%", "$HOME", "\"q\"\\"]);
        service.description = "An example".to_owned();
        service.environment.insert("A".to_owned(), "1".to_owned());
        service.environment_files = vec!["/etc/x.env".into()];
        (service.leaves_children, service.delegates) = (true, true);
        let expected = "[Unit]\nDescription=An example\nAfter=network.target\nStartLimitIntervalSec=0\n\n[Service]\n\
                        ExecStart=\"/usr/bin/x\" \"a b\" \"100%%\" \"$$HOME\" \"\\\"q\\\"\\\\\"\nRestart=always\n\
                        RestartSec=500ms\nEnvironment=\"A=1\"\nEnvironmentFile=-/etc/x.env\nKillMode=process\n\
                        Delegate=yes\nTimeoutStopSec=10\n\n[Install]\nWantedBy=multi-user.target\n";
        assert_eq!(unit(&service), expected);
    }
}
