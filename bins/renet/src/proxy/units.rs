//! The proxy under systemd: its users, its units, and a socket for each of Traefik's entry points.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::lchown,
    path::{Path, PathBuf},
};

use command_line::Failure;
use supervisor::systemctl;
use traefik_static::{EntryPoint, SOCKET_UNIT};

use super::services::failure;
use crate::{
    files::{fault, read, replace},
    paths::Paths,
    programs::output_of,
    units::{Packaged, UNITS, enable, group, id_in, reload, write, write_packaged},
};

/// Names the sockets to Traefik's unit.
const SOCKETS: &str = "rediacc-traefik.service.d/entry-points.conf";
/// The units as they are packaged.
const PACKAGED: [Packaged; 6] = [
    ("rediacc-router.socket", include_str!("../../../../packaging/systemd/rediacc-router.socket")),
    ("rediacc-router-control.socket", include_str!("../../../../packaging/systemd/rediacc-router-control.socket")),
    ("rediacc-router.service", include_str!("../../../../packaging/systemd/rediacc-router.service")),
    ("rediacc-traefik.service", include_str!("../../../../packaging/systemd/rediacc-traefik.service")),
    ("rediacc-proxy-check.service", include_str!("../../../../packaging/systemd/rediacc-proxy-check.service")),
    ("rediacc-proxy-check.timer", include_str!("../../../../packaging/systemd/rediacc-proxy-check.timer")),
];
const USERS: (&str, &str) =
    ("/etc/sysusers.d/rediacc.conf", include_str!("../../../../packaging/sysusers.d/rediacc.conf"));
const DIRECTORIES: (&str, &str) =
    ("/etc/tmpfiles.d/rediacc.conf", include_str!("../../../../packaging/tmpfiles.d/rediacc.conf"));

/// The user whom Traefik runs as.
pub(super) const TRAEFIK_USER: &str = "rediacc-traefik";

/// Users, directories and units, as they have to be; the same twice changes nothing.
pub(super) fn install() -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::Refused("units and users are root's; the same with sudo".to_owned()));
    }
    for ((path, text), program) in [(USERS, "systemd-sysusers"), (DIRECTORIES, "systemd-tmpfiles")] {
        let path = Path::new(path);
        fs::create_dir_all(path.parent().unwrap_or(path)).map_err(fault("create", path))?;
        replace(path, text, 0o644)?;
        let create = (program == "systemd-tmpfiles").then_some("--create");
        let arguments: Vec<_> = create.into_iter().chain(path.to_str()).collect();
        output_of(program, &arguments)?;
    }
    let changed = write_packaged(&PACKAGED)?;
    own_certificates(&Paths::of_this_machine().proxy().join("letsencrypt"))?;
    if changed { reload() } else { Ok(()) }
}

/// Whether [`write_sockets`] would change something.
pub(super) fn sockets_differ(entry_points: &[EntryPoint]) -> Result<bool, Failure> {
    let wanted = wanted(entry_points.to_vec());
    let differs =
        |(name, text): (&String, &String)| Ok::<_, Failure>(read(&Path::new(UNITS).join(name))?.as_ref() != Some(text));
    let any = wanted.iter().map(differs).collect::<Result<Vec<_>, _>>()?.contains(&true);
    Ok(any || sockets()?.iter().any(|name| !wanted.contains_key(name)))
}

