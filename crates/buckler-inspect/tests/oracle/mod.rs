//! `serde_json` as the second opinion: what it reads of a body, kept without losing a repeated member.

use std::{collections::HashSet, fmt};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The name under which `serde_json` hands over a number that is no 64-bit integer (`arbitrary_precision`).
const NUMBER: &str = "$serde_json::private::Number";

/// What `serde_json` found in a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Arrays and objects open at the same time.
    pub(crate) depth: u32,
    /// Members of all objects.
    pub(crate) keys: u32,
    /// The longest string or name, in Unicode scalar values.
    pub(crate) longest_string: u32,
    /// Whether a string contains U+0000.
    pub(crate) nul: bool,
    /// Whether an object names a member twice.
    pub(crate) duplicate: bool,
    /// Whether a number is infinite as a double.
    pub(crate) infinite: bool,
}

/// Reads a whole body; `None` if `serde_json` refuses it.
pub(crate) fn read(body: &[u8]) -> Option<Reading> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    deserializer.disable_recursion_limit();
    let reading = Reading::deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(reading)
}

impl<'de> Deserialize<'de> for Reading {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut reading = Self::default();
        Reader { reading: &mut reading, depth: 0 }.deserialize(deserializer)?;
        Ok(reading)
    }
}

struct Reader<'a> {
    reading: &'a mut Reading,
    depth: u32,
}

impl Reader<'_> {
    fn inner(&mut self) -> Reader<'_> {
        Reader { depth: self.depth + 1, reading: self.reading }
    }

    fn text(&mut self, text: &str) {
        let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        self.reading.longest_string = self.reading.longest_string.max(length);
        self.reading.nul |= text.contains('\0');
    }

    fn opened(&mut self) {
        self.reading.depth = self.reading.depth.max(self.depth + 1);
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    /// Without `arbitrary_precision`, which another crate of the same build may switch on or not.
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.text(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        self.opened();
        while elements.next_element_seed(self.inner())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if name == NUMBER {
                let digits: String = members.next_value()?;
                self.reading.infinite |= digits.parse::<f64>().is_ok_and(f64::is_infinite);
                return Ok(());
            }
            self.opened();
            self.text(&name);
            self.reading.keys += 1;
            self.reading.duplicate |= !names.insert(name);
            members.next_value_seed(self.inner())?;
        }
        self.opened();
        Ok(())
    }
}
