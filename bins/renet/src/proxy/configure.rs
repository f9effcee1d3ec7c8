//! `renet proxy configure`: from the infra JSON to the files that Traefik and the route server start with.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, IsTerminal as _, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use command_line::Failure;
use similar::TextDiff;
use supervisor::Form;
use traefik_static::{Infra, InfraError, Reader, Secrets, StaticFile, entry_points, files};

use super::{
    addresses::addresses,
    ports::{Busy, part},
    services, units,
};
use crate::{
    cli::ConfigureOptions,
    files::{fault, read, replace, replace_for},
    output::say,
    paths::Paths,
    units::{ROUTER_USER, group},
};

/// What the operator said last, for `status` and messages. It holds the token.
const INFRA: &str = "infra.json";
/// The most bytes of it that are read.
const MAX_INFRA: u64 = 1 << 20;
/// The only file that is not there in every configuration.
const TOKEN: &str = "cloudflare-token";
/// Certificates, and the account at their authority.
const ACME: &str = "letsencrypt/acme.json";

/// A file as it was: its text, mode and group; none: it was not there.
type Before = (PathBuf, Option<(String, u32, u32)>);

/// Reads the infra JSON from standard input and brings the files up to date. What runs and must know of it is started
/// again. Bad input changes nothing; a configuration with which the proxy does not come up is taken back.
pub(super) fn run(options: &ConfigureOptions) -> Result<ExitCode, Failure> {
    let infra = read_infra()?;
    let paths = Paths::of_this_machine();
    let proxy = paths.proxy();
    let is_systemd = Form::of_this_machine() == Form::Systemd;
    if !options.dry_run {
        for (directory, mode) in [
            (&proxy, 0o755),
            (&proxy.join("letsencrypt"), 0o700),
            (&paths.router_state(), 0o700),
            (&paths.run(), 0o755),
        ] {
            make_directory(directory, mode)?;
        }
        if is_systemd {
            // First: files belong to its users.
            units::install()?;
        }
    }
    let secrets = Secrets { poll: secret(&proxy.join("poll-token"))?, api: secret(&proxy.join("api-token"))? };
    let addresses = addresses(&infra);
    let (entry_points, busy) = part(entry_points(&infra, addresses), &services::holds(is_systemd)?);
    let files = files(&infra, &entry_points, &secrets, &paths.directories()).map_err(|error| match error {
        InfraError::Unwritable(_) => Failure::runtime("proxy configure", &error),
        _ => Failure::usage("proxy configure", &error),
    })?;
    let old: Option<Infra> = read(&proxy.join(INFRA))?.and_then(|text| serde_json::from_str(&text).ok());
    let listening = [addresses.ipv4.map(|ip| ip.to_string()), addresses.ipv6.map(|ip| ip.to_string())];
    let listening: Vec<_> = listening.into_iter().flatten().collect();
    say(format_args!("entry points listen on {}", listening.join(" and ")))?;
    for it in &busy {
        warn_of(it)?;
    }
    show_changes(&proxy, &files, &[&old, &Some(infra.clone())], &secrets, options.dry_run)?;
    if options.dry_run {
        let same = |file: &StaticFile| Ok::<_, Failure>(read(&proxy.join(file.name))?.as_ref() == Some(&file.text));
        let all_same = files.iter().map(same).collect::<Result<Vec<_>, _>>()?.into_iter().all(|same| same);
        say(if all_same { "nothing would change" } else { "nothing was changed: this was a dry run" })?;
        return Ok(ExitCode::SUCCESS);
    }

    let ran = services::running()?;
    let before = remember(&proxy)?;
    let changed = write(&proxy, &files, is_systemd)?;
    let text = serde_json::to_string_pretty(&infra).map_err(|error| Failure::runtime("the infra JSON", &error))?;
    replace(&proxy.join(INFRA), &format!("{text}\n"), 0o600)?;
    let sockets_changed = is_systemd && units::write_sockets(entry_points)?;
    if changed.is_empty() && !sockets_changed {
        say("nothing changed")?;
        return Ok(ExitCode::SUCCESS);
    }
    say(format_args!("changed in {}: {}", proxy.display(), changed.join(", ")))?;
    let of_another_authority = old.is_some_and(|old| old.acme_server != infra.acme_server);
    let aside = if of_another_authority { set_aside(&proxy.join(ACME))? } else { None };
    if let Some(aside) = &aside {
        say(format_args!(
            "another certificate authority: the certificates of the one before are in {}",
            aside.display()
        ))?;
    }
    let Err(failure) = services::take_over(&ran, &changed, sockets_changed) else { return Ok(ExitCode::SUCCESS) };
    let reason = match failure {
        Failure::Runtime(reason) | Failure::Usage(reason) | Failure::Refused(reason) => reason,
        Failure::Closed => return Err(Failure::Closed),
    };
    if let Some(aside) = aside {
        fs::rename(&aside, proxy.join(ACME)).map_err(fault("put back", &aside))?;
    }
    put_back(&proxy, &before, is_systemd)?;
    Err(match services::take_over(&ran, &changed, sockets_changed) {
        Ok(()) => Failure::Runtime(format!("{reason}; the configuration of before is put back and in force")),
        Err(_) => Failure::Runtime(format!(
            "{reason}; the configuration of before is put back, but does not come up either: renet proxy status and \
             renet proxy logs say more"
        )),
    })
}

