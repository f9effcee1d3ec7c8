use std::{
    ffi::OsString,
    io::{self, BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{ChildStderr, Command, Stdio},
    thread::{self, JoinHandle},
};

use crate::{ContextName, Target};

/// A machine on which `renet` is run.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its name, for messages.
    pub name: ContextName,
    /// How it is reached.
    pub target: Target,
    /// ssh with its first arguments; normally `ssh` alone.
    pub ssh: Vec<OsString>,
    /// The `renet` to use where the machine is this one.
    pub local_renet: PathBuf,
    /// Our own version: a renet of another one refuses.
    pub version: String,
}

/// What the command reads on standard input. Secrets go this way and no other.
#[derive(Debug)]
pub enum Input {
    /// Nothing.
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// What this program prints.
    Output(Command),
}

/// How a command ended that ran on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code, behind its own message.
    Code(u8),
    /// By a signal.
    Killed,
}

/// Why a command did not run, or what it is known to mean.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A program of this machine is missing.
    #[error("cannot run {program}")]
    Program {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was to be sent could not be made.
    #[error("{0} failed; not everything was sent")]
    Source(String),
    /// ssh gave up.
    #[error("cannot reach {name} ({target}): {said}{hint}")]
    Unreachable {
        /// The machine.
        name: ContextName,
        /// How it was tried.
        target: Target,
        /// ssh's last words.
        said: String,
        /// What to do, where that is known.
        hint: &'static str,
    },
    /// There is no renet.
    #[error("{name} ({target}) has no renet in its PATH; install it there (the package puts it into /usr/bin)")]
    NoRenet {
        /// The machine.
        name: ContextName,
        /// How it was reached.
        target: Target,
    },
}

/// ssh's own failures (ssh(1), EXIT STATUS); a program that a signal ended looks the same.
const SSH_FAILED: i32 = 255;
/// The shell's word for a program that is not there.
const NOT_FOUND: i32 = 127;

// === impl Machine ===

impl Machine {
    /// Runs `renet` with these arguments. Its output and its messages are the caller's.
    ///
    /// # Errors
    /// [`MachineError`] when it did not run.
    pub fn renet(&self, arguments: &[&str], input: Input) -> Result<Ended, MachineError> {
        let mut command = self.command(arguments);
        let (mut bytes, mut source) = (Vec::new(), None);
        match input {
            Input::Nothing => drop(command.stdin(Stdio::null())),
            Input::Bytes(given) => {
                command.stdin(Stdio::piped());
                bytes = given;
            }
            Input::Output(mut program) => {
                let name = shown(&program);
                let fault = |source| MachineError::Program { program: name.clone(), source };
                let mut child = program.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().map_err(fault)?;
                command.stdin(child.stdout.take().map_or_else(Stdio::null, Stdio::from));
                source = Some((child, name));
            }
        }
        let program = shown(&command);
        let fault = |source| MachineError::Program { program, source };
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(fault)?;
        // The command's copy of the pipe's end is closed with it: the reader sees the end of the other one.
        drop(command);
        let messages = child.stderr.take().map(forward);
        if let Some(mut stdin) = child.stdin.take() {
            // One that refuses early does not read on; its exit code says why.
            let _ = stdin.write_all(&bytes);
        }
        let status = child.wait().map_err(|source| MachineError::Program { program: "ssh".to_owned(), source })?;
        let said = messages.and_then(|messages| messages.join().ok()).unwrap_or_default();
        if let Some((mut child, name)) = source
            && !child.wait().is_ok_and(|status| status.success())
            && status.success()
        {
            return Err(MachineError::Source(name));
        }
        self.judged(status.code(), &said)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let handshake = format!("--caller-version={}", self.version);
        let arguments = [handshake.as_str()].into_iter().chain(arguments.iter().copied());
        let Target::Ssh { destination, port } = &self.target else {
            let mut command = Command::new(&self.local_renet);
            command.args(arguments);
            return command;
        };
        let mut words = self.ssh.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_else(|| "ssh".into()));
        // Without a terminal: it would echo what is sent, secrets too.
        command.args(words).args(["-T", "-o", "ConnectTimeout=15"]);
        if let Some(port) = port {
            command.args(["-p", &port.to_string()]);
        }
        let renet: Vec<_> = arguments.map(quoted).collect();
        let renet = format!("renet {}", renet.join(" "));
        // What renet does is root's to do.
        let line = format!("if [ \"$(id -u)\" = 0 ]; then exec {renet}; else exec sudo -n {renet}; fi");
        command.args(["--", destination.as_str(), line.as_str()]);
        command
    }

    fn judged(&self, code: Option<i32>, said: &str) -> Result<Ended, MachineError> {
        let (name, target) = (self.name.clone(), self.target.clone());
        let is_remote = target != Target::Local;
        match code {
            Some(SSH_FAILED) if is_remote => {
                let hint = hint(said);
                let said = if said.is_empty() { "the connection broke" } else { said }.to_owned();
                Err(MachineError::Unreachable { name, target, said, hint })
            }
            Some(NOT_FOUND) if is_remote => Err(MachineError::NoRenet { name, target }),
            Some(code) => Ok(Ended::Code(u8::try_from(code).unwrap_or(1))),
            None => Ok(Ended::Killed),
        }
    }
}

