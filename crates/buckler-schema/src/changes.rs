//! What of a document has changed since another one was in force: operations, by what they are made of.
//!
//! An operation is made of its own part of the document and of all that this refers to. Each part is kept as a hash that
//! knows no order of members and no remarks (descriptions, examples), together with the parts it refers to. So two
//! documents are compared without either of their texts, in time that grows with their size alone: what has changed
//! itself taints whatever refers to it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;
use serde_json::Value;

use crate::document::Document;
use crate::keyword::REMARKS;
use crate::limits::Limits;
use crate::place::{Place, shown};
use crate::router::Route;

/// Remarks of operations, beside those of schemas.
const REMARKS_OF_OPERATIONS: &[&str] = &["summary", "tags"];

/// Members whose value is a map: its names are the author's, and none of them is a remark.
const MAPS: &[&str] = &[
    "properties",
    "patternProperties",
    "dependentSchemas",
    "responses",
    "content",
    "headers",
    "callbacks",
    "encoding",
];

/// Operations that were added, removed or changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Only the newer document has them.
    pub added: Named,
    /// Only the older one had them.
    pub removed: Named,
    /// Both have them, and what they take or give is another.
    pub changed: Named,
}

/// Some operations, of which the first ones are named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Named {
    /// How many.
    pub count: usize,
    /// The first of them, as `GET /items/{id}`, in the order of their document.
    pub first: Vec<String>,
}

impl Changes {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.added.count + self.removed.count + self.changed.count == 0
    }
}

impl Named {
    fn add(&mut self, (method, template): Key<'_>, most: usize) {
        self.count += 1;
        if self.first.len() < most {
            self.first.push(format!("{method} {}", shown(template)));
        }
    }
}

/// Method and template.
type Key<'c> = (&'c str, &'c str);

/// What each operation of a document is made of.
#[derive(Debug, Default)]
pub(crate) struct Fingerprints {
    /// For each operation of each route, in their order.
    operations: Vec<Vec<Part>>,
    /// What is referred to, by the reference.
    parts: Vec<(String, Part)>,
}

/// A part of a document.
#[derive(Debug, Default)]
struct Part {
    own: u64,
    /// Places in [`Fingerprints::parts`].
    refers_to: Vec<u32>,
}

impl Fingerprints {
    pub(crate) fn of(document: &Document, routes: &[Route], limits: &Limits) -> Self {
        let root = Place::base("#");
        let paths = document.root.get("paths").and_then(Value::as_object);
        let mut reading = Reading { known: HashMap::new(), texts: Vec::new(), most: limits.references };
        let nothing = Value::Null;
        let operations = routes
            .iter()
            .map(|route| {
                let item = paths.and_then(|paths| paths.get(&route.template.text)).unwrap_or(&nothing);
                let item = document.follow(item, &root).map_or(item, |(item, _)| item);
                let shared = item.get("parameters").unwrap_or(&nothing);
                let security = document.root.get("security").unwrap_or(&nothing);
                let of = |method: &str| {
                    let given = item.get(method.to_ascii_lowercase()).unwrap_or(&nothing);
                    let security = if given.get("security").is_some() { &nothing } else { security };
                    reading.part(&[given, shared, security])
                };
                route.operations.iter().map(|operation| operation.method).map(of).collect()
            })
            .collect();
        let mut parts = Vec::new();
        while let Some(reference) = reading.texts.get(parts.len()).cloned() {
            let found = document.resolve(&reference, &root).unwrap_or(&nothing);
            parts.push((reference, reading.part(&[found])));
        }
        Self { operations, parts }
    }
}

/// Collects what is referred to.
struct Reading {
    known: HashMap<String, u32>,
    /// In the order in which they were found.
    texts: Vec<String>,
    most: usize,
}

impl Reading {
    fn part(&mut self, values: &[&Value]) -> Part {
        let mut refers_to = Vec::new();
        let mut hasher = DefaultHasher::new();
        for value in values {
            self.hash(value, Names::Keywords, &mut refers_to).hash(&mut hasher);
        }
        refers_to.sort_unstable();
        refers_to.dedup();
        Part { own: hasher.finish(), refers_to }
    }

