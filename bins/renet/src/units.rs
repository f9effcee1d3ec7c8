//! Units of systemd: those that are packaged, with the programs' real paths in them.

use std::{env, fs, path::Path};

use command_line::Failure;
use supervisor::systemctl;

use crate::{
    files::{fault, read, replace},
    paths,
};

/// A unit as it is packaged: its file's name, and its text.
pub(crate) type Packaged = (&'static str, &'static str);

/// Where an administrator's units are.
pub(crate) const UNITS: &str = "/etc/systemd/system";
/// The user whom the route server runs as; the group of that name has the sockets of the repositories' daemons.
pub(crate) const ROUTER_USER: &str = "rediacc-router";
/// Where the packaged units have programs.
const PACKAGED_AT: &str = "/usr/local/bin/";

/// Writes units, each program with the path that it has here; returns whether any was another before.
pub(crate) fn write_packaged(units: &[Packaged]) -> Result<bool, Failure> {
    let own = env::current_exe().map_err(fault("find", Path::new("this program")))?;
    let put =
        |text: String, name: &str, real: &Path| text.replace(&format!("{PACKAGED_AT}{name}"), &real.to_string_lossy());
    let mut changed = false;
    for (name, text) in units {
        let mut text = put((*text).to_owned(), "renet", &own);
        for (program, variable) in [("route-server", "ROUTE_SERVER_BIN"), ("traefik", "TRAEFIK_BIN")] {
            if text.contains(&format!("{PACKAGED_AT}{program}")) {
                text = put(text, program, &paths::program(program, variable)?);
            }
        }
        changed |= write(name, &text)?;
    }
    Ok(changed)
}

/// Writes a unit; returns whether it is another than before.
pub(crate) fn write(name: &str, text: &str) -> Result<bool, Failure> {
    let path = Path::new(UNITS).join(name);
    if read(&path)?.as_deref() == Some(text) {
        return Ok(false);
    }
    fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(fault("create", &path))?;
    replace(&path, text, 0o644).map(|()| true)
}

/// Has a reboot start them.
pub(crate) fn enable(names: &[&str]) -> Result<(), Failure> {
    systemctl(&[&["enable", "--quiet"], names].concat()).map(drop).map_err(|error| Failure::runtime("systemd", &error))
}

/// Has systemd read its units again.
pub(crate) fn reload() -> Result<(), Failure> {
    systemctl(&["daemon-reload"]).map(drop).map_err(|error| Failure::runtime("systemd", &error))
}

/// The number of a group, where there is one of this name.
pub(crate) fn group(name: &str) -> Option<u32> {
    id_in(&fs::read_to_string("/etc/group").ok()?, name)
}

/// `name:x:ID:…`, as in `/etc/group` and `/etc/passwd`.
pub(crate) fn id_in(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// A path in a setting that takes several, as systemd.syntax(7) reads it.
pub(crate) fn quoted(path: &Path) -> String {
    let escaped = path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_of_groups() {
        let text = "root:x:0:\nrediacc-router-x:x:5:\nrediacc-router:x:998:a,b\n";
        assert_eq!(super::id_in(text, "rediacc-router"), Some(998));
        assert_eq!(super::id_in(text, "rediacc"), None);
    }

    #[test]
    fn paths_in_units() {
        assert_eq!(super::quoted("/mnt/my \"app\" 100%".as_ref()), r#""/mnt/my \"app\" 100%%""#);
    }
}
