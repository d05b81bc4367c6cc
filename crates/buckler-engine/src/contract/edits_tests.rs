use std::sync::LazyLock;

use buckler_policy::{Host, Sources};
use buckler_schema::Reading;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// A number that no float holds.
const LARGE: &str = "123456789012345678901234567890.50";

/// Stands for it where values are made.
const PLACEHOLDER: &str = "\"@large\"";

static TREE: LazyLock<(Contract, Edits, SchemaId)> = LazyLock::new(|| {
    let tree = json!({"type": "object", "properties": {
        "name": {"type": "string"},
        "kids": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
        "by": {"type": "object", "additionalProperties": {"anyOf": [{"$ref": "#/components/schemas/Tree"}, {"type": "null"}]}},
        "any": {},
    }});
    let body = json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}}});
    let document = json!({
        "openapi": "3.1.0", "info": {"title": "t", "version": "1"},
        "paths": {"/": {"post": {"requestBody": body, "responses": {}}}},
        "components": {"schemas": {"Tree": tree}},
    });
    let contract = Contract::compile(document.to_string().as_bytes(), Reading::OF_THE_APP, &Limits::default()).unwrap();
    let text = "environment = \"development\"\n[content]\nunknown_fields = \"strip\"";
    let policy = Sources::new(Host::InProcess).file("t.toml", text).load().unwrap().policy;
    let edits = Edits::compile(&policy.content, &contract).unwrap();
    let schema = contract.routes[0].operations[0].body.as_ref().unwrap().media[0].schema.unwrap();
    (contract, edits, schema)
});

fn strip(sent: &str) -> Option<String> {
    let (_, edits, schema) = &*TREE;
    let edited = edits.apply(sent.as_bytes(), [Some(*schema)].into_iter()).unwrap();
    edited.map(|(text, _)| String::from_utf8(text).unwrap())
}

/// Where a value stands, as the document has it.
#[derive(Clone, Copy)]
enum Kind {
    Tree,
    Kids,
    By,
    Any,
    Scalar,
}

/// The value without the members that nothing names.
fn expected(value: &Value, kind: Kind) -> Value {
    match value {
        Value::Object(members) => {
            let known = |(name, value): (&String, &Value)| {
                let below = match (kind, name.as_str()) {
                    (Kind::Any, _) | (Kind::Tree, "any") => Kind::Any,
                    (Kind::By, _) => Kind::Tree,
                    (Kind::Tree, "name") => Kind::Scalar,
                    (Kind::Tree, "kids") => Kind::Kids,
                    (Kind::Tree, "by") => Kind::By,
                    _ => return None,
                };
                Some((name.clone(), expected(value, below)))
            };
            Value::Object(members.iter().filter_map(known).collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            let below = match kind {
                Kind::Kids => Kind::Tree,
                Kind::Any => Kind::Any,
                Kind::Tree | Kind::By | Kind::Scalar => Kind::Scalar,
            };
            Value::Array(items.iter().map(|item| expected(item, below)).collect())
        }
        scalar => scalar.clone(),
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!("@large")),
        any::<i64>().prop_map(|number| json!(number)),
        "[ -~\u{e9}\u{1f600}]{0,6}".prop_map(|text| json!(text)),
    ];
    let name = prop_oneof!["name|kids|by|any", "name|kids|by|any", "x|Name|admin|", "[\"\\\\\u{1}\u{e9}a]{0,3}"];
    leaf.prop_recursive(6, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    // R40
    #[test]
    fn what_the_app_gets_is_what_came_without_what_nothing_names(value in values()) {
        let text = |value: &Value| value.to_string().replace(PLACEHOLDER, LARGE);
        let (sent, wanted) = (text(&value), text(&expected(&value, Kind::Tree)));
        let got = strip(&sent);
        // What is untouched is not written again.
        prop_assert_eq!(got.is_none(), sent == wanted);
        let got = got.unwrap_or(sent);
        prop_assert_eq!(&got, &wanted);
        prop_assert_eq!(strip(&got), None);
    }
}

// R40
#[test]
fn of_operations_that_overlap_what_one_names_stays() {
    let (_, edits, schema) = &*TREE;
    let sent = br#"{"name":"a","x":1}"#;
    for (schemas, removed) in [
        (&[Some(*schema)][..], 1),
        (&[Some(*schema); 2], 1),
        (&[Some(*schema), None], 0),
        (&[None], 0),
        (&[], 0),
        // Of more, nothing is known.
        (&[Some(*schema); 3], 0),
    ] {
        let edited = edits.apply(sent, schemas.iter().copied()).unwrap();
        assert_eq!(edited.map_or(0, |(_, edited)| edited.removed), removed, "{schemas:?}");
    }
}

#[test]
fn a_policy_that_asks_for_nothing_edits_nothing() {
    let policy = Sources::new(Host::InProcess).file("t.toml", "environment = \"development\"").load().unwrap().policy;
    assert!(Edits::compile(&policy.content, &TREE.0).is_none());
}
