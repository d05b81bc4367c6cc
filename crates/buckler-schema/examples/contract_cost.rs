//! What a contract costs: to compile, and to judge bodies by. `cargo run --release -p buckler-schema --example
//! contract_cost`.
#![expect(clippy::disallowed_types, reason = "it measures time")]
#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use buckler_schema::{Contract, Instance, Limits, Names, Reading, SchemaId, Types};
use serde_json::{Map, Value, json};

const OPERATIONS: usize = 1_000;

/// How long each figure is measured.
const LONG: Duration = Duration::from_millis(1_500);

fn main() -> Result<(), Box<dyn Error>> {
    let document = document().to_string();
    println!("{OPERATIONS} operations, {} KB", document.len() / 1_000);
    let closed = Reading { types: Types::Lax, names: Names::Closed };
    for (name, reading) in
        [("strict, open", Reading::LITERAL), ("lax, open", Reading::OF_THE_APP), ("lax, closed", closed)]
    {
        let mut fastest = Duration::MAX;
        for _ in 0..5 {
            let start = Instant::now();
            black_box(Contract::compile(document.as_bytes(), reading, &Limits::default())?);
            fastest = fastest.min(start.elapsed());
        }
        println!("{name}: compiled in {:.0} ms", fastest.as_secs_f64() * 1e3);
        let contract = Contract::compile(document.as_bytes(), reading, &Limits::default())?;
        let route = contract.find("/things7/1").ok_or("no route")?.route;
        let body = route.operations.iter().find_map(|operation| operation.body.as_ref()).ok_or("no body")?;
        let schema = body.media.first().and_then(|media| media.schema).ok_or("no schema")?;
        for lines in [4, 111] {
            measure(&contract, schema, &order(lines).to_string())?;
        }
    }
    Ok(())
}

fn measure(contract: &Contract, schema: SchemaId, text: &str) -> Result<(), Box<dyn Error>> {
    let broken = text.replacen("\"count\":3", "\"count\":\"x\"", 1);
    assert!(contract.is_valid(schema, &Instance::read(text.as_bytes())?), "the body is what the contract says");
    assert!(!contract.is_valid(schema, &Instance::read(broken.as_bytes())?), "and now it is not");
    let parse = timed(|| Instance::read(text.as_bytes()).is_ok());
    let both = timed(|| Instance::read(text.as_bytes()).is_ok_and(|value| contract.is_valid(schema, &value)));
    let told = timed(|| {
        Instance::read(broken.as_bytes()).is_ok_and(|value| !contract.violations(schema, &value, 10).is_empty())
    });
    let mut line = String::new();
    write!(line, "  body of {} bytes: {:.1} µs parsed and judged, {:.1} µs of it parsed;", text.len(), both, parse)?;
    println!("{line} {told:.1} µs with what is wrong told");
    Ok(())
}

/// Microseconds for one, the median of many hundred.
fn timed(mut work: impl FnMut() -> bool) -> f64 {
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed() < LONG {
        let one = Instant::now();
        for _ in 0..50 {
            assert!(black_box(work()), "measured is what works");
        }
        times.push(one.elapsed().as_secs_f64() * 1e6 / 50.0);
    }
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn order(lines: usize) -> Value {
    let line = json!({"name": "Ceylon, loose", "code": "TEA-0042", "count": 3, "price": 12.5, "kind": "black", "organic": true,
        "packed": "2026-01-02T03:04:05Z", "tags": ["loose", "leaf"], "note": null, "id": "12345678-1234-4234-8234-123456789012"});
    json!({"customer": {"name": "Ada", "mail": "ada@example.com", "address": {"street": "Long 1", "city": "Ely", "zip": "CB7"}},
        "lines": vec![line; lines], "paid": false})
}

fn document() -> Value {
    let text = |most: u32| json!({"type": "string", "minLength": 1, "maxLength": most});
    let (mut schemas, mut paths) = (Map::new(), Map::new());
    for at in 0..OPERATIONS / 4 {
        let of = |name: &str| json!({"$ref": format!("#/components/schemas/{name}{at}")});
        let mut add = |name: &str, required: Value, properties: Value| {
            schemas.insert(
                format!("{name}{at}"),
                json!({"type": "object", "required": required, "properties": properties, "title": name}),
            )
        };
        add(
            "Address",
            json!(["street", "city"]),
            json!({"street": text(100), "city": text(100), "zip": {"type": "string", "pattern": "^[A-Z0-9]{3,8}$"}}),
        );
        add(
            "Customer",
            json!(["name"]),
            json!({"name": text(80), "mail": {"anyOf": [{"type": "string", "format": "email"}, {"type": "null"}]}, "address": of("Address")}),
        );
        add(
            "Line",
            json!(["name", "count", "price"]),
            json!({"name": text(80), "code": {"type": "string", "pattern": "^[A-Z]{3}-\\d{4}$"},
            "count": {"type": "integer", "minimum": 1, "maximum": 100}, "price": {"type": "number", "exclusiveMinimum": 0},
            "kind": {"enum": ["black", "green", "white"], "type": "string"}, "organic": {"type": "boolean"},
            "packed": {"type": "string", "format": "date-time"}, "tags": {"type": "array", "items": text(20), "maxItems": 10},
            "note": {"anyOf": [text(500), {"type": "null"}]}, "id": {"type": "string", "format": "uuid"}}),
        );
        add(
            "Order",
            json!(["customer", "lines"]),
            json!({"customer": of("Customer"), "lines": {"type": "array", "items": of("Line")}, "paid": {"type": "boolean"}}),
        );
        let content = |schema: Value| json!({"application/json": {"schema": schema}});
        let id = json!({"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}});
        let page = json!([{"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1, "default": 1}},
            {"name": "search", "in": "query", "schema": {"anyOf": [text(50), {"type": "null"}]}}]);
        let answer = json!({"200": {"description": "ok", "content": content(of("Order"))}});
        let body = json!({"required": true, "content": content(of("Order"))});
        paths.insert(format!("/things{at}"), json!({"get": {"parameters": page, "responses": answer}, "post": {"requestBody": body, "responses": answer}}));
        paths.insert(
            format!("/things{at}/{{id}}"),
            json!({"put": {"parameters": [id], "requestBody": body, "responses": answer},
            "delete": {"parameters": [id], "responses": {"204": {"description": "gone"}}}}),
        );
    }
    json!({"openapi": "3.1.0", "info": {"title": "many", "version": "1"}, "components": {"schemas": schemas}, "paths": paths})
}
