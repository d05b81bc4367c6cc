//! The only place that names the validating library.
//!
//! All schemas of a document are one validator: compiled for each operation, documents whose schemas refer to each
//! other would be compiled over and over. A value is judged by wrapping it into objects whose names lead to its schema.

use std::sync::Arc;

use jsonschema::{Draft, Keyword, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use crate::explain::{Explainer, Violation};
use crate::format::FORMATS;
use crate::keyword::{LAX, PATTERN};
use crate::made::definition;
use crate::pattern::{Compiled, Pattern};
use crate::reading::Types;
use crate::scalar::Scalar;

/// Schemas below one object on the way to them, as a power of two: a look-up walks a few names at each step.
const WIDTH: u32 = 4;

/// A schema that values can be judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SchemaId(u32);

/// All schemas of a document, compiled.
#[derive(Debug)]
pub(crate) struct Schemas {
    validator: Validator,
    explainer: Explainer,
    /// Names on the way to each schema.
    steps: u32,
}

impl SchemaId {
    pub(crate) fn new(at: usize) -> Option<Self> {
        u32::try_from(at).ok().map(Self)
    }

    fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Schemas {
    /// `Err` with what the library says, which holds nothing of the document's values.
    pub(crate) fn new(definitions: Vec<Value>, patterns: Compiled) -> Result<Self, String> {
        let mut steps = 1;
        while definitions.len() > 1_usize << (WIDTH * steps) {
            steps += 1;
        }
        let mut root = tree(0..definitions.len(), steps);
        let patterns = Arc::new(patterns);
        let explainer = Explainer::new(definitions.clone(), Arc::clone(&patterns));
        let named = definitions.into_iter().enumerate().map(|(at, definition)| (at.to_string(), definition));
        root.insert("$defs".to_owned(), Value::Object(named.collect()));
        let lax_patterns = Arc::clone(&patterns);
        let mut options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .should_ignore_unknown_formats(true)
            .with_keyword(PATTERN, move |_, value, _| {
                let known = value.as_str().and_then(|text| patterns.get(text));
                Ok(Box::new(PatternKeyword(known.cloned())))
            })
            .with_keyword(LAX, move |_, value, _| {
                let empty = Map::new();
                let members = value.as_object().unwrap_or(&empty);
                Ok(Box::new(LaxKeyword(Scalar::read(members, Types::Lax, &lax_patterns))))
            });
        for (name, check) in FORMATS {
            options = options.with_format(*name, *check);
        }
        let validator = options.build(&Value::Object(root)).map_err(|error| error.masked().to_string())?;
        Ok(Self { validator, explainer, steps })
    }

    pub(crate) fn is_valid(&self, schema: SchemaId, value: Value) -> bool {
        self.validator.is_valid(&self.wrap(schema, value))
    }

    /// At most so many.
    pub(crate) fn violations(&self, schema: SchemaId, value: Value, most: usize) -> Vec<Violation> {
        let wrapped = self.wrap(schema, value);
        if self.validator.is_valid(&wrapped) {
            return Vec::new();
        }
        let mut own = &wrapped;
        for step in (0..self.steps).rev() {
            let Some(value) = own.get(name(schema.0, step)) else { return Vec::new() };
            own = value;
        }
        self.explainer.explain(schema.index(), own, most)
    }

    fn wrap(&self, schema: SchemaId, value: Value) -> Value {
        (0..self.steps).fold(value, |value, step| {
            let name = name(schema.0, step);
            Value::Object(Map::from_iter([(name, value)]))
        })
    }
}

/// The name on the way to a schema, counted from the schema.
fn name(schema: u32, step: u32) -> String {
    let digit = (schema >> (WIDTH * step)) & ((1 << WIDTH) - 1);
    format!("{digit:x}")
}

fn tree(schemas: std::ops::Range<usize>, steps: u32) -> Map<String, Value> {
    let below = 1_usize << (WIDTH * (steps - 1));
    let mut properties = Map::new();
    let mut start = schemas.start;
    while start < schemas.end {
        let end = schemas.end.min(start + below);
        let schema = if steps == 1 {
            Map::from_iter([("$ref".to_owned(), definition(start).into())])
        } else {
            tree(start..end, steps - 1)
        };
        properties.insert(format!("{:x}", properties.len()), Value::Object(schema));
        start = end;
    }
    Map::from_iter([("properties".to_owned(), Value::Object(properties))])
}

/// Whether the library's linear engine takes the pattern of a name, and reads it as ours does.
pub(crate) fn takes_pattern(compiled: &Pattern, pattern: &str) -> bool {
    // Its reading of these classes is that of ECMA 262, which knows digits of ASCII alone.
    let has_classes =
        ["\\d", "\\w", "\\s", "\\b", "\\D", "\\W", "\\S", "\\B"].iter().any(|class| pattern.contains(class));
    let schema = Value::Object(Map::from_iter([(
        "patternProperties".to_owned(),
        Value::Object(Map::from_iter([(pattern.to_owned(), Value::Bool(true))])),
    )]));
    let options = jsonschema::options().offline().with_pattern_options(PatternOptions::regex());
    matches!(compiled, Pattern::Linear(_)) && !has_classes && options.build(&schema).is_ok()
}

struct PatternKeyword(Option<Arc<Pattern>>);

impl<'i> Keyword<'i> for PatternKeyword {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            return Ok(());
        }
        Err(ValidationError::custom("the text does not match the pattern"))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        match (&self.0, instance) {
            (Some(pattern), Value::String(text)) => pattern.matches(text),
            // Every pattern that a schema carries has been compiled before.
            _ => true,
        }
    }
}

struct LaxKeyword(Scalar);

impl<'i> Keyword<'i> for LaxKeyword {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        self.0.judge(instance).map_err(|broken| ValidationError::custom(broken.kind()))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.0.judge(instance).is_ok()
    }
}
