use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write},
    path::PathBuf,
    process::{ChildStderr, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
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

/// Writes what a command reads.
pub type Stream = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()>>;

/// What the command reads on standard input. Secrets go this way and no other.
pub enum Input {
    /// Nothing.
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// What this writes. One that fails has sent nothing whole.
    Stream(Stream),
    /// This file, from where it stands.
    File(File),
    /// Nothing until this is set; then a line that ends what runs there. ssh passes no signals on, so ctrl-C sets it; it
    /// must not end ssh itself.
    Interrupts {
        /// Set by whoever wants it to end.
        wanted: Arc<AtomicBool>,
        /// The line that says it.
        line: &'static str,
    },
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
    #[error("not everything was sent")]
    Source(#[source] io::Error),
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
    #[error("{name} ({target}) has no renet in its PATH; `rdc context setup {name}` copies it there")]
    NoRenet {
        /// The machine.
        name: ContextName,
        /// How it was reached.
        target: Target,
    },
    /// Root's work, and the user that ssh comes in as may not do it without being asked.
    #[error(
        "on {name} ({target}) root is needed, and sudo says: {said}; let ssh come in as root, or let this user do \
         everything with sudo without being asked (a line `USER ALL=(root) NOPASSWD: ALL` in /etc/sudoers.d)"
    )]
    Sudo {
        /// The machine.
        name: ContextName,
        /// How it was reached.
        target: Target,
        /// sudo's last words.
        said: String,
    },
}

/// ssh's own failures (ssh(1), EXIT STATUS); a program that a signal ended looks the same.
const SSH_FAILED: i32 = 255;
/// The shell's word for a program that is not there.
const NOT_FOUND: i32 = 127;
/// The most bytes of a script's output that are kept.
const MAX_OUTPUT: u64 = 1 << 20;

// === impl Machine ===

impl Machine {
    /// Runs `renet` with these arguments. Its output and its messages are the caller's.
    ///
    /// # Errors
    /// [`MachineError`] when it did not run.
    pub fn renet(&self, arguments: &[&str], input: Input) -> Result<Ended, MachineError> {
        self.run(self.renet_command(arguments), input).map(|(ended, _)| ended)
    }

    /// Runs `renet` with these arguments, and gives what it prints, at most 1 MiB of it.
    ///
    /// # Errors
    /// [`MachineError`] when it did not run.
    pub fn renet_output(&self, arguments: &[&str], input: Input) -> Result<(Ended, String), MachineError> {
        let mut command = self.renet_command(arguments);
        command.stdout(Stdio::piped());
        self.run(command, input)
    }

    /// Runs `renet` with these arguments, and has what it prints written into a file.
    ///
    /// # Errors
    /// [`MachineError`] when it did not run.
    pub fn renet_into(&self, arguments: &[&str], file: File) -> Result<Ended, MachineError> {
        let mut command = self.renet_command(arguments);
        command.stdout(file);
        self.run(command, Input::Nothing).map(|(ended, _)| ended)
    }

    /// Runs a script of the shell's as root, with these arguments as `$1` and so on, and gives what it prints, at most
    /// 1 MiB of it. The script itself stands in the process list there: secrets go into the input.
    ///
    /// # Errors
    /// [`MachineError`] when it did not run.
    pub fn script(&self, text: &str, arguments: &[&str], input: Input) -> Result<(Ended, String), MachineError> {
        let words = ["sh", "-c", text, "sh"].into_iter().chain(arguments.iter().copied()).map(quoted);
        let line = as_root(&words.collect::<Vec<_>>().join(" "));
        let mut command = match &self.target {
            Target::Local => Command::new("sh"),
            Target::Ssh { .. } => self.ssh_command(&line),
        };
        if self.target == Target::Local {
            command.args(["-c", &line]);
        }
        command.stdout(Stdio::piped());
        self.run(command, input)
    }

