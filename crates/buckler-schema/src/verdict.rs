//! What schemas say of the members of an object, over all their parts.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::keyword::{LAX, LEAVES, held, target};
use crate::scalar;

/// Keywords that name members, or say what becomes of the others.
pub(crate) const NAMING: &[&str] =
    &["properties", "patternProperties", "additionalProperties", "unevaluatedProperties"];

/// What a schema says of the members of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It takes no objects.
    Elsewhere,
    /// Nothing.
    Silent,
    /// It names them.
    Named,
    /// It names some that are not known to us.
    Unknown,
}

/// Values that hold others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    Object,
    Array,
}

/// What definitions say, each looked at once. No schema refers to itself for the same value: that is seen before.
pub(crate) struct Judge<'d> {
    definitions: &'d [Value],
    known: HashMap<usize, Verdict>,
}

impl<'d> Judge<'d> {
    pub(crate) fn new(definitions: &'d [Value]) -> Self {
        Self { definitions, known: HashMap::new() }
    }

    /// How many of a list may be what an object is judged by.
    pub(crate) fn takers(&mut self, members: &Map<String, Value>, name: &str) -> usize {
        let schemas = members.get(name).and_then(Value::as_array);
        schemas
            .into_iter()
            .flatten()
            .filter(|schema| name == "allOf" || self.verdict(schema) != Verdict::Elsewhere)
            .count()
    }

    pub(crate) fn verdict(&mut self, schema: &Value) -> Verdict {
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(false) => return Verdict::Elsewhere,
            _ => return Verdict::Silent,
        };
        if !takes(members, Container::Object) {
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
        self::all(&all)
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

/// What is said by schemas that hold together.
pub(crate) fn all(each: &[Verdict]) -> Verdict {
    [Verdict::Unknown, Verdict::Elsewhere, Verdict::Named]
        .into_iter()
        .find(|verdict| each.contains(verdict))
        .unwrap_or(Verdict::Silent)
}

/// What is said by schemas of which one holds.
pub(crate) fn any(each: &[Verdict]) -> Verdict {
    let mut takers = each.iter().filter(|verdict| **verdict != Verdict::Elsewhere).peekable();
    if takers.peek().is_none() {
        return Verdict::Elsewhere;
    }
    if each.contains(&Verdict::Unknown) {
        return Verdict::Unknown;
    }
    if takers.all(|verdict| *verdict == Verdict::Named) { Verdict::Named } else { Verdict::Silent }
}

/// Whether a schema's own keywords let such a value be.
pub(crate) fn takes(members: &Map<String, Value>, container: Container) -> bool {
    let (wanted, is): (&str, fn(&Value) -> bool) = match container {
        Container::Object => ("object", Value::is_object),
        Container::Array => ("array", Value::is_array),
    };
    let says = |members: &Map<String, Value>| {
        let mut types = scalar::types(members).peekable();
        let typed = types.peek().is_none() || types.any(|name| name == wanted);
        let values = members.get("const").map(std::slice::from_ref);
        let values = values.or_else(|| members.get("enum").and_then(Value::as_array).map(Vec::as_slice));
        typed && values.is_none_or(|values| values.iter().any(is))
    };
    says(members) && members.get(LAX).and_then(Value::as_object).is_none_or(says)
}
