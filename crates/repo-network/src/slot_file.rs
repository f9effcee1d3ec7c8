use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use crate::{NetworkId, SLOTS, Slot, variable_name};

/// What `.rediacc.json` in a repository's root says: which network it has, and which slot each service.
///
/// ```json
/// {"network_id": 2816, "services": {"api": {"slot": 0}, "db": {"slot": 1}}}
/// ```
/// Keys that are not known are kept as they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SlotFile {
    network_id: Option<NetworkId>,
    services: BTreeMap<String, Service>,
    /// Everything else on the first level.
    rest: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq)]
struct Service {
    slot: Slot,
    /// The compose project that it belongs to.
    project: Option<String>,
    /// The compose file that defines it, relative to the repository's root.
    file: Option<String>,
    rest: Map<String, Value>,
}

/// Why a `.rediacc.json` can't be used, or can't get more services.
#[derive(Debug, thiserror::Error)]
pub enum SlotFileError {
    /// Not JSON at all.
    #[error("it is no JSON")]
    Syntax(#[source] serde_json::Error),
    /// JSON, but something in it is not what it has to be.
    #[error("{place}: expected {expected}")]
    Shape {
        /// Where, e.g. `services.api.slot`.
        place: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// Two services have one slot.
    #[error("services {first:?} and {second:?} both have slot {slot}; give one of them another, or remove its line")]
    SameSlot {
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// What they share.
        slot: Slot,
    },
    /// Two services would share a variable.
    #[error("services {first:?} and {second:?} would share the variable {variable}; rename one of them")]
    SameVariable {
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// What they would share.
        variable: String,
    },
    /// It belongs to another repository.
    #[error(
        "it belongs to network {found}, and this is network {expected}; a copied repository needs a .rediacc.json \
             of its own: remove the \"network_id\" from it"
    )]
    OtherNetwork {
        /// The network that it says.
        found: NetworkId,
        /// The one that it is used for.
        expected: NetworkId,
    },
    /// All slots are taken.
    #[error(
        "a repository has {SLOTS} slots, and {wanted} more are needed than are free; remove services that are no \
             longer used from .rediacc.json"
    )]
    Full {
        /// How many services have none.
        wanted: usize,
    },
}

// === impl SlotFile ===

impl SlotFile {
    /// Reads the file's text.
    ///
    /// # Errors
    /// [`SlotFileError::Syntax`], [`SlotFileError::Shape`], [`SlotFileError::SameSlot`].
    pub fn parse(text: &str) -> Result<Self, SlotFileError> {
        let value: Value = serde_json::from_str(text).map_err(SlotFileError::Syntax)?;
        let Value::Object(mut rest) = value else { return Err(shape("the file", "an object: {\"services\": {…}}")) };
        let network_id = rest.remove("network_id").map(NetworkId::deserialize).transpose();
        let network_id = network_id.map_err(|_no_id| shape("network_id", "a positive multiple of 64, e.g. 2816"))?;
        let services = match rest.remove("services") {
            None => Map::new(),
            Some(Value::Object(services)) => services,
            Some(_) => return Err(shape("services", "an object: {\"api\": {\"slot\": 0}}")),
        };
        let services =
            services.into_iter().map(|(name, value)| Service::of(&name, value).map(|service| (name, service)));
        let file = Self { network_id, services: services.collect::<Result<_, _>>()?, rest };
        let mut taken = BTreeMap::new();
        for (name, service) in &file.services {
            if let Some(first) = taken.insert(service.slot, name) {
                return Err(SlotFileError::SameSlot { first: first.clone(), second: name.clone(), slot: service.slot });
            }
        }
        Ok(file)
    }

    /// The file's text: sorted, indented, with a line end.
    #[must_use]
    pub fn format(&self) -> String {
        let mut root = self.rest.clone();
        if let Some(id) = self.network_id {
            root.insert("network_id".to_owned(), json!(id));
        }
        let services: Map<_, _> = self.services.iter().map(|(name, service)| (name.clone(), service.value())).collect();
        root.insert("services".to_owned(), Value::Object(services));
        // A map of strings to values that came from JSON has a written form.
        format!("{:#}\n", Value::Object(root))
    }

    /// The network that it says; none in a file of the time before `network_id`, or a new one.
    #[must_use]
    pub fn network_id(&self) -> Option<NetworkId> {
        self.network_id
    }

