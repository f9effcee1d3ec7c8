use std::{fmt, net::Ipv4Addr, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Slot;

/// Addresses in a repository's network (a /26).
pub const NETWORK_SIZE: u32 = 64;

/// Identifies a repository's network on its machine: a positive multiple of 64 below 2²⁴.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct NetworkId(u32);

/// Why something is no [`NetworkId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkIdError {
    /// Not a plain decimal number: a sign, a space, a leading zero, or too large.
    #[error("{0:?} is not a plain decimal number")]
    NotANumber(String),
    /// A number, but no positive multiple of 64 below 2²⁴.
    #[error("{0} is not a positive multiple of 64 below 16777216")]
    NotANetwork(u32),
}

// === impl NetworkId ===

impl NetworkId {
    /// The ID that a daemon's socket is named after: `docker-2816.sock` is 2816.
    ///
    /// # Errors
    /// [`NetworkIdError`] when the name has another form or the number is no network ID.
    pub fn from_socket_name(file_name: &str) -> Result<Self, NetworkIdError> {
        file_name
            .strip_prefix("docker-")
            .and_then(|rest| rest.strip_suffix(".sock"))
            .ok_or_else(|| NetworkIdError::NotANumber(file_name.to_owned()))?
            .parse()
    }

    /// The repository whose control group a path leads into: `/rediacc-2816/daemon` and
    /// `/system.slice/rediacc-cgroup@2816.service/containers` are 2816's. The outermost counts.
    #[must_use]
    pub fn of_control_group(path: &str) -> Option<Self> {
        path.split('/').find_map(|name| {
            let name = name.strip_prefix("rediacc-")?;
            name.strip_suffix(".service").unwrap_or(name).rsplit(['-', '@']).next()?.parse().ok()
        })
    }

    /// The network address: 2816 is `127.0.11.0`.
    #[must_use]
    pub fn network(self) -> Ipv4Addr {
        Ipv4Addr::from((127 << 24) | self.0)
    }

    /// Whether a service of this repository may have this address: inside the /26, and neither its
    /// network address (.0), its gateway (.1) nor its broadcast address (.63).
    #[must_use]
    pub fn owns(self, address: Ipv4Addr) -> bool {
        u32::from(address)
            .checked_sub(u32::from(self.network()))
            .is_some_and(|offset| (2..NETWORK_SIZE - 1).contains(&offset))
    }

    /// The address of the service in a slot: network address + slot + 2. Slot 0 of 2816 is `127.0.11.2`.
    #[must_use]
    pub fn service_ip(self, slot: Slot) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.network()) + u32::from(slot.get()) + 2)
    }

    /// The ID as a number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for NetworkId {
    type Error = NetworkIdError;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        let valid = number > 0 && number.is_multiple_of(NETWORK_SIZE) && number < 1 << 24;
        valid.then_some(Self(number)).ok_or(NetworkIdError::NotANetwork(number))
    }
}

impl From<NetworkId> for u32 {
    fn from(id: NetworkId) -> Self {
        id.0
    }
}

impl FromStr for NetworkId {
    type Err = NetworkIdError;

    /// Only the one spelling that [`fmt::Display`] writes, so that one network has one name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        plain
            .then(|| text.parse::<u32>().ok())
            .flatten()
            .ok_or_else(|| NetworkIdError::NotANumber(text.to_owned()))?
            .try_into()
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn socket_names() {
        let id = |name| NetworkId::from_socket_name(name).map(NetworkId::get);
        assert_eq!(id("docker-2816.sock"), Ok(2816));
        assert_eq!(id("docker-100.sock"), Err(NetworkIdError::NotANetwork(100)));
        for bad in
            ["docker-0.sock", "docker-+64.sock", "docker-064.sock", "docker-.sock", "docker-99999999999.sock", "x"]
        {
            assert!(id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn control_groups() {
        for (path, expected) in [
            ("/rediacc-2816/daemon", Some(2816)),
            ("/system.slice/system-rediacc\\x2dcgroup.slice/rediacc-cgroup@2816.service/containers/x", Some(2816)),
            ("/rediacc-2816/containers/rediacc-2880/x", Some(2816)),
            ("/system.slice/rediacc-router.service", None),
            ("/rediacc-100", None),
            ("/", None),
        ] {
            assert_eq!(NetworkId::of_control_group(path).map(NetworkId::get), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn every_multiple_of_64_owns_exactly_61_addresses(n in 1u32..(1 << 18)) {
            let id = NetworkId::try_from(n * 64).unwrap();
            let base = u32::from(id.network());
            let owned = (base.saturating_sub(64)..base.saturating_add(128))
                .filter(|address| id.owns(Ipv4Addr::from(*address)))
                .count();
            prop_assert_eq!(owned, 61);
            prop_assert!(Slot::all().all(|slot| id.owns(id.service_ip(slot))));
            prop_assert_eq!(id.to_string().parse::<NetworkId>().unwrap(), id);
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = NetworkId::from_socket_name(&text);
            let _ = text.parse::<NetworkId>();
        }
    }
}
