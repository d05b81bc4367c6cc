//! Limits, as text or as a table, and the rules of a route.

use buckler_limits::{Limit, StoreDown, language};
use buckler_schema::Template;
use serde_json::json;

use super::{Grammar, Integer, List, OneOf, Shape};
use crate::diagnostic::{Code, Faults};
use crate::node::{Entry, Node, NodeValue};
use crate::settings::{LimitRule, Route};
use crate::suggest::{nearest, quoted};

/// The words of `store_down`.
pub(crate) const STORE_DOWN: OneOf<StoreDown> = OneOf { words: StoreDown::WORDS };

/// `"5/minute per ip"`, or `{ limit = …, store_down = … }`
pub(crate) struct LimitText;

const LIMIT_FORM: &str = "write { limit = \"5/minute per ip\", store_down = \"closed\" }";

impl Grammar for LimitText {
    type Value = LimitRule;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<LimitRule> {
        let NodeValue::Table(entries) = &node.value else {
            return Some(LimitRule { limit: limit(node, faults)?, store_down: None });
        };
        let complete = only(entries, &["limit", "store_down"], faults);
        let limit = needed(node, entries, "limit", LIMIT_FORM, faults).and_then(|value| limit(value, faults));
        let store_down = match find(entries, "store_down") {
            Some(entry) => Some(STORE_DOWN.parse(&entry.value, faults)?),
            None => None,
        };
        complete.then_some(LimitRule { limit: limit?, store_down })
    }

    fn shape(&self) -> Shape {
        Shape::new(
            "a limit: `\"5/minute per ip\"`, `\"100/hour burst 20 per ip+route\"`, `\"5/30s\"` (a rate), `\"1000/day per \
             header:x-api-key\"`, `\"20000/month\"` (a quota); or `{ limit = \"…\", store_down = \"open\" }`",
            json!({ "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "limit": { "type": "string" }, "store_down": STORE_DOWN.shape().schema },
                    "required": ["limit"],
                    "additionalProperties": false,
                },
            ] }),
        )
    }
}

fn limit(node: &Node, faults: &mut Faults) -> Option<Limit> {
    let Some(text) = node.text() else {
        node.wrong_type("a limit", faults).help(language::EXAMPLES);
        return None;
    };
    let limit: Limit = match text.parse() {
        Ok(limit) => limit,
        Err(error) => {
            // Quotes and escapes may stand before the mistake; where they hide it, the whole is shown.
            let within = node.place.excerpt().find(text).map(|at| at + node.place.span().start);
            let place = within
                .map_or_else(|| node.place.clone(), |at| node.place.at(at + error.span.start..at + error.span.end));
            let fault = faults.refuse(Code::Invalid, &place, format!("{} is not a limit", quoted(text)));
            fault.label(error.reason).help(error.help);
            return None;
        }
    };
    if let Some(dimension) = limit.per.iter().find(|dimension| dimension.needs_identity()) {
        let message = format!("`per {dimension}` needs accounts, which this release does not have");
        faults
            .refuse(Code::NotInThisRelease, &node.place, message)
            .label("there is nobody to count it for")
            .help("count it `per ip`, or per what clients identify themselves with: `per header:authorization`");
        return None;
    }
    Some(limit)
}

/// `{ match = …, limits = […], cost = … }`
pub(crate) struct RouteRules;

/// What a route may say, and what it will be able to say.
const ROUTE_NAMES: [&str; 3] = ["match", "limits", "cost"];
const ROUTE_LATER: [(&str, &str); 2] = [("access", "accounts and access rules"), ("upload", "inspection of uploads")];
const ROUTE_FORM: &str = "write [[route]], and below it match = \"POST /users/{user_id}/avatar\"";

/// What one request may take at once.
const COST: Integer<u32> = Integer { least: 1, most: 1_000_000, unit: "uses" };

/// Longest `match`.
const LONGEST_MATCH: usize = 500;

