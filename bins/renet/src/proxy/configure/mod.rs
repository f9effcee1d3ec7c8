//! `renet proxy configure`: from the infra JSON to the files that Traefik and the route server start with.

mod changes;
mod outcome;
mod transaction;

use std::{
    fs::{self, DirBuilder, File},
    io::{self, IsTerminal as _, Read as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::Path,
    process::ExitCode,
};

use command_line::Failure;
use supervisor::Form;
use traefik_static::{DefaultCertificate, Infra, InfraError, Secrets, StaticFile, Transport, entry_points, files};

pub(super) use self::outcome::Outcome;
use self::transaction::Transaction;
use super::{
    addresses::addresses,
    ports::{Busy, part},
    services, units,
};
use crate::{
    cli::ConfigureOptions,
    files::{fault, lock, read},
    output::say,
    paths::{Paths, form},
};

/// What the operator said last, for `status` and messages. It holds the token.
const INFRA: &str = "infra.json";
/// The most bytes of it that are read.
const MAX_INFRA: u64 = 1 << 20;
/// The only file that is not there in every configuration.
const TOKEN: &str = "cloudflare-token";

/// Reads the infra JSON from standard input and brings the files up to date. What runs and must know of it is started
/// again. Bad input changes nothing; a configuration with which the proxy does not come up is taken back. Once begun it
/// is brought to its end, although whoever asked is gone: the next one says what became of it.
pub(super) fn run(options: &ConfigureOptions) -> Result<ExitCode, Failure> {
    let infra = read_infra()?;
    let paths = Paths::of_this_machine();
    let proxy = paths.proxy();
    let is_systemd = form() == Form::Systemd;
    let lock = if options.dry_run { None } else { Some(prepare(&paths)?) };
    if lock.is_some() && is_systemd {
        // First: files belong to its users.
        units::install()?;
    }
    let secrets = Secrets {
        poll: secret(&proxy.join("poll-token"))?,
        api: secret(&proxy.join("api-token"))?,
        certificate: default_certificate(&proxy.join(DefaultCertificate::FILE))?,
    };
    let addresses = addresses(&infra);
    let (entry_points, busy) = part(entry_points(&infra, addresses), &services::holds(is_systemd)?);
    let mut files = files(&infra, &entry_points, &secrets, &paths.directories()).map_err(|error| match error {
        InfraError::Unwritable(_) => Failure::runtime("proxy configure", &error),
        _ => Failure::usage("proxy configure", &error),
    })?;
    let old: Option<Infra> = read(&proxy.join(INFRA))?.and_then(|text| serde_json::from_str(&text).ok());
    let before = Outcome::last(&proxy)?;
    if let Some((outcome, words)) = before.as_ref().and_then(|outcome| Some((outcome, outcome.untold()?))) {
        say(words)?;
        if lock.is_some() {
            outcome.told().write(&proxy)?;
        }
    }
    let listening = [addresses.ipv4.map(|ip| ip.to_string()), addresses.ipv6.map(|ip| ip.to_string())];
    let listening: Vec<_> = listening.into_iter().flatten().collect();
    say(format_args!("entry points listen on {}", listening.join(" and ")))?;
    for it in &busy {
        must_be_optional(it)?;
        warn_of(it)?;
    }
    changes::show(&proxy, &files, &[&old, &Some(infra.clone())], &secrets, options.dry_run)?;
    if options.dry_run {
        let same = |file: &StaticFile| Ok::<_, Failure>(read(&proxy.join(file.name))?.as_ref() == Some(&file.text));
        let all_same = files.iter().map(same).collect::<Result<Vec<_>, _>>()?.into_iter().all(|same| same);
        say(if all_same { route_api::NOTHING_WOULD_CHANGE } else { "nothing was changed: this was a dry run" })?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = serde_json::to_string_pretty(&infra).map_err(|error| Failure::runtime("the infra JSON", &error))?;
    files.push(StaticFile { name: INFRA, text: format!("{text}\n"), reader: traefik_static::Reader::Nobody });
    let is_another_authority = old.is_some_and(|old| old.acme_server != infra.acme_server);
    let transaction = Transaction::new(&proxy, is_systemd, before.as_ref(), is_another_authority);
    transaction.run(&files, entry_points)?;
    if options.up { services::up() } else { Ok(ExitCode::SUCCESS) }
}

/// The directories, and the lock that one `configure` at a time has.
fn prepare(paths: &Paths) -> Result<File, Failure> {
    for (directory, mode) in [
        (paths.proxy(), 0o755),
        (paths.proxy().join("letsencrypt"), 0o700),
        (paths.router_state(), 0o700),
        (paths.run(), 0o755),
    ] {
        make_directory(&directory, mode)?;
    }
    lock(&paths.run().join("configure.lock"))
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

/// Without HTTP and HTTPS nothing at all is served.
fn must_be_optional(busy: &Busy) -> Result<(), Failure> {
    if !matches!(busy.entry_point.transport, Transport::Http | Transport::Https) {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "{} has {}, without which no site is served; stop it, then configure again; nothing was changed",
        busy.holder(),
        busy.entry_point.address
    )))
}

fn warn_of(busy: &Busy) -> Result<(), Failure> {
    let written = writeln!(
        io::stderr(),
        "renet: warning: entry point {} is left out: {} has {}; free that, then configure again",
        busy.entry_point.name,
        busy.holder(),
        busy.entry_point.address
    );
    written.map_err(|error| Failure::output(&error))
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

/// What stands in the file, or a new one.
fn default_certificate(path: &Path) -> Result<DefaultCertificate, Failure> {
    match read(path)?.as_deref().and_then(DefaultCertificate::parse) {
        Some(known) => Ok(known),
        None => DefaultCertificate::generate().map_err(|error| Failure::runtime("proxy configure", &error)),
    }
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
