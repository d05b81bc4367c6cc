//! What accepts more than the document says must not turn into refusing more.
//!
//! Inside of `not`, `if`, `oneOf` and `maxContains` a schema that accepts more makes the whole accept less. There the
//! keyword gives way: `oneOf` is read as `anyOf`, the others are left out.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::fault::Gaps;
use crate::keyword::{LEAVES, LOOSE, held, held_mut, target};
use crate::place::Place;

/// Keywords that turn round what they hold, and those that only mean something beside them.
const TURNING: &[(&str, &[&str])] =
    &[("not", &["not"]), ("if", &["if", "then", "else"]), ("contains", &["maxContains"])];

/// Rewrites the definitions until nothing loose stands where it would refuse.
pub(crate) fn settle(definitions: &mut [Value], places: &[String], gaps: &mut Gaps) {
    let loose = spread(definitions);
    for (definition, place) in definitions.iter_mut().zip(places) {
        rewrite(definition, &loose, &Place::base(place), gaps);
    }
}

/// Which definitions are loose, by themselves or by what they refer to.
fn spread(definitions: &[Value]) -> Vec<bool> {
    let mut referrers: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut loose = vec![false; definitions.len()];
    let mut open = Vec::new();
    for (at, definition) in definitions.iter().enumerate() {
        let is_loose = visit(definition, &mut |members| {
            if let Some(target) = target(members) {
                referrers.entry(target).or_default().push(at);
            }
            members.contains_key(LOOSE)
        });
        if is_loose {
            open.push(at);
        }
    }
    while let Some(at) = open.pop() {
        let Some(known) = loose.get_mut(at) else { continue };
        if !std::mem::replace(known, true) {
            open.extend(referrers.get(&at).into_iter().flatten());
        }
    }
    loose
}

/// Whether any schema in this one says yes; all of them are asked.
fn visit(schema: &Value, ask: &mut impl FnMut(&Map<String, Value>) -> bool) -> bool {
    let Value::Object(members) = schema else { return false };
    let said = ask(members);
    held(members).fold(said, |said, (_, schema)| visit(schema, ask) || said)
}

fn is_loose(value: &Value, loose: &[bool]) -> bool {
    let mut ask = |members: &Map<String, Value>| {
        let target = target(members).and_then(|target| loose.get(target)).is_some_and(|loose| *loose);
        members.contains_key(LOOSE) || target
    };
    match value {
        Value::Array(schemas) => schemas.iter().any(|schema| visit(schema, &mut ask)),
        schema => visit(schema, &mut ask),
    }
}

fn rewrite(schema: &mut Value, loose: &[bool], place: &Place<'_>, gaps: &mut Gaps) {
    let Value::Object(members) = schema else { return };
    for (name, schema) in held_mut(members) {
        rewrite(schema, loose, &place.name(name), gaps);
    }
    for (turning, dropped) in TURNING {
        let turns = members.get(*turning).is_some_and(|schema| is_loose(schema, loose));
        if turns && dropped.iter().any(|name| members.contains_key(*name)) {
            gaps.add(&place.name(turning), turning, "it holds something that is read more widely than it is written");
            members.retain(|name, _| !dropped.contains(&name.as_str()));
            members.insert(LOOSE.to_owned(), Value::Bool(true));
            if *turning == "if" {
                // What it holds may have named members.
                members.insert(LEAVES.to_owned(), Value::Bool(true));
            }
        }
    }
    if members.get("oneOf").is_some_and(|schemas| is_loose(schemas, loose))
        && let Some(schemas) = members.remove("oneOf")
    {
        let any = Value::Object(Map::from_iter([("anyOf".to_owned(), schemas)]));
        match members.get_mut("allOf") {
            Some(Value::Array(all)) => all.push(any),
            _ => drop(members.insert("allOf".to_owned(), Value::Array(vec![any]))),
        }
        members.insert(LOOSE.to_owned(), Value::Bool(true));
    }
}