impl Grammar for RouteRules {
    type Value = Route;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<Route> {
        let NodeValue::Table(entries) = &node.value else {
            node.wrong_type("a table with `match`", faults).help(ROUTE_FORM);
            return None;
        };
        let mut complete = true;
        for entry in entries {
            if let Some((name, purpose)) = ROUTE_LATER.iter().find(|(name, _)| *name == entry.name) {
                let message = format!("`{name}` of a route is not enforced by this release ({purpose})");
                faults.refuse(Code::NotInThisRelease, &entry.place, message).label("would have no effect").help(
                    "remove it: a policy that names a control which is not there would promise more than it keeps",
                );
                complete = false;
            }
        }
        let known: Vec<&str> = ROUTE_NAMES.into_iter().chain(ROUTE_LATER.iter().map(|(name, _)| *name)).collect();
        complete &= only(entries, &known, faults);
        let matched = needed(node, entries, "match", ROUTE_FORM, faults).and_then(|value| matched(value, faults));
        let limits = match find(entries, "limits") {
            Some(entry) => (List { item: LimitText, not_empty: None }).parse(&entry.value, faults),
            None => Some(Vec::new()),
        };
        let cost = match find(entries, "cost") {
            Some(entry) => COST.parse(&entry.value, faults),
            None => Some(1),
        };
        let (method, template) = matched?;
        complete.then_some(Route { method, template, limits: limits?, cost: cost? })
    }

    fn shape(&self) -> Shape {
        Shape::new(
            "a table with `match` (`\"POST /users/{user_id}/avatar\"`, or a path for every method), `limits` (a list of \
             limits as in `limits.default`) and `cost` (what one request takes of each limit, 1 to 1000000; 1 unless told)",
            json!({
                "type": "object",
                "properties": {
                    "match": { "type": "string", "maxLength": LONGEST_MATCH },
                    "limits": (List { item: LimitText, not_empty: None }).shape().schema,
                    "cost": COST.shape().schema,
                },
                "required": ["match"],
                "additionalProperties": false,
            }),
        )
    }
}

/// `GET /items/{id}` or `/items/{id}`.
fn matched(node: &Node, faults: &mut Faults) -> Option<(Option<String>, Template)> {
    let Some(text) = node.text() else {
        node.wrong_type("a string", faults).help(ROUTE_FORM);
        return None;
    };
    let (method, path) = match text.split_once(char::is_whitespace) {
        Some((method, path)) => (Some(method), path.trim_start()),
        None => (None, text),
    };
    let is_method = method.is_none_or(|method| !method.is_empty() && method.bytes().all(|b| b.is_ascii_alphabetic()));
    if !is_method || !path.starts_with('/') || path.contains(char::is_whitespace) || text.len() > LONGEST_MATCH {
        faults
            .refuse(Code::Invalid, &node.place, format!("{} is not a route", quoted(text)))
            .label("`METHOD /path`, or `/path` for every method")
            .help("write match = \"POST /users/{user_id}/avatar\"");
        return None;
    }
    match Template::parse(path) {
        Ok(template) => Some((method.map(str::to_ascii_uppercase), template)),
        Err(why) => {
            faults.refuse(Code::Invalid, &node.place, why).help("write match = \"POST /users/{user_id}/avatar\"");
            None
        }
    }
}

fn find<'e>(entries: &'e [Entry], name: &str) -> Option<&'e Entry> {
    entries.iter().find(|entry| entry.name == name)
}

fn needed<'e>(node: &Node, entries: &'e [Entry], name: &str, form: &str, faults: &mut Faults) -> Option<&'e Node> {
    let entry = find(entries, name);
    if entry.is_none() {
        faults.refuse(Code::Missing, &node.place, format!("`{name}` is missing")).help(form);
    }
    entry.map(|entry| &entry.value)
}

/// Refuses every other name; whether there was none.
fn only(entries: &[Entry], known: &[&str], faults: &mut Faults) -> bool {
    let mut complete = true;
    for entry in entries.iter().filter(|entry| !known.contains(&entry.name.as_str())) {
        let fault = faults.refuse(Code::UnknownKey, &entry.place, format!("unknown key {}", quoted(&entry.name)));
        match nearest(&entry.name, known.iter().copied()) {
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None => fault.help(format!("known here: {}", known.join(", "))),
        };
        complete = false;
    }
    complete
}
