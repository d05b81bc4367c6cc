//! Members that no schema names: refused at every depth, and only where the names are known.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests may fail a test")]
#![expect(clippy::disallowed_types, reason = "one test is about time")]

use std::time::{Duration, Instant};

use buckler_schema::{Contract, Instance, Limits, MediaKind, Names, Reading, SchemaId, Types};
use serde_json::{Value, json};

const CLOSED: Reading = Reading { types: Types::Lax, names: Names::Closed };

fn components() -> Value {
    let animal = |kind: &str, own: &str| {
        json!({"type": "object", "required": ["kind"],
        "properties": {"kind": {"const": kind, "type": "string"}, (own): {"$ref": "#/components/schemas/Point"}}})
    };
    json!({
        "Point": {"type": "object", "properties": {"x": {"type": "integer"}}},
        "Base": {"type": "object", "properties": {"id": {"type": "integer"}}},
        "Child": {"allOf": [{"$ref": "#/components/schemas/Base"}, {"type": "object", "properties": {"at": {"$ref": "#/components/schemas/Point"}}}]},
        "Cat": animal("cat", "bed"), "Dog": animal("dog", "house"),
        "Pet": {"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}], "discriminator": {"propertyName": "kind"}},
        "Tree": {"type": "object", "properties": {"value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/components/schemas/Tree"}, {"type": "null"}]},
            "below": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}}},
        "Sum": {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "sum"}, "of": {"$ref": "#/components/schemas/Term"}}},
        "Product": {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "product"}, "of": {"$ref": "#/components/schemas/Term"}}},
        "Term": {"oneOf": [{"$ref": "#/components/schemas/Sum"}, {"$ref": "#/components/schemas/Product"}, {"type": "integer"}]},
        "Either": {"anyOf": [{"$ref": "#/components/schemas/Left"}, {"$ref": "#/components/schemas/Right"}]},
        "Left": {"type": "object", "properties": {"in": {"$ref": "#/components/schemas/Either"}, "a": {}}},
        "Right": {"type": "object", "properties": {"in": {"$ref": "#/components/schemas/Either"}, "b": {}}},
        "Loose": {"type": "object", "properties": {"a": {}}, "patternProperties": {"^(?!x)": {}}}
    })
}

fn taking(media: &str, schema: &Value, reading: Reading) -> (Contract, SchemaId, SchemaId) {
    let content = json!({(media): {"schema": schema}});
    let document = json!({"openapi": "3.1.0", "components": {"schemas": components()}, "paths": {"/a": {"post": {
        "requestBody": {"content": content}, "responses": {"200": {"content": content}}}}}});
    let contract = Contract::compile(document.to_string().as_bytes(), reading, &Limits::default());
    let contract = contract.unwrap_or_else(|error| panic!("{error}"));
    let operation = &contract.routes[0].operations[0];
    let (asked, told) = (&operation.body.as_ref().unwrap().media[0], &operation.responses[0].media[0]);
    let (asked, told) = (asked.schema.unwrap(), told.schema.unwrap());
    (contract, asked, told)
}

