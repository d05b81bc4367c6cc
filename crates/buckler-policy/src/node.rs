//! A value as written, before its grammar has been applied, with the place of each part.
//!
//! Values of a file have a type of their own (TOML); values of the environment and of flags are text, and each
//! grammar says how text is read.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use crate::diagnostic::{Code, Faults};
use crate::place::{Place, Text, TextKind};
use crate::suggest::quoted;

/// A value and where it stands.
///
/// No `Debug`: the value may be a secret.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) value: NodeValue,
    pub(crate) place: Place,
}

/// What is written.
#[derive(Clone)]
pub(crate) enum NodeValue {
    /// From the environment or a flag: any type, as text.
    Untyped(String),
    String(String),
    /// `None` when it does not fit.
    Integer(Option<i64>),
    Float,
    Boolean(bool),
    Datetime,
    Array(Vec<Node>),
    Table(Vec<Entry>),
}

/// One line of a table that is a value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Of the name.
    pub(crate) place: Place,
    pub(crate) value: Node,
}

impl Node {
    /// A value of a TOML document; `place` is any place in its text.
    pub(crate) fn from_toml(value: &Spanned<DeValue<'_>>, place: &Place) -> Self {
        let here = place.at(value.span());
        let node = match value.get_ref() {
            DeValue::String(text) => NodeValue::String(text.to_string()),
            DeValue::Integer(integer) => NodeValue::Integer(integer_of(integer)),
            DeValue::Float(_) => NodeValue::Float,
            DeValue::Boolean(value) => NodeValue::Boolean(*value),
            DeValue::Datetime(_) => NodeValue::Datetime,
            DeValue::Array(items) => NodeValue::Array(items.iter().map(|item| Self::from_toml(item, place)).collect()),
            DeValue::Table(table) => {
                let entries = table.iter().map(|(name, value)| Entry {
                    name: name.get_ref().to_string(),
                    place: place.at(name.span()),
                    value: Self::from_toml(value, place),
                });
                NodeValue::Table(entries.collect())
            }
        };
        Self { value: node, place: here }
    }

    /// A default, written as TOML. `None` if it is not TOML, which a test excludes.
    pub(crate) fn from_default(literal: &'static str) -> Option<Self> {
        let text = Text { kind: TextKind::BuiltIn, shown: literal.to_owned() };
        let place = Place::new(Arc::new(text), 0..literal.len());
        let value = DeValue::parse(literal).ok()?;
        Some(Self::from_toml(&value, &place))
    }

    /// The kind of value, with its article.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.value {
            NodeValue::Untyped(_) => "text",
            NodeValue::String(_) => "a string",
            NodeValue::Integer(_) => "an integer",
            NodeValue::Float => "a float",
            NodeValue::Boolean(_) => "a boolean",
            NodeValue::Datetime => "a date",
            NodeValue::Array(_) => "a list",
            NodeValue::Table(_) => "a table",
        }
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Untyped(text) | NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// Notes that another type belongs here.
    pub(crate) fn wrong_type<'f>(&self, wanted: &str, faults: &'f mut Faults) -> &'f mut crate::diagnostic::Diagnostic {
        let found = self.type_name();
        faults
            .refuse(Code::WrongType, &self.place, format!("expected {wanted}, found {found}"))
            .label(format!("{found}, not {wanted}"))
    }

    /// The items of a list: TOML, or text as JSON or with commas.
    pub(crate) fn items(&self, wanted: &str, faults: &mut Faults) -> Option<Vec<Self>> {
        match &self.value {
            NodeValue::Array(items) => Some(items.clone()),
            NodeValue::Untyped(text) if text.trim_start().starts_with('[') => self.json_items(text, faults),
            NodeValue::Untyped(text) => self.comma_items(text, faults),
            NodeValue::String(_) | NodeValue::Integer(_) | NodeValue::Boolean(_) => {
                let fault = self.wrong_type(wanted, faults);
                fault.help(format!("write [{}]", self.place.excerpt()));
                None
            }
            NodeValue::Float | NodeValue::Datetime | NodeValue::Table(_) => {
                self.wrong_type(wanted, faults);
                None
            }
        }
    }

    fn json_items(&self, text: &str, faults: &mut Faults) -> Option<Vec<Self>> {
        match serde_json::from_str::<Vec<serde_json::Value>>(text) {
            Ok(items) => Some(items.iter().map(|item| self.json_item(item)).collect()),
            Err(error) => {
                faults
                    .refuse(Code::Syntax, &self.place, format!("not a JSON list: {error}"))
                    .help("write [\"one\", \"two\"], or one,two without brackets");
                None
            }
        }
    }

    fn json_item(&self, item: &serde_json::Value) -> Self {
        use serde_json::Value;
        let value = match item {
            Value::String(text) => NodeValue::String(text.clone()),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => NodeValue::Integer(Some(integer)),
                None if number.is_f64() => NodeValue::Float,
                None => NodeValue::Integer(None),
            },
            Value::Bool(value) => NodeValue::Boolean(*value),
            Value::Array(_) => NodeValue::Array(Vec::new()),
            Value::Object(members) => {
                let entries = members.iter().map(|(name, value)| Entry {
                    name: name.clone(),
                    place: self.place.clone(),
                    value: self.json_item(value),
                });
                NodeValue::Table(entries.collect())
            }
            Value::Null => NodeValue::Table(Vec::new()),
        };
        Self { value, place: self.place.clone() }
    }

    fn comma_items(&self, text: &str, faults: &mut Faults) -> Option<Vec<Self>> {
        if text.trim().is_empty() {
            return Some(Vec::new());
        }
        let mut items = Vec::new();
        let mut complete = true;
        let mut at = self.place.span().start;
        for part in text.split(',') {
            let item = part.trim();
            let start = at + (part.len() - part.trim_start().len());
            let place = self.place.at(start..start + item.len());
            at += part.len() + 1;
            if item.is_empty() {
                faults
                    .refuse(Code::Syntax, &self.place, format!("an item of {} is empty", quoted(text)))
                    .help("remove the comma too many");
                complete = false;
                continue;
            }
            items.push(Self { value: NodeValue::Untyped(item.to_owned()), place });
        }
        complete.then_some(items)
    }
}

fn integer_of(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}
