//! Schemas of a document into schemas of JSON Schema 2020-12 that the validator can be trusted with.
//!
//! What a reference leads to is converted once and stands in `$defs` under a number. Each keyword is taken over by
//! name only, and only with a value that it may have, so what reaches the validator is well formed whatever the
//! document holds. What is dropped makes a schema accept more, and is marked: see [`crate::loose`].

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value};

use crate::document::{Dialect, Document};
use crate::fault::{Fault, Gaps};
use crate::format;
use crate::keyword::{CARRIED, HIDDEN, Holds, LEAVES, OPEN, PATTERN, REMARKS, TYPES};
use crate::lax;
use crate::limits::Limits;
use crate::made::{Made, count, definition, described, finished, loose_schema, names, reference_to};
use crate::pattern::Patterns;
use crate::place::{Place, shown};
use crate::reading::{Names, Reading, Types};

/// Schemas within each other that stay together. Deeper ones become definitions of their own, so that whoever walks a
/// definition by recursion needs little of the stack.
const TOGETHER: usize = 8;

/// Keywords that are left out, and that may lead to names of members.
const NAMES_ELSEWHERE: &[&str] = &["$dynamicRef", "$recursiveRef", "dependencies"];

/// What is judged: `readOnly` members need not be sent, `writeOnly` ones need not be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    Request,
    Response,
}

/// Whether a document makes a difference between the directions at all.
pub(crate) fn has_directions(text: &[u8]) -> bool {
    let find = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
    find(b"readOnly") || find(b"writeOnly")
}

pub(crate) struct Converter<'d> {
    document: &'d Document,
    directions: bool,
    reading: Reading,
    pub(crate) definitions: Vec<Value>,
    /// Where each definition stands in the document.
    pub(crate) places: Vec<String>,
    /// Whether requests are judged by each of them.
    pub(crate) requests: Vec<bool>,
    /// Those that a whole value of a request is judged by, in their order.
    pub(crate) entered: Vec<usize>,
    known: HashMap<(String, Direction), usize>,
    open: VecDeque<(usize, &'d Value, Direction)>,
    patterns: Patterns,
    pub(crate) gaps: Gaps,
    schemas: usize,
    references: usize,
}

impl<'d> Converter<'d> {
    pub(crate) fn new(document: &'d Document, directions: bool, reading: Reading, limits: &Limits) -> Self {
        Self {
            document,
            directions: directions || reading != Reading::LITERAL,
            reading,
            definitions: Vec::new(),
            places: Vec::new(),
            requests: Vec::new(),
            entered: Vec::new(),
            known: HashMap::new(),
            open: VecDeque::new(),
            patterns: Patterns::new(limits),
            gaps: Gaps::new(limits.listed),
            schemas: limits.schemas,
            references: limits.references,
        }
    }

