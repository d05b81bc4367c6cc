//! What a document may say, feature by feature: what is judged, and what is named as not judged.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests may fail a test")]

use buckler_schema::{Contract, FieldKind, Instance, Limits, Location, MediaKind, Reading, Shape, Style};
use serde_json::{Value, json};

use FieldKind::{File, Json, Text};
use Location::{Cookie, Header, Path, Query};

fn compile(document: &Value) -> Contract {
    Contract::compile(document.to_string().as_bytes(), Reading::LITERAL, &Limits::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn with_body(openapi: &str, schema: &Value) -> Contract {
    compile(&json!({"openapi": openapi, "info": {"title": "t", "version": "1"}, "components": {"schemas": {
        "Cat": {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}, "required": ["kind"]},
        "Dog": {"type": "object", "properties": {"kind": {"const": "dog"}, "born": {"type": "string", "format": "date"}}, "required": ["kind"]},
        "Tree": {"$anchor": "tree", "type": "object", "properties": {"left": {"$ref": "#/components/schemas/Tree"}, "at": {"type": "integer"}},
            "additionalProperties": false}}},
        "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}}}))
}

fn judge(contract: &Contract, value: &Value) -> bool {
    let body = contract.routes[0].operations[0].body.as_ref().unwrap();
    let schema = body.media[0].schema.unwrap();
    let is_valid = contract.is_valid(schema, &Instance::from(value));
    assert_eq!(is_valid, contract.violations(schema, &Instance::from(value), 10).is_empty(), "{value}");
    is_valid
}

/// Version, schema, values that break it, values that do not, how many remarks.
type Case = (&'static str, Value, Vec<Value>, Vec<Value>, usize);

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn schemas() {
    // R40
    let cat_or_dog = json!([{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]);
    let cases: Vec<Case> = vec![
        (
            "3.1.0",
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
            vec![json!(1)],
            vec![json!("a"), json!(null)],
            0,
        ),
        ("3.1.0", json!({"type": ["integer", "null"]}), vec![json!("a"), json!(1.5)], vec![json!(1), json!(null)], 0),
        (
            "3.0.3",
            json!({"type": "string", "nullable": true, "enum": ["a"]}),
            vec![json!("b"), json!(1)],
            vec![json!("a"), json!(null)],
            0,
        ),
        (
            "3.0.3",
            json!({"type": "integer", "minimum": 3, "exclusiveMinimum": true}),
            vec![json!(3)],
            vec![json!(4)],
            0,
        ),
        (
            "3.0.3",
            json!({"type": "integer", "maximum": 3, "exclusiveMaximum": false}),
            vec![json!(4)],
            vec![json!(3)],
            0,
        ),
        ("3.1.0", json!({"type": "integer", "exclusiveMinimum": 3}), vec![json!(3)], vec![json!(4)], 0),
        // Beside a reference nothing counts in 3.0, and all of it in 3.1.
        (
            "3.0.3",
            json!({"$ref": "#/components/schemas/Cat", "maxProperties": 1}),
            vec![json!({})],
            vec![json!({"kind": "cat", "a": 1})],
            0,
        ),
        (
            "3.1.0",
            json!({"$ref": "#/components/schemas/Cat", "maxProperties": 1}),
            vec![json!({"kind": "cat", "a": 1})],
            vec![json!({"kind": "cat"})],
            0,
        ),
        (
            "3.1.0",
            json!({"oneOf": cat_or_dog, "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/components/schemas/Cat"}}}),
            vec![json!({"kind": "cow"}), json!({"kind": "dog", "born": "long ago"}), json!({})],
            vec![json!({"kind": "cat"}), json!({"kind": "dog", "born": "2020-02-29"})],
            0,
        ),
        (
            "3.1.0",
            json!({"$ref": "#/components/schemas/Tree"}),
            vec![json!({"left": {"left": {"x": 1}}})],
            vec![json!({"left": {"left": {"at": 1}}})],
            0,
        ),
        (
            "3.1.0",
            json!({"$ref": "#tree"}),
            vec![json!({"left": {"left": {"x": 1}}})],
            vec![json!({"left": {"left": {"at": 1}}})],
            0,
        ),
        (
            "3.1.0",
            json!({"allOf": [{"$ref": "#/components/schemas/Cat"}], "unevaluatedProperties": false}),
            vec![json!({"kind": "cat", "x": 1})],
            vec![json!({"kind": "cat"})],
            0,
        ),
        (
            "3.1.0",
            json!({"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false, "minItems": 2}),
            vec![json!([1]), json!(["a", 1]), json!([1, "a", 2])],
            vec![json!([1, "a"])],
            0,
        ),
        (
            "3.1.0",
            json!({"patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": false}),
            vec![json!({"x-a": "1"}), json!({"y": 1})],
            vec![json!({"x-a": 1})],
            0,
        ),
        // A name whose pattern is not run might be any name.
        (
            "3.1.0",
            json!({"patternProperties": {"^(?!x)": {"type": "integer"}}, "additionalProperties": false}),
            vec![json!(null)].drain(..0).collect(),
            vec![json!({"y": "1"})],
            1,
        ),
        (
            "3.1.0",
            json!({"type": "string", "pattern": "^(?!admin)[a-z]+$", "maxLength": 8}),
            vec![json!("admins"), json!("A"), json!("abcdefghi")],
            vec![json!("user")],
            0,
        ),
        (
            "3.1.0",
            json!({"type": "string", "format": "uuid"}),
            vec![json!("x")],
            vec![json!("12345678123412341234123456789012")],
            0,
        ),
        ("3.1.0", json!({"type": "integer", "format": "int32"}), vec![json!("x")], vec![json!(1)], 1),
        ("3.1.0", json!({"const": {"a": 1}}), vec![json!({"a": 2})], vec![json!({"a": 1})], 0),
        (
            "3.1.0",
            json!({"type": "string", "contentMediaType": "application/json", "contentSchema": {"type": "integer"}}),
            vec![json!(1)],
            vec![json!("x")],
            2,
        ),
        ("3.1.0", json!({"type": "any", "minLength": "3", "required": true}), vec![], vec![json!(1), json!("")], 3),
        ("3.1.0", json!({"multipleOf": 0, "enum": [], "minItems": -1}), vec![], vec![json!(1)], 3),
        ("3.1.0", json!({"$dynamicRef": "#meta"}), vec![], vec![json!(1)], 1),
        (
            "3.1.0",
            json!({"properties": {"a": {"$id": "https://a.example/", "$ref": "#/components/schemas/Cat"}}}),
            vec![],
            vec![json!({"a": 7})],
            1,
        ),
        // A format is read more widely than it is written: that must not make `oneOf`, `not` and `if` refuse more.
        (
            "3.1.0",
            json!({"oneOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}),
            vec![json!("x"), json!(1)],
            vec![json!("2020-01-01"), json!("2020-01-01T00:00:00Z")],
            0,
        ),
        ("3.1.0", json!({"not": {"format": "hostname"}}), vec![], vec![json!("a b")], 2),
        (
            "3.1.0",
            json!({"if": {"format": "hostname"}, "then": {"minLength": 3}, "else": {"maxLength": 1}}),
            vec![],
            vec![json!("a b"), json!("a")],
            2,
        ),
        // Members may have names of keywords.
        (
            "3.1.0",
            json!({"properties": {"oneOf": {"type": "string", "format": "date"}, "$ref": {"type": "integer"}, "not": {"format": "x"}}}),
            vec![json!({"oneOf": 1}), json!({"$ref": "a"})],
            vec![json!({"oneOf": "2020-01-01", "not": 1})],
            1,
        ),
        ("3.1.0", json!(false), vec![json!(1)], vec![], 0),
        (
            "3.1.0",
            json!({"dependentRequired": {"a": ["b"]}, "propertyNames": {"maxLength": 2}}),
            vec![json!({"a": 1}), json!({"abc": 1})],
            vec![json!({"a": 1, "b": 1})],
            0,
        ),
    ];
    for (openapi, schema, broken, good, remarks) in cases {
        let contract = with_body(openapi, &schema);
        for value in broken {
            assert!(!judge(&contract, &value), "{schema} takes {value}");
        }
        for value in good {
            assert!(judge(&contract, &value), "{schema} refuses {value}");
        }
        assert_eq!(contract.unenforced.len(), remarks, "{schema}: {:?}", contract.unenforced);
    }
}

#[test]
fn violations_tell_the_place_and_not_the_value() {
    // R40, R26
    let secret = "hunter2-canary";
    let schema = json!({"type": "object", "properties": {
        "pin": {"type": "integer"}, "word": {"type": "string", "pattern": "^[0-9]+$"}, "kind": {"enum": ["a"]},
        "list": {"type": "array", "items": {"const": 1}}, "day": {"type": "string", "format": "date"},
        "short": {"type": "string", "maxLength": 3}, "some": {"anyOf": [{"type": "null"}, {"type": "integer"}]}}});
    let contract = with_body("3.1.0", &schema);
    let body = contract.routes[0].operations[0].body.as_ref().unwrap();
    let value = json!({"pin": secret, "word": secret, "kind": secret, "list": [1, secret], "day": secret, "short": secret, "some": secret});
    let violations = contract.violations(body.media[0].schema.unwrap(), &Instance::from(&value), 100);
    let mut places: Vec<_> = violations.iter().map(|found| (found.place.as_str(), found.kind)).collect();
    places.sort_unstable();
    assert_eq!(
        places,
        [
            ("/day", "date_parsing"),
            ("/kind", "enum"),
            ("/list/1", "literal_error"),
            ("/pin", "int_type"),
            ("/short", "string_too_long"),
            ("/some", "int_type"),
            ("/word", "string_pattern_mismatch")
        ]
    );
    assert!(violations.iter().all(|found| !found.message.contains(secret)), "{violations:?}");
}

#[test]
fn members_of_one_direction_are_not_asked_of_the_other() {
    // R40
    let user = json!({"type": "object", "required": ["id", "name", "password"], "properties": {
        "id": {"type": "integer", "readOnly": true, "format": "int32"}, "name": {"type": "string"}, "password": {"$ref": "#/components/schemas/Secret"}}});
    let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/User"}}});
    let contract = compile(
        &json!({"openapi": "3.1.0", "components": {"schemas": {"User": user, "Secret": {"type": "string", "writeOnly": true}}},
        "paths": {"/a": {"post": {"requestBody": {"required": true, "content": content}, "responses": {"200": {"content": content}}}}}}),
    );
    let operation = &contract.routes[0].operations[0];
    let body = operation.body.as_ref().unwrap();
    let (asked, answered) = (body.media[0].schema.unwrap(), operation.responses[0].media[0].schema.unwrap());
    let (sent, given) = (json!({"name": "a", "password": "b"}), json!({"id": 1, "name": "a"}));
    assert!(body.is_required);
    assert_eq!(contract.unenforced.len(), 1, "told once, not once for each direction");
    let judged = [(asked, &sent), (asked, &given), (answered, &sent), (answered, &given)];
    assert_eq!(
        judged.map(|(schema, value)| contract.is_valid(schema, &Instance::from(value))),
        [true, false, false, true]
    );
}

#[test]
fn parameters() {
    // R40
    let list = json!({"type": "array", "items": {"type": "integer"}});
    let contract = compile(
        &json!({"openapi": "3.1.0", "components": {"parameters": {"Page": {"name": "page", "in": "query", "schema": {"type": "integer", "default": 1}}}},
        "paths": {"/a/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}, {"$ref": "#/components/parameters/Page"}],
            "get": {"parameters": [
                {"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}},
                {"name": "tags", "in": "query", "schema": list},
                {"name": "csv", "in": "query", "explode": false, "schema": {"anyOf": [list, {"type": "null"}]}},
                {"name": "pipes", "in": "query", "style": "pipeDelimited", "schema": list},
                {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}},
                {"name": "X-Token", "in": "header", "required": true, "schema": {"type": "string", "minLength": 8}},
                {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
                {"name": "session", "in": "cookie", "schema": {"type": ["string", "null"]}},
                {"name": "query", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
                {"name": "odd", "in": "query", "style": "matrix", "schema": {"type": "object"}}]}}}}),
    );
    let operation = &contract.routes[0].operations[0];
    let told: Vec<_> = operation
        .parameters
        .iter()
        .map(|given| {
            (
                given.name.as_str(),
                given.location,
                given.is_required,
                given.style,
                given.explode,
                given.shape,
                given.is_json,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("id", Path, true, Style::Simple, false, Shape::Scalar, false),
            ("tags", Query, false, Style::Form, true, Shape::Array, false),
            ("csv", Query, false, Style::Form, false, Shape::Array, false),
            ("pipes", Query, false, Style::PipeDelimited, false, Shape::Array, false),
            ("filter", Query, false, Style::DeepObject, false, Shape::Object, false),
            ("X-Token", Header, true, Style::Simple, false, Shape::Scalar, false),
            ("session", Cookie, false, Style::Form, true, Shape::Scalar, false),
            ("query", Query, false, Style::Form, true, Shape::Object, true),
            ("odd", Query, false, Style::Form, true, Shape::Object, false),
            ("page", Query, false, Style::Form, true, Shape::Scalar, false),
        ]
    );
    assert_eq!(operation.parameters[9].default, Some(json!(1)));
    // The operation's own `id` counts, not that of the path.
    assert!(!contract.is_valid(operation.parameters[0].schema.unwrap(), &Instance::from(&json!("seven"))));
    assert_eq!(contract.unenforced.len(), 2, "{:?}", contract.unenforced);
}

#[test]
fn forms_and_other_bodies() {
    // R40
    let form = json!({"type": "object", "required": ["file"], "properties": {
        "file": {"type": "string", "format": "binary"}, "more": {"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "meta": {"$ref": "#/components/schemas/Meta"},
        "maybe": {"anyOf": [{"type": "string", "format": "binary"}, {"type": "null"}]}}});
    let contract = compile(
        &json!({"openapi": "3.1.0", "components": {"schemas": {"Meta": {"type": "object", "properties": {}}, "Form": form}},
        "paths": {"/a": {"post": {"requestBody": {"content": {
            "multipart/form-data": {"schema": {"$ref": "#/components/schemas/Form"}},
            "application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": {"user": {"type": "string"}}}},
            "application/problem+json; charset=utf-8": {"schema": {"type": "object"}},
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "application/xml": {"schema": {"type": "object", "properties": {}}}}}}}}}),
    );
    let body = contract.routes[0].operations[0].body.as_ref().unwrap();
    let kinds: Vec<_> = body.media.iter().map(|media| (media.range.as_str(), media.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("multipart/form-data", MediaKind::Multipart),
            ("application/x-www-form-urlencoded", MediaKind::Form),
            ("application/problem+json", MediaKind::Json),
            ("image/*", MediaKind::Other),
            ("application/xml", MediaKind::Other)
        ]
    );
    let fields: Vec<_> = body.media[0]
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.kind, field.shape == Shape::Array, field.is_required))
        .collect();
    assert_eq!(
        fields,
        [
            ("file", File, false, true),
            ("more", File, true, false),
            ("note", Text, false, false),
            ("meta", Json, false, false),
            ("maybe", File, false, false)
        ]
    );
    assert_eq!(contract.unenforced.len(), 1, "{:?}", contract.unenforced);
}

#[test]
fn servers_and_security() {
    // R40
    let contract = compile(
        &json!({"openapi": "3.1.0", "servers": [{"url": "https://a.example/api/v1/"}, {"url": "/api/v1"}, {"url": "https://b.example"},
            {"url": "{scheme}://a.example/{at}", "variables": {"scheme": {"default": "https"}, "at": {"default": "v2"}}}, {"url": "/{gone}"}],
        "security": [{"bearer": []}], "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        "paths": {"/a": {"get": {}, "post": {"security": []}, "put": {"security": [{"gone": ["a:b"], "bearer": []}, {}]}}}}),
    );
    assert_eq!(contract.base_paths, ["/api/v1", "", "/v2"]);
    let asked: Vec<_> = contract.report().operations.into_iter().map(|line| (line.method, line.security)).collect();
    assert_eq!(
        asked,
        [
            ("GET", vec!["bearer".to_owned()]),
            ("POST", vec![]),
            ("PUT", vec!["gone and bearer".to_owned(), "none".to_owned()])
        ]
    );
    assert_eq!(contract.unenforced.len(), 2, "{:?}", contract.unenforced);
}

#[test]
fn paths_belong_to_the_static_route_first() {
    // R40
    let one = json!({"get": {}});
    let contract = compile(
        &json!({"openapi": "3.1.0", "paths": {"/users/{id}": one, "/users/me": one, "/users/{name}": {"put": {}},
        "/files/{path:path}": one, "/files/{path:path}/meta": one, "/report.{format}": one, "/{any}": one, "/a/{b}/c": one, "/a/b/{c}": one, "/": one}}),
    );
    let cases: &[(&str, &[&str])] = &[
        ("/users/me", &["/users/me", "/users/{id}", "/users/{name}"]),
        ("/users/7", &["/users/{id}", "/users/{name}"]),
        ("/users/", &[]),
        ("/users/7/", &[]),
        ("/files/a/b", &["/files/{path:path}"]),
        ("/files/a/b/meta", &["/files/{path:path}", "/files/{path:path}/meta"]),
        ("/report.pdf", &["/report.{format}", "/{any}"]),
        ("/reportXpdf", &["/{any}"]),
        ("/a/b/c", &["/a/b/{c}", "/a/{b}/c"]),
        ("/", &["/"]),
        ("", &[]),
        ("users/me", &[]),
    ];
    for (path, expected) in cases {
        let found: Vec<_> =
            contract.candidates(path).into_iter().map(|found| found.route.template.text.as_str()).collect();
        assert_eq!(found, *expected, "{path}");
    }
    assert_eq!(contract.find("/files/a/b/meta").unwrap().values, [("path", "a/b/meta")]);
    assert_eq!(contract.find("/a/x/c").unwrap().values, [("b", "x")]);
    let told: Vec<_> = contract.ambiguities.iter().map(|found| (found.first.as_str(), found.second.as_str())).collect();
    assert_eq!(
        told,
        [("/users/{id}", "/users/me"), ("/files/{path:path}", "/files/{path:path}/meta"), ("/a/{b}/c", "/a/b/{c}")]
    );
}
