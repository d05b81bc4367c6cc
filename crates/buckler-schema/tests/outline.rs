//! R41: which members an answer has by its schema, at every depth.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests may fail a test")]

use buckler_schema::{Contract, Limits, Member, Outline, OutlineAt, Reading};
use serde_json::{Value, json};

fn components() -> Value {
    json!({
        "User": {"type": "object", "properties": {"name": {"type": "string"}, "boss": {"$ref": "#/components/schemas/User"}}},
        "Cat": {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}},
        "Dog": {"type": "object", "properties": {"kind": {"const": "dog"}, "owner": {"$ref": "#/components/schemas/User"}}},
        "Sealed": {"type": "object", "properties": {"a": true}, "additionalProperties": false},
        "Password": {"type": "string", "writeOnly": true},
    })
}

fn outline(schema: &Value, limits: &Limits) -> (Outline, OutlineAt) {
    let document = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "components": {"schemas": components()},
        "paths": {"/": {"get": {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}}}}});
    let contract = Contract::compile(document.to_string().as_bytes(), Reading::OF_THE_APP, &Limits::default());
    let contract = contract.unwrap_or_else(|refused| panic!("{refused}"));
    let schema = contract.routes[0].operations[0].responses[0].media[0].schema.unwrap();
    let outline = contract.outline([schema], limits);
    let root = outline.root(schema);
    (outline, root)
}

