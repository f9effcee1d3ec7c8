use std::{collections::BTreeSet, fmt};

/// A function of a Rediaccfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// What must be done before anything starts: directories, images.
    Prep,
    /// Starts.
    Up,
    /// Stops.
    Down,
}

/// One function of one Rediaccfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The file's directory, relative to the repository's root: `.` or a name.
    pub directory: String,
    /// What is called.
    pub function: Function,
    /// What is done when it fails.
    pub on_failure: OnFailure,
}

/// What in a Rediaccfile's text will go wrong, whatever it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// A line ends as on Windows: bash takes the carriage return for a part of the last word.
    WindowsLineEnds {
        /// The first such line, counted from 1.
        line: usize,
    },
    /// sudo takes `DOCKER_HOST` away.
    SudoDocker {
        /// The line, counted from 1.
        line: usize,
    },
}

/// Looks through a Rediaccfile's text. Comments are left out, as far as they begin a line.
#[must_use]
pub fn slips(text: &str) -> Vec<Slip> {
    let lines = || text.split('\n').enumerate().map(|(at, line)| (at + 1, line));
    let windows = lines().find(|(_, line)| line.ends_with('\r')).map(|(line, _)| Slip::WindowsLineEnds { line });
    let sudo = lines().filter(|(_, text)| !text.trim_start().starts_with('#') && has_sudo_docker(text));
    windows.into_iter().chain(sudo.map(|(line, _)| Slip::SudoDocker { line })).collect()
}

/// `sudo docker`, also with flags of sudo's in between, also `docker-compose`.
fn has_sudo_docker(line: &str) -> bool {
    let words: Vec<_> = line.split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')')).collect();
    words.iter().enumerate().filter(|(_, word)| **word == "sudo").any(|(at, _)| {
        let behind = words.iter().skip(at + 1).find(|word| !word.is_empty() && !word.starts_with('-'));
        behind.is_some_and(|word| matches!(*word, "docker" | "docker-compose"))
    })
}

/// What is done when a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing more is run.
    Stop,
    /// It is told, and the next step is run.
    GoOn,
}

/// Where a repository has Rediaccfiles, and in which order they run (requirements, section 9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rediaccfiles {
    root: bool,
    directories: BTreeSet<String>,
}

// === impl Rediaccfiles ===

impl Rediaccfiles {
    /// The names that the file may have, the first one first.
    pub const NAMES: [&'static str; 2] = ["Rediaccfile", "rediaccfile"];

    /// Of a repository that has one in its root, and in these directories of the first level. Hidden ones don't count.
    pub fn new<S: Into<String>>(root: bool, directories: impl IntoIterator<Item = S>) -> Self {
        let directories = directories.into_iter().map(Into::into).filter(|name: &String| !name.starts_with('.'));
        Self { root, directories: directories.collect() }
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.root && self.directories.is_empty()
    }

    /// All `prep` (root, then A to Z; any failure stops), then all `up` (root first, whose failure stops it; the
    /// others go on).
    pub fn deploy(&self) -> impl Iterator<Item = Step> {
        let prep = self.root_first().map(|directory| step(directory, Function::Prep, OnFailure::Stop));
        let up = self.root_first().map(|directory| {
            let on_failure = if directory == "." { OnFailure::Stop } else { OnFailure::GoOn };
            step(directory, Function::Up, on_failure)
        });
        prep.chain(up)
    }

    /// All `down`, Z to A and the root last; a failure stops none of the others.
    pub fn take_down(&self) -> impl Iterator<Item = Step> {
        let names: Vec<_> = self.root_first().collect();
        names.into_iter().rev().map(|directory| step(directory, Function::Down, OnFailure::GoOn))
    }

    fn root_first(&self) -> impl Iterator<Item = &str> {
        self.root.then_some(".").into_iter().chain(self.directories.iter().map(String::as_str))
    }
}

fn step(directory: &str, function: Function, on_failure: OnFailure) -> Step {
    Step { directory: directory.to_owned(), function, on_failure }
}

// === impl Function ===

impl Function {
    /// Its name in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prep => "prep",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(steps: impl Iterator<Item = Step>) -> Vec<String> {
        let shown = |step: Step| {
            let mark = if step.on_failure == OnFailure::Stop { "!" } else { "" };
            format!("{} {}{mark}", step.function, step.directory)
        };
        steps.map(shown).collect()
    }

    #[test]
    fn slips_are_found_where_they_are() {
        assert_eq!(slips("up() {\n  docker ps\n}\n# sudo docker ps\n"), []);
        assert_eq!(slips("a\nup() { :; }\r\nb\r\n"), [Slip::WindowsLineEnds { line: 2 }]);
        for line in ["sudo docker ps", "true && sudo -E  docker compose up", "x=$(sudo docker-compose ps)"] {
            assert_eq!(slips(&format!("\n{line}")), [Slip::SudoDocker { line: 2 }], "{line}");
        }
        assert_eq!(slips("sudo systemctl stop docker"), []);
    }

    #[test]
    fn the_order_of_the_requirements() {
        let files = Rediaccfiles::new(true, ["b", "a", ".git"]);
        assert_eq!(order(files.deploy()), ["prep .!", "prep a!", "prep b!", "up .!", "up a", "up b"]);
        assert_eq!(order(files.take_down()), ["down b", "down a", "down ."]);
        assert!(Rediaccfiles::new(false, [".git"]).is_empty());
    }
}
