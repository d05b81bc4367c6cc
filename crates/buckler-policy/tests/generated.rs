//! What is generated from the declarations: the reference in the repository, the schema.
#![expect(clippy::disallowed_methods, reason = "the test compares with a file of the repository")]

use std::path::Path;

use buckler_policy::{coverage, reference, schema};

/// Run with `BUCKLER_BLESS=1` to write the pages anew.
#[test]
fn the_committed_pages_are_the_generated_ones() {
    for (name, generated) in [("policy.md", reference::markdown()), ("coverage.md", coverage::markdown())] {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        if std::env::var_os("BUCKLER_BLESS").is_some() {
            std::fs::create_dir_all(page.parent().expect("docs")).expect("docs can be made");
            std::fs::write(&page, &generated).expect("the page can be written");
        }
        let committed = std::fs::read_to_string(&page).unwrap_or_default();
        assert!(
            committed == generated,
            "docs/{name} is not what the declarations say; run: BUCKLER_BLESS=1 cargo test -p buckler-policy"
        );
    }
}

#[test]
fn the_schema_knows_every_key_and_nothing_else() {
    let schema = schema::json();
    assert_eq!(schema["properties"]["server"]["additionalProperties"], false);
    assert_eq!(schema["properties"]["server"]["properties"]["timeouts"]["properties"]["drain"]["default"], "30s");
    assert_eq!(schema["properties"]["content"]["properties"]["json"]["properties"]["depth"]["maximum"], 256);
    let keys = count_keys(&schema);
    assert_eq!(keys, reference::markdown().matches("\n### `").count());
    insta::assert_snapshot!(
        serde_json::to_string_pretty(&schema["properties"]["server"]["properties"]["tls"]).expect("JSON")
    );
}

fn count_keys(schema: &serde_json::Value) -> usize {
    let Some(properties) = schema["properties"].as_object() else { return 1 };
    properties.values().map(count_keys).sum()
}
