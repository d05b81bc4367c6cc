//! A value that is judged (JSON Schema calls it the instance), as it lies in the text that holds it.
//!
//! A body is read for nothing but to be judged, so names and texts are borrowed from it wherever no escape stands in
//! them, and an object is the list of its members as they came.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Bytes that a text takes once it is read, beside itself, for each of its commas and opening brackets: a value, and its
/// place in a list or an object that has grown by doubling, while the smaller one is still there.
pub const VALUE_BYTES: usize = 288;

/// A value, with what it borrows from the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance<'t>(pub(crate) Kind<'t>);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind<'t> {
    Null,
    Flag(bool),
    Number(Number),
    Text(Cow<'t, str>),
    List(Vec<Instance<'t>>),
    Object(Members<'t>),
}

/// The members of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Members<'t> {
    /// In the order of the text.
    pub(crate) list: Vec<(Cow<'t, str>, Instance<'t>)>,
    /// Where they stand, by name; empty where there are few.
    by_name: Box<[u32]>,
}

/// Members that are looked through one by one: models have few, and comparing lengths costs less than any index.
const FEW: usize = 16;

impl<'t> Instance<'t> {
    /// Reads a JSON text.
    ///
    /// # Errors
    ///
    /// What is no JSON, or nested more than 127 times.
    pub fn read(text: &'t [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// The same as a value of its own.
    pub(crate) fn to_value(&self) -> Value {
        match &self.0 {
            Kind::Null => Value::Null,
            Kind::Flag(flag) => Value::Bool(*flag),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone().into_owned()),
            Kind::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Kind::Object(members) => {
                let pairs = members.list.iter().map(|(name, value)| (name.clone().into_owned(), value.to_value()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }
}

impl<'t> From<&'t Value> for Instance<'t> {
    fn from(value: &'t Value) -> Self {
        Self(match value {
            Value::Null => Kind::Null,
            Value::Bool(flag) => Kind::Flag(*flag),
            Value::Number(number) => Kind::Number(number.clone()),
            Value::String(text) => Kind::Text(Cow::Borrowed(text)),
            Value::Array(items) => Kind::List(items.iter().map(Self::from).collect()),
            Value::Object(members) => {
                let list = members.iter().map(|(name, value)| (Cow::Borrowed(name.as_str()), Self::from(value)));
                Kind::Object(Members::new(list.collect()))
            }
        })
    }
}

impl<'t> Members<'t> {
    fn new(list: Vec<(Cow<'t, str>, Instance<'t>)>) -> Self {
        let mut by_name: Vec<u32> = Vec::new();
        // More of them than can be counted so are looked through one by one; no text is as long.
        if list.len() > FEW
            && let Ok(count) = u32::try_from(list.len())
        {
            by_name.extend(0..count);
            by_name.sort_by(|one, other| name(&list, *one).cmp(name(&list, *other)));
        }
        Self { list, by_name: by_name.into_boxed_slice() }
    }

    /// Of members of one name, which other parsers would not all read alike, the last.
    pub(crate) fn get(&self, wanted: &str) -> Option<&Instance<'t>> {
        if self.by_name.is_empty() {
            return self.list.iter().rev().find(|(known, _)| known == wanted).map(|(_, value)| value);
        }
        let behind = self.by_name.partition_point(|at| name(&self.list, *at) <= wanted);
        let at = *self.by_name.get(behind.checked_sub(1)?)?;
        let (known, value) = self.list.get(usize::try_from(at).ok()?)?;
        (known == wanted).then_some(value)
    }
}

fn name<'m>(list: &'m [(Cow<'_, str>, Instance<'_>)], at: u32) -> &'m str {
    usize::try_from(at).ok().and_then(|at| list.get(at)).map(|(name, _)| name.as_ref()).unwrap_or_default()
}

impl<'de: 't, 't> Deserialize<'de> for Instance<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read).map(Self)
    }
}

/// A name or a text, borrowed where it can be.
struct Text<'t>(Cow<'t, str>);

impl<'de: 't, 't> Deserialize<'de> for Text<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadText;
        impl<'de> Visitor<'de> for ReadText {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(ReadText).map(Self)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = Kind<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Kind::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Kind::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Kind::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Kind::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        // JSON has no others.
        Ok(Number::from_f64(number).map_or(Kind::Null, Kind::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Kind::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Kind::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Text(name)) = members.next_key()? {
            list.push((name, members.next_value()?));
        }
        Ok(Kind::Object(Members::new(list)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_text_is_read_as_it_stands() {
        // R40
        let text = br#"{"a": [1, -2, 1.5, 18446744073709551615, true, null], "\u0062": "x\ty", "c": {}}"#;
        let value: Value = serde_json::from_slice(text).unwrap();
        assert_eq!(Instance::read(text).unwrap().to_value(), value);
        assert_eq!(Instance::from(&value).to_value(), value);
        for broken in [&b"{"[..], b"", b"[1,]", b"1 2", b"\"\\ud800\"", b"nan"] {
            assert!(Instance::read(broken).is_err(), "{broken:?}");
        }
        let deep = "[".repeat(100_000);
        assert!(Instance::read(deep.as_bytes()).is_err());
    }

    #[test]
    fn members_are_found_among_few_and_among_many() {
        for count in [0, 1, FEW, FEW + 1, 1_000] {
            let text = (0..count).map(|at| format!("\"n{}\":{at}", at * 7 % count)).collect::<Vec<_>>().join(",");
            let text = format!("{{{text}}}");
            let read = Instance::read(text.as_bytes()).unwrap();
            let Kind::Object(members) = &read.0 else { panic!("an object") };
            for at in 0..count {
                let wanted = Instance(Kind::Number(at.into()));
                assert_eq!(members.get(&format!("n{}", at * 7 % count)), Some(&wanted), "{at} of {count}");
            }
            assert_eq!((members.get("n"), members.get("other"), members.get("")), (None, None, None));
        }
        for count in [2, 40] {
            let text = format!("{{{}\"a\":1,\"a\":2}}", "\"b\":0,".repeat(count - 2));
            let read = Instance::read(text.as_bytes()).unwrap();
            let Kind::Object(members) = &read.0 else { panic!("an object") };
            assert_eq!(members.get("a").map(Instance::to_value), Some(json!(2)));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_the_parser_reads_it(text in r#"[\[\]{}:,"\\ utnrfals0-9eE.+\-]{0,40}"#) {
            let value: Option<Value> = serde_json::from_slice(text.as_bytes()).ok();
            prop_assert_eq!(Instance::read(text.as_bytes()).ok().map(|read| read.to_value()), value);
        }
    }
}
