//! Schemas of requests, as Pydantic reads values by default.
//!
//! What it coerces is taken, because the app behind us takes it. All that is said of values which hold no others goes
//! into one keyword of ours ([`crate::scalar`]); it accepts more than is written, and is marked so.

use serde_json::{Map, Value};

use crate::fault::Gaps;
use crate::format::{self, Takes};
use crate::keyword::{LAX, PATTERN};
use crate::made::Made;
use crate::place::Place;
use crate::scalar;

/// Types that other values are coerced to, whatever else is said of them.
const COERCED: &[&str] = &["boolean", "integer", "number"];

/// Keywords that are read differently, or that only ever stand beside such.
const READ: &[&str] =
    &["enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "maxLength", PATTERN];

/// Widens a schema to what Pydantic takes where it would write such a schema.
pub(crate) fn relax(made: &mut Made, source: &Map<String, Value>, place: &Place<'_>, gaps: &mut Gaps) {
    one_of(made);
    sets(made, place, gaps);
    named_tuples(made, source);
    scalars(made, source);
}

/// Pydantic writes `oneOf` where a discriminator chooses, which may be a function of the app: two may fit.
fn one_of(made: &mut Made) {
    let Some(schemas) = made.members.remove("oneOf") else { return };
    made.is_loose = true;
    match made.members.remove("anyOf") {
        None => drop(made.members.insert("anyOf".to_owned(), schemas)),
        Some(others) => {
            let any = |schemas| Value::Object(Map::from_iter([("anyOf".to_owned(), schemas)]));
            let both = [any(schemas), any(others)];
            match made.members.get_mut("allOf") {
                Some(Value::Array(all)) => all.extend(both),
                _ => drop(made.members.insert("allOf".to_owned(), Value::Array(both.into()))),
            }
        }
    }
}

/// A set takes what it holds already, and is counted afterwards.
fn sets(made: &mut Made, place: &Place<'_>, gaps: &mut Gaps) {
    if made.members.get("uniqueItems") != Some(&Value::Bool(true)) {
        return;
    }
    made.members.remove("uniqueItems");
    made.is_loose = true;
    if made.members.remove("maxItems").is_some() {
        gaps.add(&place.name("maxItems"), "maxItems", "a set is counted once its repetitions are gone");
    }
}

/// A tuple whose items have names may be written as an object. Of those that refer elsewhere no name is seen.
fn named_tuples(made: &mut Made, source: &Map<String, Value>) {
    let Some(Value::Array(items)) = source.get("prefixItems") else { return };
    let is_named = |item: &Value| item.get("title").is_some() || item.get("$ref").is_some();
    if items.iter().all(is_named) && made.members.get("type").is_some_and(|name| name == "array") {
        made.members.insert("type".to_owned(), Value::from(vec!["array", "object"]));
        made.is_loose = true;
    }
}

fn scalars(made: &mut Made, source: &Map<String, Value>) {
    let format = source.get("format").and_then(Value::as_str);
    let is_coerced = scalar::types(&made.members).any(|name| COERCED.contains(&name))
        || READ.iter().any(|name| made.members.contains_key(*name))
        || made.members.get("const").is_some_and(|value| !value.is_string())
        || format.is_some_and(|name| format::takes(name) != Takes::Text);
    if !is_coerced {
        return;
    }
    let names = scalar::KEYWORDS.iter().filter(|name| made.members.contains_key(**name)).copied();
    let names: Vec<&str> = names.collect();
    let mut read: Map<String, Value> =
        names.iter().filter_map(|name| Some(((*name).to_owned(), made.members.remove(*name)?))).collect();
    // Also one that nothing checks says what else may be there.
    if let Some(format) = format {
        read.insert("format".to_owned(), format.into());
    }
    if !read.is_empty() {
        made.members.insert(LAX.to_owned(), Value::Object(read));
        made.is_loose = true;
    }
}
