use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How a machine is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// It is this one.
    Local,
    /// By ssh: `user@host`, or a host of the ssh configuration.
    Ssh {
        /// What ssh is given.
        destination: String,
        /// Another port than the usual one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
    },
}

/// A text that names no machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no machine; expected user@host or user@host:port, e.g. root@203.0.113.50:22")]
pub struct TargetError(String);

impl FromStr for Target {
    type Err = TargetError;

    /// `user@host[:port]`; an IPv6 address stands in brackets. Nothing that ssh or a shell could take for more.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let fault = || TargetError(text.to_owned());
        let (user, rest) = text.rsplit_once('@').map_or((None, text), |(user, rest)| (Some(user), rest));
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(fault)?)),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let word = |text: &str, more: &[char]| {
            let plain = |c: char| c.is_ascii_alphanumeric() || more.contains(&c);
            !text.is_empty() && !text.starts_with('-') && text.chars().all(plain)
        };
        let good = word(host, &['.', '-', '_', ':']) && user.is_none_or(|user| word(user, &['.', '-', '_']));
        let port = port.map(|port| port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(fault)).transpose()?;
        let destination = user.map(|user| format!("{user}@{host}")).unwrap_or_else(|| host.to_owned());
        if good { Ok(Self::Ssh { destination, port }) } else { Err(fault()) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("this machine"),
            Self::Ssh { destination, port: None } => f.write_str(destination),
            Self::Ssh { destination, port: Some(port) } => write!(f, "{destination}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations() {
        let ssh = |destination: &str, port| Target::Ssh { destination: destination.to_owned(), port };
        for (text, expected) in [
            ("root@host", ssh("root@host", None)),
            ("box", ssh("box", None)),
            ("admin@203.0.113.50:2222", ssh("admin@203.0.113.50", Some(2222))),
            ("root@[2001:db8::1]:22", ssh("root@2001:db8::1", Some(22))),
        ] {
            assert_eq!(text.parse::<Target>().unwrap(), expected);
        }
        for bad in
            ["", "-oProxyCommand=x", "root@-x", "root@host:0", "root@host:x", "a b", "$(x)@h", "root@", "a@[::1]x"]
        {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }
}
