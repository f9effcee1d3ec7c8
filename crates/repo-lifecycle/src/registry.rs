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
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// Whether its daemon is to run again after a reboot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumes: bool,
}

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its root directory, absolute.
    pub path: String,
    /// The disk image that is mounted there, absolute; none: the directory itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
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
    /// The disk image is another repository's.
    #[error("{image} is the disk image of repository {name}; choose another one")]
    ImageTaken {
        /// The file.
        image: String,
        /// Whose it is.
        name: RepositoryName,
    },
    /// One directory is in the other.
    #[error("{path} and {other} of repository {name} are one in the other; choose another directory")]
    Nested {
        /// The directory.
        path: String,
        /// The other one.
        other: String,
        /// Whose that is.
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

    /// Enters a repository. It gets the network that is wanted, else the lowest free one from [`FIRST_ID`] on. The same
    /// one again changes nothing.
    ///
    /// # Errors
    /// When its name, its place or its network is another's.
    pub fn create(
        &mut self,
        name: RepositoryName,
        place: Place,
        wanted: Option<NetworkId>,
    ) -> Result<NetworkId, RegistryError> {
        if let Some(entry) = self.repositories.get(&name) {
            let is_same = entry.place == place && wanted.is_none_or(|id| id == entry.network_id);
            return if is_same { Ok(entry.network_id) } else { Err(RegistryError::NameTaken(name)) };
        }
        self.must_be_free(&place, None)?;
        let id = match wanted {
            Some(id) => match self.find(|entry| entry.network_id == id) {
                Some(name) => return Err(RegistryError::IdTaken { id, name }),
                None => id,
            },
            None => self.lowest_free().ok_or(RegistryError::Full)?,
        };
        self.repositories.insert(name, Entry { network_id: id, place, resumes: false });
        Ok(id)
    }

    /// Notes that a repository is at another directory from now on.
    ///
    /// # Errors
    /// When there is no such repository, or the directory is another's.
    pub fn move_to(&mut self, name: &RepositoryName, path: String) -> Result<(), RegistryError> {
        let place = Place { path, ..self.get(name)?.place.clone() };
        self.must_be_free(&place, Some(name))?;
        if let Some(entry) = self.repositories.get_mut(name) {
            entry.place = place;
        }
        Ok(())
    }

    /// Notes whether the daemon of a repository is to run again after a reboot; returns whether that is new.
    pub fn resume(&mut self, name: &RepositoryName, resumes: bool) -> bool {
        let Some(entry) = self.repositories.get_mut(name) else { return false };
        std::mem::replace(&mut entry.resumes, resumes) != resumes
    }

    /// Forgets a repository; its files stay.
    pub fn remove(&mut self, name: &RepositoryName) -> Option<Entry> {
        self.repositories.remove(name)
    }

    fn must_be_free(&self, place: &Place, own: Option<&RepositoryName>) -> Result<(), RegistryError> {
        let others = self.repositories.iter().filter(|(name, _)| Some(*name) != own);
        for (name, Entry { place: other, .. }) in others {
            let name = name.clone();
            let path = place.path.clone();
            if other.path == path {
                return Err(RegistryError::PathTaken { path, name });
            }
            let is_in = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
            if is_in(&path, &other.path) || is_in(&other.path, &path) {
                return Err(RegistryError::Nested { path, other: other.path.clone(), name });
            }
            if let Some(image) = place.image.clone().filter(|image| other.image.as_ref() == Some(image)) {
                return Err(RegistryError::ImageTaken { image, name });
            }
        }
        Ok(())
    }

    fn find(&self, test: impl Fn(&Entry) -> bool) -> Option<RepositoryName> {
        self.repositories.iter().find(|(_, entry)| test(entry)).map(|(name, _)| name.clone())
    }

    fn lowest_free(&self) -> Option<NetworkId> {
        let numbers = (FIRST_ID..1 << 24).step_by(NETWORK_SIZE as usize);
        let taken: std::collections::BTreeSet<_> = self.repositories.values().map(|entry| entry.network_id).collect();
        numbers.filter_map(|number| NetworkId::try_from(number).ok()).find(|id| !taken.contains(id))
    }
}

// === impl Place ===

impl Place {
    /// A directory that is there by itself.
    #[must_use]
    pub fn directory(path: &str) -> Self {
        Self { path: path.to_owned(), image: None }
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
        let mut create = |asked, path, id: Option<u32>| {
            let wanted = id.map(|id| id.try_into().unwrap());
            registry.create(name(asked), Place::directory(path), wanted).unwrap().get()
        };
        assert_eq!(create("b", "/b", Some(2880)), 2880);
        assert_eq!(create("a", "/a", None), 2816);
        assert_eq!(create("c", "/c", None), 2944);
        assert_eq!(create("a", "/a", None), 2816, "the same again");
        let text = serde_json::to_string(&registry).unwrap();
        assert_eq!(serde_json::from_str::<Registry>(&text).unwrap(), registry);
    }

    #[test]
    fn what_is_taken_is_refused_and_changes_nothing() {
        let mut registry = Registry::default();
        let image = |path: &str| Place { path: path.to_owned(), image: Some("/images/a".to_owned()) };
        registry.create(name("a"), image("/mnt/a"), None).unwrap();
        let before = registry.clone();
        for (asked, place, id, expected) in [
            ("a", Place::directory("/x"), None, "there is a repository a already"),
            ("a", image("/mnt/a"), Some(2880), "there is a repository a already"),
            ("x", Place::directory("/mnt/a"), None, "/mnt/a is the directory of repository a"),
            ("x", Place::directory("/mnt/a/b"), None, "/mnt/a/b and /mnt/a of repository a are one in the other"),
            ("x", Place::directory("/mnt"), None, "/mnt and /mnt/a of repository a are one in the other"),
            ("x", image("/x"), None, "/images/a is the disk image of repository a"),
            ("x", Place::directory("/x"), Some(2816), "network 2816 belongs to repository a"),
        ] {
            let wanted = id.map(|id: u32| id.try_into().unwrap());
            let error = registry.create(name(asked), place, wanted).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert_eq!(registry, before);
        let error = registry.get(&name("x")).unwrap_err().to_string();
        assert_eq!(error, "there is no repository x (there are: a); `renet repo create x` makes one");
    }

    #[test]
    fn one_moves_and_is_forgotten() {
        let mut registry = Registry::default();
        registry.create(name("a"), Place::directory("/a"), None).unwrap();
        registry.create(name("b"), Place::directory("/b"), None).unwrap();
        registry.move_to(&name("a"), "/b/c".to_owned()).unwrap_err();
        registry.move_to(&name("a"), "/ab".to_owned()).unwrap();
        assert_eq!(registry.get(&name("a")).unwrap().place.path, "/ab");
        assert!(registry.resume(&name("a"), true) && !registry.resume(&name("a"), true));
        assert!(registry.remove(&name("a")).unwrap().resumes);
        registry.get(&name("a")).unwrap_err();
    }

    #[test]
    fn what_an_older_version_wrote_is_read() {
        let text = r#"{"repositories": {"a": {"network_id": 2816, "path": "/a"}}}"#;
        let registry: Registry = serde_json::from_str(text).unwrap();
        assert_eq!(registry.get(&name("a")).unwrap().place, Place::directory("/a"));
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
