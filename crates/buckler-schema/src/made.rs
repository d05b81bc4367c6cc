//! A converted schema in the making, and the values that its keywords have to have.

use serde_json::{Map, Value};

use crate::keyword::{DEFINITIONS, LEAVES, LOOSE};
use crate::place::shown;

/// A schema in the making.
pub(crate) struct Made {
    pub(crate) members: Map<String, Value>,
    /// Whether it takes more than the document says.
    pub(crate) is_loose: bool,
    /// Whether some of its patterns of names are left out.
    pub(crate) leaves_names: bool,
}

/// With its marks, and with `null` beside it where 3.0 says so.
pub(crate) fn finished(mut made: Made, is_nullable: bool) -> Value {
    if made.leaves_names {
        made.members.remove("additionalProperties");
        made.members.remove("unevaluatedProperties");
        made.members.insert(LEAVES.to_owned(), Value::Bool(true));
    }
    if made.is_loose {
        made.members.insert(LOOSE.to_owned(), Value::Bool(true));
    }
    let schema = Value::Object(made.members);
    if is_nullable {
        return Value::Object(Map::from_iter([(
            "anyOf".to_owned(),
            Value::Array(vec![schema, Value::Object(Map::from_iter([("type".to_owned(), "null".into())]))]),
        )]));
    }
    schema
}

/// A reference to a definition, by its number.
pub(crate) fn definition(at: usize) -> String {
    format!("{DEFINITIONS}{at}")
}

pub(crate) fn reference_to(at: usize) -> Value {
    Value::Object(Map::from_iter([("$ref".to_owned(), definition(at).into())]))
}

/// What takes anything, where more was said.
pub(crate) fn loose_schema() -> Value {
    Value::Object([LOOSE, LEAVES].map(|mark| (mark.to_owned(), Value::Bool(true))).into_iter().collect())
}

/// A whole number from zero.
pub(crate) fn count(value: &Value) -> Option<u64> {
    // `5.0` is a count, too. One beyond what a number holds exactly bounds nothing.
    value.as_u64().or_else(|| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..1e15).contains(number))?;
        format!("{number:.0}").parse().ok()
    })
}

/// A list of texts, each once.
pub(crate) fn names(value: &Value) -> Option<Value> {
    let mut names: Vec<&str> = value.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
    names.sort_unstable();
    names.dedup();
    Some(names.into())
}

/// A keyword, with what matters of its value.
pub(crate) fn described(name: &str, value: &Value) -> String {
    match value.as_str() {
        Some(text) if !name.starts_with('$') => format!("{name} `{}`", shown(text)),
        _ => name.to_owned(),
    }
}
