use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

/// A program that is to run for long. Under systemd its unit says all of it but the name.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// Its name; systemd's unit is `NAME.service`.
    pub name: String,
    /// The program, by its absolute path, and its arguments.
    pub command: Vec<OsString>,
    /// Its environment beside that of the caller (detached) or of systemd.
    pub environment: BTreeMap<String, String>,
    /// Files with lines `NAME=value` that are added to its environment; one that is missing is no error.
    pub environment_files: Vec<PathBuf>,
}

// === impl Service ===

impl Service {
    /// A program with its arguments.
    pub fn new<S: Into<OsString>>(name: impl Into<String>, command: impl IntoIterator<Item = S>) -> Self {
        let command = command.into_iter().map(Into::into).collect();
        Self { name: name.into(), command, ..Self::default() }
    }
}

/// The settings of such a file: lines `NAME=value`; comments and empty lines aside.
pub(crate) fn settings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(name, value)| (name.trim(), unquoted(value.trim())))
}

fn unquoted(value: &str) -> &str {
    ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    #[test]
    fn settings() {
        let read: Vec<_> = super::settings("# a\nA=1\n\n B = \"x y\" \nC=a=b\nnonsense\nD='\n").collect();
        assert_eq!(read, [("A", "1"), ("B", "x y"), ("C", "a=b"), ("D", "'")]);
    }
}
