//! The command line of docker compose, as far as it must be understood: which files and which project it is about.

/// A command line of docker compose, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invocation {
    /// What `-f` and `--file` name, in order.
    pub files: Vec<String>,
    /// `-p`, `--project-name`.
    pub project_name: Option<String>,
    /// `--project-directory`.
    pub project_directory: Option<String>,
    /// `--env-file`, in order: compose takes its own settings from them too.
    pub env_files: Vec<String>,
    /// All flags before the command but those for files, as they were written.
    pub flags: Vec<String>,
    /// The command and what follows it; empty when there is none.
    pub command: Vec<String>,
}

/// A command line that docker compose would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvocationError {
    /// The last flag wants a value.
    #[error("{0} needs a value")]
    NoValue(String),
}

/// The flags before the command that take a value.
const WITH_VALUE: [&str; 11] = [
    "--ansi",
    "--env-file",
    "--file",
    "--parallel",
    "--profile",
    "--progress",
    "--project-directory",
    "--project-name",
    "--workdir",
    "-f",
    "-p",
];
/// Commands that are about no project, and so need neither files nor addresses.
const WITHOUT_PROJECT: [&str; 4] = ["version", "ls", "help", "completion"];
/// Commands that make containers, and so must see the override as it is meant.
const CREATING: [&str; 7] = ["up", "create", "run", "start", "restart", "scale", "watch"];
/// Commands that never ask the daemon.
const WITHOUT_DAEMON: [&str; 2] = ["config", "convert"];

// === impl Invocation ===

impl Invocation {
    /// Takes a command line apart.
    ///
    /// # Errors
    /// [`InvocationError`] when docker compose would refuse it.
    pub fn parse<S: AsRef<str>>(arguments: impl IntoIterator<Item = S>) -> Result<Self, InvocationError> {
        let mut it = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let argument = argument.as_ref();
            if !argument.starts_with('-') {
                it.command.push(argument.to_owned());
                it.command.extend(arguments.by_ref().map(|rest| rest.as_ref().to_owned()));
                break;
            }
            match split(argument) {
                Some((flag, Some(value))) => it.flag(flag, value, &[argument]),
                Some((flag, None)) => {
                    let value = arguments.next().ok_or_else(|| InvocationError::NoValue(flag.to_owned()))?;
                    it.flag(flag, value.as_ref(), &[argument, value.as_ref()]);
                }
                None => it.flags.push(argument.to_owned()),
            }
        }
        Ok(it)
    }

    fn flag(&mut self, flag: &str, value: &str, written: &[&str]) {
        match flag {
            "-f" | "--file" => return self.files.push(value.to_owned()),
            "-p" | "--project-name" => self.project_name = Some(value.to_owned()),
            "--env-file" => self.env_files.push(value.to_owned()),
            "--project-directory" | "--workdir" => self.project_directory = Some(value.to_owned()),
            _ => {}
        }
        self.flags.extend(written.iter().map(|part| (*part).to_owned()));
    }

    /// The command's name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.command.first().map(String::as_str)
    }

    /// Whether it is about a project at all: help and the version are not.
    #[must_use]
    pub fn has_project(&self) -> bool {
        let helps = |part: &String| part == "-h" || part == "--help";
        let asks = self.flags.iter().any(|flag| helps(flag) || flag == "-v" || flag == "--version");
        self.name().is_some_and(|name| !WITHOUT_PROJECT.contains(&name)) && !asks && !self.command.iter().any(helps)
    }

    /// Whether it makes containers.
    #[must_use]
    pub fn creates(&self) -> bool {
        self.name().is_some_and(|name| CREATING.contains(&name))
    }

    /// Whether it asks the daemon for anything.
    #[must_use]
    pub fn needs_daemon(&self) -> bool {
        self.has_project() && self.name().is_some_and(|name| !WITHOUT_DAEMON.contains(&name))
    }

    /// The flags, with these files in the place of the user's.
    #[must_use]
    pub fn flags_with<S: AsRef<str>>(&self, files: impl IntoIterator<Item = S>) -> Vec<String> {
        let files = files.into_iter().flat_map(|file| ["-f".to_owned(), file.as_ref().to_owned()]);
        self.flags.iter().cloned().chain(files).collect()
    }
}

/// A flag that takes a value, and the value where it is part of the same word. `None`: a flag without one.
fn split(argument: &str) -> Option<(&str, Option<&str>)> {
    if let Some((flag, value)) = argument.split_once('=').filter(|(flag, _)| WITH_VALUE.contains(flag)) {
        return Some((flag, Some(value)));
    }
    if WITH_VALUE.contains(&argument) {
        return Some((argument, None));
    }
    // -fcompose.yml
    let short = argument.get(..2).filter(|flag| matches!(*flag, "-f" | "-p"))?;
    Some((short, argument.get(2..)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(line: &str) -> Invocation {
        Invocation::parse(line.split_whitespace()).unwrap()
    }

    #[test]
    fn files_are_taken_out_and_the_rest_stays() {
        let it = parse("-f a.yml --file=b.yml -fc.yml --profile dev -p name up -d -f x");
        assert_eq!(it.files, ["a.yml", "b.yml", "c.yml"]);
        assert_eq!(it.flags, ["--profile", "dev", "-p", "name"]);
        assert_eq!(it.command, ["up", "-d", "-f", "x"]);
        assert_eq!(it.project_name.as_deref(), Some("name"));
        assert_eq!(it.flags_with(["z"]), ["--profile", "dev", "-p", "name", "-f", "z"]);
    }

    #[test]
    fn what_a_command_needs() {
        for (line, project, creates, daemon) in [
            ("up -d", true, true, true),
            ("logs -f", true, false, true),
            ("config", true, false, false),
            ("version", false, false, false),
            ("up --help", false, true, false),
            ("--help", false, false, false),
            ("", false, false, false),
        ] {
            let it = parse(line);
            assert_eq!((it.has_project(), it.creates(), it.needs_daemon()), (project, creates, daemon), "{line}");
        }
    }

    #[test]
    fn a_flag_without_its_value() {
        let error = Invocation::parse(["--profile"]).unwrap_err();
        assert_eq!(error, InvocationError::NoValue("--profile".to_owned()));
    }

    proptest! {
        #[test]
        fn nothing_is_lost(line in proptest::collection::vec("-{0,2}[a-z]{1,3}(=[a-z]+)?", 0..8)) {
            if let Ok(it) = Invocation::parse(&line) {
                let count = it.flags.len() + it.command.len() + it.files.len();
                prop_assert!(count <= line.len() && count + it.files.len() >= line.len());
            }
        }
    }
}
