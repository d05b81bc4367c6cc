//! Parameters of operations: where they stand and how they are written.

use serde::Serialize;
use serde_json::Value;

use crate::convert::{Converter, Direction};
use crate::document::Document;
use crate::fault::Fault;
use crate::place::{Place, shown};
use crate::validator::SchemaId;

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Location {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// A field of the head.
    Header,
    /// A cookie.
    Cookie,
}

/// How lists and objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `a,b`.
    Simple,
    /// `name=a&name=b`, or `name=a,b` without explode.
    Form,
    /// `name=a%20b`.
    SpaceDelimited,
    /// `name=a|b`.
    PipeDelimited,
    /// `name[key]=a`.
    DeepObject,
    /// `.a.b`.
    Label,
    /// `;name=a`.
    Matrix,
}

/// What a schema lets a value be, as far as it matters to how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A text, number, flag or null.
    Scalar,
    /// A list.
    Array,
    /// An object.
    Object,
    /// Several of them, or anything.
    Mixed,
}

/// A parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name in the request, which is the alias where the app has one.
    pub name: String,
    /// Where it stands.
    pub location: Location,
    /// Whether a request without it is refused.
    pub is_required: bool,
    /// How it is written.
    pub style: Style,
    /// Whether each item of a list is written by itself.
    pub explode: bool,
    /// What it may be.
    pub shape: Shape,
    /// What it is judged by.
    pub schema: Option<SchemaId>,
    /// Whether its text is JSON (`content` instead of `schema`).
    pub is_json: bool,
    /// What the app takes where it is missing.
    pub default: Option<Value>,
}

/// Fields of the head that the document may not speak of: other parts of it do.
const NOT_PARAMETERS: &[&str] = &["accept", "content-type", "authorization"];

pub(crate) fn read<'d>(
    converter: &mut Converter<'d>,
    given: &'d Value,
    place: &Place<'_>,
) -> Result<Option<Parameter>, Fault> {
    let document = converter.document();
    let (parameter, _) = document.follow(given, place)?;
    let text = |name: &str| parameter.get(name).and_then(Value::as_str);
    let flag = |name: &str| parameter.get(name).and_then(Value::as_bool);
    let Some(name) = text("name").filter(|name| !name.is_empty()) else {
        return Err(Fault::new(place, "the parameter has no name"));
    };
    let location = match text("in") {
        Some("path") => Location::Path,
        Some("query") => Location::Query,
        Some("header") => Location::Header,
        Some("cookie") => Location::Cookie,
        other => {
            let other = shown(other.unwrap_or("nothing"));
            return Err(Fault::new(place, format!("the parameter stands in `{other}`; path, query, header, cookie")));
        }
    };
    if location == Location::Header && NOT_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()) {
        return Ok(None);
    }
    let style = style(converter, text("style"), location, place);
    let content = parameter.get("content").and_then(Value::as_object).and_then(|content| content.iter().next());
    let (schema, is_json) = match (parameter.get("schema"), content) {
        (Some(schema), _) => (Some((schema, place.name("schema").pointer())), false),
        (None, Some((media, content))) => {
            let is_json = media.contains("json");
            if !is_json {
                converter.gaps.add(&place.name("content"), media, "only JSON is read inside of a parameter");
            }
            let pointer = place.name("content").name(media).name("schema").pointer();
            (content.get("schema").filter(|_| is_json).map(|schema| (schema, pointer)), is_json)
        }
        (None, None) => (None, false),
    };
    let shape = schema.as_ref().map_or(Shape::Mixed, |(schema, _)| shape(document, schema));
    check(converter, location, style, shape, is_json, place);
    let default = schema.as_ref().and_then(|(schema, _)| schema.get("default")).cloned();
    let schema = match schema {
        Some((schema, pointer)) => {
            SchemaId::new(converter.enter(schema, &Place::base(&pointer), Direction::Request)?)
        }
        None => None,
    };
    Ok(Some(Parameter {
        name: name.to_owned(),
        location,
        is_required: location == Location::Path || flag("required").unwrap_or_default(),
        style,
        explode: flag("explode").unwrap_or(style == Style::Form),
        shape,
        schema,
        is_json,
        default,
    }))
}