/// Schema, values with names that it has, values with one that it has not and the place where that is told.
type Case = (Value, Vec<Value>, Vec<(Value, &'static str)>);

#[test]
fn members_without_a_schema_are_refused_at_every_depth() {
    // R40
    let of = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let cases: Vec<Case> = vec![
        (of("Point"), vec![json!({"x": 1}), json!({})], vec![(json!({"x": 1, "y": 1}), "")]),
        (
            json!({"properties": {"p": of("Point"), "l": {"items": of("Point")}, "m": {"additionalProperties": of("Point")}}}),
            vec![json!({"p": {"x": 1}, "l": [{"x": 1}], "m": {"any": {"x": "1"}}})],
            vec![
                (json!({"p": {"y": 1}}), "/p"),
                (json!({"l": [{}, {"y": 1}]}), "/l/1"),
                (json!({"m": {"any": {"y": 1}}}), "/m"),
                (json!({"q": 1}), ""),
            ],
        ),
        (
            of("Child"),
            vec![json!({"id": 1, "at": {"x": 1}})],
            vec![(json!({"id": 1, "y": 1}), ""), (json!({"id": 1, "at": {"y": 1}}), "/at")],
        ),
        (
            of("Pet"),
            vec![json!({"kind": "cat", "bed": {"x": 1}}), json!({"kind": "dog", "house": {}})],
            vec![(json!({"kind": "cat", "house": {}}), ""), (json!({"kind": "dog", "house": {"y": 1}}), "/house")],
        ),
        (
            json!({"anyOf": [of("Pet"), {"type": "null"}]}),
            vec![json!(null), json!({"kind": "cat"})],
            vec![(json!({"kind": "cat", "y": 1}), "")],
        ),
        (
            json!({"anyOf": [of("Point"), {"type": "string"}, {"type": "array", "items": of("Point")}]}),
            vec![json!("a"), json!({"x": 1}), json!([{"x": 1}])],
            vec![(json!({"y": 1}), ""), (json!([{"y": 1}]), "/0")],
        ),
        (
            of("Tree"),
            vec![json!({"next": {"next": null, "below": [{"value": 1}]}})],
            vec![(json!({"next": {"below": [{"next": {"y": 1}}]}}), "/next/below/0/next")],
        ),
        (
            json!({"prefixItems": [of("Point"), of("Child")]}),
            vec![json!([{"x": 1}, {"id": 1}])],
            vec![(json!([{}, {"y": 1}]), "/1")],
        ),
        (json!({"allOf": [of("Point")], "title": "p"}), vec![json!({"x": 1})], vec![(json!({"y": 1}), "")]),
        // Where nothing is named, or not all of it is known, nothing is refused.
        (json!({}), vec![json!({"y": {"z": 1}})], vec![]),
        (json!({"type": "object"}), vec![json!({"y": 1})], vec![]),
        (json!({"anyOf": [of("Point"), {"type": "object"}]}), vec![json!({"y": 1})], vec![]),
        (
            json!({"type": "object", "properties": {"a": {}}, "additionalProperties": true}),
            vec![json!({"y": 1})],
            vec![],
        ),
        (
            json!({"if": {"maxItems": 1, "items": {"type": "integer"}}, "then": {"prefixItems": [{}]}, "unevaluatedItems": false}),
            vec![json!([1])],
            vec![],
        ),
        (of("Loose"), vec![json!({"y": 1})], vec![]),
        (json!({"allOf": [of("Point"), of("Loose")], "unevaluatedProperties": false}), vec![json!({"y": 1})], vec![]),
        (json!({"allOf": [of("Point"), {"$dynamicRef": "#x"}]}), vec![json!({"y": 1})], vec![]),
        (
            json!({"if": {"required": ["x"], "properties": {"x": {"type": "integer"}}}, "then": {"properties": {"y": {}}}, "properties": {"x": {}}}),
            vec![json!({"x": 1, "y": 1})],
            vec![],
        ),
    ];
    for (schema, good, broken) in cases {
        let (contract, asked, told) = taking("application/json", &schema, CLOSED);
        for value in good {
            let found = contract.violations(asked, &Instance::from(&value), 5);
            assert!(contract.is_valid(asked, &Instance::from(&value)), "{schema} refuses {value}: {found:?}");
        }
        let (open, open_asked, _) = taking("application/json", &schema, Reading::OF_THE_APP);
        for (value, place) in broken {
            let found = contract.violations(asked, &Instance::from(&value), 5);
            let found: Vec<_> = found.iter().map(|found| (found.place.as_str(), found.kind)).collect();
            assert_eq!(found, [(place, "extra_forbidden")], "{schema} {value}");
            assert!(open.is_valid(open_asked, &Instance::from(&value)), "{schema} {value}");
            // Answers are judged as the document says.
            assert!(contract.is_valid(told, &Instance::from(&value)), "{schema} {value}");
        }
    }
}

#[test]
fn forms_are_closed_as_bodies_are() {
    // R40
    for (media, kind) in
        [("multipart/form-data", MediaKind::Multipart), ("application/x-www-form-urlencoded", MediaKind::Form)]
    {
        let schema = json!({"type": "object", "properties": {"count": {"type": "integer"}, "p": {"$ref": "#/components/schemas/Point"}}});
        let (contract, asked, _) = taking(media, &schema, CLOSED);
        assert_eq!(contract.routes[0].operations[0].body.as_ref().unwrap().media[0].kind, kind);
        assert!(contract.is_valid(asked, &Instance::from(&json!({"count": "7", "p": {"x": "1"}}))));
        assert!(!contract.is_valid(asked, &Instance::from(&json!({"count": "7", "other": "1"}))));
        assert!(!contract.is_valid(asked, &Instance::from(&json!({"p": {"y": "1"}}))));
    }
}

#[test]
fn deep_values_of_unions_are_judged_in_bounded_time() {
    // R40: each union tries each of its parts, and so does whoever explains a refusal.
    let deep = |name: &str, inner: Value, levels: usize, more: Value| {
        (0..levels).fold(inner, |value, _| {
            let mut around = more.clone();
            around[name] = value;
            around
        })
    };
    let cases = [
        ("Tree", deep("next", json!({"y": 1}), 100, json!({}))),
        ("Term", deep("of", json!({"kind": "sum", "y": 1}), 100, json!({"kind": "product"}))),
        ("Term", deep("of", json!("x"), 100, json!({"kind": "product"}))),
        ("Either", deep("in", json!({"y": 1}), 100, json!({}))),
        ("Either", deep("in", json!("x"), 100, json!({"a": 1}))),
    ];
    for reading in [CLOSED, Reading::OF_THE_APP, Reading::LITERAL] {
        for (name, value) in &cases {
            let schema = json!({"$ref": format!("#/components/schemas/{name}")});
            let (contract, asked, _) = taking("application/json", &schema, reading);
            let start = Instant::now();
            let is_valid = contract.is_valid(asked, &Instance::from(value));
            let found = contract.violations(asked, &Instance::from(value), 10);
            assert!(start.elapsed() < Duration::from_secs(2), "{name} {reading:?}: {:?}", start.elapsed());
            assert_eq!(found.is_empty(), is_valid, "{name} {found:?}");
            assert_eq!(
                is_valid,
                reading.names == Names::Open && !value.to_string().contains("\"x\""),
                "{name} {reading:?}"
            );
        }
    }
}
