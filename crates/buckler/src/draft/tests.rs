use serde_json::{Value, json};

use super::*;

fn draft(table: &Value) -> Draft {
    drafted(table, &Documents::default())
}

fn drafted(table: &Value, documents: &Documents) -> Draft {
    let table: RouteTable = serde_json::from_value(table.clone()).unwrap();
    let material =
        Material { target: Some("shop.main:app"), app_dir: None, from: "`shop.main:app`", table: &table, documents };
    Draft::of(&material).unwrap_or_else(|errors| panic!("{errors}"))
}

fn with(middleware: &Value) -> Value {
    json!({"applications": [{"at": "", "framework": "fastapi", "middlewares": [middleware]}], "routes": []})
}

#[test]
fn names_of_an_app_cannot_leave_their_place() {
    // R66, hostile: paths, endpoints and arguments are the app's
    for hostile in
        ["/a\n[errors]\nmask = false\n", "/a\r\nmode = \"monitor\"", "/\u{1b}[2J\u{0}", "/\"\"\"'''\\", "/#\t#"]
    {
        let route = json!({"kind": "http", "path": hostile, "methods": ["POST"], "framework": "fastapi", "limits": [hostile],
            "endpoint": hostile, "response": {"shape": "open", "model": hostile}});
        let cors = json!({"name": "starlette.middleware.cors:CORSMiddleware", "arguments":
            {"allow_origins": [hostile], "allow_origin_regex": hostile}});
        let hosts = json!({"name": "starlette.middleware.trustedhost:TrustedHostMiddleware", "arguments":
            {"allowed_hosts": [hostile]}});
        let drafted =
            draft(&json!({"applications": [{"at": "", "framework": "fastapi", "middlewares": [cors, hosts]}],
            "routes": [route]}));
        let plain = draft(&json!({"applications": [{"at": "", "framework": "fastapi"}], "routes": []}));
        let keys = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect()
        };
        assert_eq!(keys(&drafted.policy), keys(&plain.policy), "{hostile:?}");
        assert!(drafted.policy.contains("B101"), "{}", drafted.policy);
    }
}

#[test]
fn names_of_secrets_in_answers_are_proposed() {
    // R41, R66
    let table = json!({"applications": [{"at": "", "framework": "fastapi"}], "routes": []});
    let proposal = |names: &[&str]| {
        let members: Value = names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
        let answer = json!({"application/json": {"schema": {"type": "object", "properties": {"keys": {"properties": members}}}}});
        let document =
            json!({"openapi": "3.1.0", "paths": {"/": {"get": {"responses": {"200": {"content": answer}}}}}});
        let policy = drafted(&table, &Documents::read([Ok(document.to_string().as_str())])).policy;
        policy.lines().find(|line| line.starts_with("#never_return")).map(str::to_owned)
    };
    assert_eq!(proposal(&["hashed_password", "name"]), None);
    let proposed = "#never_return = [\"api_key\", \"hashed_password\", \"password_hash\"]";
    assert_eq!(proposal(&["api_key", "hashed_password"]).as_deref(), Some(proposed));
}

#[test]
fn hosts_are_carried_over() {
    // R66
    let hosts = |allowed: &Value| {
        with(
            &json!({"name": "starlette.middleware.trustedhost:TrustedHostMiddleware", "arguments": {"allowed_hosts": allowed}}),
        )
    };
    for (allowed, written) in [
        (json!(["api.example.com", "*.example.com"]), r#"hosts = ["api.example.com", "*.example.com"]"#),
        (json!(["*"]), r#"hosts = ["api.example.com"]"#),
        (json!(["bad host", "a.example"]), r#"hosts = ["a.example"]"#),
    ] {
        let text = draft(&hosts(&allowed)).policy;
        assert!(text.contains(written), "{allowed}: {text}");
    }
    assert!(draft(&hosts(&json!(["*"]))).policy.contains("# CHANGE THIS"));
}

#[test]
fn origins_are_carried_over() {
    // R66
    let cors =
        |arguments: &Value| with(&json!({"name": "starlette.middleware.cors:CORSMiddleware", "arguments": arguments}));
    let cases = [
        (
            json!({"allow_origins": ["https://a.example", "https://*.b.example"], "allow_credentials": true,
                "allow_methods": ["GET", "PUT"], "allow_headers": ["X-One"], "expose_headers": ["X-Two"], "max_age": 60}),
            vec![
                r#"origins = ["https://a.example", "https://*.b.example"]"#,
                "credentials = true",
                r#"methods = ["GET", "PUT"]"#,
                r#"headers = ["X-One", "Content-Type"]"#,
                r#"expose = ["X-Two"]"#,
                r#"max_age = "60s""#,
            ],
        ),
        (
            json!({"allow_origins": ["*"], "allow_headers": ["*"], "allow_methods": ["*"], "max_age": 1_000_000}),
            vec![r#"origins = ["*"]"#, "# Not carried over: allow_headers `*`", r#"max_age = "86400s""#],
        ),
        (
            json!({"allow_origins": ["*"], "allow_credentials": true}),
            vec!["#[cors]", "# Not carried over: `*` together with credentials"],
        ),
        (
            json!({"allow_origin_regex": "https://.*\\.example\\.com"}),
            vec!["#[cors]", "# Not carried over: allow_origin_regex"],
        ),
        (
            json!({"allow_origins": ["https://a.example"]}),
            vec![r#"methods = ["GET"]"#, r#"headers = ["Content-Type"]"#],
        ),
    ];
    for (arguments, written) in cases {
        let text = draft(&cors(&arguments)).policy;
        for line in written {
            assert!(text.lines().any(|found| found.starts_with(line)), "{arguments}: `{line}` is not in {text}");
        }
    }
}
