use std::{collections::BTreeMap, fmt, str::FromStr};

use repo_network::{NETWORK_SIZE, NetworkId};
use serde::{Deserialize, Serialize};

/// The first network ID that is given out: 127.0.11.0. What is below stays the machine's own.
pub const FIRST_ID: u32 = 2816;

/// A repository's name: 1 to 63 lower-case letters, digits, `-` and `_`, of which the first is a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(String);

/// A text that is no [`RepositoryName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name of a repository; expected lower-case letters, digits, - and _, at most 63, e.g. my-app")]
pub struct NameError(String);

/// The repositories of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    #[serde(default)]
    repositories: BTreeMap<RepositoryName, Entry>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its network.
    pub network_id: NetworkId,
    /// Its root directory, absolute.
    pub path: String,
}

/// Why a repository can't be entered, or is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// There is one of this name.
    #[error("there is a repository {0} already; choose another name")]
    NameTaken(RepositoryName),
    /// The directory is another repository's.
    #[error("{path} is the directory of repository {name}; choose another one")]
    PathTaken {
        /// The directory.
        path: String,
        /// Whose it is.
        name: RepositoryName,
    },
    /// The network is another repository's.
    #[error(
        "network {id} belongs to repository {name}; a copied repository needs a .rediacc.json of its own: remove \
             the \"network_id\" from it"
    )]
    IdTaken {
        /// The network.
        id: NetworkId,
        /// Whose it is.
        name: RepositoryName,
    },
    /// Every network has its repository.
    #[error("no network is left")]
    Full,
    /// There is none of this name.
    #[error("there is no repository {name}{known}; `renet repo create {name}` makes one")]
    Unknown {
        /// What was asked for.
        name: RepositoryName,
        /// The ones that there are, for people.
        known: String,
    },
}

// === impl Registry ===

impl Registry {
    /// All of them, by name.
    pub fn repositories(&self) -> impl Iterator<Item = (&RepositoryName, &Entry)> {
        self.repositories.iter()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`], with the names that there are.
    pub fn get(&self, name: &RepositoryName) -> Result<&Entry, RegistryError> {
        self.repositories.get(name).ok_or_else(|| {
            let names: Vec<_> = self.repositories.keys().map(RepositoryName::as_str).collect();
            let known = if names.is_empty() { String::new() } else { format!(" (there are: {})", names.join(", ")) };
            RegistryError::Unknown { name: name.clone(), known }
        })
    }

    /// Enters a repository. It gets the network that is wanted, else the lowest free one from [`FIRST_ID`] on.
    ///
    /// # Errors
    /// When its name, its directory or its network is another's.
    pub fn create(
        &mut self,
        name: RepositoryName,
        path: &str,
        wanted: Option<NetworkId>,
    ) -> Result<NetworkId, RegistryError> {
        if self.repositories.contains_key(&name) {
            return Err(RegistryError::NameTaken(name));
        }
        let with = |test: &dyn Fn(&Entry) -> bool| {
            let found = self.repositories.iter().find(|(_, entry)| test(entry));
            found.map(|(name, _)| name.clone())
        };
        if let Some(name) = with(&|entry| entry.path == path) {
            return Err(RegistryError::PathTaken { path: path.to_owned(), name });
        }
        let id = match wanted {
            Some(id) => match with(&|entry| entry.network_id == id) {
                Some(name) => return Err(RegistryError::IdTaken { id, name }),
                None => id,
            },
            None => self.lowest_free().ok_or(RegistryError::Full)?,
        };
        self.repositories.insert(name, Entry { network_id: id, path: path.to_owned() });
        Ok(id)
    }

    fn lowest_free(&self) -> Option<NetworkId> {
        let numbers = (FIRST_ID..1 << 24).step_by(NETWORK_SIZE as usize);
        let taken: std::collections::BTreeSet<_> = self.repositories.values().map(|entry| entry.network_id).collect();
        numbers.filter_map(|number| NetworkId::try_from(number).ok()).find(|id| !taken.contains(id))
    }
}

// === impl RepositoryName ===

impl RepositoryName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let plain = text.bytes().all(|byte| alphanumeric(byte) || matches!(byte, b'-' | b'_'));
        let good = (1..=63).contains(&text.len()) && plain && text.bytes().next().is_some_and(alphanumeric);
        if good { Ok(Self(text.to_owned())) } else { Err(NameError(text.to_owned())) }
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> Self {
        name.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    #[test]
    fn networks_are_given_out_from_the_lowest_free_one() {
        let mut registry = Registry::default();
        assert_eq!(registry.create(name("b"), "/b", Some(2880.try_into().unwrap())).unwrap().get(), 2880);
        assert_eq!(registry.create(name("a"), "/a", None).unwrap().get(), 2816);
        assert_eq!(registry.create(name("c"), "/c", None).unwrap().get(), 2944);
        let text = serde_json::to_string(&registry).unwrap();
        assert_eq!(serde_json::from_str::<Registry>(&text).unwrap(), registry);
    }

    #[test]
    fn what_is_taken_is_refused_and_changes_nothing() {
        let mut registry = Registry::default();
        registry.create(name("a"), "/a", None).unwrap();
        let before = registry.clone();
        for (asked, path, id, expected) in [
            ("a", "/x", None, "there is a repository a already"),
            ("x", "/a", None, "/a is the directory of repository a"),
            ("x", "/x", Some(2816), "network 2816 belongs to repository a"),
        ] {
            let wanted = id.map(|id: u32| id.try_into().unwrap());
            let error = registry.create(name(asked), path, wanted).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert_eq!(registry, before);
        let error = registry.get(&name("x")).unwrap_err().to_string();
        assert_eq!(error, "there is no repository x (there are: a); `renet repo create x` makes one");
    }

    #[test]
    fn names_that_are_none() {
        for bad in ["", "-a", "A", "a/b", "..", "a b", &"a".repeat(64)] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = serde_json::from_str::<Registry>(&text);
            let _ = text.parse::<RepositoryName>();
        }
    }
}
