//! What is wrong with a value that has been refused, in places and words that an app of FastAPI would use.
//!
//! The validator alone decides. Its own list of errors is not used: it tries every alternative of every union, which a
//! hostile value makes exponential, and quotes the value. Here the work is bounded, the alternative that was meant is
//! looked for first, and what cannot be explained is told in general.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::given::Judged as _;
use crate::keyword::{IN_PLACE, LAX, held, target};
use crate::kind::Broken;
use crate::pattern::Compiled;
use crate::place::push_name;
use crate::reading::Types;
use crate::scalar::{self, Scalar};

/// Schemas that are looked at for one value.
const STEPS: u32 = 20_000;

/// Schemas and values within each other.
const DEPTH: u32 = 600;

/// References and compositions that are followed to see whether an alternative was meant.
const GLANCE: u32 = 8;

/// Where a value breaks its schema. Nothing of the value is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer into the value, by names of the schema. A missing member is named; below a member that no schema
    /// names it ends.
    pub place: String,
    /// As Pydantic calls it: `missing`, `int_parsing`, `string_too_long`; else `contract_violation`.
    pub kind: &'static str,
    /// What is wrong, with what the document says and without the value. Short.
    pub message: Cow<'static, str>,
}

#[derive(Debug)]
pub(crate) struct Explainer {
    definitions: Vec<Value>,
    patterns: Arc<Compiled>,
}

/// One walk through a value.
struct Walk<'e> {
    explainer: &'e Explainer,
    /// What each schema says of a value itself, by where the schema lies in memory: read once.
    scalars: RefCell<HashMap<usize, Rc<Scalar>>>,
    steps: Cell<u32>,
    most: usize,
}

/// What is wrong, in the making.
type Found = Vec<Violation>;

impl Explainer {
    pub(crate) fn new(definitions: Vec<Value>, patterns: Arc<Compiled>) -> Self {
        Self { definitions, patterns }
    }

    pub(crate) fn definitions(&self) -> &[Value] {
        &self.definitions
    }

    /// At least one, unless none are asked for.
    pub(crate) fn explain(&self, definition: usize, value: &Value, most: usize) -> Vec<Violation> {
        let walk = Walk { explainer: self, scalars: RefCell::default(), steps: Cell::new(STEPS), most };
        let mut found = Vec::new();
        if let Some(schema) = self.definitions.get(definition) {
            walk.schema(schema, value, "", 0, &mut found);
        }
        if found.is_empty() {
            push(&mut found, "", Broken::Contract, &Map::new());
        }
        found.truncate(most);
        found
    }
}