/// The value without undeclared members.
fn declared(outline: &Outline, at: OutlineAt, value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter_map(|(name, value)| match outline.member(at, name) {
                Member::Declared(below) => Some((name.clone(), declared(outline, below, value))),
                Member::Undeclared => None,
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| declared(outline, outline.item(at, index), item)).collect()
        }
        other => other.clone(),
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[test]
fn what_no_schema_names_is_told_from_what_one_does() {
    let user = reference("User");
    let leak = json!({"name": "a", "hash": 1});
    let cases = [
        // Objects, items and references within each other.
        (
            user.clone(),
            json!({"name": "a", "hash": 1, "boss": {"hash": 1, "boss": leak}}),
            json!({"name": "a", "boss": {"boss": {"name": "a"}}}),
        ),
        (json!({"type": "array", "items": user}), json!([leak, 1, [leak]]), json!([{"name": "a"}, 1, [{}]])),
        (
            json!({"type": "array", "prefixItems": [user], "items": {"type": "integer"}}),
            json!([leak, leak]),
            json!([{"name": "a"}, {}]),
        ),
        (json!({"type": "array", "prefixItems": [user]}), json!([leak, leak]), json!([{"name": "a"}, leak])),
        // Nothing is said: nothing is taken away.
        (json!({}), leak.clone(), leak.clone()),
        (json!(true), leak.clone(), leak.clone()),
        (json!({"type": "object"}), leak.clone(), leak.clone()),
        (json!({"type": "array"}), json!([leak]), json!([leak])),
        (json!({"anyOf": [user, {"type": "object"}]}), leak.clone(), leak.clone()),
        (json!({"type": "object", "properties": {"a": {}}}), json!({"a": leak, "b": 1}), json!({"a": leak})),
        // Members of any name; those that have a schema are held to it.
        (
            json!({"additionalProperties": true, "properties": {"a": user}}),
            json!({"a": leak, "b": leak}),
            json!({"a": {"name": "a"}, "b": leak}),
        ),
        (json!({"additionalProperties": user}), json!({"b": leak}), json!({"b": {"name": "a"}})),
        (
            json!({"patternProperties": {"^x": user}, "additionalProperties": false}),
            json!({"x": leak, "y": leak}),
            json!({"x": {"name": "a"}, "y": {"name": "a"}}),
        ),
        (reference("Sealed"), json!({"a": leak, "b": 1}), json!({"a": leak})),
        // Compositions: the names of all parts.
        (
            json!({"allOf": [user, {"properties": {"age": {"type": "integer"}}}]}),
            json!({"name": "a", "age": 1, "hash": 1}),
            json!({"name": "a", "age": 1}),
        ),
        (json!({"allOf": [user, {"required": ["name"]}]}), leak.clone(), json!({"name": "a"})),
        (json!({"allOf": [user, {"additionalProperties": true}]}), leak.clone(), leak.clone()),
        (
            json!({"oneOf": [reference("Cat"), reference("Dog")]}),
            json!({"kind": "cat", "lives": 9, "owner": leak, "chip": 1}),
            json!({"kind": "cat", "lives": 9, "owner": {"name": "a"}}),
        ),
        (json!({"anyOf": [user, {"type": "null"}]}), leak.clone(), json!({"name": "a"})),
        (json!({"anyOf": [user, {"type": "array", "items": user}]}), json!([leak]), json!([{"name": "a"}])),
        (json!({"anyOf": [{"type": "array", "items": user}, {"type": "array"}]}), json!([leak]), json!([leak])),
        (
            json!({"properties": {"a": user}, "anyOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}),
            json!({"a": leak, "b": 1, "c": 1}),
            json!({"a": {"name": "a"}, "b": 1}),
        ),
        (
            json!({"properties": {"a": {}}, "if": {"required": ["a"]}, "then": {"properties": {"b": user}}, "else": {"properties": {"c": {}}}}),
            json!({"a": 1, "b": leak, "c": 1, "d": 1}),
            json!({"a": 1, "b": {"name": "a"}, "c": 1}),
        ),
        (
            json!({"properties": {"a": {}}, "dependentSchemas": {"a": {"properties": {"b": {}}}}}),
            json!({"a": 1, "b": 1, "c": 1}),
            json!({"a": 1, "b": 1}),
        ),
        (
            json!({"properties": {"a": user}, "unevaluatedProperties": false}),
            json!({"a": leak, "c": 1}),
            json!({"a": {"name": "a"}}),
        ),
        // Names that cannot be told.
        (json!({"properties": {"a": {}}, "$dynamicRef": "#/components/schemas/User"}), leak.clone(), leak.clone()),
        // Where no object can be, none of its members is declared.
        (json!({"type": "string"}), leak.clone(), json!({})),
        (json!({"type": "string"}), json!([leak]), json!([{}])),
        (user.clone(), json!([leak]), json!([{}])),
        (json!({"properties": {"a": {"type": ["string", "null"]}}}), json!({"a": leak}), json!({"a": {}})),
        (json!({"properties": {"a": false, "b": {}}}), json!({"a": 1, "b": 1}), json!({"b": 1})),
        // What only requests carry is no member of an answer.
        (
            json!({"properties": {"a": {"readOnly": true}, "b": {"writeOnly": true}, "c": reference("Password")}}),
            json!({"a": 1, "b": 1, "c": 1}),
            json!({"a": 1}),
        ),
        (
            json!({"properties": {"b": {"writeOnly": true}}, "additionalProperties": true}),
            json!({"b": 1, "c": 1}),
            json!({"c": 1}),
        ),
    ];
    for (schema, value, kept) in cases {
        let (outline, root) = outline(&schema, &Limits::default());
        assert_eq!(declared(&outline, root, &value), kept, "{schema}");
        assert_eq!(outline.left_open, 0, "{schema}");
    }
}

#[test]
fn what_is_beyond_the_bounds_is_open_and_counted() {
    let value = json!({"name": "a", "boss": {"x": 1}, "hash": 1});
    for outlined in 0..8 {
        let (outline, root) = outline(&reference("User"), &Limits { outlined, ..Limits::default() });
        let kept = declared(&outline, root, &value);
        let whole = outline.left_open == 0;
        assert_eq!(kept, if whole { json!({"name": "a", "boss": {}}) } else { value.clone() }, "{outlined}");
        assert_eq!(whole, outlined >= 4, "{outlined}");
    }
    // Alternatives of alternatives: what they are put together of does not grow without end.
    let many: Vec<Value> =
        (0..100).map(|at| json!({"properties": {"next": {"properties": {format!("p{at}"): {}}}}})).collect();
    let (outline, root) = outline(&json!({"anyOf": many}), &Limits::default());
    let Member::Declared(next) = outline.member(root, "next") else { panic!("undeclared") };
    assert_eq!((next, outline.member(root, "other"), outline.left_open), (OutlineAt::OPEN, Member::Undeclared, 1));
}
