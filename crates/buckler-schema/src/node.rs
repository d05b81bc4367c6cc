//! Values as the validating library reads them, in place.
//!
//! All schemas of a document are one validator, whose top leads to each of them by a few names. What is judged is
//! therefore seen as if it stood below those names; nothing is built for that.

use std::borrow::Cow;
use std::ptr::from_ref;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object};
use serde_json::{Map, Number, Value};

use crate::given::Judged as _;
use crate::instance::{Instance, Kind, Members};

/// Names that lead to a schema, as a power of two: a look-up walks a few names at each step.
const WIDTH: u32 = 4;

/// Schemas below one object of the way.
pub(crate) const FAN: usize = 1 << WIDTH;

/// The names by which a step of the way can go.
const NAMES: [&str; FAN] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"];

/// The name of a step, counted from the schema.
pub(crate) fn step_name(schema: u32, step: u32) -> &'static str {
    let digit = schema.checked_shr(WIDTH * step).unwrap_or_default() as usize % FAN;
    NAMES.get(digit).copied().unwrap_or_default()
}

/// The representation.
pub(crate) struct InPlace;

/// A value, or a step on the way to the schema that it is judged by.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    Value(&'a Instance<'a>),
    Step { schema: u32, step: u32, value: &'a Instance<'a> },
}

impl<'a> At<'a> {
    /// The top, so many steps above the value.
    pub(crate) fn above(value: &'a Instance<'a>, schema: u32, steps: u32) -> Self {
        match steps.checked_sub(1) {
            Some(step) => Self::Step { schema, step, value },
            None => Self::Value(value),
        }
    }

    fn kind(&self) -> Option<&'a Kind<'a>> {
        match self {
            Self::Value(value) => Some(&value.0),
            Self::Step { .. } => None,
        }
    }
}

impl Json for InPlace {
    type Node<'a> = At<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = Holder;

    // Few names are compared one by one, and most differ in length.
    const KEYS_PER_LOOKUP: usize = 2;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>(_buffer: &mut Holder, string: &str, f: impl FnOnce(At<'_>) -> T) -> T {
        f(At::Value(&Instance(Kind::Text(Cow::Borrowed(string)))))
    }
}

/// What the library keeps for names that it judges; nothing has to be.
#[derive(Default)]
pub(crate) struct Holder;

impl<'a> Node<'a, InPlace> for At<'a> {
    type Object = Inside<'a>;
    type Array = &'a [Instance<'a>];
    type Number = &'a Number;

    fn as_object(&self) -> Option<Inside<'a>> {
        match self {
            Self::Value(Instance(Kind::Object(members))) => Some(Inside::Members(members)),
            Self::Value(_) => None,
            Self::Step { schema, step, value } => {
                Some(Inside::Step { name: step_name(*schema, *step), below: Self::above(value, *schema, *step) })
            }
        }
    }

    fn as_array(&self) -> Option<&'a [Instance<'a>]> {
        match self.kind() {
            Some(Kind::List(items)) => Some(items),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self.kind() {
            Some(Kind::Text(text)) => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    fn as_number(&self) -> Option<&'a Number> {
        match self.kind() {
            Some(Kind::Number(number)) => Some(number),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.kind() {
            Some(Kind::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.kind(), Some(Kind::Null))
    }

    fn json_type(&self) -> JsonType {
        match self.kind() {
            Some(Kind::Null) => JsonType::Null,
            Some(Kind::Flag(_)) => JsonType::Boolean,
            Some(Kind::Number(_)) => JsonType::Number,
            Some(Kind::Text(_)) => JsonType::String,
            Some(Kind::List(_)) => JsonType::Array,
            Some(Kind::Object(_)) | None => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match self {
            Self::Value(value) => value.is(expected),
            Self::Step { .. } => *self.to_value() == *expected,
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(match self {
            Self::Value(value) => value.to_value(),
            Self::Step { schema, step, value } => {
                let below = Self::above(value, *schema, *step).to_value().into_owned();
                Value::Object(Map::from_iter([(step_name(*schema, *step).to_owned(), below)]))
            }
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        let (value, above) = match self {
            Self::Value(value) => (value, 0),
            Self::Step { step, value, .. } => (value, step.saturating_add(1)),
        };
        Some(NodeIdentity::tagged(from_ref::<Instance<'_>>(value).addr(), above))
    }
}

/// The members of an object.
#[derive(Clone, Copy)]
pub(crate) enum Inside<'a> {
    Members(&'a Members<'a>),
    Step { name: &'static str, below: At<'a> },
}

impl<'a> Object<'a, InPlace> for Inside<'a> {
    type Node = At<'a>;
    type MemberName = &'a str;
    type MembersIter = InsideIter<'a>;

    fn len(&self) -> usize {
        match self {
            Self::Members(members) => members.list.len(),
            Self::Step { .. } => 1,
        }
    }

    fn get(&self, key: &Box<str>) -> Option<At<'a>> {
        match self {
            Self::Members(members) => members.get(key).map(At::Value),
            Self::Step { name, below } => (**key == **name).then_some(*below),
        }
    }

    fn members(&self) -> InsideIter<'a> {
        match self {
            Self::Members(members) => InsideIter::Members(members.list.iter()),
            Self::Step { name, below } => InsideIter::Step(Some((name, *below))),
        }
    }
}

/// The same, one by one.
pub(crate) enum InsideIter<'a> {
    Members(std::slice::Iter<'a, (Cow<'a, str>, Instance<'a>)>),
    Step(Option<(&'static str, At<'a>)>),
}

impl<'a> Iterator for InsideIter<'a> {
    type Item = (&'a str, At<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Members(members) => members.next().map(|(name, value)| (name.as_ref(), At::Value(value))),
            Self::Step(member) => member.take(),
        }
    }
}

impl<'a> Array<'a, InPlace> for &'a [Instance<'a>] {
    type Node = At<'a>;
    type ElementsIter = std::iter::Map<std::slice::Iter<'a, Instance<'a>>, fn(&'a Instance<'a>) -> At<'a>>;

    fn len(&self) -> usize {
        <[Instance<'_>]>::len(self)
    }

    fn elements(&self) -> Self::ElementsIter {
        self.iter().map(At::Value)
    }
}

#[cfg(test)]
mod tests {
    use jsonschema::json::conformance;

    use super::*;

    #[test]
    fn values_are_read_in_place_as_the_library_wants_it() {
        // R40
        let document = conformance::document();
        conformance::assert_conformance::<InPlace>(&At::Value(&Instance::from(&document)));
        let text = document.to_string();
        let read = Instance::read(text.as_bytes()).unwrap();
        conformance::assert_conformance::<InPlace>(&At::Value(&read));
    }

    #[test]
    fn a_value_stands_below_the_names_that_lead_to_its_schema() {
        let value = Instance(Kind::Flag(true));
        let top = At::above(&value, 0x2a7, 3);
        assert_eq!(*top.to_value(), serde_json::json!({"2": {"a": {"7": true}}}));
        let names: Vec<_> =
            top.as_object().into_iter().flat_map(|object| object.members()).map(|(name, _)| name).collect();
        assert_eq!(names, ["2"]);
        assert_eq!(*At::above(&value, 7, 0).to_value(), Value::Bool(true));
    }
}
