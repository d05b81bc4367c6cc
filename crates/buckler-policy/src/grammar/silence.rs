//! A finding that is silenced, as one table.

use serde_json::json;

use super::{Grammar, Shape};
use crate::coverage::{FindingId, Scope};
use crate::diagnostic::{Code, Faults};
use crate::node::{Entry, Node, NodeValue};
use crate::settings::Silence;
use crate::suggest::{nearest, quoted};

/// `{ id = …, route = …, reason = … }`
pub(crate) struct SilencedFinding;

const NAMES: [&str; 3] = ["id", "route", "reason"];

const FORM: &str =
    "write { id = \"B101\", route = \"GET /health\", reason = \"the load balancer asks, and it tells nothing\" }";

/// Longest of each text: routes and reasons are written by hand, and shown in one line.
const LONGEST: usize = 500;

impl Grammar for SilencedFinding {
    type Value = Silence;

    fn parse(&self, node: &Node, faults: &mut Faults) -> Option<Silence> {
        let NodeValue::Table(entries) = &node.value else {
            node.wrong_type("a table with `id`, `route` and `reason`", faults).help(FORM);
            return None;
        };
        let mut complete = true;
        for entry in entries.iter().filter(|entry| !NAMES.contains(&entry.name.as_str())) {
            let fault = faults.refuse(Code::UnknownKey, &entry.place, format!("unknown key {}", quoted(&entry.name)));
            match nearest(&entry.name, NAMES) {
                Some(near) => fault.help(format!("did you mean `{near}`?")),
                None => fault.help("known here: id, route, reason"),
            };
            complete = false;
        }
        let id = id(node, entries, faults);
        let route = match find(entries, "route") {
            None => Some(None),
            Some(entry) => text(&entry.value, faults).and_then(|text| route(&text, &entry.value, faults)).map(Some),
        };
        let reason = reason(node, entries, faults);
        if let (Some(id), Some(Some(_)), Some(entry)) = (id, &route, find(entries, "route"))
            && id.scope() == Scope::App
        {
            let message = format!("{} is about the whole app, not about a route", id.code());
            faults.refuse(Code::Conflict, &entry.value.place, message).help("remove `route`");
            complete = false;
        }
        complete.then_some(Silence { id: id?, route: route?, reason: reason? })
    }

    fn shape(&self) -> Shape {
        let codes: Vec<&str> = FindingId::ALL.iter().map(|id| id.code()).collect();
        Shape::new(
            "a table with `id` (a finding of `docs/coverage.md`), `reason` (required) and `route` (`GET /health`, \
             `WEBSOCKET /chat`, `MOUNT /static`, or `/health` for all of it; without one, every route)",
            json!({
                "type": "object",
                "properties": {
                    "id": { "enum": codes },
                    "route": { "type": "string", "maxLength": LONGEST },
                    "reason": { "type": "string", "minLength": 1, "maxLength": LONGEST },
                },
                "required": ["id", "reason"],
                "additionalProperties": false,
            }),
        )
    }
}

fn find<'e>(entries: &'e [Entry], name: &str) -> Option<&'e Entry> {
    entries.iter().find(|entry| entry.name == name)
}

fn text(node: &Node, faults: &mut Faults) -> Option<String> {
    let Some(text) = node.text() else {
        node.wrong_type("a string", faults);
        return None;
    };
    let text = text.trim();
    if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        let message = format!("{} is too long, or has control characters", quoted(text));
        faults.refuse(Code::Invalid, &node.place, message).label(format!("one line of at most {LONGEST} characters"));
        return None;
    }
    Some(text.to_owned())
}

fn id(node: &Node, entries: &[Entry], faults: &mut Faults) -> Option<FindingId> {
    let Some(entry) = find(entries, "id") else {
        faults.refuse(Code::Missing, &node.place, "`id` is missing").help(FORM);
        return None;
    };
    let text = text(&entry.value, faults)?;
    if let Some(id) = FindingId::of(&text) {
        return Some(id);
    }
    let fault = faults.refuse(Code::Invalid, &entry.value.place, format!("{} is no finding", quoted(&text)));
    match FindingId::meant(&text) {
        Some(id) => fault.help(format!("did you mean \"{}\" ({})?", id.code(), id.title())),
        None => fault.help("`buckler check --app APP` shows the ids, docs/coverage.md tells what each means"),
    };
    None
}

fn reason(node: &Node, entries: &[Entry], faults: &mut Faults) -> Option<String> {
    let Some(entry) = find(entries, "reason") else {
        faults
            .refuse(Code::Missing, &node.place, "`reason` is missing")
            .help("say why it may stay as it is: whoever reads the policy next year has nothing else to go by");
        return None;
    };
    let text = text(&entry.value, faults)?;
    if text.is_empty() {
        faults.refuse(Code::Invalid, &entry.value.place, "`reason` is empty").help("say why it may stay as it is");
        return None;
    }
    Some(text)
}

/// `GET /health` or `/health`; whether there is such a route shows when the app is looked at.
fn route(text: &str, node: &Node, faults: &mut Faults) -> Option<String> {
    let (method, path) = match text.split_once(char::is_whitespace) {
        Some((method, path)) => (Some(method), path.trim_start()),
        None => (None, text),
    };
    let is_method = method.is_none_or(|method| !method.is_empty() && method.bytes().all(|b| b.is_ascii_alphabetic()));
    if !is_method || !path.starts_with('/') || path.contains(char::is_whitespace) {
        faults
            .refuse(Code::Invalid, &node.place, format!("{} is not a route", quoted(text)))
            .label("`METHOD /path`, or `/path` for all of it");
        return None;
    }
    Some(method.map_or_else(|| path.to_owned(), |method| format!("{} {path}", method.to_ascii_uppercase())))
}