    pub(crate) fn document(&self) -> &'d Document {
        self.document
    }

    /// A schema that something is judged by, as the number of its definition.
    pub(crate) fn enter(&mut self, schema: &'d Value, place: &Place<'_>, direction: Direction) -> Result<usize, Fault> {
        let is_closed = direction == Direction::Request && self.reading.names == Names::Closed;
        // What is referred to may be a part of another schema, too: closed, it needs a definition of its own.
        if !is_closed
            && let Some(Value::String(reference)) = schema.get("$ref")
            && schema.as_object().is_some_and(|members| members.len() == 1)
        {
            return self.referenced(reference, place, direction);
        }
        let at = self.add(schema, place.pointer(), self.direction(direction));
        if is_closed {
            self.entered.push(at);
        }
        Ok(at)
    }

    /// Converts all that was entered and all that this refers to.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        while let Some((at, schema, direction)) = self.open.pop_front() {
            let pointer = self.places.get(at).cloned().unwrap_or_default();
            let converted = self.schema(schema, &Place::base(&pointer), direction, 0)?;
            if let Some(definition) = self.definitions.get_mut(at) {
                *definition = converted;
            }
        }
        Ok(())
    }

    pub(crate) fn into_patterns(self) -> Patterns {
        self.patterns
    }

    fn direction(&self, direction: Direction) -> Direction {
        if self.directions { direction } else { Direction::Request }
    }

    fn add(&mut self, schema: &'d Value, pointer: String, direction: Direction) -> usize {
        let at = self.definitions.len();
        self.definitions.push(Value::Bool(true));
        self.places.push(pointer);
        self.requests.push(direction == Direction::Request);
        self.open.push_back((at, schema, direction));
        at
    }

    fn referenced(&mut self, reference: &str, place: &Place<'_>, direction: Direction) -> Result<usize, Fault> {
        let direction = self.direction(direction);
        if let Some(known) = self.known.get(&(reference.to_owned(), direction)) {
            return Ok(*known);
        }
        let schema = self.document.resolve(reference, place)?;
        let at = self.add(schema, shown(reference), direction);
        self.known.insert((reference.to_owned(), direction), at);
        Ok(at)
    }

    fn schema(
        &mut self,
        schema: &'d Value,
        place: &Place<'_>,
        direction: Direction,
        level: usize,
    ) -> Result<Value, Fault> {
        let left = self.schemas.checked_sub(1);
        self.schemas = left.ok_or_else(|| Fault::new(place, "the document has too many schemas"))?;
        let members = match schema {
            Value::Bool(_) => return Ok(schema.clone()),
            Value::Object(members) => members,
            _ => return Err(Fault::new(place, "a schema is an object or a boolean")),
        };
        if level == TOGETHER {
            let at = self.add(schema, place.pointer(), direction);
            return Ok(reference_to(at));
        }
        let mut made = Made { members: Map::new(), is_loose: false, leaves_names: false };
        if let Some(reference) = members.get("$ref") {
            let Some(reference) = reference.as_str() else { return Err(Fault::new(place, "`$ref` is no text")) };
            let left = self.references.checked_sub(1);
            self.references = left.ok_or_else(|| Fault::new(place, "the document has too many `$ref`s"))?;
            let at = self.referenced(reference, place, direction)?;
            if self.document.dialect == Dialect::Early {
                return Ok(reference_to(at));
            }
            made.members.insert("$ref".to_owned(), definition(at).into());
        }
        if level > 0 && members.contains_key("$id") {
            self.gaps.add(place, "$id", "references below it are relative to another document");
            return Ok(loose_schema());
        }
        for (name, value) in members {
            self.keyword(&mut made, name, value, place, direction, level)?;
        }
        self.types(&mut made, members, place);
        self.discriminator(&mut made, members, place);
        self.bounds(&mut made, members, place);
        if self.directions {
            self.directed(&mut made, members, direction);
        }
        if direction == Direction::Request && self.reading.types == Types::Lax {
            lax::relax(&mut made, members, place, &mut self.gaps);
        }
        let is_nullable = members.get("nullable") == Some(&Value::Bool(true));
        Ok(finished(made, is_nullable))
    }

    fn keyword(
        &mut self,
        made: &mut Made,
        name: &str,
        value: &'d Value,
        place: &Place<'_>,
        direction: Direction,
        level: usize,
    ) -> Result<(), Fault> {
        // Read as a whole, elsewhere.
        if matches!(name, "$ref" | "$id" | "type" | "exclusiveMaximum" | "exclusiveMinimum" | "discriminator")
            || REMARKS.contains(&name)
            || name.starts_with("x-")
        {
            return Ok(());
        }
        let below = place.name(name);
        match name {
            "pattern" => self.pattern(made, value, &below),
            "patternProperties" => self.pattern_properties(made, value, &below, direction, level)?,
            "format" => self.format(made, value, &below),
            _ => {
                if let Some((_, holds)) = CARRIED.iter().find(|(known, _)| *known == name) {
                    match self.carried(*holds, value, &below, direction, level)? {
                        Some(value) => drop(made.members.insert(name.to_owned(), value)),
                        None => self.drop(made, &below, name, "its value is not what the keyword takes"),
                    }
                } else if let Some((_, why)) = OPEN.iter().find(|(known, _)| *known == name)
                    && !(name == "contentMediaType" && is_file(value))
                {
                    self.drop(made, &below, &described(name, value), why);
                    if NAMES_ELSEWHERE.contains(&name) {
                        made.members.insert(LEAVES.to_owned(), Value::Bool(true));
                    }
                }
                // What no draft knows is a remark: nobody can have meant a rule by it.
            }
        }
        Ok(())
    }

    fn drop(&mut self, made: &mut Made, place: &Place<'_>, what: &str, why: &'static str) {
        made.is_loose = true;
        self.gaps.add(place, what, why);
    }

    /// The value of a keyword, converted; `None` if it is not what it has to be.
    fn carried(
        &mut self,
        holds: Holds,
        value: &'d Value,
        place: &Place<'_>,
        direction: Direction,
        level: usize,
    ) -> Result<Option<Value>, Fault> {
        let taken = |fits: bool| Ok(fits.then(|| value.clone()));
        match holds {
            Holds::Anything => taken(true),
            Holds::Values => taken(value.as_array().is_some_and(|values| !values.is_empty())),
            Holds::Number => taken(value.is_number()),
            Holds::PositiveNumber => taken(value.as_f64().is_some_and(|number| number > 0.0)),
            Holds::Count => Ok(count(value).map(Value::from)),
            Holds::Flag => taken(value.is_boolean()),
            Holds::Names => Ok(names(value)),
            Holds::NameMap => {
                let map = value.as_object().map(|map| {
                    let pairs = map.iter().map(|(name, value)| Some((name.clone(), names(value)?)));
                    pairs.collect::<Option<Map<_, _>>>().map(Value::Object)
                });
                Ok(map.flatten())
            }
            Holds::Schema => {
                if !value.is_object() && !value.is_boolean() {
                    return Ok(None);
                }
                self.schema(value, place, direction, level + 1).map(Some)
            }
            Holds::Schemas => {
                let Some(schemas) = value.as_array().filter(|schemas| !schemas.is_empty()) else { return Ok(None) };
                let converted = schemas
                    .iter()
                    .enumerate()
                    .map(|(at, schema)| self.schema(schema, &place.index(at), direction, level + 1));
                converted.collect::<Result<Vec<_>, _>>().map(|schemas| Some(Value::Array(schemas)))
            }
            Holds::SchemaMap => {
                let Some(schemas) = value.as_object() else { return Ok(None) };
                let converted = schemas.iter().map(|(name, schema)| {
                    let converted = self.schema(schema, &place.name(name), direction, level + 1)?;
                    Ok((name.clone(), converted))
                });
                converted.collect::<Result<Map<_, _>, Fault>>().map(|schemas| Some(Value::Object(schemas)))
            }
        }
    }

    fn pattern(&mut self, made: &mut Made, value: &Value, place: &Place<'_>) {
        let Some(text) = value.as_str() else {
            return self.drop(made, place, "pattern", "its value is not what the keyword takes");
        };
        match self.patterns.admit(text) {
            Ok(_) => drop(made.members.insert(PATTERN.to_owned(), value.clone())),
            Err(why) => self.drop(made, place, &format!("pattern `{}`", shown(text)), why),
        }
    }

    /// A name whose pattern is not run is not judged, so nothing can be said about the names that are left over.
    fn pattern_properties(
        &mut self,
        made: &mut Made,
        value: &'d Value,
        place: &Place<'_>,
        direction: Direction,
        level: usize,
    ) -> Result<(), Fault> {
        let Some(patterns) = value.as_object() else {
            self.drop(made, place, "patternProperties", "its value is not what the keyword takes");
            return Ok(());
        };
        let mut kept = Map::new();
        for (pattern, schema) in patterns {
            let below = place.name(pattern);
            let linear = match self.patterns.admit(pattern) {
                Ok(compiled) if crate::validator::takes_pattern(compiled, pattern) => Ok(()),
                Ok(_) => Err("patterns of names are run by the linear engine only"),
                Err(why) => Err(why),
            };
            match linear {
                Ok(()) => {
                    let converted = self.schema(schema, &below, direction, level + 1)?;
                    kept.insert(pattern.clone(), converted);
                }
                Err(why) => {
                    self.drop(made, &below, "patternProperties", why);
                    made.leaves_names = true;
                }
            }
        }
        made.members.insert("patternProperties".to_owned(), Value::Object(kept));
        Ok(())
    }

    fn format(&mut self, made: &mut Made, value: &Value, place: &Place<'_>) {
        let Some(name) = value.as_str() else {
            return self.drop(made, place, "format", "its value is not what the keyword takes");
        };
        if format::is_checked(name) {
            made.members.insert("format".to_owned(), value.clone());
            // Read more widely than its definition.
            made.is_loose = true;
        } else if !format::REMARKS.contains(&name) {
            self.drop(made, place, &format!("format `{}`", shown(name)), "the format is not checked");
        }
    }

    /// Beside `oneOf` and `anyOf` it only says which of them is meant, and they are all tried.
    fn discriminator(&mut self, made: &mut Made, members: &Map<String, Value>, place: &Place<'_>) {
        let Some(value) = members.get("discriminator") else { return };
        let below = place.name("discriminator");
        let mapping = value.get("mapping").and_then(Value::as_object);
        for (name, target) in mapping.into_iter().flatten() {
            let target = target.as_str().unwrap_or_default();
            if target.starts_with('#') && self.document.resolve(target, &below).is_err() {
                let below = below.name("mapping");
                self.drop(made, &below.name(name), "discriminator", "its mapping leads nowhere");
            }
        }
        let chooses = members.contains_key("oneOf") || members.contains_key("anyOf");
        if !chooses {
            self.drop(made, &below, "discriminator", "nothing beside it says what it chooses from");
            made.members.insert(LEAVES.to_owned(), Value::Bool(true));
        }
    }

    fn types(&mut self, made: &mut Made, members: &Map<String, Value>, place: &Place<'_>) {
        let Some(given) = members.get("type") else { return };
        let mut types: Vec<&str> = match given {
            Value::String(name) => vec![name.as_str()],
            Value::Array(names) => names.iter().map(|name| name.as_str().unwrap_or_default()).collect(),
            _ => Vec::new(),
        };
        types.sort_unstable();
        types.dedup();
        if types.is_empty() || types.iter().any(|name| !TYPES.contains(name)) {
            return self.drop(made, &place.name("type"), &described("type", given), "no type of JSON");
        }
        let value = match types.as_slice() {
            [one] => Value::from(*one),
            several => Value::from(several.to_vec()),
        };
        made.members.insert("type".to_owned(), value);
    }

    /// `exclusiveMinimum` is a number, or beside `minimum` a flag (3.0).
    fn bounds(&mut self, made: &mut Made, members: &Map<String, Value>, place: &Place<'_>) {
        for (exclusive, plain) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            match members.get(exclusive) {
                None | Some(Value::Bool(false)) => {}
                Some(Value::Bool(true)) => {
                    if let Some(bound) = made.members.remove(plain) {
                        made.members.insert(exclusive.to_owned(), bound);
                    }
                }
                Some(bound) if bound.is_number() => {
                    made.members.insert(exclusive.to_owned(), bound.clone());
                }
                Some(_) => {
                    self.drop(made, &place.name(exclusive), exclusive, "its value is not what the keyword takes");
                }
            }
        }
    }

    /// Members that only the other direction carries are not required in this one; those that only requests carry are
    /// no members of an answer.
    fn directed(&self, made: &mut Made, members: &Map<String, Value>, direction: Direction) {
        let mark = match direction {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        };
        let Some(properties) = members.get("properties").and_then(Value::as_object) else { return };
        let is_marked = |property: &Value| {
            let place = Place::base("#");
            let marked = |schema: &Value| schema.get(mark) == Some(&Value::Bool(true));
            marked(property) || self.document.follow(property, &place).is_ok_and(|(target, _)| marked(target))
        };
        if let Some(Value::Array(names)) = made.members.get_mut("required") {
            names.retain(|name| !name.as_str().and_then(|name| properties.get(name)).is_some_and(is_marked));
        }
        if direction == Direction::Response {
            let hidden = properties.iter().filter(|(_, property)| is_marked(property));
            let hidden: Vec<Value> = hidden.map(|(name, _)| name.as_str().into()).collect();
            if !hidden.is_empty() {
                made.members.insert(HIDDEN.to_owned(), Value::Array(hidden));
            }
        }
    }
}

fn is_file(value: &Value) -> bool {
    value.as_str() == Some("application/octet-stream")
}
