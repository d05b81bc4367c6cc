//! The keywords of JSON Schema that are taken over, and what each of them has to hold.

use serde_json::{Map, Value};

/// What the value of a keyword has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Any value.
    Anything,
    /// An array with at least one value.
    Values,
    Number,
    PositiveNumber,
    /// A whole number from zero.
    Count,
    Flag,
    /// Texts, each once.
    Names,
    Schema,
    /// An array of at least one schema.
    Schemas,
    /// Schemas by name.
    SchemaMap,
    /// Names by name.
    NameMap,
}

/// Keywords that are carried over as they are, once their value is what it has to be.
pub(crate) const CARRIED: &[(&str, Holds)] = &[
    ("const", Holds::Anything),
    ("enum", Holds::Values),
    ("multipleOf", Holds::PositiveNumber),
    ("maximum", Holds::Number),
    ("minimum", Holds::Number),
    ("maxLength", Holds::Count),
    ("minLength", Holds::Count),
    ("maxItems", Holds::Count),
    ("minItems", Holds::Count),
    ("uniqueItems", Holds::Flag),
    ("maxContains", Holds::Count),
    ("minContains", Holds::Count),
    ("maxProperties", Holds::Count),
    ("minProperties", Holds::Count),
    ("required", Holds::Names),
    ("dependentRequired", Holds::NameMap),
    ("items", Holds::Schema),
    ("contains", Holds::Schema),
    ("additionalProperties", Holds::Schema),
    ("propertyNames", Holds::Schema),
    ("unevaluatedItems", Holds::Schema),
    ("unevaluatedProperties", Holds::Schema),
    ("not", Holds::Schema),
    ("if", Holds::Schema),
    ("then", Holds::Schema),
    ("else", Holds::Schema),
    ("prefixItems", Holds::Schemas),
    ("allOf", Holds::Schemas),
    ("anyOf", Holds::Schemas),
    ("oneOf", Holds::Schemas),
    ("properties", Holds::SchemaMap),
    ("dependentSchemas", Holds::SchemaMap),
];

/// The names of a schema's members are patterns: read with them, and walked like any other map.
const PATTERNS: &str = "patternProperties";

/// What the value of a keyword holds, of those that are carried over.
pub(crate) fn holds(name: &str) -> Option<Holds> {
    if name == PATTERNS {
        return Some(Holds::SchemaMap);
    }
    CARRIED.iter().find(|(known, _)| *known == name).map(|(_, holds)| *holds)
}

/// The schemas that a converted schema holds, with the keyword that each stands under.
pub(crate) fn held(members: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    members.iter().flat_map(|(name, value)| {
        let schemas: Vec<&Value> = match (holds(name), value) {
            (Some(Holds::Schema), schema) => vec![schema],
            (Some(Holds::Schemas), Value::Array(schemas)) => schemas.iter().collect(),
            (Some(Holds::SchemaMap), Value::Object(schemas)) => schemas.values().collect(),
            _ => Vec::new(),
        };
        schemas.into_iter().map(|schema| (name.as_str(), schema))
    })
}

/// The same, to be changed.
pub(crate) fn held_mut(members: &mut Map<String, Value>) -> impl Iterator<Item = (&str, &mut Value)> {
    members.iter_mut().flat_map(|(name, value)| {
        let schemas: Vec<&mut Value> = match (holds(name), value) {
            (Some(Holds::Schema), schema) => vec![schema],
            (Some(Holds::Schemas), Value::Array(schemas)) => schemas.iter_mut().collect(),
            (Some(Holds::SchemaMap), Value::Object(schemas)) => schemas.values_mut().collect(),
            _ => Vec::new(),
        };
        schemas.into_iter().map(|schema| (name.as_str(), schema))
    })
}

/// The definition that a converted schema refers to.
pub(crate) fn target(members: &Map<String, Value>) -> Option<usize> {
    members.get("$ref")?.as_str()?.strip_prefix(DEFINITIONS)?.parse().ok()
}

/// What stands before the number of a definition in a reference to it.
pub(crate) const DEFINITIONS: &str = "#/$defs/";

/// Keywords that say nothing about what is valid, or that are read where they matter.
pub(crate) const REMARKS: &[&str] = &[
    "$anchor",
    "$comment",
    "$defs",
    "$schema",
    "$vocabulary",
    "definitions",
    "default",
    "deprecated",
    "description",
    "example",
    "examples",
    "externalDocs",
    "nullable",
    "readOnly",
    "title",
    "writeOnly",
    "xml",
];

/// Keywords that assert something and cannot be held to, with the reason.
pub(crate) const OPEN: &[(&str, &str)] = &[
    ("$dynamicRef", "references that depend on the way to them are not followed"),
    ("$recursiveRef", "references that depend on the way to them are not followed"),
    ("contentEncoding", "the text is not decoded"),
    ("contentMediaType", "what is in the text is not read"),
    ("contentSchema", "what is in the text is not read"),
    ("additionalItems", "a keyword of older drafts"),
    ("dependencies", "a keyword of older drafts"),
];

/// The pattern of a text, under a name of ours: it is run by our engines.
pub(crate) const PATTERN: &str = "x-buckler-pattern";

/// All that is said of values that hold no others, read as Pydantic reads them; under a name of ours.
pub(crate) const LAX: &str = "x-buckler-lax";

/// Marks a schema that accepts more than the document says.
pub(crate) const LOOSE: &str = "x-buckler-loose";

/// Marks a schema some of whose members' names were left out with what said them.
pub(crate) const LEAVES: &str = "x-buckler-leaves";

/// Names of members that only requests carry (`writeOnly`), in the reading of answers.
pub(crate) const HIDDEN: &str = "x-buckler-hidden";

/// Keywords whose schemas judge the same value as the schema that they stand in.
pub(crate) const IN_PLACE: &[&str] = &["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"];

/// Types of JSON.
pub(crate) const TYPES: &[&str] = &["null", "boolean", "object", "array", "number", "integer", "string"];
