use std::collections::{BTreeMap, BTreeSet};

use traefik_model::{PRECONFIGURED_TCP, PRECONFIGURED_UDP};

use crate::PortRange;

/// What the name of an entry point's IPv6 twin ends in.
const V6: &str = "-v6";

/// What an entry point carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryPointKind {
    /// Plain HTTP, which is redirected to HTTPS.
    Http,
    /// HTTPS.
    Https,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// An entry point that exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryPoint {
    /// Its name.
    pub name: String,
    /// What it carries.
    pub kind: EntryPointKind,
}

/// The entry points that exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryPoints(BTreeMap<String, EntryPointKind>);

/// Why something is no entry point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryPointError {
    /// The kind does not follow from the name.
    #[error("cannot tell what entry point {0:?} carries: write {0}=http, {0}=https, {0}=tcp or {0}=udp")]
    UnknownKind(String),
    /// A kind that does not exist.
    #[error("{kind:?} is no kind of entry point: {name} can be http, https, tcp or udp")]
    BadKind {
        /// The entry point.
        name: String,
        /// What was given.
        kind: String,
    },
    /// A name with characters that a label could not spell.
    #[error("{0:?} cannot be the name of an entry point: letters, digits, dashes and underscores only")]
    BadName(String),
}

// === impl EntryPointKind ===

impl EntryPointKind {
    /// What follows from a name: `web*`, `websecure*`, `tcp-*`, `udp-*`.
    fn of_name(name: &str) -> Option<Self> {
        let kinds = [("websecure", Self::Https), ("web", Self::Http), ("tcp-", Self::Tcp), ("udp-", Self::Udp)];
        kinds.into_iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, kind)| kind)
    }

    fn from_word(word: &str) -> Option<Self> {
        match word {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            _ => None,
        }
    }
}

// === impl EntryPoint ===

impl std::str::FromStr for EntryPoint {
    type Err = EntryPointError;

    /// `tcp-25`, or `mail=tcp` where the kind does not follow from the name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, kind) = match text.split_once('=') {
            Some((name, word)) => (name, EntryPointKind::from_word(word).ok_or(word)),
            None => (text, EntryPointKind::of_name(text).ok_or("")),
        };
        let spellable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || !name.bytes().all(spellable) {
            return Err(EntryPointError::BadName(name.to_owned()));
        }
        match kind {
            Ok(kind) => Ok(Self { name: name.to_owned(), kind }),
            Err("") => Err(EntryPointError::UnknownKind(name.to_owned())),
            Err(word) => Err(EntryPointError::BadKind { name: name.to_owned(), kind: word.to_owned() }),
        }
    }
}

// === impl EntryPoints ===

impl EntryPoints {
    /// The ones that every machine has: `web`, `websecure`, the preconfigured and the dynamic ports.
    #[must_use]
    pub fn preconfigured(dynamic: PortRange) -> Self {
        let web = [("web".to_owned(), EntryPointKind::Http), ("websecure".to_owned(), EntryPointKind::Https)];
        let tcp = PRECONFIGURED_TCP.into_iter().chain(dynamic.first..=dynamic.last);
        let udp = PRECONFIGURED_UDP.into_iter().chain(dynamic.first..=dynamic.last);
        let tcp = tcp.map(|port| (format!("tcp-{port}"), EntryPointKind::Tcp));
        let udp = udp.map(|port| (format!("udp-{port}"), EntryPointKind::Udp));
        Self(web.into_iter().chain(tcp).chain(udp).collect())
    }

    /// What an entry point carries, if it exists.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<EntryPointKind> {
        self.0.get(name).copied()
    }

    /// The names of all of one kind, in order.
    pub fn of_kind(&self, kind: EntryPointKind) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, its)| **its == kind).map(|(name, _)| name.as_str())
    }

    /// The TCP ports that their names stand for, each with the name: `web` is 80, `websecure` 443, `tcp-25` 25.
    #[must_use]
    pub fn tcp_ports(&self) -> BTreeMap<u16, &str> {
        let port = |name: &str| match name {
            "web" => Some(80),
            "websecure" => Some(443),
            other => other.strip_prefix("tcp-")?.parse().ok(),
        };
        self.0.keys().filter_map(|name| Some((port(name.trim_end_matches(V6))?, name.trim_end_matches(V6)))).collect()
    }

    /// The IPv6 twin of an entry point, if it exists.
    #[must_use]
    pub fn v6_twin(&self, name: &str) -> Option<String> {
        Some(format!("{name}{V6}")).filter(|twin| self.0.contains_key(twin))
    }

    /// Whether any entry point listens on IPv6.
    #[must_use]
    pub fn has_v6(&self) -> bool {
        self.0.keys().any(|name| name.ends_with(V6))
    }

    /// The ports that an operator registered with `set-infra`: those of `tcp-<port>` (or `udp-<port>`) which are
    /// neither preconfigured nor dynamic.
    #[must_use]
    pub fn registered(&self, kind: EntryPointKind, dynamic: PortRange) -> BTreeSet<u16> {
        let (prefix, preconfigured): (_, &[u16]) = match kind {
            EntryPointKind::Tcp => ("tcp-", &PRECONFIGURED_TCP),
            EntryPointKind::Udp => ("udp-", &PRECONFIGURED_UDP),
            EntryPointKind::Http | EntryPointKind::Https => return BTreeSet::new(),
        };
        let ports = self.of_kind(kind).filter_map(|name| name.strip_prefix(prefix)?.parse().ok());
        ports.filter(|port| !preconfigured.contains(port) && !dynamic.contains(*port)).collect()
    }
}

impl FromIterator<EntryPoint> for EntryPoints {
    fn from_iter<I: IntoIterator<Item = EntryPoint>>(entry_points: I) -> Self {
        Self(entry_points.into_iter().map(|entry_point| (entry_point.name, entry_point.kind)).collect())
    }
}

/// Whether the name says that it is an IPv6 twin.
pub(crate) fn is_v6(name: &str) -> bool {
    name.ends_with(V6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_from_names() {
        let kind = |text: &str| text.parse::<EntryPoint>().map(|entry_point| entry_point.kind);
        assert_eq!(kind("websecure-v6"), Ok(EntryPointKind::Https));
        assert_eq!(kind("web-v6"), Ok(EntryPointKind::Http));
        assert_eq!(kind("tcp-25"), Ok(EntryPointKind::Tcp));
        assert_eq!(kind("mail=tcp"), Ok(EntryPointKind::Tcp));
        assert!(matches!(kind("mail"), Err(EntryPointError::UnknownKind(_))));
        assert!(matches!(kind("mail=smtp"), Err(EntryPointError::BadKind { .. })));
        assert!(matches!(kind("a b=tcp"), Err(EntryPointError::BadName(_))));
    }

    #[test]
    fn registered_ports_are_the_others() {
        let dynamic = PortRange { first: 10_000, last: 10_010 };
        let mut all = EntryPoints::preconfigured(dynamic);
        assert!(all.registered(EntryPointKind::Tcp, dynamic).is_empty());
        for name in ["tcp-25", "tcp-993", "tcp-993-v6", "udp-500"] {
            all.0.insert(name.to_owned(), EntryPointKind::of_name(name).unwrap());
        }
        assert_eq!(all.registered(EntryPointKind::Tcp, dynamic), BTreeSet::from([25, 993]));
    }
}
