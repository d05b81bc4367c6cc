use serde_json::{Value, json};

use crate::{Contract, Limits, Named, Reading};

fn compiled(document: &Value) -> Contract {
    Contract::compile(document.to_string().as_bytes(), Reading::OF_THE_APP, &Limits::default()).unwrap()
}

/// Two operations: one whose body leads round in a circle, one that refers to nothing.
fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "security": [{"key": []}],
        "paths": {
            "/trees": {
                "parameters": [{"name": "q", "in": "query", "schema": {"type": "string"}}],
                "post": {
                    "summary": "Plant",
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}}},
                    "responses": {"200": {"description": "ok"}},
                },
            },
            "/pots/{pot}": {"get": {
                "parameters": [{"name": "pot", "in": "path", "required": true, "schema": {"type": "integer"}}],
                "responses": {},
            }},
        },
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
            "schemas": {
                "Tree": {"type": "object", "properties": {
                    "left": {"$ref": "#/components/schemas/Tree"},
                    "leaf": {"$ref": "#/components/schemas/Leaf"},
                }},
                "Leaf": {"type": "object", "properties": {
                    "title": {"type": "string"},
                    "description": {"type": "string", "description": "a remark"},
                }},
                "Unused": {"type": "integer"},
            },
        },
    })
}

fn named(names: &[&str]) -> Named {
    Named { count: names.len(), first: names.iter().map(|name| (*name).to_owned()).collect() }
}

// R40
#[test]
fn what_has_changed_is_named_and_nothing_else() {
    const TREES: &str = "POST /trees";
    const POTS: &str = "GET /pots/{pot}";
    let leaf = "/components/schemas/Leaf/properties";
    for (at, to, changed) in [
        // What a reference leads to, over a circle.
        (format!("{leaf}/title/type"), json!("integer"), &[TREES][..]),
        // A member of that name is no remark.
        (format!("{leaf}/description"), json!({"type": "integer"}), &[TREES]),
        (leaf.to_owned(), json!({"title": {"type": "string"}}), &[TREES]),
        (format!("{leaf}/title"), json!({"type": "string", "default": "a"}), &[TREES]),
        ("/paths/~1trees/parameters".to_owned(), json!([]), &[TREES]),
        ("/paths/~1trees/post/requestBody/required".to_owned(), json!(true), &[TREES]),
        ("/paths/~1trees/post/responses/404".to_owned(), json!({"description": "none"}), &[TREES]),
        ("/paths/~1pots~1{pot}/get/parameters/0/schema".to_owned(), json!({"type": "string"}), &[POTS]),
        ("/security".to_owned(), json!([]), &[TREES, POTS]),
        // Remarks, and what nobody refers to.
        (format!("{leaf}/description/description"), json!("another"), &[]),
        (format!("{leaf}/title/title"), json!("Title"), &[]),
        ("/components/schemas/Tree/examples".to_owned(), json!([{}]), &[]),
        ("/components/schemas/Unused".to_owned(), json!({"type": "string"}), &[]),
        ("/paths/~1trees/post/summary".to_owned(), json!("Plants"), &[]),
        ("/paths/~1trees/post/tags".to_owned(), json!(["a"]), &[]),
        ("/paths/~1trees/post/responses/200/description".to_owned(), json!("fine"), &[]),
        ("/info/version".to_owned(), json!("2"), &[]),
    ] {
        let before = document();
        let mut after = document();
        let (above, name) = at.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/");
        match after.pointer_mut(above).unwrap() {
            Value::Object(members) => drop(members.insert(name, to)),
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = to,
            _ => panic!("{above} holds nothing"),
        }
        let (before, after) = (compiled(&before), compiled(&after));
        for (old, new) in [(&before, &after), (&after, &before)] {
            let changes = new.changes_since(Some(old), 10);
            assert_eq!(changes.changed, named(changed), "{at}");
            assert_eq!((changes.added, changes.removed), Default::default(), "{at}");
        }
        assert!(before.changes_since(Some(&before), 10).is_empty());
    }
}

// R40
#[test]
fn what_comes_and_goes_is_counted_and_the_first_are_named() {
    let paths = |names: &[&str]| {
        let item = json!({"get": {"responses": {}}, "post": {"responses": {}}});
        let paths: serde_json::Map<_, _> = names.iter().map(|name| ((*name).to_owned(), item.clone())).collect();
        compiled(&json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths}))
    };
    let (old, new) = (paths(&["/a", "/b", "/c\n"]), paths(&["/c\n", "/d"]));
    let changes = new.changes_since(Some(&old), 3);
    assert_eq!(changes.added, named(&["GET /d", "POST /d"]));
    assert_eq!((changes.removed.count, changes.removed.first.len()), (4, 3));
    assert_eq!(changes.changed.count, 0);
    assert_eq!(paths(&[]).changes_since(Some(&old), 10).removed.first[4], "GET /c\\n");
    assert_eq!(
        old.changes_since(None, 1),
        crate::Changes { added: Named { count: 6, first: vec!["GET /a".into()] }, ..Default::default() }
    );
}

// R40
#[test]
fn the_order_of_members_is_no_change() {
    let turned = |value: &Value| -> Value {
        fn turn(value: &Value) -> Value {
            match value {
                Value::Object(members) => {
                    Value::Object(members.iter().rev().map(|(name, value)| (name.clone(), turn(value))).collect())
                }
                Value::Array(items) => Value::Array(items.iter().map(turn).collect()),
                other => other.clone(),
            }
        }
        turn(value)
    };
    let (old, new) = (compiled(&document()), compiled(&turned(&document())));
    assert!(new.changes_since(Some(&old), 10).is_empty());
}