fn read_infra() -> Result<Infra, Failure> {
    let mut json = String::new();
    if io::stdin().is_terminal() {
        let written = writeln!(io::stderr(), "the infra JSON, then ctrl-D:");
        written.map_err(|error| Failure::output(&error))?;
    }
    let read_all = io::stdin().lock().take(MAX_INFRA).read_to_string(&mut json);
    read_all.map_err(|error| Failure::usage("the infra JSON on standard input", &error))?;
    Infra::parse(&json).map_err(|error| Failure::usage("proxy configure", &error))
}

/// What the operator said last.
pub(super) fn infra() -> Result<Option<Infra>, Failure> {
    let path = Paths::of_this_machine().proxy().join(INFRA);
    let Some(text) = read(&path)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| Failure::runtime(path.display(), &error))
}

fn warn_of(Busy { entry_point, holder }: &Busy) -> Result<(), Failure> {
    let holder = holder.as_ref().map_or_else(|| "somebody who cannot be seen".to_owned(), ToString::to_string);
    let written = writeln!(
        io::stderr(),
        "renet: warning: entry point {} is left out: {holder} has {}; free that, then configure again",
        entry_point.name,
        entry_point.address
    );
    written.map_err(|error| Failure::output(&error))
}

/// The lines that change, without secrets.
fn show_changes(
    proxy: &Path,
    files: &[StaticFile],
    infras: &[&Option<Infra>],
    secrets: &Secrets,
    dry_run: bool,
) -> Result<(), Failure> {
    let tokens = infras.iter().filter_map(|infra| infra.as_ref()?.cf_dns_api_token.as_deref());
    let secrets: Vec<_> = tokens.chain([secrets.poll.as_str(), secrets.api.as_str()]).collect();
    let masked = |text: &str| secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "(secret)"));
    for file in files {
        let Some(old) = read(&proxy.join(file.name))? else {
            // All its lines would be. That it is written is said afterwards.
            if dry_run {
                say(format_args!("+++ {}: new", file.name))?;
            }
            continue;
        };
        if old == file.text {
            continue;
        }
        let (old, new) = (masked(&old), masked(&file.text));
        if old == new {
            say(format_args!("--- {}: another secret", file.name))?;
        } else {
            let diff = TextDiff::from_lines(&old, &new);
            let shown = diff.unified_diff().context_radius(1).header(file.name, file.name).to_string();
            say(shown.trim_end())?;
        }
    }
    Ok(())
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
            Reader::Router if has_users => Some(ROUTER_USER),
            _ => None,
        };
        let mode = match (file.reader, user) {
            (Reader::Everybody, _) => 0o644,
            (_, Some(_)) => 0o640,
            (_, None) => 0o600,
        };
        replace_for(&path, &file.text, mode, user.and_then(group))?;
    }
    let token = proxy.join(TOKEN);
    if !files.iter().any(|file| file.name == TOKEN) && fs::remove_file(&token).is_ok() {
        changed.push(TOKEN);
    }
    Ok(changed)
}

/// The files that a configuration consists of, as they are.
fn remember(proxy: &Path) -> Result<Vec<Before>, Failure> {
    let names = ["traefik.yml", "local.yml", "router.env", "traefik.env", "poll-token", "api-token", TOKEN, INFRA];
    let each = names.map(|name| {
        let path = proxy.join(name);
        let text = read(&path)?;
        let metadata = fs::metadata(&path).ok().map(|it| (it.permissions().mode() & 0o7777, it.gid()));
        Ok((path, text.zip(metadata).map(|(text, (mode, group))| (text, mode, group))))
    });
    each.into_iter().collect()
}

fn put_back(proxy: &Path, before: &[Before], is_systemd: bool) -> Result<(), Failure> {
    for (path, was) in before {
        match was {
            Some((text, mode, group)) => replace_for(path, text, *mode, Some(*group))?,
            None => drop(fs::remove_file(path)),
        }
    }
    if !is_systemd {
        return Ok(());
    }
    let text = read(&proxy.join("router.env"))?.unwrap_or_default();
    let names = text.lines().find_map(|line| line.strip_prefix("REDIACC_ROUTER_ENTRYPOINTS=")).unwrap_or_default();
    let Some(infra) = infra()? else { return Ok(()) };
    let all = entry_points(&infra, addresses(&infra));
    let were: Vec<_> = all.into_iter().filter(|it| names.split(',').any(|name| name == it.name)).collect();
    units::write_sockets(were).map(drop)
}

/// Certificates of another authority would be kept until they expire.
fn set_aside(acme: &Path) -> Result<Option<PathBuf>, Failure> {
    let is_something = fs::metadata(acme).is_ok_and(|metadata| metadata.len() > 0);
    if !is_something {
        return Ok(None);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let aside = acme.with_file_name(format!("acme.json.{now}"));
    fs::rename(acme, &aside).map_err(fault("set aside", acme))?;
    Ok(Some(aside))
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
