//! The JSON Schema of the policy file, generated from the declarations; for editors and for `buckler schema`.

use serde_json::{Map, Value, json};
use toml::de::DeValue;

use crate::key::{Declared, Preset, split};
use crate::sections::{SECTIONS, Section};

/// The schema (draft 2020-12) of `buckler.toml`.
pub fn json() -> Value {
    let mut root = object(SECTIONS.first().copied());
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("Buckler policy"));
    Value::Object(root)
}

fn object(section: Option<&'static Section>) -> Map<String, Value> {
    let mut properties = Map::new();
    let path = section.map_or("", |section| section.path);
    for key in section.map_or([].as_slice(), |section| section.keys) {
        properties.insert(key.about().name().to_owned(), property(*key));
    }
    let below = SECTIONS.iter().copied().filter(|other| !other.path.is_empty() && split(other.path).0 == path);
    for other in below {
        properties.insert(split(other.path).1.to_owned(), Value::Object(object(Some(other))));
    }
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("description".to_owned(), json!(section.map_or("", |section| section.doc)));
    object.insert("properties".to_owned(), Value::Object(properties));
    object.insert("additionalProperties".to_owned(), json!(false));
    object
}

fn property(key: &dyn Declared) -> Value {
    let about = key.about();
    let mut property = match key.shape().schema {
        Value::Object(map) => map,
        other => Map::from_iter([("const".to_owned(), other)]),
    };
    property.insert("description".to_owned(), json!(about.doc));
    if let Preset::Always(literal) = about.preset
        && let Some(value) = toml_to_json(literal)
    {
        property.insert("default".to_owned(), value);
    }
    if let Some(example) = toml_to_json(about.example) {
        property.insert("examples".to_owned(), json!([example]));
    }
    Value::Object(property)
}

fn toml_to_json(literal: &str) -> Option<Value> {
    let value = DeValue::parse(literal).ok()?;
    to_json(value.get_ref())
}

fn to_json(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(json!(text)),
        DeValue::Integer(integer) => {
            let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok()?;
            Some(json!(number))
        }
        DeValue::Boolean(value) => Some(json!(value)),
        DeValue::Array(items) => items.iter().map(|item| to_json(item.get_ref())).collect(),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}
