//! Members that no schema names, refused wherever a value is judged.
//!
//! An object is closed where its schema is entered: a body, a member, an item. Never inside of a composition, whose
//! parts each see only some of the names. Where one place names them all, the plain keyword closes it, which costs
//! next to nothing; elsewhere `unevaluatedProperties` does.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use crate::keyword::{LEAVES, LOOSE, held, held_mut, target};
use crate::made::definition;
use crate::verdict::{Judge, NAMING, Verdict};

/// Keywords whose schemas judge values inside of the value.
const ENTRANCES: &[&str] = &[
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "items",
    "prefixItems",
    "unevaluatedItems",
];

/// Keywords whose schemas name members of the same value.
const PARTS: &[&str] = &["$ref", "allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas"];

/// Takes `unevaluatedProperties` and `unevaluatedItems` away where what was left out may have evaluated some. Whether
/// any was: that makes a schema accept more, which others have to know.
pub(crate) fn settle(definitions: &mut [Value]) -> bool {
    if !definitions.iter().any(leaves) {
        return false;
    }
    let originals = definitions.to_vec();
    let mut judge = Judge::new(&originals);
    let mut changed = false;
    // All of them, whatever the ones before say.
    for definition in definitions.iter_mut() {
        changed |= open(definition, &mut judge);
    }
    changed
}

fn leaves(schema: &Value) -> bool {
    let Value::Object(members) = schema else { return false };
    members.contains_key(LEAVES) || held(members).any(|(_, schema)| leaves(schema))
}

fn open(schema: &mut Value, judge: &mut Judge<'_>) -> bool {
    let is_unknown = schema.get("unevaluatedProperties").is_some() && judge.verdict(schema) == Verdict::Unknown;
    let Value::Object(members) = schema else { return false };
    // Items are too rare to be looked for in each part.
    let mut changed = members.remove("unevaluatedItems").is_some();
    changed |= is_unknown && members.remove("unevaluatedProperties").is_some();
    if changed {
        members.insert(LOOSE.to_owned(), Value::Bool(true));
    }
    held_mut(members).fold(changed, |changed, (_, schema)| open(schema, judge) || changed)
}

/// Closes what is entered. `entered` are the definitions that a value is judged by as a whole, and `requests` those
/// that requests are judged by. The copies that are needed come last.
pub(crate) fn close(definitions: &mut Vec<Value>, places: &mut Vec<String>, entered: &[usize], requests: &[bool]) {
    let mut made = std::mem::take(definitions);
    let mut copies = Copies { first: made.len(), known: HashMap::new(), open: VecDeque::new() };
    let originals = made.clone();
    let mut judge = Judge::new(&originals);
    for (at, definition) in made.iter_mut().enumerate() {
        if requests.get(at) == Some(&true) {
            inner(definition, &mut judge, &mut copies);
            if entered.binary_search(&at).is_ok() {
                enter(definition, &mut judge, &mut copies);
            }
        }
    }
    while let Some(at) = copies.open.pop_front() {
        let mut copy = made.get(at).cloned().unwrap_or(Value::Bool(true));
        enter(&mut copy, &mut judge, &mut copies);
        made.push(copy);
        places.push(places.get(at).cloned().unwrap_or_default());
    }
    *definitions = made;
}

/// Definitions that are needed a second time, closed.
struct Copies {
    first: usize,
    known: HashMap<usize, usize>,
    open: VecDeque<usize>,
}

impl Copies {
    fn of(&mut self, at: usize) -> usize {
        let next = self.first + self.known.len();
        *self.known.entry(at).or_insert_with(|| {
            self.open.push_back(at);
            next
        })
    }
}

/// Closes what is inside of the values that a schema judges.
fn inner(schema: &mut Value, judge: &mut Judge<'_>, copies: &mut Copies) {
    let Value::Object(members) = schema else { return };
    for (name, schema) in held_mut(members) {
        if ENTRANCES.contains(&name) {
            inner(schema, judge, copies);
            enter(schema, judge, copies);
        } else if PARTS.contains(&name) && name != "if" {
            inner(schema, judge, copies);
        }
    }
}

/// Closes a schema that stands where a value is entered.
fn enter(schema: &mut Value, judge: &mut Judge<'_>, copies: &mut Copies) {
    if judge.verdict(schema) != Verdict::Named {
        return;
    }
    let Value::Object(members) = schema else { return };
    let parts: Vec<&str> = PARTS.iter().filter(|name| members.contains_key(**name)).copied().collect();
    let names = NAMING.iter().any(|name| members.contains_key(*name));
    let says = members.contains_key("additionalProperties") || members.contains_key("unevaluatedProperties");
    match parts.as_slice() {
        [] if says => {}
        [] => drop(members.insert("additionalProperties".to_owned(), false.into())),
        ["$ref"] if !names => {
            if let Some(target) = target(members) {
                members.insert("$ref".to_owned(), definition(copies.of(target)).into());
            }
        }
        // One that takes objects is as good as none beside it.
        [name @ ("allOf" | "anyOf" | "oneOf")] if !names && judge.takers(members, name) == 1 => {
            for schema in members.get_mut(*name).and_then(Value::as_array_mut).into_iter().flatten() {
                enter(schema, judge, copies);
            }
        }
        _ => {
            members.entry("unevaluatedProperties").or_insert(false.into());
        }
    }
}
