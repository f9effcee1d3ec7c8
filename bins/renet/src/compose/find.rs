//! Which files docker compose would use. Naming any file switches its own search off, so we have to name all of them.

use std::{
    env, fs,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use command_line::Failure;
use compose_inject::Invocation;

use super::is_project_name;
use crate::{files::fault, repository::Repository};

/// The names that compose looks for, the first one first (compose-go, `cli.DefaultFileNames`).
pub(crate) const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// Those of the file that is read after it, if there is one (`cli.DefaultOverrideFileNames`).
const OVERRIDES: [&str; 4] =
    ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];

/// The most bytes of a compose file: the largest that were found in the wild have a hundredth of it, and docker compose
/// takes two seconds for each MiB, in each of several calls.
pub(super) const MAX_FILE: u64 = 4 << 20;

/// The files of a project.
#[derive(Debug)]
pub(super) struct Files {
    /// As they are named to compose, in order; `-` is standard input.
    pub(super) names: Vec<String>,
    /// The first of them, absolute.
    first: PathBuf,
}

// === impl Files ===

impl Files {
    /// The project's file for people and for `.rediacc.json`: relative to the repository's root where it is inside.
    pub(super) fn shown(&self, root: &Path) -> String {
        self.first.strip_prefix(root).unwrap_or(&self.first).to_string_lossy().into_owned()
    }

    /// The name that the project had where its directory was called otherwise, unless somebody says a name. A repository
    /// that is mounted elsewhere would lose its volumes: compose takes the name from the directory, and volumes have it in
    /// theirs.
    pub(super) fn name_before(
        &self,
        invocation: &Invocation,
        repository: &Repository,
    ) -> Result<Option<String>, Failure> {
        let is_said = invocation.project_name.is_some() || env::var_os("COMPOSE_PROJECT_NAME").is_some();
        if is_said || self.names.iter().any(|name| name == "-" || says_a_name(name)) {
            return Ok(None);
        }
        let directory = match &invocation.project_directory {
            Some(given) => Path::new(given).file_name(),
            None => self.first.parent().and_then(Path::file_name),
        };
        let now = project_name(&directory.unwrap_or_default().to_string_lossy());
        let slots = repository.slots()?;
        let file = self.shown(&repository.root);
        let here = slots.services().filter_map(|(service, _)| slots.definition(service));
        let mut before = here.filter(|(_, other)| *other == file).map(|(project, _)| project);
        let Some(first) = before.next() else { return Ok(None) };
        let is_another = first != now && before.all(|other| other == first) && is_project_name(first);
        Ok(is_another.then(|| first.to_owned()))
    }
}

/// What compose makes of a directory's name (compose-go, `loader.NormalizeProjectName`).
fn project_name(directory: &str) -> String {
    let plain = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let name: String = directory.to_lowercase().chars().filter(plain).collect();
    name.trim_start_matches(['_', '-']).to_owned()
}

/// Whether a compose file, or the `.env` beside it, names the project itself.
fn says_a_name(file: &str) -> bool {
    let begins = |path: &Path, word: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().any(|line| line.starts_with(word))
    };
    let file = Path::new(file);
    begins(file, "name:") || begins(&file.with_file_name(".env"), "COMPOSE_PROJECT_NAME=")
}

/// The files that compose would use for this command line, or `None` when it would find none.
pub(super) fn files(invocation: &Invocation) -> Result<Option<Files>, Failure> {
    let here = env::current_dir().map_err(fault("find", Path::new("the working directory")))?;
    let directory = invocation.project_directory.as_ref().map_or_else(|| here.clone(), |given| here.join(given));
    let mut names = invocation.files.clone();
    if names.is_empty() {
        let default = [".env".to_owned()];
        let env_files = if invocation.env_files.is_empty() { &default[..] } else { &invocation.env_files };
        // Relative to where we are when they are named, else in the project's directory.
        let at = if invocation.env_files.is_empty() { &directory } else { &here };
        names = from_variables(&env_files.iter().map(|file| at.join(file)).collect::<Vec<_>>());
    }
    if names.is_empty() {
        let Some(found) = search(&directory) else { return Ok(None) };
        names = found;
    }
    names.iter().filter(|name| *name != "-").try_for_each(|name| can_be_read(&here.join(name), name))?;
    let first = names.first().map(|name| here.join(name)).unwrap_or_default();
    let first = fs::canonicalize(&first).unwrap_or(first);
    Ok(Some(Files { names, first }))
}

/// What docker compose would read for minutes, or could read only once. What is not there is its own to say.
fn can_be_read(path: &Path, name: &str) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(it) if it.is_file() && it.len() > MAX_FILE => Err(too_large(name)),
        Ok(it) if it.file_type().is_fifo() || it.file_type().is_char_device() => Err(Failure::Usage(format!(
            "{name} can be read only once, and docker compose has to read it several times; give -f - and the file on \
             standard input"
        ))),
        _ => Ok(()),
    }
}

pub(super) fn too_large(name: &str) -> Failure {
    Failure::Usage(format!("{name} is larger than {} MiB; that is no compose file", MAX_FILE >> 20))
}

/// `COMPOSE_FILE`, from the environment or from these files: a list.
fn from_variables(env_files: &[PathBuf]) -> Vec<String> {
    let in_files = |name: &str| env_files.iter().rev().find_map(|file| dotenv(file, name));
    let setting = |name: &str| env::var(name).ok().or_else(|| in_files(name)).filter(|value| !value.is_empty());
    let separator = setting("COMPOSE_PATH_SEPARATOR").unwrap_or_else(|| ":".to_owned());
    setting("COMPOSE_FILE").map(|list| list.split(&separator).map(str::to_owned).collect()).unwrap_or_default()
}

/// A plain line of such a file; compose reads the rest itself.
fn dotenv(file: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut values = text.lines().filter_map(|line| line.trim().strip_prefix(name)?.trim_start().strip_prefix('='));
    values.next_back().map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
}

/// The nearest directory upwards that has a file of one of the names, and the override file beside it.
fn search(directory: &Path) -> Option<Vec<String>> {
    let beside = |at: &Path, names: [&str; 4]| names.into_iter().map(|name| at.join(name)).find(|path| path.is_file());
    let (at, file) = directory.ancestors().find_map(|at| beside(at, NAMES).map(|file| (at, file)))?;
    let files = [Some(file), beside(at, OVERRIDES)].into_iter().flatten();
    Some(files.map(|path| path.to_string_lossy().into_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_projects_by_their_directories() {
        for (directory, name) in
            [("my-app", "my-app"), ("My App!", "myapp"), ("_-x_1", "x_1"), ("\u{fc}ber", "ber"), ("", "")]
        {
            assert_eq!(project_name(directory), name);
        }
    }
}
