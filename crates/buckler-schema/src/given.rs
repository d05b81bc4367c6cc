//! What a value is by itself, whoever holds it.

use std::borrow::Cow;

use serde_json::{Number as JsonNumber, Value};

use crate::instance::{Instance, Kind};
use crate::number::Number;

/// A value without what it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Given<'v> {
    Null,
    Flag(bool),
    Number(&'v JsonNumber),
    Text(&'v str),
    List,
    Object,
}

/// What can be judged.
pub(crate) trait Judged {
    /// What it is.
    fn given(&self) -> Given<'_>;

    /// Whether it equals a value of the schema as JSON does: `1` is `1.0`.
    fn is(&self, known: &Value) -> bool;
}

impl Judged for Value {
    fn given(&self) -> Given<'_> {
        match self {
            Self::Null => Given::Null,
            Self::Bool(flag) => Given::Flag(*flag),
            Self::Number(number) => Given::Number(number),
            Self::String(text) => Given::Text(text),
            Self::Array(_) => Given::List,
            Self::Object(_) => Given::Object,
        }
    }

    fn is(&self, known: &Value) -> bool {
        match (self, known) {
            (Self::Array(items), Self::Array(others)) => {
                items.len() == others.len() && items.iter().zip(others).all(|(item, other)| item.is(other))
            }
            (Self::Object(members), Self::Object(others)) => {
                let is_there = |(name, value): (&String, &Self)| others.get(name).is_some_and(|other| value.is(other));
                members.len() == others.len() && members.iter().all(is_there)
            }
            (value, other) => is_alike(value.given(), other.given()),
        }
    }
}

impl Judged for Instance<'_> {
    fn given(&self) -> Given<'_> {
        match &self.0 {
            Kind::Null => Given::Null,
            Kind::Flag(flag) => Given::Flag(*flag),
            Kind::Number(number) => Given::Number(number),
            Kind::Text(text) => Given::Text(text),
            Kind::List(_) => Given::List,
            Kind::Object(_) => Given::Object,
        }
    }

    fn is(&self, known: &Value) -> bool {
        match (&self.0, known) {
            (Kind::List(items), Value::Array(others)) => {
                items.len() == others.len() && items.iter().zip(others).all(|(item, other)| item.is(other))
            }
            (Kind::Object(members), Value::Object(others)) => {
                let is_there = |(name, value): &(Cow<'_, str>, Self)| {
                    others.get(name.as_ref()).is_some_and(|other| value.is(other))
                };
                members.list.len() == others.len() && members.list.iter().all(is_there)
            }
            (_, other) => is_alike(self.given(), other.given()),
        }
    }
}

/// Of values that hold no others.
fn is_alike(one: Given<'_>, other: Given<'_>) -> bool {
    match (one, other) {
        (Given::Null, Given::Null) => true,
        (Given::Flag(one), Given::Flag(other)) => one == other,
        (Given::Text(one), Given::Text(other)) => one == other,
        (Given::Number(one), Given::Number(other)) => {
            let (one, other) = (Number::of_json(one), Number::of_json(other));
            one.zip(other).is_some_and(|(one, other)| one.is_same(&other))
        }
        _ => false,
    }
}