    /// Says which network it belongs to.
    ///
    /// # Errors
    /// [`SlotFileError::OtherNetwork`] when it belongs to another already.
    pub fn bind(&mut self, id: NetworkId) -> Result<(), SlotFileError> {
        match self.network_id.replace(id) {
            Some(found) if found != id => {
                self.network_id = Some(found);
                Err(SlotFileError::OtherNetwork { found, expected: id })
            }
            _ => Ok(()),
        }
    }

    /// A service's slot.
    #[must_use]
    pub fn slot(&self, service: &str) -> Option<Slot> {
        self.services.get(service).map(|service| service.slot)
    }

    /// Every service with its slot, by name.
    pub fn services(&self) -> impl Iterator<Item = (&str, Slot)> {
        self.services.iter().map(|(name, service)| (name.as_str(), service.slot))
    }

    /// The compose file that a service was last seen in, relative to the repository's root, if that was in another
    /// project than this one.
    #[must_use]
    pub fn defined_elsewhere(&self, service: &str, project: &str) -> Option<&str> {
        let service = self.services.get(service)?;
        service.project.as_ref().filter(|other| *other != project)?;
        service.file.as_deref()
    }

    /// Notes that these services belong to this project and are defined by this compose file.
    pub fn define<'a>(&mut self, services: impl IntoIterator<Item = &'a str>, project: &str, file: &str) {
        for name in services {
            if let Some(service) = self.services.get_mut(name) {
                service.project = Some(project.to_owned());
                service.file = Some(file.to_owned());
            }
        }
    }

    /// Takes a service's slot away, for another one to get; returns whether it had one.
    pub fn free(&mut self, service: &str) -> bool {
        self.services.remove(service).is_some()
    }

    /// The compose project and file that a service was last seen in, relative to the repository's root.
    #[must_use]
    pub fn definition(&self, service: &str) -> Option<(&str, &str)> {
        let service = self.services.get(service)?;
        Some((service.project.as_deref()?, service.file.as_deref()?))
    }

    /// Gives each of these services that has no slot the lowest free one, in alphabetical order. Nobody loses a slot.
    ///
    /// # Errors
    /// [`SlotFileError::Full`] and [`SlotFileError::SameVariable`]; nothing is changed then.
    pub fn assign<'a>(&mut self, services: impl IntoIterator<Item = &'a str>) -> Result<(), SlotFileError> {
        let wanted: BTreeSet<&str> = services.into_iter().filter(|name| !self.services.contains_key(*name)).collect();
        let mut variables = BTreeMap::new();
        for name in self.services.keys().map(String::as_str).chain(wanted.iter().copied()) {
            let variable = variable_name(name);
            if let Some(first) = variables.insert(variable.clone(), name) {
                let (first, second) = (first.to_owned(), name.to_owned());
                return Err(SlotFileError::SameVariable { first, second, variable });
            }
        }
        let taken: BTreeSet<_> = self.services.values().map(|service| service.slot).collect();
        let free: Vec<_> = Slot::all().filter(|slot| !taken.contains(slot)).take(wanted.len()).collect();
        if free.len() < wanted.len() {
            return Err(SlotFileError::Full { wanted: wanted.len() - free.len() });
        }
        for (name, slot) in wanted.into_iter().zip(free) {
            self.services.insert(name.to_owned(), Service { slot, project: None, file: None, rest: Map::new() });
        }
        Ok(())
    }
}

// === impl Service ===

impl Service {
    fn of(name: &str, value: Value) -> Result<Self, SlotFileError> {
        let Value::Object(mut rest) = value else {
            return Err(shape(&format!("services.{name}"), "an object: {\"slot\": 0}"));
        };
        let slot = rest.remove("slot").and_then(|slot| Slot::deserialize(slot).ok());
        let slot = slot.ok_or_else(|| shape(&format!("services.{name}.slot"), "a number from 0 to 60"))?;
        let mut text = |key: &str, expected| match rest.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(shape(&format!("services.{name}.{key}"), expected)),
        };
        let project = text("project", "the name of a compose project")?;
        let file = text("file", "the name of a compose file")?;
        Ok(Self { slot, project, file, rest })
    }

    fn value(&self) -> Value {
        let mut value = self.rest.clone();
        value.insert("slot".to_owned(), json!(self.slot));
        for (key, text) in [("project", &self.project), ("file", &self.file)] {
            value.extend(text.iter().map(|text| (key.to_owned(), json!(text))));
        }
        Value::Object(value)
    }
}

