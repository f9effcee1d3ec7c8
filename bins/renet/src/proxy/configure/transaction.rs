//! A configuration is brought into force as a whole, or not at all.

use std::{
    collections::BTreeSet,
    fmt::Display,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use command_line::Failure;
use traefik_static::{EntryPoint, Reader, StaticFile, entry_points};

use super::{
    INFRA, TOKEN, infra,
    outcome::{Outcome, Stage, UnderWay},
};
use crate::{
    files::{Staged, fault, read, replace_for, stage},
    output::say,
    proxy::{addresses::addresses, services, units},
    units::{ROUTER_USER, group},
};

/// Certificates, and the account at their authority.
const ACME: &str = "letsencrypt/acme.json";

/// A file as it was: its text, mode and group; none: it was not there.
type Before = (PathBuf, Option<(String, u32, u32)>);

/// Bringing files into force.
pub(super) struct Transaction<'a> {
    proxy: &'a Path,
    is_systemd: bool,
    /// What another one left, and what the caller knows.
    left: UnderWay,
    audience: Audience,
}

/// Whoever asked, who may be gone.
#[derive(Default)]
struct Audience {
    is_gone: bool,
}

// === impl Transaction ===

impl<'a> Transaction<'a> {
    /// After another one that may have been cut off.
    pub(super) fn new(proxy: &'a Path, is_systemd: bool, before: Option<&Outcome>, is_another_authority: bool) -> Self {
        let mut left = before.map(Outcome::left).unwrap_or_default();
        left.authority |= is_another_authority;
        Self { proxy, is_systemd, left, audience: Audience::default() }
    }

    /// Writes the files and has what runs take them over.
    pub(super) fn run(mut self, files: &[StaticFile], entry_points: Vec<EntryPoint>) -> Result<(), Failure> {
        let ran = services::running()?;
        let before = self.remember(files)?;
        // All of them, before the first is put in its place: a full disk changes nothing.
        let (changed, staged) = self.stage(files)?;
        for name in changed {
            if !self.left.changed.iter().any(|known| known == name) {
                self.left.changed.push(name.to_owned());
            }
        }
        // The sockets are compared when they are written.
        let sockets_differ = self.is_systemd && units::sockets_differ(&entry_points)?;
        if self.left == UnderWay::default() && !sockets_differ {
            staged.into_iter().try_for_each(Staged::put)?;
            return say("nothing changed");
        }
        self.left.sockets |= sockets_differ;
        let mut outcome = Outcome::begin(self.left.clone());
        outcome.write(self.proxy)?;
        // From here on it is brought to its end, whether anybody listens or not.
        let mut aside = None;
        let reason = match self.apply(staged, files, entry_points, &ran, &mut aside) {
            Ok(()) => None,
            Err(failure) => Some(self.take_back(&before, aside.as_deref(), &ran, &words(failure))),
        };
        outcome.stage = match &reason {
            None => Stage::InForce,
            Some(reason) => Stage::TakenBack { reason: reason.clone() },
        };
        // Before it is told: a reader that is gone is noticed by telling it.
        outcome.write(self.proxy)?;
        if reason.is_none() {
            self.audience.tell("in force");
        }
        outcome.heard = !self.audience.is_gone;
        outcome.write(self.proxy)?;
        reason.map_or(Ok(()), |reason| Err(Failure::Runtime(reason)))
    }

    fn apply(
        &mut self,
        staged: Vec<Staged>,
        files: &[StaticFile],
        entry_points: Vec<EntryPoint>,
        ran: &[&str],
        aside: &mut Option<PathBuf>,
    ) -> Result<(), Failure> {
        if self.left.authority {
            *aside = self.set_aside()?;
        }
        staged.into_iter().try_for_each(Staged::put)?;
        if !files.iter().any(|file| file.name == TOKEN) {
            let _ = fs::remove_file(self.proxy.join(TOKEN));
        }
        if self.is_systemd {
            units::write_sockets(entry_points)?;
        }
        let names = self.left.changed.iter().filter(|name| *name != INFRA).map(String::as_str);
        let names: Vec<_> = names.collect();
        self.audience.tell(format_args!("changed in {}: {}", self.proxy.display(), names.join(", ")));
        if let Some(aside) = aside {
            let aside = aside.display();
            self.audience
                .tell(format_args!("another certificate authority: the certificates of the one before are in {aside}"));
        }
        let Self { left, audience, .. } = self;
        services::take_over(ran, &left.changed, left.sockets, &mut |line| audience.tell(line))
    }

