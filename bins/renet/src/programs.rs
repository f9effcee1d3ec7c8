//! Programs of the system that do one thing and end.

use std::{io, process::Command};

use command_line::{Failure, printable};

/// What a program prints; where it fails, its own words in one line.
pub(crate) fn output_of(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output();
    let output = output.map_err(|error| match (error.kind(), package(program)) {
        (io::ErrorKind::NotFound, Some(package)) => {
            Failure::Runtime(format!("{program} is not installed (Debian's package {package})"))
        }
        _ => Failure::runtime(format_args!("cannot run {program}"), &error),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let said = if said.is_empty() { output.status.to_string() } else { printable(&said) };
    Err(Failure::Runtime(format!("{program}: {said}")))
}

/// What brings a program that not every machine has.
fn package(program: &str) -> Option<&'static str> {
    match program {
        "losetup" | "mount" | "umount" => Some("mount"),
        "mkfs.ext4" | "e2fsck" | "resize2fs" => Some("e2fsprogs"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_and_what_went_wrong() {
        assert_eq!(output_of("echo", &["a", "b"]).unwrap(), "a b\n");
        for (script, expected) in
            [("echo one >&2; echo two >&2; exit 3", "sh: one; two"), ("exit 3", "sh: exit status: 3")]
        {
            assert!(matches!(output_of("sh", &["-c", script]), Err(Failure::Runtime(said)) if said == expected));
        }
    }
}