    fn run(&self, mut command: Command, input: Input) -> Result<(Ended, String), MachineError> {
        let (mut bytes, mut source, mut interrupts) = (Vec::new(), None, None);
        match input {
            Input::Nothing => drop(command.stdin(Stdio::null())),
            Input::Interrupts { wanted, line } => {
                command = deaf_to_interrupts(&command);
                command.stdin(Stdio::piped());
                interrupts = Some((wanted, line));
            }
            Input::Bytes(given) => {
                command.stdin(Stdio::piped());
                bytes = given;
            }
            Input::File(file) => drop(command.stdin(file)),
            Input::Stream(stream) => {
                command.stdin(Stdio::piped());
                source = Some(stream);
            }
        }
        let program = shown(&command);
        let fault = |source| MachineError::Program { program, source };
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(fault)?;
        // The command's copy of the pipe's end is closed with it: the reader sees the end of the other one.
        drop(command);
        let messages = child.stderr.take().map(forward);
        let output = child.stdout.take().map(collect);
        let mut failed = None;
        if let Some(mut stdin) = child.stdin.take() {
            if let Some(stream) = source {
                // One that refuses early does not read on; its exit code says why.
                failed = stream(&mut stdin).err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
            }
            // One that refuses early does not read on; its exit code says why.
            let _ = stdin.write_all(&bytes);
            if let Some((wanted, line)) = interrupts {
                while matches!(child.try_wait(), Ok(None)) && !wanted.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(20));
                }
                // It may have ended meanwhile.
                let _ = writeln!(stdin, "{line}");
            }
        }
        let status = child.wait().map_err(|source| MachineError::Program { program: "ssh".to_owned(), source })?;
        let said = messages.and_then(|messages| messages.join().ok()).unwrap_or_default();
        let output = output.and_then(|output| output.join().ok()).unwrap_or_default();
        if let Some(error) = failed {
            return Err(MachineError::Source(error));
        }
        Ok((self.judged(status.code(), &said)?, output))
    }

    fn renet_command(&self, arguments: &[&str]) -> Command {
        let handshake = format!("--caller-version={}", self.version);
        let arguments = [handshake.as_str()].into_iter().chain(arguments.iter().copied());
        if self.target == Target::Local {
            let mut command = Command::new(&self.local_renet);
            command.args(arguments);
            return command;
        }
        let words: Vec<_> = arguments.map(quoted).collect();
        // By its path: sudo has a PATH of its own. Without a word, so that it is told from one that renet ends with.
        let line = as_root(&format!("\"$renet\" {}", words.join(" ")));
        self.ssh_command(&format!("renet=$(command -v renet) || exit {NOT_FOUND}; {line}"))
    }

    fn ssh_command(&self, line: &str) -> Command {
        let Target::Ssh { destination, port } = &self.target else { return Command::new("false") };
        let mut words = self.ssh.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_else(|| "ssh".into()));
        // Without a terminal: it would echo what is sent, secrets too. A machine that is gone is noticed within 45 s.
        command.args(words).args(["-T", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15"]);
        if let Some(port) = port {
            command.args(["-p", &port.to_string()]);
        }
        command.args(["--", destination.as_str(), line]);
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
            Some(NOT_FOUND) if is_remote && said.is_empty() => Err(MachineError::NoRenet { name, target }),
            Some(1) if is_sudos(said) => Err(MachineError::Sudo { name, target, said: said.to_owned() }),
            Some(code) => Ok(Ended::Code(u8::try_from(code).unwrap_or(1))),
            // It is ssh that was: of the machine nothing is known.
            None if is_remote => {
                Err(MachineError::Unreachable { name, target, said: "ssh was killed".to_owned(), hint: "" })
            }
            None => Ok(Ended::Killed),
        }
    }
}

/// The same command, which ctrl-C at the terminal does not end.
fn deaf_to_interrupts(command: &Command) -> Command {
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' INT; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    deaf
}

/// A line of the shell's that has a command carried out as root.
fn as_root(command: &str) -> String {
    format!(
        "if [ \"$(id -u)\" = 0 ]; then exec {command}; elif command -v sudo >/dev/null; then exec sudo -n {command}; \
         else echo 'sudo: not found, and this is not root' >&2; exit 1; fi"
    )
}

