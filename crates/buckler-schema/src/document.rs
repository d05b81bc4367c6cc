//! The text of a document, and how its references are followed. Nothing outside of it is ever looked at.

use std::collections::HashMap;

use buckler_inspect::json::{JsonLimits, JsonScanner};
use serde_json::Value;

use crate::fault::Fault;
use crate::limits::Limits;
use crate::place::{Place, shown};

/// References to references, as `{"$ref": …}` in the place of a parameter.
const HOPS: usize = 16;

/// Which reading of a schema holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// 3.0: `nullable`, boolean `exclusiveMinimum`, nothing beside a `$ref`.
    Early,
    /// 3.1 and 3.2: JSON Schema 2020-12.
    Current,
}

/// A parsed document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) root: Value,
    pub(crate) dialect: Dialect,
    pub(crate) version: String,
    /// The ways to the schemas that have a name of their own; none where two have the same.
    anchors: HashMap<String, Option<Vec<String>>>,
}

impl Document {
    pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Self, Fault> {
        let place = Place::base("#");
        let fault = |what: String| Fault::new(&place, what);
        if bytes.len() > limits.bytes {
            return Err(fault(format!("the document has {} bytes; {} are the limit", bytes.len(), limits.bytes)));
        }
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(fault("the document is no JSON object; YAML has to be converted to JSON first".to_owned()));
        }
        let commas = bytes.split(|byte| *byte == b',').count();
        if commas > limits.values {
            return Err(fault(format!("the document has {commas} commas; {} are the limit", limits.values)));
        }
        let shape = JsonLimits { depth: limits.depth, keys: limits.members, string: limits.string };
        let mut scanner = JsonScanner::new(shape);
        let scanned = scanner.push(bytes).and_then(|()| scanner.finish());
        scanned.map_err(|error| fault(error.to_string()))?;
        let root: Value = serde_json::from_slice(bytes).map_err(|error| fault(error.to_string()))?;
        let (dialect, version) = dialect(&root).map_err(fault)?;
        let mut anchors = HashMap::new();
        if bytes.windows(ANCHOR.len()).any(|window| window == ANCHOR.as_bytes()) {
            find_anchors(&root, &mut Vec::new(), &mut anchors);
        }
        Ok(Self { root, dialect, version, anchors })
    }

    /// What a reference leads to.
    pub(crate) fn resolve(&self, reference: &str, place: &Place<'_>) -> Result<&Value, Fault> {
        let pointer = pointer(reference).map_err(|why| Fault::new(place, why))?;
        let found = if pointer.is_empty() || pointer.starts_with('/') {
            self.root.pointer(&pointer)
        } else {
            self.anchored(&pointer)
        };
        found.ok_or_else(|| Fault::new(place, format!("`$ref` leads nowhere: `{}`", shown(reference))))
    }

    fn anchored(&self, name: &str) -> Option<&Value> {
        let way = self.anchors.get(name)?.as_ref()?;
        way.iter().try_fold(&self.root, |value, step| match value {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            value => value.get(step),
        })
    }

    /// A value, or what it refers to if it is a reference; together with where that stands.
    pub(crate) fn follow<'d>(
        &'d self,
        mut value: &'d Value,
        place: &Place<'_>,
    ) -> Result<(&'d Value, Option<&'d str>), Fault> {
        let mut at = None;
        for _ in 0..HOPS {
            let Some(reference) = value.get("$ref") else { return Ok((value, at)) };
            let Some(reference) = reference.as_str() else { return Err(Fault::new(place, "`$ref` is no text")) };
            value = self.resolve(reference, place)?;
            at = Some(reference);
        }
        Err(Fault::new(place, format!("more than {HOPS} `$ref`s lead to each other, or round in a circle")))
    }
}

fn dialect(root: &Value) -> Result<(Dialect, String), String> {
    if root.get("swagger").is_some() {
        return Err("a Swagger 2.0 document; OpenAPI 3.0 and 3.1 are read".to_owned());
    }
    let Some(version) = root.get("openapi").and_then(Value::as_str) else {
        return Err("no `openapi` member: this is no OpenAPI document".to_owned());
    };
    let dialect = match version.split('.').take(2).collect::<Vec<_>>().as_slice() {
        ["3", "0"] => Dialect::Early,
        ["3", "1" | "2"] => Dialect::Current,
        _ => return Err(format!("OpenAPI `{}`; 3.0 and 3.1 are read", shown(version))),
    };
    Ok((dialect, version.to_owned()))
}

const ANCHOR: &str = "$anchor";

/// Names of schemas. Below an `$id` they belong to another document. As deep as the document, which is bounded.
fn find_anchors(value: &Value, way: &mut Vec<String>, anchors: &mut HashMap<String, Option<Vec<String>>>) {
    let mut below = |step: String, value: &Value, way: &mut Vec<String>| {
        way.push(step);
        find_anchors(value, way, anchors);
        way.pop();
    };
    match value {
        Value::Object(members) if way.is_empty() || !members.get("$id").is_some_and(Value::is_string) => {
            members.iter().for_each(|(name, value)| below(name.clone(), value, way));
            if let Some(Value::String(name)) = members.get(ANCHOR) {
                let known = anchors.entry(name.clone()).or_insert_with(|| Some(Vec::new()));
                // The way to a schema is never empty, so one that is has just been made.
                *known = known.as_ref().filter(|known| known.is_empty()).map(|_| way.clone());
            }
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| below(at.to_string(), value, way)),
        _ => {}
    }
}

/// What a reference leads to in the same document: a pointer, or the name of a schema.
pub(crate) fn pointer(reference: &str) -> Result<String, String> {
    let Some(fragment) = reference.strip_prefix('#') else {
        let shown = shown(reference);
        return Err(format!("`$ref` leads out of the document: `{shown}`. Nothing is fetched: bundle it into one"));
    };
    percent_decoded(fragment).ok_or_else(|| format!("`$ref` has a broken percent encoding: `{}`", shown(reference)))
}

fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
