//! Which programs are run.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, process};

/// A program of this workspace, built now: beside an old one the test would mean nothing.
///
/// # Errors
/// When it can't be built.
pub(crate) fn workspace_program(name: &str) -> Result<PathBuf, Error> {
    let variable = format!("{}_BIN", name.replace('-', "_").to_uppercase());
    if let Some(path) = env::var_os(&variable) {
        return Ok(path.into());
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    process::output(Command::new(cargo).args(["build", "--quiet", "--package", name]))?;
    let test = env::current_exe().map_err(Error::io("find this program"))?;
    let built = test.ancestors().nth(2).map(|profile| profile.join(name));
    built.filter(|path| path.is_file()).ok_or_else(|| {
        Error::Missing(format!("no {name} beside this program; give {variable} (release builds need it)"))
    })
}

/// A program of others: where a variable says, else as `scripts/parts` built it.
///
/// # Errors
/// When it is not built.
pub(crate) fn part(name: &str, variable: &str) -> Result<PathBuf, Error> {
    if let Some(path) = env::var_os(variable) {
        return Ok(path.into());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/parts");
    let path = process::output(Command::new(script).args(["--built", name]))?;
    Ok(path.trim_end().into())
}
