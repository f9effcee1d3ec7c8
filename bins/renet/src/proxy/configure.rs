//! `renet proxy configure`: from the infra JSON to the files that Traefik and the route server start with.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, IsTerminal as _, Read as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::Path,
    process::ExitCode,
};

use command_line::Failure;
use supervisor::Form;
use traefik_static::{Infra, InfraError, Reader, Secrets, StaticFile, entry_points, files};

use super::{addresses::addresses, services, units};
use crate::{
    files::{fault, read, replace, replace_for},
    output::say,
    paths::Paths,
};

/// What the operator said last, for `status` and messages. It holds the token.
const INFRA: &str = "infra.json";
/// The most bytes of it that are read.
const MAX_INFRA: u64 = 1 << 20;
/// The only file that is not there in every configuration.
const TOKEN: &str = "cloudflare-token";

/// Reads the infra JSON from standard input and brings the files up to date. What runs and must know of it is started
/// again. Bad input changes nothing.
pub(super) fn run() -> Result<ExitCode, Failure> {
    let mut json = String::new();
    if io::stdin().is_terminal() {
        let written = writeln!(io::stderr(), "the infra JSON, then ctrl-D:");
        written.map_err(|error| Failure::output(&error))?;
    }
    let read_all = io::stdin().lock().take(MAX_INFRA).read_to_string(&mut json);
    read_all.map_err(|error| Failure::usage("the infra JSON on standard input", &error))?;
    let infra = Infra::parse(&json).map_err(|error| Failure::usage("proxy configure", &error))?;
    let paths = Paths::of_this_machine();
    let proxy = paths.proxy();
    for (directory, mode) in
        [(&proxy, 0o755), (&proxy.join("letsencrypt"), 0o700), (&paths.router_state(), 0o700), (&paths.run(), 0o755)]
    {
        make_directory(directory, mode)?;
    }
    let is_systemd = Form::of_this_machine() == Form::Systemd;
    if is_systemd {
        // First: files belong to its users.
        units::install()?;
    }
    let secrets = Secrets { poll: secret(&proxy.join("poll-token"))?, api: secret(&proxy.join("api-token"))? };
    let addresses = addresses(&infra);
    let files = files(&infra, addresses, &secrets, &paths.directories()).map_err(|error| match error {
        InfraError::Unwritable(_) => Failure::runtime("proxy configure", &error),
        _ => Failure::usage("proxy configure", &error),
    })?;
    let changed = write(&proxy, &files, is_systemd)?;
    let sockets_changed = is_systemd && units::write_sockets(entry_points(&infra, addresses))?;
    let text = serde_json::to_string_pretty(&infra).map_err(|error| Failure::runtime("the infra JSON", &error))?;
    replace(&proxy.join(INFRA), &format!("{text}\n"), 0o600)?;
    let listening = [addresses.ipv4.map(|ip| ip.to_string()), addresses.ipv6.map(|ip| ip.to_string())];
    let listening: Vec<_> = listening.into_iter().flatten().collect();
    say(format_args!("entry points listen on {}", listening.join(" and ")))?;
    if changed.is_empty() && !sockets_changed {
        say("nothing changed")?;
        return Ok(ExitCode::SUCCESS);
    }
    say(format_args!("changed in {}: {}", proxy.display(), changed.join(", ")))?;
    services::take_over(&changed, sockets_changed)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes what is another text than before; returns the names.
fn write(proxy: &Path, files: &[StaticFile], has_users: bool) -> Result<Vec<&'static str>, Failure> {
    let mut changed = Vec::new();
    for file in files {
        let path = proxy.join(file.name);
        if read(&path)?.as_deref() != Some(&file.text) {
            changed.push(file.name);
        }
        let user = match file.reader {
            Reader::Traefik if has_users => Some(units::TRAEFIK_USER),
            Reader::Router if has_users => Some(crate::units::ROUTER_USER),
            _ => None,
        };
        let mode = match (file.reader, user) {
            (Reader::Everybody, _) => 0o644,
            (_, Some(_)) => 0o640,
            (_, None) => 0o600,
        };
        replace_for(&path, &file.text, mode, user.and_then(crate::units::group))?;
    }
    let token = proxy.join(TOKEN);
    if !files.iter().any(|file| file.name == TOKEN) && fs::remove_file(&token).is_ok() {
        changed.push(TOKEN);
    }
    Ok(changed)
}

/// What stands in the file, or a new one: 32 hexadecimal digits of the kernel's randomness.
fn secret(path: &Path) -> Result<String, Failure> {
    let known = read(path)?.map(|text| text.trim().to_owned());
    if let Some(known) = known.filter(|text| text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    {
        return Ok(known);
    }
    let mut bytes = [0; 16];
    let source = Path::new("/dev/urandom");
    File::open(source).and_then(|mut file| file.read_exact(&mut bytes)).map_err(fault("read", source))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn make_directory(path: &Path, mode: u32) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    let make = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        DirBuilder::new().mode(mode).create(path)
    };
    make().map_err(fault("create", path))
}
