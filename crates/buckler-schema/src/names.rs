//! Members that no schema names, refused wherever a value is judged.
//!
//! An object is closed where its schema is entered: a body, a member, an item. Never inside of a composition, whose
//! parts each see only some of the names. Where one place names them all, the plain keyword closes it, which costs
//! next to nothing; elsewhere `unevaluatedProperties` does.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value};

use crate::keyword::{LAX, LEAVES, LOOSE, held, held_mut, target};
use crate::made::definition;
use crate::scalar;

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

/// Keywords that name members, or say what becomes of the others.
const NAMING: &[&str] = &["properties", "patternProperties", "additionalProperties", "unevaluatedProperties"];

/// What a schema says of the members of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It takes no objects.
    Elsewhere,
    /// Nothing.
    Silent,
    /// It names them.
    Named,
    /// It names some that are not known to us.
    Unknown,
}

/// Takes `unevaluatedProperties` and `unevaluatedItems` away where what was left out may have evaluated some. Whether
/// any was: that makes a schema accept more, which others have to know.
pub(crate) fn settle(definitions: &mut [Value]) -> bool {
    if !definitions.iter().any(leaves) {
        return false;
    }
    let originals = definitions.to_vec();
    let mut judge = Judge { definitions: &originals, known: HashMap::new() };
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
    let mut judge = Judge { definitions: &originals, known: HashMap::new() };
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

/// What definitions say, each looked at once. No schema refers to itself for the same value: that is seen before.
struct Judge<'d> {
    definitions: &'d [Value],
    known: HashMap<usize, Verdict>,
}

impl Judge<'_> {
    /// How many of a list may be what an object is judged by.
    fn takers(&mut self, members: &Map<String, Value>, name: &str) -> usize {
        let schemas = members.get(name).and_then(Value::as_array);
        schemas
            .into_iter()
            .flatten()
            .filter(|schema| name == "allOf" || self.verdict(schema) != Verdict::Elsewhere)
            .count()
    }

    fn verdict(&mut self, schema: &Value) -> Verdict {
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(false) => return Verdict::Elsewhere,
            _ => return Verdict::Silent,
        };
        if !takes_objects(members) {
            return Verdict::Elsewhere;
        }
        let names = NAMING.iter().any(|name| members.contains_key(*name));
        let mut all = vec![if names { Verdict::Named } else { Verdict::Silent }];
        if members.contains_key(LEAVES) {
            all.push(Verdict::Unknown);
        }
        all.extend(target(members).map(|at| self.referred(at)));
        for (name, schema) in held(members) {
            match name {
                "allOf" => all.push(self.verdict(schema)),
                // What holds only sometimes names something, or nothing.
                "if" | "then" | "else" | "dependentSchemas" if self.verdict(schema) == Verdict::Unknown => {
                    all.push(Verdict::Unknown);
                }
                _ => {}
            }
        }
        for name in ["anyOf", "oneOf"] {
            if let Some(Value::Array(schemas)) = members.get(name) {
                let each: Vec<Verdict> = schemas.iter().map(|schema| self.verdict(schema)).collect();
                all.push(any(&each));
            }
        }
        [Verdict::Unknown, Verdict::Elsewhere, Verdict::Named]
            .into_iter()
            .find(|verdict| all.contains(verdict))
            .unwrap_or(Verdict::Silent)
    }

    fn referred(&mut self, at: usize) -> Verdict {
        if let Some(known) = self.known.get(&at) {
            return *known;
        }
        let definitions = self.definitions;
        // A copy is made of what is closed.
        let verdict = definitions.get(at).map_or(Verdict::Named, |definition| self.verdict(definition));
        self.known.insert(at, verdict);
        verdict
    }
}

fn any(each: &[Verdict]) -> Verdict {
    let mut takers = each.iter().filter(|verdict| **verdict != Verdict::Elsewhere).peekable();
    if takers.peek().is_none() {
        return Verdict::Elsewhere;
    }
    if each.contains(&Verdict::Unknown) {
        return Verdict::Unknown;
    }
    if takers.all(|verdict| *verdict == Verdict::Named) { Verdict::Named } else { Verdict::Silent }
}

fn takes_objects(members: &Map<String, Value>) -> bool {
    let says = |members: &Map<String, Value>| {
        let mut types = scalar::types(members).peekable();
        let typed = types.peek().is_none() || types.any(|name| name == "object");
        let values = members.get("const").map(std::slice::from_ref);
        let values = values.or_else(|| members.get("enum").and_then(Value::as_array).map(Vec::as_slice));
        typed && values.is_none_or(|values| values.iter().any(Value::is_object))
    };
    says(members) && members.get(LAX).and_then(Value::as_object).is_none_or(says)
}
