//! Bodies by their media types, of requests and of answers.

use buckler_http::media::MediaType;
use serde_json::Value;

use crate::convert::{Converter, Direction};
use crate::fault::Fault;
use crate::parameter::{Shape, shape};
use crate::place::Place;
use crate::validator::SchemaId;

/// A body.
#[derive(Debug, Clone)]
pub struct Body {
    /// Whether a request without one is refused.
    pub is_required: bool,
    /// What it may be.
    pub media: Vec<Media>,
}

/// How a body of some type is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
    /// Passed as it is: bytes, text, a stream.
    Other,
}

/// One of the types that a body may have.
#[derive(Debug, Clone)]
pub struct Media {
    /// The type or range, in lower case: `application/json`, `image/*`.
    pub range: String,
    /// How it is read.
    pub kind: MediaKind,
    /// What it is judged by.
    pub schema: Option<SchemaId>,
    /// Of a form: its fields.
    pub fields: Vec<Field>,
}

/// What a field of a form holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A text.
    Text,
    /// A file.
    File,
    /// JSON in a text.
    Json,
}

/// A field of a form.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: FieldKind,
    /// What it may be; a list is sent several times.
    pub shape: Shape,
    /// What its texts are judged by, in a form of texts.
    pub schema: Option<SchemaId>,
    /// Whether a form without it is refused.
    pub is_required: bool,
}

/// Types that one body may have.
const TYPES: usize = 100;

/// `content` of a body.
pub(crate) fn content<'d>(
    converter: &mut Converter<'d>,
    given: &'d Value,
    place: &Place<'_>,
    direction: Direction,
) -> Result<Vec<Media>, Fault> {
    let Some(content) = given.get("content") else { return Ok(Vec::new()) };
    let place = place.name("content");
    let Some(content) = content.as_object() else { return Err(Fault::new(&place, "`content` is no object")) };
    if content.len() > TYPES {
        return Err(Fault::new(&place, format!("more than {TYPES} media types")));
    }
    let media = content.iter().map(|(name, given)| media(converter, name, given, &place.name(name), direction));
    media.collect()
}

fn media<'d>(
    converter: &mut Converter<'d>,
    name: &str,
    given: &'d Value,
    place: &Place<'_>,
    direction: Direction,
) -> Result<Media, Fault> {
    let range = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let kind = kind(name, &range);
    let below = place.name("schema");
    let document = converter.document();
    let schema = given.get("schema");
    let mut fields = Vec::new();
    if let (Some(schema), MediaKind::Form | MediaKind::Multipart) = (schema, kind) {
        fields = self::fields(converter, schema, kind, &below)?;
        if fields.is_empty() {
            converter.gaps.add(&below, "the fields of the form", "the schema names none");
        }
    }
    if kind == MediaKind::Other && schema.is_some_and(|schema| !is_bytes(document.follow(schema, &below), schema)) {
        converter.gaps.add(&below, &range, "only JSON and forms are read");
    }
    if given.get("encoding").is_some() {
        converter.gaps.add(&place.name("encoding"), "encoding", "how fields of a form are written is not judged");
    }
    let schema = match schema {
        Some(schema) if kind != MediaKind::Other => SchemaId::new(converter.enter(schema, &below, direction)?),
        _ => None,
    };
    Ok(Media { range, kind, schema, fields })
}

fn kind(name: &str, range: &str) -> MediaKind {
    match range {
        "application/x-www-form-urlencoded" => MediaKind::Form,
        "multipart/form-data" => MediaKind::Multipart,
        _ if MediaType::parse(name.as_bytes()).is_ok_and(|media| media.is_json()) => MediaKind::Json,
        // What every type belongs to is judged where it is JSON.
        "*/*" | "application/*" => MediaKind::Json,
        _ => MediaKind::Other,
    }
}

/// Whether a schema says no more than that there are bytes, or a text.
fn is_bytes(followed: Result<(&Value, Option<&str>), Fault>, schema: &Value) -> bool {
    const SAY_NOTHING: &[&str] =
        &["type", "format", "title", "description", "contentMediaType", "example", "examples", "default"];
    let schema = followed.map_or(schema, |(schema, _)| schema);
    let plain =
        schema.as_object().is_some_and(|members| members.keys().all(|name| SAY_NOTHING.contains(&name.as_str())));
    plain && schema.get("type").is_none_or(|name| name == "string")
}

/// References within each other in the place of a form's schema, and its parts.
const FORM_PARTS: usize = 64;

fn fields<'d>(
    converter: &mut Converter<'d>,
    schema: &'d Value,
    kind: MediaKind,
    place: &Place<'_>,
) -> Result<Vec<Field>, Fault> {
    let document = converter.document();
    let mut fields: Vec<Field> = Vec::new();
    let mut open = vec![schema];
    let mut seen = 0;
    while let Some(schema) = open.pop() {
        seen += 1;
        if seen > FORM_PARTS {
            return Err(Fault::new(place, format!("the form is put together of more than {FORM_PARTS} schemas")));
        }
        let (schema, _) = document.follow(schema, place)?;
        open.extend(schema.get("allOf").and_then(Value::as_array).into_iter().flatten());
        let required: Vec<&str> = match schema.get("required").and_then(Value::as_array) {
            Some(names) => names.iter().filter_map(Value::as_str).collect(),
            None => Vec::new(),
        };
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let below = place.name("properties");
            let below = below.name(name);
            let schema = match kind {
                MediaKind::Form => SchemaId::new(converter.enter(property, &below, Direction::Request)?),
                _ => None,
            };
            let (property, _) = document.follow(property, &below)?;
            let own = shape(document, property);
            let item = if own == Shape::Array { property.get("items").unwrap_or(property) } else { property };
            let (item, _) = document.follow(item, &below)?;
            let held = match shape(document, item) {
                _ if is_file(item) => FieldKind::File,
                Shape::Object => FieldKind::Json,
                Shape::Scalar | Shape::Array | Shape::Mixed => FieldKind::Text,
            };
            let is_required = required.contains(&name.as_str());
            fields.push(Field { name: name.clone(), kind: held, shape: own, schema, is_required });
        }
    }
    Ok(fields)
}

/// Pydantic's ways to write that a field is a file, also one that may be missing.
fn is_file(schema: &Value) -> bool {
    let says = |schema: &Value| {
        schema.get("format").is_some_and(|format| format == "binary")
            || schema.get("contentMediaType").is_some_and(|media| media == "application/octet-stream")
    };
    let alternatives = schema.get("anyOf").and_then(Value::as_array);
    says(schema) || alternatives.is_some_and(|schemas| schemas.iter().any(says))
}