/// A socket for each entry point. What runs has to be started again when any came, went or changed.
pub(super) fn write_sockets(entry_points: Vec<EntryPoint>) -> Result<(), Failure> {
    let wanted = wanted(entry_points);
    let mut changed = false;
    for name in sockets()?.into_iter().filter(|name| !wanted.contains_key(name)) {
        // Traefik has the port until it is started again.
        systemctl(&["disable", "--quiet", "--now", &name]).map_err(failure)?;
        let path = Path::new(UNITS).join(&name);
        fs::remove_file(&path).map_err(fault("remove", &path))?;
        changed = true;
    }
    for (name, text) in &wanted {
        changed |= write(name, text)?;
    }
    if changed {
        reload()?;
        enable(&wanted.keys().filter(|name| *name != SOCKETS).map(String::as_str).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// The files that name and describe the sockets, with their texts.
fn wanted(entry_points: Vec<EntryPoint>) -> BTreeMap<String, String> {
    let all = entry_points.into_iter().chain([EntryPoint::admin()]).map(|it| it.socket_unit());
    let mut wanted: BTreeMap<_, _> = all.map(|it| (it.name, it.text)).collect();
    let names: Vec<_> = wanted.keys().map(String::as_str).collect();
    let text = format!("# Written by renet proxy configure.\n[Service]\nSockets={}\n", names.join(" "));
    wanted.insert(SOCKETS.to_owned(), text);
    wanted
}

/// The socket units of entry points that systemd has open.
pub(super) fn active_sockets() -> Result<Vec<String>, Failure> {
    let pattern = format!("{SOCKET_UNIT}*.socket");
    let listed = systemctl(&["list-units", "--state=active", "--plain", "--no-legend", "--no-pager", &pattern]);
    let listed = listed.map_err(failure)?;
    Ok(listed.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect())
}

/// Starts everything; what runs stays as it is.
pub(super) fn start() -> Result<(), Failure> {
    let sockets = sockets()?;
    let sockets: Vec<_> = sockets.iter().map(String::as_str).collect();
    // The check is started by its timer alone.
    let packaged = PACKAGED.iter().map(|(name, _)| *name).filter(|name| *name != "rediacc-proxy-check.service");
    let packaged: Vec<_> = packaged.collect();
    enable(&[packaged.as_slice(), &sockets].concat())?;
    systemctl(&["start", "rediacc-router.socket", "rediacc-router-control.socket"]).map_err(failure)?;
    // It is ready when daemons have answered, which may take long; that it answers is asked for below.
    systemctl(&["start", "--no-block", "rediacc-router.service"]).map_err(failure)?;
    // While Traefik runs no further socket can be started; it has them all, since it is started again for each new one.
    let runs = systemctl(&["is-active", "--quiet", "rediacc-traefik.service"]).is_ok();
    if !runs && !sockets.is_empty() {
        systemctl(&[&["start"], sockets.as_slice()].concat()).map_err(failure)?;
    }
    systemctl(&["start", "rediacc-traefik.service", "rediacc-proxy-check.timer"]).map(drop).map_err(failure)
}

/// Stops everything, and gives the ports back.
pub(super) fn stop() -> Result<(), Failure> {
    let sockets = sockets()?;
    let all = PACKAGED.iter().rev().map(|(name, _)| *name).chain(sockets.iter().map(String::as_str));
    let all: Vec<_> = all.filter(|name| Path::new(UNITS).join(name).exists()).collect();
    if all.is_empty() {
        return Ok(());
    }
    // First: its end asks the route server for something, which would be started again for it.
    if all.contains(&"rediacc-traefik.service") {
        systemctl(&["stop", "rediacc-traefik.service"]).map_err(failure)?;
    }
    systemctl(&[&["disable", "--now"], all.as_slice()].concat()).map(drop).map_err(failure)
}

/// Starts a service again, whose sockets stay open.
pub(super) fn restart(name: &str) -> Result<(), Failure> {
    systemctl(&["restart", &format!("{name}.service")]).map(drop).map_err(failure)
}

/// Removes what [`install`] and [`write_sockets`] made, but for users and data; returns the files.
pub(super) fn uninstall() -> Result<Vec<PathBuf>, Failure> {
    stop()?;
    let units = PACKAGED.iter().map(|(name, _)| (*name).to_owned()).chain(sockets()?).chain([SOCKETS.to_owned()]);
    let files = units.map(|name| Path::new(UNITS).join(name));
    let files = files.chain([USERS.0, DIRECTORIES.0].map(PathBuf::from));
    let mut removed = Vec::new();
    for file in files {
        match fs::remove_file(&file) {
            Ok(()) => removed.push(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(fault("remove", &file)(error)),
        }
    }
    // Another administrator's drop-in stays, and its directory with it.
    let _ = fs::remove_dir(Path::new(UNITS).join("rediacc-traefik.service.d"));
    reload()?;
    Ok(removed)
}

/// Certificates that came while Traefik was root's become its user's.
fn own_certificates(directory: &Path) -> Result<(), Failure> {
    let users = fs::read_to_string("/etc/passwd").map_err(fault("read", Path::new("/etc/passwd")))?;
    let Some((user, group)) = id_in(&users, TRAEFIK_USER).zip(group(TRAEFIK_USER)) else {
        return Err(Failure::Runtime(format!("there is no user {TRAEFIK_USER}, although systemd-sysusers ran")));
    };
    let files = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let all = files.chain(directory.is_dir().then(|| directory.to_owned()));
    // A link is not followed: Traefik's user may write there.
    all.into_iter().try_for_each(|path| lchown(&path, Some(user), Some(group)).map_err(fault("chown", &path)))
}

/// The socket units of entry points that are there.
fn sockets() -> Result<Vec<String>, Failure> {
    let directory = Path::new(UNITS);
    let entries = fs::read_dir(directory).map_err(fault("read", directory))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut sockets: Vec<_> = names.filter(|name| name.starts_with(SOCKET_UNIT) && name.ends_with(".socket")).collect();
    sockets.sort();
    Ok(sockets)
}
