use std::fmt;

use serde::{Deserialize, Serialize};

/// How many slots a repository has, and so how many services: the addresses .2 to .62 of its network.
pub const SLOTS: u8 = 61;

/// What the names of services' control groups begin with.
const GROUP: &str = "slot-";

/// The place of a service in its repository's network: 0 to 60.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Slot(u8);

/// A number that is no [`Slot`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no slot; slots are the numbers from 0 to 60")]
pub struct SlotError(pub u64);

// === impl Slot ===

impl Slot {
    /// All of them, lowest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SLOTS).map(Self)
    }

    /// The control group of the service, below its repository's: `slot-3`.
    #[must_use]
    pub fn control_group(self) -> String {
        format!("{GROUP}{self}")
    }

    /// The slot whose control group has this name.
    #[must_use]
    pub fn of_control_group(name: &str) -> Option<Self> {
        let slot = Self::try_from(name.strip_prefix(GROUP)?.parse::<u64>().ok()?).ok()?;
        // Only the one spelling.
        (slot.control_group() == name).then_some(slot)
    }

    /// The slot as a number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u64> for Slot {
    type Error = SlotError;

    fn try_from(number: u64) -> Result<Self, SlotError> {
        u8::try_from(number).ok().filter(|slot| *slot < SLOTS).map(Self).ok_or(SlotError(number))
    }
}

impl From<Slot> for u64 {
    fn from(slot: Slot) -> Self {
        slot.0.into()
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The variable that has a service's address, for compose files and the Rediaccfile: `my-db` → `MY_DB_IP`. What no
/// variable may hold becomes `_` too.
#[must_use]
pub fn variable_name(service: &str) -> String {
    let name = service.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    name.chain("_IP".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables() {
        for (service, variable) in [("my-db", "MY_DB_IP"), ("api", "API_IP"), ("a.b_2", "A_B_2_IP")] {
            assert_eq!(variable_name(service), variable);
        }
    }

    #[test]
    fn control_groups() {
        let slot = Slot::try_from(7).unwrap();
        assert_eq!((slot.control_group().as_str(), Slot::of_control_group("slot-7")), ("slot-7", Some(slot)));
        for name in ["slot-07", "slot-61", "slot-", "slot", "7", "slot-+7"] {
            assert_eq!(Slot::of_control_group(name), None, "{name}");
        }
    }

    #[test]
    fn numbers_that_are_none() {
        assert_eq!(Slot::try_from(60).map(Slot::get), Ok(60));
        assert_eq!(Slot::try_from(61), Err(SlotError(61)));
        assert_eq!(Slot::all().count(), 61);
    }
}