    /// Everything as it was; says why.
    fn take_back(&mut self, before: &[Before], aside: Option<&Path>, ran: &[&str], reason: &str) -> String {
        let back = || {
            if let Some(aside) = aside {
                fs::rename(aside, self.proxy.join(ACME)).map_err(fault("put back", aside))?;
            }
            self.put_back(before)
        };
        if let Err(failure) = back() {
            return format!("{reason}; and the configuration of before cannot be put back: {}", words(failure));
        }
        let Self { left, audience, .. } = self;
        match services::take_over(ran, &left.changed, left.sockets, &mut |line| audience.tell(line)) {
            Ok(()) => format!("{reason}; the configuration of before is put back and in force"),
            Err(_) => format!(
                "{reason}; the configuration of before is put back, but does not come up either: renet proxy status and \
                 renet proxy logs say more"
            ),
        }
    }

    /// The names of the files that have another text than before, and all that have to be written.
    fn stage(&self, files: &[StaticFile]) -> Result<(Vec<&'static str>, Vec<Staged>), Failure> {
        let (mut changed, mut all) = (Vec::new(), Vec::new());
        for file in files {
            let path = self.proxy.join(file.name);
            if read(&path)?.as_deref() != Some(&file.text) {
                changed.push(file.name);
            }
            let user = match file.reader {
                Reader::Traefik if self.is_systemd => Some(units::TRAEFIK_USER),
                Reader::Router if self.is_systemd => Some(ROUTER_USER),
                _ => None,
            };
            let mode = match (file.reader, user) {
                (Reader::Everybody, _) => 0o644,
                (_, Some(_)) => 0o640,
                (_, None) => 0o600,
            };
            all.extend(stage(&path, &file.text, mode, user.and_then(group))?);
        }
        if !files.iter().any(|file| file.name == TOKEN) && self.proxy.join(TOKEN).exists() {
            changed.push(TOKEN);
        }
        Ok((changed, all))
    }

    /// The files that a configuration consists of, as they are. The token's is one also where the new one has none.
    fn remember(&self, files: &[StaticFile]) -> Result<Vec<Before>, Failure> {
        let names: BTreeSet<_> = files.iter().map(|file| file.name).chain([TOKEN]).collect();
        let each = names.into_iter().map(|name| {
            let path = self.proxy.join(name);
            let text = read(&path)?;
            let metadata = fs::metadata(&path).ok().map(|it| (it.permissions().mode() & 0o7777, it.gid()));
            Ok((path, text.zip(metadata).map(|(text, (mode, group))| (text, mode, group))))
        });
        each.collect()
    }

    fn put_back(&self, before: &[Before]) -> Result<(), Failure> {
        for (path, was) in before {
            match was {
                Some((text, mode, group)) => replace_for(path, text, *mode, Some(*group))?,
                None => drop(fs::remove_file(path)),
            }
        }
        if !self.is_systemd {
            return Ok(());
        }
        let text = read(&self.proxy.join("router.env"))?.unwrap_or_default();
        let names = text.lines().find_map(|line| line.strip_prefix("REDIACC_ROUTER_ENTRYPOINTS=")).unwrap_or_default();
        let Some(infra) = infra()? else { return Ok(()) };
        let all = entry_points(&infra, addresses(&infra));
        let were: Vec<_> = all.into_iter().filter(|it| names.split(',').any(|name| name == it.name)).collect();
        units::write_sockets(were)
    }

    /// Certificates of another authority would be kept until they expire.
    fn set_aside(&self) -> Result<Option<PathBuf>, Failure> {
        let acme = self.proxy.join(ACME);
        let is_something = fs::metadata(&acme).is_ok_and(|metadata| metadata.len() > 0);
        if !is_something {
            return Ok(None);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let aside = acme.with_file_name(format!("acme.json.{now}"));
        fs::rename(&acme, &aside).map_err(fault("set aside", &acme))?;
        Ok(Some(aside))
    }
}

// === impl Audience ===

impl Audience {
    fn tell(&mut self, line: impl Display) {
        self.is_gone |= say(line).is_err();
    }
}

fn words(failure: Failure) -> String {
    match failure {
        Failure::Runtime(reason) | Failure::Usage(reason) | Failure::Refused(reason) => reason,
        Failure::Closed => "nobody reads the output".to_owned(),
    }
}