fn shape(place: &str, expected: &'static str) -> SlotFileError {
    SlotFileError::Shape { place: place.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slots(file: &SlotFile) -> Vec<(&str, u8)> {
        file.services().map(|(name, slot)| (name, slot.get())).collect()
    }

    #[test]
    fn new_services_get_the_lowest_free_slots_and_nobody_loses_one() {
        let mut file = SlotFile::parse(r#"{"services": {"api": {"slot": 0}, "db": {"slot": 2}}}"#).unwrap();
        file.assign(["db", "web", "cache"]).unwrap();
        assert_eq!(slots(&file), [("api", 0), ("cache", 1), ("db", 2), ("web", 3)]);
        assert_eq!(SlotFile::parse(&file.format()).unwrap(), file);
        assert!(file.free("api") && !file.free("api"));
        file.assign(["late"]).unwrap();
        assert_eq!(file.slot("late").map(Slot::get), Some(0), "what is free is used again");
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let text = r#"{"note": [1], "services": {"api": {"slot": 5, "owner": {"x": null}}}}"#;
        let mut file = SlotFile::parse(text).unwrap();
        file.bind(2816.try_into().unwrap()).unwrap();
        file.define(["api"], "app", "docker-compose.yml");
        let value: Value = serde_json::from_str(&file.format()).unwrap();
        let api = json!({"slot": 5, "owner": {"x": null}, "project": "app", "file": "docker-compose.yml"});
        assert_eq!(value, json!({"note": [1], "network_id": 2816, "services": {"api": api}}));
        assert_eq!(file.definition("api"), Some(("app", "docker-compose.yml")));
        assert_eq!(file.defined_elsewhere("api", "app"), None);
        assert_eq!(file.defined_elsewhere("api", "other"), Some("docker-compose.yml"));
    }

    #[test]
    fn a_file_of_another_repository_stays_as_it_is() {
        let mut file = SlotFile::parse(r#"{"network_id": 2880}"#).unwrap();
        let before = file.clone();
        let error = file.bind(2816.try_into().unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("it belongs to network 2880, and this is network 2816"), "{error}");
        assert_eq!(file, before);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("", "it is no JSON"),
            ("[]", "the file: expected an object"),
            (r#"{"network_id": 100}"#, "network_id: expected a positive multiple of 64"),
            (r#"{"services": []}"#, "services: expected an object"),
            (r#"{"services": {"api": 0}}"#, "services.api: expected an object"),
            (r#"{"services": {"api": {}}}"#, "services.api.slot: expected a number from 0 to 60"),
            (r#"{"services": {"api": {"slot": 61}}}"#, "services.api.slot: expected"),
            (r#"{"services": {"api": {"slot": -1}}}"#, "services.api.slot: expected"),
            (r#"{"services": {"api": {"slot": 1.5}}}"#, "services.api.slot: expected"),
            (r#"{"services": {"a": {"slot": 1}, "b": {"slot": 1}}}"#, "services \"a\" and \"b\" both have slot 1"),
        ] {
            let error = SlotFile::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn full_and_shared_variables_change_nothing() {
        let mut file = SlotFile::default();
        let names: Vec<_> = (0..61).map(|n| format!("s{n}")).collect();
        file.assign(names.iter().map(String::as_str)).unwrap();
        let before = file.clone();
        assert!(matches!(file.assign(["x", "y"]), Err(SlotFileError::Full { wanted: 2 })));
        assert!(matches!(file.assign(["S1"]), Err(SlotFileError::SameVariable { .. })));
        assert_eq!(file, before);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = SlotFile::parse(&text);
        }

        #[test]
        fn slots_stay_and_are_unique(
            first in proptest::collection::btree_set("[a-z]{1,3}", 0..20),
            second in proptest::collection::btree_set("[a-z]{1,3}", 0..20),
        ) {
            let mut file = SlotFile::default();
            file.assign(first.iter().map(String::as_str)).unwrap();
            let before = file.clone();
            file.assign(second.iter().map(String::as_str)).unwrap();
            prop_assert!(before.services().all(|(name, slot)| file.slot(name) == Some(slot)));
            let slots: BTreeSet<_> = file.services().map(|(_, slot)| slot).collect();
            prop_assert_eq!(slots.len(), first.union(&second).count());
            prop_assert_eq!(SlotFile::parse(&file.format()).unwrap(), file);
        }
    }
}
