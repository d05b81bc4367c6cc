//! The only place that names the validating library.
//!
//! All schemas of a document are one validator: compiled for each operation, documents whose schemas refer to each
//! other would be compiled over and over. A value is judged as if it stood in objects whose names lead to its schema.

use std::sync::Arc;

use jsonschema::json::Node as _;
use jsonschema::{Draft, Keyword, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use crate::explain::{Explainer, Violation};
use crate::format::FORMATS;
use crate::instance::Instance;
use crate::keyword::{LAX, PATTERN};
use crate::made::definition;
use crate::node::{At, FAN, InPlace, step_name};
use crate::pattern::{Compiled, Pattern};
use crate::reading::Types;
use crate::scalar::Scalar;

/// A schema that values can be judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SchemaId(u32);

/// All schemas of a document, compiled.
#[derive(Debug)]
pub(crate) struct Schemas {
    validator: Validator<InPlace>,
    explainer: Explainer,
    /// Names on the way to each schema.
    steps: u32,
}

impl SchemaId {
    pub(crate) fn new(at: usize) -> Option<Self> {
        u32::try_from(at).ok().map(Self)
    }

    pub(crate) fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Schemas {
    /// `Err` with what the library says, which holds nothing of the document's values.
    pub(crate) fn new(definitions: Vec<Value>, patterns: Compiled) -> Result<Self, String> {
        let mut steps = 1;
        while definitions.len() > below(steps) {
            steps += 1;
        }
        let mut root = tree(0..definitions.len(), steps);
        let patterns = Arc::new(patterns);
        let explainer = Explainer::new(definitions.clone(), Arc::clone(&patterns));
        let named = definitions.into_iter().enumerate().map(|(at, definition)| (at.to_string(), definition));
        root.insert("$defs".to_owned(), Value::Object(named.collect()));
        let lax_patterns = Arc::clone(&patterns);
        let mut options = jsonschema::options_for::<InPlace>()
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

    pub(crate) fn definitions(&self) -> &[Value] {
        self.explainer.definitions()
    }

    pub(crate) fn is_valid(&self, schema: SchemaId, value: &Instance<'_>) -> bool {
        self.validator.is_valid(At::above(value, schema.0, self.steps))
    }

    /// At most so many.
    pub(crate) fn violations(&self, schema: SchemaId, value: &Instance<'_>, most: usize) -> Vec<Violation> {
        if self.is_valid(schema, value) {
            return Vec::new();
        }
        self.explainer.explain(schema.index(), &value.to_value(), most)
    }
}

/// Schemas that so many steps lead to.
fn below(steps: u32) -> usize {
    FAN.saturating_pow(steps)
}

fn tree(schemas: std::ops::Range<usize>, steps: u32) -> Map<String, Value> {
    let below = below(steps - 1);
    let mut properties = Map::new();
    let mut start = schemas.start;
    while start < schemas.end {
        let end = schemas.end.min(start + below);
        let schema = if steps == 1 {
            Map::from_iter([("$ref".to_owned(), definition(start).into())])
        } else {
            tree(start..end, steps - 1)
        };
        let name = step_name(u32::try_from(properties.len()).unwrap_or_default(), 0);
        properties.insert(name.to_owned(), Value::Object(schema));
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

impl<'i> Keyword<'i, InPlace> for PatternKeyword {
    fn validate(&self, instance: At<'i>) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            return Ok(());
        }
        Err(ValidationError::custom("the text does not match the pattern"))
    }

    fn is_valid(&self, instance: At<'i>) -> bool {
        match (&self.0, instance.as_string()) {
            (Some(pattern), Some(text)) => pattern.matches(&text),
            // Every pattern that a schema carries has been compiled before.
            _ => true,
        }
    }
}

struct LaxKeyword(Scalar);

impl<'i> Keyword<'i, InPlace> for LaxKeyword {
    fn validate(&self, instance: At<'i>) -> Result<(), ValidationError<'i>> {
        match instance {
            At::Value(value) => self.0.judge(value).map_err(|broken| ValidationError::custom(broken.kind())),
            // Only schemas of the document carry it.
            At::Step { .. } => Ok(()),
        }
    }

    fn is_valid(&self, instance: At<'i>) -> bool {
        match instance {
            At::Value(value) => self.0.judge(value).is_ok(),
            At::Step { .. } => true,
        }
    }
}
