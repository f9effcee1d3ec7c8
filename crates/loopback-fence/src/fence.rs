use std::{
    fs::File,
    io,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

use crate::{
    kernel::{self, Loaded},
    policy::Policy,
    programs::{Hook, program},
};

/// Why there is no fence.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// The kernel does not let this process load programs.
    #[error(
        "loading programs into the kernel is not allowed here; it needs root, or CAP_BPF and CAP_NET_ADMIN, and no filter of system calls in between"
    )]
    NotAllowed(#[source] io::Error),
    /// The kernel refuses a program.
    #[error("this kernel refuses {program} ({said}); the fence needs Linux 5.12 or newer")]
    Refused {
        /// Which one.
        program: &'static str,
        /// The last line of what it said.
        said: String,
        /// What the call said.
        #[source]
        error: io::Error,
    },
    /// The control group cannot be opened.
    #[error("cannot open control group {group}")]
    Group {
        /// Its path.
        group: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It takes no program.
    #[error("control group {group} takes no programs; it has to be one of version 2")]
    Attach {
        /// Its path.
        group: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// What of a fence is on a control group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// All of it, as the policy wants it.
    Whole,
    /// Something else: of another policy or version, or not at every hook.
    Other,
}

/// Puts a policy on a control group, in the place of another one that is there. The same again changes nothing. Either all
/// programs are attached, or none is that was not before.
///
/// # Errors
/// [`FenceError`]: then nothing was changed, or it was taken back.
pub fn attach(group: &Path, policy: &Policy) -> Result<(), FenceError> {
    let directory = open(group)?;
    let fault = |error| FenceError::Attach { group: group.to_owned(), error };
    // All of them first: what the kernel refuses must not be found out half-way.
    let new = load_all(policy)?;
    let mut done: Vec<(Hook, &Loaded, Vec<Loaded>)> = Vec::new();
    for (hook, program) in &new {
        let own = own(&directory, *hook).map_err(fault)?;
        let attached = put(&directory, *hook, program, &own);
        done.push((*hook, program, own));
        if let Err(error) = attached {
            for (hook, program, before) in &done {
                // As it was, as far as it can be.
                take_back(&directory, *hook, program, before);
            }
            return Err(fault(error));
        }
    }
    Ok(())
}

fn put(group: &File, hook: Hook, program: &Loaded, own: &[Loaded]) -> io::Result<()> {
    if own.iter().any(|old| old.tag == program.tag) {
        return Ok(());
    }
    let replaced = own.first().map(|old| old.descriptor.as_fd());
    kernel::attach(group, hook as u32, program.descriptor.as_fd(), replaced)
}

fn take_back(group: &File, hook: Hook, program: &Loaded, before: &[Loaded]) {
    if before.iter().any(|old| old.tag == program.tag) {
        return;
    }
    let new = program.descriptor.as_fd();
    let _ = match before.first() {
        Some(old) => kernel::attach(group, hook as u32, old.descriptor.as_fd(), Some(new)),
        None => kernel::detach(group, hook as u32, new),
    };
}

/// Takes the fence off a control group; returns whether there was any of it. Programs of others stay.
///
/// # Errors
/// [`FenceError`] when the control group is none, or not for us.
pub fn detach(group: &Path) -> Result<bool, FenceError> {
    let directory = open(group)?;
    let fault = |error| FenceError::Attach { group: group.to_owned(), error };
    let mut any = false;
    for hook in Hook::ALL {
        for program in own(&directory, hook).map_err(fault)? {
            kernel::detach(&directory, hook as u32, program.descriptor.as_fd()).map_err(fault)?;
            any = true;
        }
    }
    Ok(any)
}

/// What of a policy is on a control group.
///
/// # Errors
/// [`FenceError`] when that cannot be found out.
pub fn state(group: &Path, policy: &Policy) -> Result<State, FenceError> {
    let directory = open(group)?;
    let fault = |error| FenceError::Attach { group: group.to_owned(), error };
    let mut is_whole = true;
    let mut any = false;
    for (hook, wanted) in load_all(policy)? {
        let own = own(&directory, hook).map_err(fault)?;
        any |= !own.is_empty();
        is_whole &= matches!(own.as_slice(), [only] if only.tag == wanted.tag);
    }
    Ok(match (any, is_whole) {
        (false, _) => State::Absent,
        (true, true) => State::Whole,
        (true, false) => State::Other,
    })
}

/// Whether this kernel takes the programs, and this process may give them to it; nothing is attached.
///
/// # Errors
/// [`FenceError`], which says why not.
pub fn probe(policy: &Policy) -> Result<(), FenceError> {
    load_all(policy).map(drop)
}

fn open(group: &Path) -> Result<File, FenceError> {
    File::open(group).map_err(|error| FenceError::Group { group: group.to_owned(), error })
}

/// Ours among the programs of a hook, known by their name: systemd has some there too.
fn own(group: &File, hook: Hook) -> io::Result<Vec<Loaded>> {
    let mut all = kernel::attached(group, hook as u32)?;
    all.retain(|program| program.name == hook.program_name());
    Ok(all)
}

fn load_all(policy: &Policy) -> Result<Vec<(Hook, Loaded)>, FenceError> {
    let load = |hook: Hook| {
        let loaded = kernel::load(hook.program_name(), hook as u32, &program(hook, policy));
        loaded.map(|program| (hook, program)).map_err(|(error, log)| match error.kind() {
            // With a reason it is about the program.
            io::ErrorKind::PermissionDenied if log.trim().is_empty() => FenceError::NotAllowed(error),
            _ => FenceError::Refused { program: hook.program_name(), said: last_line(&log), error },
        })
    };
    Hook::ALL.into_iter().map(load).collect()
}

/// The kernel ends with what it has looked at; before that it says what is wrong.
fn last_line(log: &str) -> String {
    let mut lines = log.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("processed "));
    lines.next_back().unwrap_or("it does not say why").to_owned()
}
