//! The tests of JSON Schema's own suite, each judged as a request's body. Standard input holds the suite's files as members
//! of one object; printed is a line of JSON for each test: its name, what the suite wants, what is said here and why, and
//! what of its schema is named as not judged. `tests/suites/test_json_schema.py` asks for it.
//!
//! A schema of the suite is a document of its own, so `#` is its top; here it stands below `components`, and what refers
//! to its top refers to that. Nothing else of it is changed.
#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::error::Error;
use std::io;

use buckler_schema::{Contract, Instance, Limits, Reading};
use serde_json::{Map, Value, json};

/// Where the schema under test stands.
const TOP: &str = "#/components/schemas/Tested";

fn main() -> Result<(), Box<dyn Error>> {
    let files: Map<String, Value> = serde_json::from_reader(io::stdin().lock())?;
    for (name, groups) in &files {
        groups.as_array().into_iter().flatten().for_each(|group| judge(name, group));
    }
    Ok(())
}

fn judge(file: &str, group: &Value) {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut schema = group.get("schema").cloned().unwrap_or_default();
    lower(&mut schema);
    let document = json!({
        "openapi": "3.1.0", "info": {"title": "suite", "version": "1"}, "components": {"schemas": {"Tested": schema}},
        "paths": {"/": {"post": {"responses": {}, "requestBody": {"content": {"application/json": {"schema": {"$ref": TOP}}}}}}},
    });
    let compiled = Contract::compile(document.to_string().as_bytes(), Reading::LITERAL, &Limits::default());
    let unenforced: Vec<&str> =
        compiled.iter().flat_map(|contract| &contract.unenforced).map(|gap| gap.what.as_str()).collect();
    for test in group.get("tests").and_then(Value::as_array).into_iter().flatten() {
        let value = Instance::from(test.get("data").unwrap_or(&Value::Null));
        let (said, why) = match &compiled {
            Err(refused) => ("document refused", refused.to_string()),
            Ok(contract) if is_valid(contract, &value) => ("valid", String::new()),
            Ok(_) => ("invalid", String::new()),
        };
        let wanted = if test.get("valid") == Some(&Value::Bool(true)) { "valid" } else { "invalid" };
        let id = format!("{file} / {} / {}", text(group, "description"), text(test, "description"));
        println!("{}", json!({"id": id, "wanted": wanted, "said": said, "why": why, "unenforced": unenforced}));
    }
}

fn is_valid(contract: &Contract, value: &Instance<'_>) -> bool {
    let operation = contract.routes.first().and_then(|route| route.operations.first());
    let media = operation.and_then(|operation| operation.body.as_ref()).and_then(|body| body.media.first());
    media.and_then(|media| media.schema).is_none_or(|schema| contract.is_valid(schema, value))
}

/// Leads references to the top of the schema to where that stands now.
fn lower(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(lower),
        Value::Object(members) => {
            lower_reference(members);
            // Values, and no schemas.
            let schemas = members.iter_mut().filter(|(name, _)| !matches!(name.as_str(), "const" | "enum"));
            schemas.for_each(|(_, schema)| lower(schema));
        }
        _ => {}
    }
}

fn lower_reference(members: &mut Map<String, Value>) {
    let Some(Value::String(reference)) = members.get_mut("$ref") else { return };
    if let Some(pointer) = reference.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        *reference = format!("{TOP}{pointer}");
    }
}