    /// As deep as the document, which is bounded.
    fn hash(&mut self, value: &Value, names: Names, refers_to: &mut Vec<u32>) -> u64 {
        let mut hasher = DefaultHasher::new();
        match value {
            Value::Object(members) => {
                let mut all = 0_u64;
                for (name, value) in members {
                    if names == Names::Keywords && is_remark(name, value) {
                        continue;
                    }
                    if let ("$ref", Value::String(reference)) = (name.as_str(), value) {
                        refers_to.extend(self.reference(reference));
                    }
                    let below = names.below(name);
                    let mut member = DefaultHasher::new();
                    (name, self.hash(value, below, refers_to)).hash(&mut member);
                    // Members have no order.
                    all = all.wrapping_add(member.finish());
                }
                (0_u8, all).hash(&mut hasher);
            }
            Value::Array(items) => {
                1_u8.hash(&mut hasher);
                for item in items {
                    self.hash(item, Names::Keywords, refers_to).hash(&mut hasher);
                }
            }
            Value::String(text) => (2_u8, text).hash(&mut hasher),
            Value::Number(number) => (3_u8, number.to_string()).hash(&mut hasher),
            Value::Bool(flag) => (4_u8, flag).hash(&mut hasher),
            Value::Null => 5_u8.hash(&mut hasher),
        }
        hasher.finish()
    }

    fn reference(&mut self, text: &str) -> Option<u32> {
        if let Some(known) = self.known.get(text) {
            return Some(*known);
        }
        let at = u32::try_from(self.texts.len()).ok().filter(|_| self.texts.len() < self.most)?;
        self.known.insert(text.to_owned(), at);
        self.texts.push(text.to_owned());
        Some(at)
    }
}

/// What the names of an object are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Keywords of the format.
    Keywords,
    /// The author's own.
    Authors,
}

impl Names {
    fn below(self, name: &str) -> Self {
        if self == Self::Keywords && MAPS.contains(&name) { Self::Authors } else { Self::Keywords }
    }
}

/// What clients are not held to. `default` is what an app that is not sent a value reads; marks of our own say how a
/// schema is read.
fn is_remark(name: &str, value: &Value) -> bool {
    match name {
        "default" | "readOnly" | "writeOnly" | "nullable" | "$anchor" | "$defs" | "definitions" => false,
        "title" | "description" | "summary" => value.is_string(),
        _ => {
            REMARKS.contains(&name)
                || REMARKS_OF_OPERATIONS.contains(&name)
                || (name.starts_with("x-") && !name.starts_with("x-buckler-"))
        }
    }
}

/// An operation with what it is made of.
type Operation<'c> = (Key<'c>, &'c Part);

fn operations<'c>(routes: &'c [Route], prints: &'c Fingerprints) -> impl Iterator<Item = Operation<'c>> {
    routes.iter().zip(&prints.operations).flat_map(|(route, parts)| {
        let keys = route.operations.iter().map(|operation| (operation.method, route.template.text.as_str()));
        keys.zip(parts)
    })
}

/// What has changed from one document to the next, each kind with the names of at most so many.
pub(crate) fn between(
    (old_routes, old): (&[Route], &Fingerprints),
    (new_routes, new): (&[Route], &Fingerprints),
    most: usize,
) -> Changes {
    let mut changes = Changes::default();
    let mut before: HashMap<Key<'_>, &Part> = operations(old_routes, old).collect();
    let tainted = tainted(old, new);
    let is_tainted = |part: &u32| usize::try_from(*part).ok().and_then(|at| tainted.get(at)).is_some_and(|is| *is);
    for (key, part) in operations(new_routes, new) {
        match before.remove(&key) {
            None => changes.added.add(key, most),
            Some(known) if known.own != part.own || part.refers_to.iter().any(is_tainted) => {
                changes.changed.add(key, most);
            }
            Some(_) => {}
        }
    }
    for (key, _) in operations(old_routes, old).filter(|(key, _)| before.contains_key(key)) {
        changes.removed.add(key, most);
    }
    changes
}

/// Which parts of the new document are others than before, themselves or by what they refer to.
fn tainted(old: &Fingerprints, new: &Fingerprints) -> Vec<bool> {
    let before: HashMap<&str, u64> = old.parts.iter().map(|(text, part)| (text.as_str(), part.own)).collect();
    let mut tainted: Vec<bool> =
        new.parts.iter().map(|(text, part)| before.get(text.as_str()) != Some(&part.own)).collect();
    let mut referred_by: Vec<Vec<usize>> = vec![Vec::new(); new.parts.len()];
    for (at, (_, part)) in new.parts.iter().enumerate() {
        for to in &part.refers_to {
            let to = usize::try_from(*to).ok().and_then(|to| referred_by.get_mut(to));
            if let Some(by) = to {
                by.push(at);
            }
        }
    }
    let mut open: Vec<usize> = tainted.iter().enumerate().filter(|(_, is)| **is).map(|(at, _)| at).collect();
    while let Some(at) = open.pop() {
        for by in referred_by.get(at).into_iter().flatten() {
            if let Some(is) = tainted.get_mut(*by).filter(|is| !**is) {
                *is = true;
                open.push(*by);
            }
        }
    }
    tainted
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
