//! Reading what a daemon says so that one odd word costs no more than itself: what is of another kind than expected counts
//! as not said.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// A value of the kind that is expected, or its default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lenient<T>(pub(crate) T);

/// What can be read leniently: of each kind of JSON value, what it means.
pub(crate) trait Take<'de>: Default {
    fn text(&mut self, _text: &str) {}
    fn number(&mut self, _number: i64) {}
    fn object<A: MapAccess<'de>>(&mut self, mut entries: A) -> Result<(), A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
    fn list<A: SeqAccess<'de>>(&mut self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

impl Take<'_> for String {
    fn text(&mut self, text: &str) {
        text.clone_into(self);
    }
}

impl Take<'_> for i64 {
    fn number(&mut self, number: i64) {
        *self = number;
    }
}

/// Of a list of texts, the texts.
impl<'de> Take<'de> for Vec<String> {
    fn list<A: SeqAccess<'de>>(&mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(Lenient(text)) = items.next_element::<Lenient<String>>()? {
            self.push(text);
        }
        Ok(())
    }
}

impl<'de, T: Take<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything(PhantomData)).map(Self)
    }
}

struct Anything<T>(PhantomData<T>);

impl<T: Default> Anything<T> {
    fn taken(take: impl FnOnce(&mut T)) -> T {
        let mut taken = T::default();
        take(&mut taken);
        taken
    }
}

impl<'de, T: Take<'de>> Visitor<'de> for Anything<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(Self::taken(|it| it.number(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(Self::taken(|it| it.number(i64::try_from(number).unwrap_or(i64::MAX))))
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(Self::taken(|it| it.text(text)))
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<T, A::Error> {
        let mut taken = T::default();
        taken.list(items).map(|()| taken)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
        let mut taken = T::default();
        taken.object(entries).map(|()| taken)
    }
}