fn style(converter: &mut Converter<'_>, given: Option<&str>, location: Location, place: &Place<'_>) -> Style {
    let default = match location {
        Location::Path | Location::Header => Style::Simple,
        Location::Query | Location::Cookie => Style::Form,
    };
    match (given, location) {
        (None, _) => default,
        (Some("simple"), Location::Path | Location::Header) => Style::Simple,
        (Some("form"), Location::Query | Location::Cookie) => Style::Form,
        (Some("spaceDelimited"), Location::Query) => Style::SpaceDelimited,
        (Some("pipeDelimited"), Location::Query) => Style::PipeDelimited,
        (Some("deepObject"), Location::Query) => Style::DeepObject,
        (Some("label"), Location::Path) => Style::Label,
        (Some("matrix"), Location::Path) => Style::Matrix,
        (Some(other), _) => {
            converter.gaps.add(&place.name("style"), &format!("style `{}`", shown(other)), "not a style of this place");
            default
        }
    }
}

/// Names what no value can be read from in one way only.
fn check(
    converter: &mut Converter<'_>,
    location: Location,
    style: Style,
    shape: Shape,
    is_json: bool,
    place: &Place<'_>,
) {
    let why = match (style, shape) {
        _ if is_json => return,
        (Style::Label | Style::Matrix, _) => "label and matrix are not read",
        (Style::Form, Shape::Object) if location == Location::Query => {
            "the members of an object in a query cannot be told from other parameters"
        }
        (Style::Form | Style::Simple, Shape::Object) => "an object without its own style is not read",
        _ => return,
    };
    converter.gaps.add(place, "the value of the parameter", why);
}

/// Alternatives and references within each other that are looked at.
const SHAPE_DEPTH: u32 = 8;

pub(crate) fn shape(document: &Document, schema: &Value) -> Shape {
    shape_below(document, schema, SHAPE_DEPTH).unwrap_or(Shape::Scalar)
}

/// `None` for what is null and nothing else.
fn shape_below(document: &Document, schema: &Value, depth: u32) -> Option<Shape> {
    let Some(depth) = depth.checked_sub(1) else { return Some(Shape::Mixed) };
    let place = Place::base("#");
    let Ok((schema, _)) = document.follow(schema, &place) else { return Some(Shape::Mixed) };
    let of_type = |name: &str| match name {
        "null" => None,
        "array" => Some(Shape::Array),
        "object" => Some(Shape::Object),
        _ => Some(Shape::Scalar),
    };
    let merged = |shapes: Vec<Option<Shape>>| {
        let mut shapes = shapes.into_iter().flatten();
        let first = shapes.next()?;
        Some(if shapes.all(|shape| shape == first) { first } else { Shape::Mixed })
    };
    match schema.get("type") {
        Some(Value::String(name)) => return of_type(name),
        Some(Value::Array(names)) => {
            return merged(names.iter().filter_map(Value::as_str).map(of_type).collect());
        }
        _ => {}
    }
    for name in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(schemas)) = schema.get(name) {
            return merged(schemas.iter().take(64).map(|schema| shape_below(document, schema, depth)).collect());
        }
    }
    let is_scalar = |value: &Value| !value.is_array() && !value.is_object();
    let values = schema.get("enum").and_then(Value::as_array);
    let constant = schema.get("const").is_some_and(is_scalar);
    if constant || values.is_some_and(|values| values.iter().all(is_scalar)) {
        return Some(Shape::Scalar);
    }
    Some(if schema.get("properties").is_some() { Shape::Object } else { Shape::Mixed })
}