/// Whether the last words are of a sudo that does not do it. It also warns of things that do no harm.
fn is_sudos(said: &str) -> bool {
    let refusals = [
        "sudo: a password is required",
        "sudo: a terminal is required",
        "sudo: not found",
        " is not allowed to ",
        " is not in the sudoers file",
    ];
    refusals.iter().any(|refusal| said.contains(refusal))
}

/// Keeps what is printed; what is too much is read and thrown away.
fn collect(stdout: ChildStdout) -> JoinHandle<String> {
    thread::spawn(move || {
        let (mut kept, mut stdout) = (Vec::new(), stdout);
        // What was read until a fault is all there is.
        let _ = stdout.by_ref().take(MAX_OUTPUT).read_to_end(&mut kept);
        let _ = io::copy(&mut stdout, &mut io::sink());
        String::from_utf8_lossy(&kept).into_owned()
    })
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
        let stream: Stream = Box::new(|to| to.write_all(b"from a stream"));
        local.renet(&["x"], Input::Stream(stream)).unwrap();
        assert_eq!(std::fs::read_to_string(&seen).unwrap(), "<--caller-version=1.2.3><x>from a stream");
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
        assert!(error("").contains("has no renet in its PATH; `rdc context setup server-1` copies it there"));
    }

    #[test]
    fn code_127_of_a_command_is_its_own() {
        let scratch = tempfile::tempdir().unwrap();
        let ended = machine(&scratch, "echo 'exec: no such program' >&2; exit 127").renet(&["x"], Input::Nothing);
        assert_eq!(ended.unwrap(), Ended::Code(127));
    }

    #[test]
    fn a_script_prints_for_us_and_reads_what_it_is_given() {
        let scratch = tempfile::tempdir().unwrap();
        let machine = machine(&scratch, "");
        for machine in [Machine { target: Target::Local, ..machine.clone() }, machine] {
            // Root's: here it is that the stand-in says so, and for the local one whoever runs the test.
            if machine.target == Target::Local && !is_root() {
                continue;
            }
            let script = "printf '%s|%s|' \"$1\" \"$2\"; cat; exit 3";
            let (ended, output) = machine.script(script, &["it's", "a b"], Input::Bytes(b"in".to_vec())).unwrap();
            assert_eq!((ended, output.as_str()), (Ended::Code(3), "it's|a b|in"));
        }
    }

    fn is_root() -> bool {
        std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
    }

    #[test]
    fn a_user_who_may_not_become_root_is_told_what_to_do() {
        use std::os::unix::fs::PermissionsExt as _;
        let scratch = tempfile::tempdir().unwrap();
        let machine = machine(&scratch, "echo never");
        for (name, text) in [("id", "echo 1000"), ("sudo", "echo 'sudo: a password is required' >&2; exit 1")] {
            let path = scratch.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let error = machine.renet(&["x"], Input::Nothing).unwrap_err().to_string();
        assert!(error.contains("root is needed, and sudo says: sudo: a password is required; let ssh"), "{error}");
    }

    #[test]
    fn what_is_interrupted_is_told_so() {
        let scratch = tempfile::tempdir().unwrap();
        let machine = machine(&scratch, "read line; [ \"$line\" = stop ] && exit 130");
        let wanted = Arc::new(AtomicBool::new(false));
        let input = || Input::Interrupts { wanted: Arc::clone(&wanted), line: "stop" };
        let asks = Arc::clone(&wanted);
        let asking = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            asks.store(true, Ordering::Relaxed);
        });
        assert_eq!(machine.renet(&["x"], input()).unwrap(), Ended::Code(130));
        asking.join().unwrap();
        let local = Machine { target: Target::Local, ..machine };
        assert_eq!(local.renet(&["x"], input()).unwrap(), Ended::Code(130), "wanted from the beginning");
    }

    #[test]
    fn what_could_not_be_read_is_no_success() {
        let scratch = tempfile::tempdir().unwrap();
        let machine = machine(&scratch, "cat >/dev/null");
        let half: Stream = Box::new(|to| {
            to.write_all(b"half")?;
            Err(io::Error::other("the disk is gone"))
        });
        let error = machine.renet(&["x"], Input::Stream(half)).unwrap_err();
        assert_eq!(error.to_string(), "not everything was sent");
    }
}
