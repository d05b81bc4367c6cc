//! Documents that mean harm, or are merely broken: refused with a place, in bounded work, and never a panic.
#![expect(clippy::panic, reason = "helpers of tests may fail a test")]

use buckler_schema::{Contract, Instance, Limits, Names, Reading, Refused, Types};
use proptest::prelude::*;
use serde_json::{Value, json};

fn compile(document: &Value) -> Result<Contract, Refused> {
    read(document, Reading::LITERAL)
}

fn read(document: &Value, reading: Reading) -> Result<Contract, Refused> {
    Contract::compile(document.to_string().as_bytes(), reading, &Limits::default())
}

/// A document whose one operation takes this schema as its body.
fn taking(schema: &Value, components: &Value) -> Value {
    json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "components": {"schemas": components},
        "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}}})
}

fn refused(document: &Value) -> String {
    match compile(document) {
        Ok(_) => panic!("accepted: {document:.200}"),
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn references_lead_nowhere_but_into_the_document() {
    // R40
    for target in
        ["file:///etc/passwd", "https://a.example/x.json", "other.json#/a", "//a.example", "../a", "", "%23/a"]
    {
        let told = refused(&taking(&json!({"$ref": target}), &json!({})));
        assert!(told.contains("leads out of the document"), "{target}: {told}");
        let told = refused(&taking(&json!({"properties": {"a": {"items": {"$ref": target}}}}), &json!({})));
        assert!(told.contains("leads out") && told.contains("/schema/properties/a/items"), "{target}: {told}");
    }
    for (target, expected) in [
        ("#/components/schemas/Gone", "leads nowhere"),
        ("#/%zz", "broken percent encoding"),
        ("#anchor", "leads nowhere"),
        ("#twice", "leads nowhere"),
        ("#/info/title", "a schema is an object or a boolean"),
    ] {
        let twice = json!({"$anchor": "twice", "type": "string"});
        let told = refused(&taking(&json!({"$ref": target}), &json!({"A": twice, "B": {"items": twice}})));
        assert!(told.contains(expected), "{target}: {told}");
    }
}

#[test]
fn what_unfolds_without_end_or_too_far_is_refused() {
    // R40
    let chain = |from: usize, to: usize, make: &dyn Fn(String) -> Value| -> serde_json::Map<String, Value> {
        (from..to).map(|at| (format!("S{at}"), make(format!("#/components/schemas/S{}", at + 1)))).collect()
    };
    let with_end = |mut chain: serde_json::Map<String, Value>, end: usize| {
        chain.insert(format!("S{end}"), json!({"type": "string"}));
        Value::Object(chain)
    };
    let start = json!({"$ref": "#/components/schemas/S0"});
    let double = |next: String| json!({"allOf": [{"$ref": next}, {"$ref": next}]});
    let own = "#/components/schemas/S0";
    let circle = "refers to itself";
    let cases = [
        (json!({"S0": {"$ref": own}}), circle),
        (json!({"S0": {"allOf": [{"$ref": own}]}}), circle),
        (json!({"S0": {"not": {"anyOf": [{"type": "null"}, {"$ref": own}]}}}), circle),
        (
            json!({"S0": {"allOf": [{"$ref": "#/components/schemas/S1"}]}, "S1": {"if": {"$ref": own}, "then": true}}),
            circle,
        ),
        (with_end(chain(0, 40, &double), 40), "judged by more than"),
        (with_end(chain(0, 5_000, &|next| json!({"$ref": next})), 5_000), "nest here"),
        (with_end(chain(0, 500, &|next| json!({"oneOf": [{"$ref": next}, true]})), 500), "nest here"),
    ];
    for (components, expected) in cases {
        let told = refused(&taking(&start, &components));
        assert!(told.contains(expected) && told.contains("#/components/schemas/"), "{told}");
    }
    // A schema may refer to itself for the values inside of its value.
    let tree = json!({"S0": {"type": "object", "properties": {"below": {"type": "array", "items": {"$ref": own}}}}});
    let contract = compile(&taking(&start, &tree)).unwrap();
    let schema = contract.routes[0].operations[0].body.as_ref().unwrap().media[0].schema.unwrap();
    assert!(contract.is_valid(schema, &Instance::from(&json!({"below": [{"below": []}]}))));
    assert!(!contract.is_valid(schema, &Instance::from(&json!({"below": [{"below": [7]}]}))));
    // And a long way from one to the next needs no stack.
    let long = with_end(chain(0, 20_000, &|next| json!({"properties": {"a": {"$ref": next}}})), 20_000);
    compile(&taking(&start, &long)).unwrap();
}

#[test]
fn sizes_are_bounded() {
    // R40
    let deep = |levels: usize| {
        let (open, close) = (r#"{"properties":{"a":"#.repeat(levels), "}}".repeat(levels));
        format!("{{\"openapi\":\"3.1.0\",\"paths\":{{}},\"x\":{open}{{}}{close}}}")
    };
    let many = json!({"openapi": "3.1.0", "paths": Value::Object((0..10_001).map(|at| (format!("/{at}"), json!({}))).collect())});
    let parameters: Vec<_> = (0..1_001).map(|at| json!({"name": format!("p{at}"), "in": "query"})).collect();
    let parameters = json!({"openapi": "3.1.0", "paths": {"/a": {"get": {"parameters": parameters}}}});
    let wide: Vec<_> = (0..400_001).map(|_| json!({})).collect();
    let cases = [
        (deep(60).into_bytes(), "nests too deeply"),
        (deep(100_000).into_bytes(), "nests too deeply"),
        (many.to_string().into_bytes(), "10001 paths"),
        (parameters.to_string().into_bytes(), "more than 1000 parameters"),
        (taking(&json!({"allOf": wide}), &json!({})).to_string().into_bytes(), "too many schemas"),
        (vec![b' '; 40 << 20], "bytes"),
        ([&b"{\"a\":["[..], &b"0,".repeat(5_000_000), b"0]}"].concat(), "commas"),
        (b"openapi: 3.1.0\n".to_vec(), "YAML"),
        (b"[]".to_vec(), "no JSON object"),
        (b"{\"openapi\":\"3.1.0\",\"openapi\":\"3.0.0\"}".to_vec(), "names a member twice"),
        (b"{}".to_vec(), "no OpenAPI document"),
        (b"{\"swagger\":\"2.0\"}".to_vec(), "Swagger 2.0"),
        (b"{\"openapi\":\"4.0.0\"}".to_vec(), "3.0 and 3.1 are read"),
        (b"{\"openapi\":3.1}".to_vec(), "no OpenAPI document"),
        (Vec::new(), "no JSON object"),
    ];
    for (document, expected) in cases {
        let told =
            Contract::compile(&document, Reading::LITERAL, &Limits::default()).err().map(|error| error.to_string());
        let told = told.unwrap_or_else(|| panic!("accepted: {expected}"));
        assert!(told.contains(expected), "{expected}: {told:.300}");
    }
}

#[test]
fn mistakes_name_their_operation_and_are_told_together() {
    // R40
    let document = json!({"openapi": "3.1.0", "paths": {
        "/a": {
            "get": {"parameters": [{"name": "x"}]},
            "post": {"requestBody": {"$ref": "#/components/requestBodies/Gone"}},
            "put": {"parameters": {}},
            "delete": {"responses": {"2000": {}}},
            "patch": {"responses": []},
            "head": {"security": {}},
            "trace": []},
        "b": {},
        "/c": {"$ref": "#/paths/~1c"},
        "/d": {"get": {"parameters": [{"name": "x", "in": "query"}, {"name": "x", "in": "query"}]}},
        "/e": {"get": {"requestBody": {"content": []}}}}});
    let told = refused(&document);
    for expected in [
        "GET /a: #/paths/~1a/get/parameters/0: the parameter stands in `nothing`",
        "POST /a: #/paths/~1a/post/requestBody: `$ref` leads nowhere",
        "PUT /a: #/paths/~1a/put/parameters: `parameters` is no list",
        "DELETE /a: #/paths/~1a/delete/responses/2000: ",
        "PATCH /a: ",
        "HEAD /a: ",
        "TRACE /a: ",
        "#/paths/b: the path `b` does not begin with a slash",
        "#/paths/~1c: more than 16 `$ref`s",
        "GET /d: #/paths/~1d/get/parameters/1: the parameter `x` is there twice",
        "GET /e: #/paths/~1e/get/requestBody/content: `content` is no object",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    assert_eq!(told.lines().count(), 11, "{told}");
}

#[test]
fn no_text_of_a_document_writes_a_line_of_its_own() {
    // R40
    let bad = "a\n\u{1b}[31merror: forged";
    for document in [
        taking(&json!({"$ref": format!("#/{bad}")}), &json!({})),
        json!({"openapi": bad}),
        json!({"openapi": "3.1.0", "paths": {bad: {}}}),
        json!({"openapi": "3.1.0", "paths": {(format!("/{bad}")): {"get": {"parameters": [{"name": bad, "in": bad}]}}}}),
    ] {
        let told = refused(&document);
        assert!(!told.chars().any(char::is_control), "{told:?}");
    }
}

#[test]
fn catastrophic_patterns_are_named_and_not_run() {
    // R40
    for pattern in ["((a{1000}){1000}){1000}", "(", r"(?=(a{1000}){1000})", "[z-a]"] {
        let contract = compile(&taking(&json!({"type": "string", "pattern": pattern}), &json!({}))).unwrap();
        assert_eq!(contract.unenforced.len(), 1, "{pattern}");
        let gap = &contract.unenforced[0];
        assert!(gap.place.ends_with("/schema/pattern") && gap.what.contains(pattern), "{gap:?}");
        let schema = contract.routes[0].operations[0].body.as_ref().unwrap().media[0].schema.unwrap();
        assert!(contract.is_valid(schema, &Instance::from(&json!("anything"))));
        assert!(!contract.is_valid(schema, &Instance::from(&json!(7))));
    }
}

const NAMES: &[&str] = &[
    "type",
    "properties",
    "items",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "enum",
    "const",
    "required",
    "$ref",
    "pattern",
    "patternProperties",
    "format",
    "nullable",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "additionalProperties",
    "prefixItems",
    "discriminator",
    "dependentRequired",
    "$id",
    "$defs",
    "readOnly",
    "unevaluatedProperties",
    "x-buckler-loose",
    "x-buckler-pattern",
    "contains",
    "multipleOf",
    "uniqueItems",
];

/// Values that are shaped like schemas, or nearly.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(0)),
        Just(json!(-1.5)),
        Just(json!("string")),
        Just(json!(["string", "null"])),
        Just(json!({})),
        Just(json!("#/components/schemas/A")),
        Just(json!("#/components/schemas/B")),
        Just(json!("^a+$")),
        Just(json!("date")),
        Just(json!([]))
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let name = proptest::sample::select(NAMES);
        prop_oneof![
            proptest::collection::vec((name, inner.clone()), 0..5).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
            proptest::collection::vec(inner, 0..3).prop_map(Value::Array),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// R40: whatever stands where a schema should, is refused with a place or becomes a validator that ends.
    #[test]
    fn any_schema_compiles_or_is_refused(given in schema(), a in schema(), b in schema(), value in schema(), early: bool) {
        let mut document = taking(&given, &json!({"A": a, "B": b}));
        document["openapi"] = json!(if early { "3.0.3" } else { "3.1.0" });
        match compile(&document) {
            Ok(contract) => {
                let closed = Reading { types: Types::Lax, names: Names::Closed };
                let contracts = [Ok(contract), read(&document, Reading::OF_THE_APP), read(&document, closed)];
                let valid = contracts.map(|contract| {
                    let contract = contract.unwrap_or_else(|refused| panic!("{refused}\n{document}"));
                    let schema = contract.routes[0].operations[0].body.as_ref().unwrap().media[0].schema.unwrap();
                    let is_valid = contract.is_valid(schema, &Instance::from(&value));
                    assert_eq!(is_valid, contract.violations(schema, &Instance::from(&value), 9).is_empty());
                    is_valid
                });
                let [literal, lax, closed] = valid;
                // Coercing takes more, closing less.
                prop_assert!(lax || !(literal || closed), "{valid:?} {value} {document}");
            }
            Err(refused) => {
                // The library has nothing to complain about in what we hand to it.
                for fault in &refused.faults {
                    prop_assert!(fault.place.len() > 1, "{fault}\n{document}");
                }
            }
        }
    }
}
