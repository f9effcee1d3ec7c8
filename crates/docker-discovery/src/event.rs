use container_snapshot::ContainerId;
use serde::de::{IgnoredAny, MapAccess};

use crate::lenient::{Lenient, Take};

/// The longest ID that is taken at its word; Docker's have 64 characters.
const LONGEST_ID: usize = 128;

/// What is looked at of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Such as `start` or `health_status: healthy`.
    pub(crate) action: String,
    /// The container that it is about, if that can be one.
    pub(crate) id: Option<ContainerId>,
}

#[derive(Debug, Default)]
struct Actor {
    id: String,
}

// === impl Event ===

impl Event {
    /// From a line of the event stream. What is of another kind than Docker would write counts as not said.
    pub(crate) fn from_json(line: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(line).map(|Lenient(event)| event)
    }
}

impl<'de> Take<'de> for Event {
    fn object<A: MapAccess<'de>>(&mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(Lenient(key)) = entries.next_key::<Lenient<String>>()? {
            match key.as_str() {
                "Action" => self.action = entries.next_value::<Lenient<String>>()?.0,
                "Actor" => {
                    let Actor { id } = entries.next_value::<Lenient<Actor>>()?.0;
                    self.id = is_plausible(&id).then(|| id.into());
                }
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

impl<'de> Take<'de> for Actor {
    fn object<A: MapAccess<'de>>(&mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(Lenient(key)) = entries.next_key::<Lenient<String>>()? {
            match key.as_str() {
                "ID" => self.id = entries.next_value::<Lenient<String>>()?.0,
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

fn is_plausible(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_read_and_the_rest_may_be_anything() {
        let read = |line: &str| Event::from_json(line.as_bytes()).map(|event| (event.action, event.id));
        let usual = r#"{"Type":"container","Action":"start","Actor":{"ID":"4711","Attributes":{"name":"x"}},"time":1}"#;
        assert_eq!(read(usual).unwrap(), ("start".to_owned(), Some("4711".into())));
        for (odd, action, id) in [
            (r#"{"Action":7,"Actor":{"ID":"4711"}}"#, "", Some("4711")),
            (r#"{"Action":"start","Actor":7}"#, "start", None),
            (r#"{"Action":"start","Actor":{"ID":["x"]}}"#, "start", None),
            (r#"{"Action":"start","Actor":{"ID":"a\"b"}}"#, "start", None),
            (r#"{"Type":{"x":[]},"scope":null}"#, "", None),
            ("7", "", None),
            ("[]", "", None),
        ] {
            assert_eq!(read(odd).unwrap(), (action.to_owned(), id.map(ContainerId::from)), "{odd}");
        }
        for bad in ["", "not json", "{", "{}{}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
