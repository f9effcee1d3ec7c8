//! Where contexts are, and the machine behind a name.

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use command_line::Failure;
use etcetera::{BaseStrategy as _, choose_base_strategy};
use machine_context::{ContextName, Ended, Machine, MachineError, Store};

/// The file with the contexts.
pub(crate) fn store() -> Result<Store, Failure> {
    if let Some(directory) = env::var_os("RDC_CONFIG_DIR").filter(|directory| !directory.is_empty()) {
        return Ok(Store::new(Path::new(&directory)));
    }
    let base =
        choose_base_strategy().map_err(|error| Failure::runtime("no home directory; set RDC_CONFIG_DIR", &error))?;
    Ok(Store::new(&base.config_dir().join("rediacc")))
}

/// The machine of this name, else the one that was chosen.
pub(crate) fn machine(name: Option<&ContextName>) -> Result<Machine, Failure> {
    let contexts = store()?.read().map_err(|error| Failure::runtime("contexts", &error))?;
    let name = &contexts.meant(name).map_err(|error| Failure::Usage(error.to_string()))?;
    let context = contexts.get(name).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Machine {
        name: name.clone(),
        target: context.target.clone(),
        ssh: ssh(),
        local_renet: local_renet()?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// What a command on a machine came to: its own code, behind its own message.
pub(crate) fn ended(outcome: Result<Ended, MachineError>) -> Result<ExitCode, Failure> {
    match outcome {
        Ok(Ended::Code(code)) => Ok(ExitCode::from(code)),
        Ok(Ended::Killed) => Err(Failure::Runtime("renet was killed on the way".to_owned())),
        Err(error) => Err(Failure::Runtime(command_line::chain(&error))),
    }
}

/// Words with spaces between them, as for git's GIT_SSH_COMMAND.
fn ssh() -> Vec<OsString> {
    let given = env::var("RDC_SSH_COMMAND").unwrap_or_default();
    let words: Vec<OsString> = given.split_whitespace().map(OsString::from).collect();
    if words.is_empty() { vec!["ssh".into()] } else { words }
}

/// The one beside this program, else along PATH.
fn local_renet() -> Result<PathBuf, Failure> {
    let own = env::current_exe().map_err(|error| Failure::runtime("cannot find this program", &error))?;
    let beside = own.with_file_name("renet");
    Ok(if beside.is_file() { beside } else { PathBuf::from("renet") })
}

/// A line.
pub(crate) fn say(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| Failure::output(&error))
}
