//! `rdc context setup`: from a machine with nothing to one that `push-infra` can be said to.

use std::{
    env,
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use command_line::{Failure, ask, can_ask, chain, printable, table};
use machine_context::{Ended, Input, Machine, SUMS, SURVEY, Survey};
use sha2::{Digest as _, Sha256};

use crate::{
    cli::SetupOptions,
    settings::{machine, say},
};

/// Where our programs are put.
const PLACE: &str = "/usr/local/bin";
/// Takes a program in: all of it or nothing, and only one that runs there.
const PUT: &str = include_str!("put.sh");
/// The programs that are copied, each with the argument that it tells its version with.
const PROGRAMS: [(&str, &str); 3] = [("renet", "--version"), ("route-server", "--version"), ("traefik", "version")];
/// What ELF (e_machine) and `uname -m` call a processor.
const PROCESSORS: [(u16, &str); 7] = [
    (62, "x86_64"),
    (183, "aarch64"),
    (183, "arm64"),
    (40, "armv7l"),
    (243, "riscv64"),
    (22, "s390x"),
    (21, "ppc64le"),
];

/// A program of ours beside the machine's.
struct Program {
    name: &'static str,
    version_argument: &'static str,
    /// The one here; none: nobody gave any.
    own: Option<Own>,
    /// What is to be done, for people.
    words: String,
    is_copied: bool,
}

/// A program on this desk.
struct Own {
    file: File,
    path: PathBuf,
    length: u64,
    sha256: String,
}

/// Looks, says what is there and what would be done, asks, and does it. The same twice does nothing.
pub(crate) fn run(options: SetupOptions) -> Result<ExitCode, Failure> {
    let machine = machine(Some(&options.name))?;
    let survey = survey(&machine, &[SUMS])?;
    let programs = programs(&options, &survey)?;
    let missing = survey.missing();
    say(&format!("{} ({}): {}", options.name, machine.target, printable(&survey.system())))?;
    let row = |what: &str, is: &str, then: &str| [what.to_owned(), is.to_owned(), then.to_owned()];
    let mut rows = vec![row("PROGRAM", "THERE", "TO DO")];
    for program in &programs {
        let is = survey.path(program.name).map_or("missing", |_| survey.version(program.name).unwrap_or("there"));
        rows.push(row(program.name, is, &program.words));
    }
    for program in &missing {
        rows.push(row(program.program, "missing", &format!("install it: {}", program.reason)));
    }
    if missing.is_empty() {
        let version = |name| survey.version(name).unwrap_or("there");
        rows.push(row("Docker", version("dockerd"), ""));
        rows.push(row("docker compose", version("docker-compose"), ""));
    }
    say(table(&rows).trim_end())?;
    if let Some(reason) = survey.unfit() {
        return Err(Failure::Refused(format!("{} cannot be a machine of ours: {reason}", options.name)));
    }
    if !missing.is_empty() {
        let how = if options.install { "will be installed with" } else { "is installed with (or by --install)" };
        say(&format!("what is missing {how}:\n  {}", survey.install_line()))?;
    }
    let has_units = survey.has_systemd();
    let does_something =
        programs.iter().any(|it| it.is_copied) || (options.install && !missing.is_empty()) || has_units;
    if options.dry_run {
        say("nothing was changed: this was a dry run")?;
        return Ok(ExitCode::SUCCESS);
    }
    // A script that says it wants it.
    if does_something && !options.yes && can_ask() {
        ask(&format!("do this on {}?", options.name))?;
    }
    if options.install && !missing.is_empty() {
        install(&machine, &survey)?;
    }
    let mut is_new = false;
    for program in programs.into_iter().filter(|it| it.is_copied) {
        copy(&machine, program)?;
        is_new = true;
    }
    finish(&machine, &survey, is_new)
}

/// Units, what runs with an old program, and what is left to do by hand.
fn finish(machine: &Machine, before: &Survey, is_new: bool) -> Result<ExitCode, Failure> {
    let survey = survey(machine, &[])?;
    let renet = |arguments: &[&str]| match machine.renet(arguments, Input::Nothing) {
        Ok(Ended::Code(0)) => Ok(()),
        Ok(_) => Err(Failure::Runtime(format!("renet {} failed on {}", arguments.join(" "), machine.name))),
        Err(error) => Err(Failure::Runtime(chain(&error))),
    };
    let lacks: Vec<_> = survey.missing().iter().map(|missing| missing.program).collect();
    let traefik = survey.path("traefik").is_none().then_some("traefik (--traefik FILE gives one)");
    if traefik.is_none() && survey.has_systemd() {
        renet(&["proxy", "install"])?;
    }
    if is_new && before.is_configured() {
        renet(&["proxy", "up"])?;
    }
    let lacks: Vec<_> = lacks.into_iter().chain(traefik).collect();
    if !lacks.is_empty() {
        return Err(Failure::Runtime(format!("{} still lacks {}", machine.name, lacks.join(", "))));
    }
    let next = if before.is_configured() { "" } else { "; next: rdc context set-infra, then rdc context push-infra" };
    say(&format!("{} is ready{next}", machine.name))?;
    Ok(ExitCode::SUCCESS)
}

fn survey(machine: &Machine, arguments: &[&str]) -> Result<Survey, Failure> {
    match machine.script(SURVEY, arguments, Input::Nothing) {
        Ok((Ended::Code(0), output)) => Ok(Survey::parse(&output)),
        Ok(_) => Err(Failure::Runtime(format!("cannot look at {} ({})", machine.name, machine.target))),
        Err(error) => Err(Failure::Runtime(chain(&error))),
    }
}

fn programs(options: &SetupOptions, survey: &Survey) -> Result<Vec<Program>, Failure> {
    let own = env::current_exe().map_err(|error| Failure::runtime("cannot find this program", &error))?;
    let beside = own.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    let directory = options.programs.clone().unwrap_or(beside);
    let each = PROGRAMS.into_iter().map(|(name, version_argument)| {
        let (path, is_given) = match &options.traefik {
            Some(traefik) if name == "traefik" => (traefik.clone(), true),
            _ => (directory.join(name), options.programs.is_some() && name != "traefik"),
        };
        let own = match Own::read(&path) {
            Ok(own) => Some(own),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_given => None,
            Err(error) => return Err(Failure::usage(format_args!("cannot read {}", path.display()), &error)),
        };
        let is_same = own.as_ref().is_some_and(|own| survey.sha256(name) == Some(own.sha256.as_str()));
        let words = match &own {
            Some(_) if is_same => "nothing, it is the same".to_owned(),
            Some(own) => {
                own.must_run_on(survey.architecture())?;
                format!("copy {} to {PLACE}", own.path.display())
            }
            None if survey.path(name).is_some() => "nothing, none was given".to_owned(),
            None if name == "traefik" => {
                "give one with --traefik FILE (github.com/traefik/traefik/releases, version 3)".to_owned()
            }
            None => format!("give the directory with ours with --programs DIR: {} is not there", path.display()),
        };
        let is_copied = own.is_some() && !is_same;
        if own.is_none() && name != "traefik" && survey.path(name).is_none() {
            return Err(Failure::Usage(format!("{name} is neither on {} nor here; {words}", options.name)));
        }
        Ok(Program { name, version_argument, own, words, is_copied })
    });
    each.collect()
}

fn copy(machine: &Machine, program: Program) -> Result<(), Failure> {
    let Some(own) = program.own else { return Ok(()) };
    let place = format!("{PLACE}/{}", program.name);
    let _ = writeln!(io::stderr(), "copying {}, {} MB", program.name, own.length.div_ceil(1_000_000));
    let length = own.length.to_string();
    let arguments = [place.as_str(), &length, &own.sha256, program.version_argument];
    match machine.script(PUT, &arguments, Input::File(own.file)) {
        Ok((Ended::Code(0), _)) => say(&format!("{}: copied to {place}", program.name)),
        Ok(_) => Err(Failure::Runtime(format!("{place} on {} is as it was", machine.name))),
        Err(error) => Err(Failure::Runtime(chain(&error))),
    }
}

fn install(machine: &Machine, survey: &Survey) -> Result<(), Failure> {
    // What it prints is many lines and goes where messages go, as it comes.
    let line = format!("exec 1>&2; {}", survey.install_line());
    match machine.script(&line, &[], Input::Nothing) {
        Ok((Ended::Code(0), _)) => Ok(()),
        Ok(_) => Err(Failure::Runtime("what is missing cannot be installed; its own words are above".to_owned())),
        Err(error) => Err(Failure::Runtime(chain(&error))),
    }
}

// === impl Own ===

impl Own {
    fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        let (mut buffer, mut length) = (vec![0; 64 << 10], 0);
        loop {
            let read = file.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            hash.update(bytes);
            length += bytes.len() as u64;
        }
        file.rewind()?;
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { file, path: path.to_owned(), length, sha256 })
    }

    /// Refuses a program that cannot run on such a processor, before it is sent.
    fn must_run_on(&self, architecture: &str) -> Result<(), Failure> {
        let mut head = [0; 20];
        let read = File::open(&self.path).and_then(|mut file| file.read_exact(&mut head));
        let is_elf = read.is_ok() && head.starts_with(b"\x7fELF\x02\x01");
        let machine = u16::from_le_bytes([head[18], head[19]]);
        let fits = |(number, name): &(u16, &str)| *number == machine && *name == architecture;
        if is_elf && PROCESSORS.iter().any(fits) {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "{} is no program for Linux on {}; give those that are with --programs DIR and --traefik FILE",
            self.path.display(),
            printable(architecture)
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_other_machines_are_refused() {
        let own = Own::read(&env::current_exe().unwrap()).unwrap();
        let here = env::consts::ARCH;
        own.must_run_on(here).unwrap();
        let other = if here == "x86_64" { "aarch64" } else { "x86_64" };
        assert!(matches!(own.must_run_on(other), Err(Failure::Usage(_))));
        let scratch = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(scratch.path(), "#!/bin/sh\necho a script, and longer than a head\n").unwrap();
        let script = Own::read(scratch.path()).unwrap();
        assert!(matches!(script.must_run_on(here), Err(Failure::Usage(_))));
    }
}