/// Passes messages on as they come, and keeps the last one.
fn forward(stderr: ChildStderr) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut last = String::new();
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            // Nobody may be left to read them.
            let _ = writeln!(io::stderr(), "{line}");
            if !line.is_empty() {
                last = line;
            }
        }
        last
    })
}

/// What to do about ssh's last words.
fn hint(said: &str) -> &'static str {
    [
        ("Host key verification failed", "; it has another key than before, or was never connected to: compare it, then ssh-keyscan and ~/.ssh/known_hosts"),
        ("Permission denied", "; its authorized_keys lacks your key, or it is another user"),
        ("Connection refused", "; nothing listens on that port: is it the right one?"),
        ("Could not resolve hostname", "; the name is wrong, or the DNS does not know it"),
    ]
    .into_iter()
    .find(|(words, _)| said.contains(words))
    .map_or("", |(_, hint)| hint)
}

fn shown(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// A word for the shell at the other end.
fn quoted(word: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b'=' | b':' | b',');
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose ssh is a shell that runs the last argument here, with a `renet` of our own.
    fn machine(scratch: &tempfile::TempDir, renet: &str) -> Machine {
        let path = |name: &str| scratch.path().join(name);
        let script = |name: &str, text: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::write(path(name), format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        if !renet.is_empty() {
            script("renet", renet);
        }
        script("id", "echo 0");
        let line =
            format!("for line; do :; done; PATH={}:/bin:/usr/bin exec sh -c \"$line\"", scratch.path().display());
        script("ssh", &line);
        Machine {
            name: "server-1".parse().unwrap(),
            target: "root@203.0.113.50".parse().unwrap(),
            ssh: vec![path("ssh").into()],
            local_renet: path("renet"),
            version: "1.2.3".to_owned(),
        }
    }

    #[test]
    fn words_arrive_as_they_are_and_input_and_code_too() {
        let scratch = tempfile::tempdir().unwrap();
        let seen = scratch.path().join("seen");
        let renet = format!("{{ printf '<%s>' \"$@\"; cat; }} > {}; exit 7", seen.display());
        let machine = machine(&scratch, &renet);
        let ended = machine.renet(&["a b", "it's", "$(x)"], Input::Bytes(b"s3cret".to_vec())).unwrap();
        assert_eq!(ended, Ended::Code(7));
        let expected = "<--caller-version=1.2.3><a b><it's><$(x)>s3cret";
        assert_eq!(std::fs::read_to_string(&seen).unwrap(), expected);
        let local = Machine { target: Target::Local, ..machine };
        let mut program = Command::new("echo");
        program.arg("from a program");
        local.renet(&["x"], Input::Output(program)).unwrap();
        assert_eq!(std::fs::read_to_string(&seen).unwrap(), "<--caller-version=1.2.3><x>from a program\n");
    }

    #[test]
    fn what_ssh_says_is_explained() {
        let scratch = tempfile::tempdir().unwrap();
        let error = |renet: &str| machine(&scratch, renet).renet(&["x"], Input::Nothing).unwrap_err().to_string();
        let said = error("echo 'Host key verification failed.' >&2; exit 255");
        assert!(
            said.starts_with("cannot reach server-1 (root@203.0.113.50): Host key verification failed.; it has"),
            "{said}"
        );
        std::fs::remove_file(scratch.path().join("renet")).unwrap();
        assert!(error("").contains("has no renet in its PATH"));
    }

    #[test]
    fn what_could_not_be_read_is_no_success() {
        let scratch = tempfile::tempdir().unwrap();
        let machine = machine(&scratch, "cat >/dev/null");
        let mut program = Command::new("sh");
        program.args(["-c", "echo half; exit 1"]);
        let error = machine.renet(&["x"], Input::Output(program)).unwrap_err().to_string();
        assert_eq!(error, "sh failed; not everything was sent");
    }
}