impl Walk<'_> {
    /// Whether another schema may be looked at.
    fn step(&self) -> bool {
        let left = self.steps.get().checked_sub(1);
        self.steps.set(left.unwrap_or_default());
        left.is_some()
    }

    fn of(&self, members: &Map<String, Value>) -> Option<&Map<String, Value>> {
        self.explainer.definitions.get(target(members)?)?.as_object()
    }

    /// What is wrong with the value itself, with the members of the schema that say so.
    fn scalar<'s>(
        &self,
        members: &'s Map<String, Value>,
        value: &Value,
    ) -> Result<(), (Broken, &'s Map<String, Value>)> {
        let judge = |members: &'s Map<String, Value>, reading| {
            let told = |broken| (of_object(broken, members), members);
            let read = || Rc::new(Scalar::read(members, reading, &self.explainer.patterns));
            let at = std::ptr::from_ref(members).addr();
            let scalar = Rc::clone(self.scalars.borrow_mut().entry(at).or_insert_with(read));
            scalar.judge(value).map_err(told)
        };
        if let Some(Value::Object(lax)) = members.get(LAX) {
            judge(lax, Types::Lax)?;
        }
        if scalar::is_scalar(members) { judge(members, Types::Strict) } else { Ok(()) }
    }

    /// Whether an alternative can have been meant: what is seen at a glance fits.
    fn fits(&self, schema: &Value, value: &Value, depth: u32) -> bool {
        let (Some(depth), Value::Object(members)) = (depth.checked_sub(1), schema) else {
            return schema != &Value::Bool(false);
        };
        if !self.step() {
            return true;
        }
        let referred = target(members).and_then(|at| self.explainer.definitions.get(at));
        let all = members.get("allOf").and_then(Value::as_array);
        let any = ["anyOf", "oneOf"].into_iter().filter_map(|name| members.get(name)?.as_array());
        self.scalar(members, value).is_ok()
            && missing(members, value).next().is_none()
            && self.tags(members, value)
            && referred.is_none_or(|schema| self.fits(schema, value, depth))
            && all.into_iter().flatten().all(|schema| self.fits(schema, value, depth))
            && any.into_iter().all(|schemas| schemas.iter().any(|schema| self.fits(schema, value, depth)))
    }

    /// Whether a schema names a member of a value, in any of its parts that can have been meant.
    fn names(&self, members: &Map<String, Value>, value: &Value, name: &str, depth: u32) -> bool {
        let Some(depth) = depth.checked_sub(1).filter(|_| self.step()) else { return true };
        let says = |keyword: &str| members.contains_key(keyword);
        let properties = members.get("properties").and_then(Value::as_object);
        says("additionalProperties")
            || says("patternProperties")
            || properties.is_some_and(|properties| properties.contains_key(name))
            || self.of(members).is_some_and(|members| self.names(members, value, name, depth))
            || held(members).any(|(keyword, schema)| {
                IN_PLACE.contains(&keyword)
                    && (!["anyOf", "oneOf"].contains(&keyword) || self.fits(schema, value, depth))
                    && schema.as_object().is_some_and(|members| self.names(members, value, name, depth))
            })
    }

    /// Whether the members that an alternative can be told by are its own.
    fn tags(&self, members: &Map<String, Value>, value: &Value) -> bool {
        let properties = members.get("properties").and_then(Value::as_object);
        properties.into_iter().flatten().all(|(name, schema)| match (schema, value.get(name)) {
            (Value::Object(schema), Some(value)) => {
                let schema = self.of(schema).unwrap_or(schema);
                let is_tag = schema.contains_key("const")
                    || schema.contains_key("enum")
                    || schema.get(LAX).is_some_and(|lax| lax.get("enum").is_some() || lax.get("const").is_some());
                !is_tag || self.scalar(schema, value).is_ok()
            }
            _ => true,
        })
    }

    fn schema(&self, schema: &Value, value: &Value, place: &str, depth: u32, found: &mut Found) {
        if depth == DEPTH || found.len() >= self.most || !self.step() {
            return;
        }
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(false) => return push(found, place, Broken::Contract, &Map::new()),
            _ => return,
        };
        if let Err((broken, members)) = self.scalar(members, value) {
            return push(found, place, broken, members);
        }
        let below = depth + 1;
        if let Some(referred) = target(members).and_then(|at| self.explainer.definitions.get(at)) {
            self.schema(referred, value, place, below, found);
        }
        match value {
            Value::Object(given) => self.object(members, given, value, place, below, found),
            Value::Array(items) => self.array(members, items, place, below, found),
            _ => {}
        }
        for schema in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.schema(schema, value, place, below, found);
        }
        for name in ["anyOf", "oneOf"] {
            if let Some(Value::Array(schemas)) = members.get(name) {
                self.union(schemas, value, place, below, found);
            }
        }
    }

    fn is_over(&self, found: &Found) -> bool {
        self.steps.get() == 0 || found.len() >= self.most
    }

    fn object(
        &self,
        members: &Map<String, Value>,
        given: &Map<String, Value>,
        value: &Value,
        place: &str,
        depth: u32,
        found: &mut Found,
    ) {
        for name in missing(members, value) {
            push(found, &with_name(place, name), Broken::Missing, members);
        }
        let size = u64::try_from(given.len()).unwrap_or(u64::MAX);
        let count = |name: &str| members.get(name).and_then(Value::as_u64);
        if count("minProperties").is_some_and(|least| size < least) {
            push(found, place, Broken::TooFewMembers, members);
        }
        if count("maxProperties").is_some_and(|most| size > most) {
            push(found, place, Broken::TooManyMembers, members);
        }
        let properties = members.get("properties").and_then(Value::as_object);
        for (name, value) in given {
            if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                self.schema(schema, value, &with_name(place, name), depth, found);
            }
            if self.is_over(found) {
                return;
            }
        }
        let is_named = |name: &String| properties.is_some_and(|properties| properties.contains_key(name));
        // Which of these a pattern names is not looked at here.
        let others = || given.iter().filter(|(name, _)| !is_named(name));
        match members.get("additionalProperties") {
            _ if members.contains_key("patternProperties") => {}
            Some(Value::Bool(false)) if others().next().is_some() => push(found, place, Broken::Extra, members),
            // Names that the client has chosen are not told.
            Some(schema @ Value::Object(_)) => {
                others().for_each(|(_, value)| self.schema(schema, value, place, depth, found));
            }
            _ => {}
        }
        if members.get("unevaluatedProperties") == Some(&Value::Bool(false))
            && given.keys().any(|name| !self.names(members, value, name, GLANCE))
        {
            push(found, place, Broken::Extra, members);
        }
    }

    fn array(&self, members: &Map<String, Value>, items: &[Value], place: &str, depth: u32, found: &mut Found) {
        let size = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let count = |name: &str| members.get(name).and_then(Value::as_u64);
        if count("minItems").is_some_and(|least| size < least) {
            push(found, place, Broken::TooFewItems, members);
        }
        if count("maxItems").is_some_and(|most| size > most) {
            return push(found, place, Broken::TooManyItems, members);
        }
        let first = members.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let others = std::iter::repeat(members.get("items"));
        for (at, (value, schema)) in items.iter().zip(first.iter().map(Some).chain(others)).enumerate() {
            let Some(schema) = schema else { break };
            if self.is_over(found) {
                return;
            }
            self.schema(schema, value, &format!("{place}/{at}"), depth, found);
        }
        let is_set = members.get("uniqueItems") == Some(&Value::Bool(true));
        let before = |at: usize| items.get(..at).unwrap_or_default();
        if is_set && items.iter().enumerate().take(FEW).any(|(at, one)| before(at).iter().any(|two| one.is(two))) {
            push(found, place, Broken::Repetition, members);
        }
    }

    /// Nothing if one of them takes the value; else what is wrong with the one that was meant.
    fn union(&self, schemas: &[Value], value: &Value, place: &str, depth: u32, found: &mut Found) {
        let meant: Vec<&Value> = schemas.iter().filter(|schema| self.fits(schema, value, GLANCE)).collect();
        let mut best: Option<Found> = None;
        for schema in meant {
            let mut own = Vec::new();
            self.schema(schema, value, place, depth, &mut own);
            if own.is_empty() || self.steps.get() == 0 {
                return;
            }
            if best.as_ref().is_none_or(|best| own.len() < best.len()) {
                best = Some(own);
            }
        }
        if let Some(best) = best {
            return found.extend(best);
        }
        let is_null = |schema: &&Value| schema.get("type").is_some_and(|name| name == "null");
        let mut others = schemas.iter().filter(|schema| !is_null(schema));
        match (others.next(), others.next()) {
            (Some(only), None) => self.schema(only, value, place, depth, found),
            _ => push(found, place, Broken::Contract, &Map::new()),
        }
    }
}

/// Items of a list that are compared with each other.
const FEW: usize = 100;

/// Where the schema names no members, an object is a map.
fn of_object(broken: Broken, members: &Map<String, Value>) -> Broken {
    match broken {
        Broken::Object if !members.contains_key("properties") => Broken::Map,
        broken => broken,
    }
}

/// Names of members that have to be there and are not.
fn missing<'s>(members: &'s Map<String, Value>, value: &Value) -> impl Iterator<Item = &'s str> {
    let given = value.as_object();
    let required = members.get("required").and_then(Value::as_array).into_iter().flatten();
    required.filter_map(Value::as_str).filter(move |name| given.is_some_and(|given| !given.contains_key(*name)))
}

fn with_name(place: &str, name: &str) -> String {
    let mut place = format!("{place}/");
    push_name(&mut place, name);
    place
}

fn push(found: &mut Found, place: &str, broken: Broken, members: &Map<String, Value>) {
    found.push(Violation { place: place.to_owned(), kind: broken.kind(), message: broken.message(members) });
}
