//! The lax reading beside Pydantic itself: what it takes is never refused, and what it refuses mostly is.
//!
//! The corpus is written by `tests/python/test_contract_corpus.py`, which also holds it to the installed Pydantic.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests may fail a test")]

use buckler_schema::{Contract, Instance, Limits, Reading, SchemaId};
use serde_json::{Value, json};

const CORPUS: &str = include_str!("fixtures/pydantic.jsonl");

fn taking(schema: &Value, components: &Value, reading: Reading) -> (Contract, SchemaId) {
    let document = json!({"openapi": "3.1.0", "components": {"schemas": components}, "paths": {"/a": {"post": {
        "requestBody": {"content": {"application/json": {"schema": schema}}}}}}});
    let contract = Contract::compile(document.to_string().as_bytes(), reading, &Limits::default());
    let contract = contract.unwrap_or_else(|error| panic!("{error}"));
    let schema = contract.routes[0].operations[0].body.as_ref().unwrap().media[0].schema.unwrap();
    (contract, schema)
}

#[test]
fn what_pydantic_takes_is_never_refused() {
    // R40
    let (mut taken, mut refused, mut missed) = (0, 0, 0);
    let mut wrong = Vec::new();
    for line in CORPUS.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (contract, schema) = taking(&line["schema"], &line["components"], Reading::OF_THE_APP);
        for value in line["taken"].as_array().unwrap() {
            taken += 1;
            if !contract.is_valid(schema, &Instance::from(value)) {
                let told = contract.violations(schema, &Instance::from(value), 3);
                wrong.push(format!("{} refuses {value}: {told:?}", line["schema"]));
            }
        }
        for value in line["refused"].as_array().unwrap() {
            let told = contract.violations(schema, &Instance::from(value), 3);
            assert_eq!(contract.is_valid(schema, &Instance::from(value)), told.is_empty(), "{value}");
            refused += usize::from(!told.is_empty());
            missed += usize::from(told.is_empty());
        }
    }
    assert!(wrong.is_empty(), "{} of {taken} refused:\n{}", wrong.len(), wrong.join("\n"));
    let share = refused * 1000 / (refused + missed);
    println!("taken {taken}; refused {refused} of {}, {share} ‰", refused + missed);
    assert!(taken > 2_000 && share >= 800, "{refused} refused, {missed} taken that Pydantic refuses");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_is_plainly_wrong_is_refused_in_the_words_of_pydantic() {
    // R40
    let item = json!({"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 4}, "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10},
        "price": {"type": "number", "exclusiveMinimum": 0, "maximum": 5}, "step": {"type": "integer", "multipleOf": 5},
        "is_new": {"type": "boolean"}, "color": {"$ref": "#/components/schemas/Color"}, "kind": {"const": "tea", "type": "string"},
        "id": {"type": "string", "format": "uuid"}, "at": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"}, "mail": {"type": "string", "format": "email"},
        "code": {"type": "string", "pattern": "^[A-Z]{2}$"}, "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
        "some": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "map": {"type": "object", "additionalProperties": {"type": "integer"}},
        "strict": {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false},
        "next": {"anyOf": [{"$ref": "#/components/schemas/Item"}, {"type": "null"}]},
        "pet": {"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]},
        "either": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, "only": {"type": "null"}}});
    let animal = |kind: &str| json!({"type": "object", "required": ["kind", "age"], "properties": {"kind": {"const": kind, "type": "string"}, "age": {"type": "integer"}}});
    let components = json!({"Item": item, "Color": {"enum": ["red", "blue"], "type": "string"}, "Cat": animal("cat"), "Dog": animal("dog")});
    let (contract, schema) = taking(&json!({"$ref": "#/components/schemas/Item"}), &components, Reading::OF_THE_APP);
    let cases: &[(Value, &str, &str, &str)] = &[
        (json!({}), "/name", "missing", "Field required"),
        (json!([]), "", "model_attributes_type", "Input should be a valid dictionary or object to extract fields from"),
        (json!({"name": 1}), "/name", "string_type", "Input should be a valid string"),
        (json!({"name": "a"}), "/name", "string_too_short", "String should have at least 2 characters"),
        (json!({"name": "abcde"}), "/name", "string_too_long", "String should have at most 4 characters"),
        (
            json!({"count": "x"}),
            "/count",
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
        (json!({"count": []}), "/count", "int_type", "Input should be a valid integer"),
        (
            json!({"count": 1.5}),
            "/count",
            "int_from_float",
            "Input should be a valid integer, got a number with a fractional part",
        ),
        (json!({"count": "0"}), "/count", "greater_than_equal", "Input should be greater than or equal to 1"),
        (json!({"count": 10}), "/count", "less_than", "Input should be less than 10"),
        (json!({"price": "0.0"}), "/price", "greater_than", "Input should be greater than 0"),
        (json!({"price": 6}), "/price", "less_than_equal", "Input should be less than or equal to 5"),
        (
            json!({"price": "x"}),
            "/price",
            "float_parsing",
            "Input should be a valid number, unable to parse string as a number",
        ),
        (json!({"price": {}}), "/price", "float_type", "Input should be a valid number"),
        (json!({"step": 7}), "/step", "multiple_of", "Input should be a multiple of 5"),
        (
            json!({"is_new": "x"}),
            "/is_new",
            "bool_parsing",
            "Input should be a valid boolean, unable to interpret input",
        ),
        (json!({"is_new": 2}), "/is_new", "bool_parsing", "Input should be a valid boolean, unable to interpret input"),
        (json!({"is_new": []}), "/is_new", "bool_type", "Input should be a valid boolean"),
        (json!({"color": "green"}), "/color", "enum", "Input should be 'red' or 'blue'"),
        (json!({"kind": "coffee"}), "/kind", "literal_error", "Input should be 'tea'"),
        (json!({"id": "x"}), "/id", "uuid_parsing", "Input should be a valid UUID"),
        (json!({"at": "x"}), "/at", "datetime_parsing", "Input should be a valid datetime"),
        (json!({"day": "x"}), "/day", "date_parsing", "Input should be a valid date or datetime"),
        (json!({"mail": "x"}), "/mail", "value_error", "value is not a valid email address"),
        (json!({"code": "a1"}), "/code", "string_pattern_mismatch", "String should match pattern '^[A-Z]{2}$'"),
        (json!({"tags": "x"}), "/tags", "list_type", "Input should be a valid list"),
        (json!({"tags": []}), "/tags", "too_short", "List should have at least 1 item after validation"),
        (json!({"tags": ["a", "b", "c"]}), "/tags", "too_long", "List should have at most 2 items after validation"),
        (json!({"tags": ["a", 1]}), "/tags/1", "string_type", "Input should be a valid string"),
        (
            json!({"some": "x"}),
            "/some",
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
        (json!({"map": 1}), "/map", "dict_type", "Input should be a valid dictionary"),
        (
            json!({"map": {"secret": "x"}}),
            "/map",
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
        (json!({"strict": {"secret": 1}}), "/strict", "extra_forbidden", "Extra inputs are not permitted"),
        (json!({"next": {"next": {"count": 1}}}), "/next/name", "missing", "Field required"),
        (
            json!({"pet": {"kind": "dog", "age": "x"}}),
            "/pet/age",
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
        (
            json!({"pet": {"kind": "cow", "age": 1}}),
            "/pet",
            "contract_violation",
            "Input is not what the contract says",
        ),
        (json!({"either": "x"}), "/either", "contract_violation", "Input is not what the contract says"),
        (json!({"only": 0}), "/only", "none_required", "Input should be None"),
    ];
    for (value, place, kind, message) in cases {
        let mut value = value.clone();
        if *place != "/name"
            && let Some(members) = value.as_object_mut()
        {
            members.entry("name").or_insert(json!("tea"));
        }
        let found = contract.violations(schema, &Instance::from(&value), 10);
        let told: Vec<_> =
            found.iter().map(|found| (found.place.as_str(), found.kind, found.message.as_ref())).collect();
        assert!(told.contains(&(place, kind, message)), "{value}: {told:?}");
        assert!(!contract.is_valid(schema, &Instance::from(&value)));
    }
    assert_eq!(
        contract.violations(schema, &Instance::from(&json!({"count": "x", "price": "x", "step": "x"})), 2).len(),
        2
    );
}
