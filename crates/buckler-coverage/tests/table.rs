//! Routes as an app's process tells them, and what is found. Each case names what it is about; hostile first.
#![expect(clippy::panic, clippy::expect_used, reason = "helpers of tests may fail a test")]

use buckler_coverage::{Coverage, Documents, RouteTable};
use buckler_policy::{Host, Policy, Sources};
use serde_json::{Value, json};

const COMPLETE: &str =
    "[server]\nhosts = [\"a.example\"]\ntrusted_proxies = [\"10.0.0.1/32\"]\n[server.tls]\nmode = \"off\"\n";

fn policy(host: Host, text: &str) -> Policy {
    let loaded = Sources::new(host).file("buckler.toml", text).load();
    loaded.unwrap_or_else(|errors| panic!("{errors}")).policy
}

fn table(routes: &Value) -> RouteTable {
    let applications = json!([{"at": "", "framework": "fastapi"}]);
    serde_json::from_value(json!({"applications": applications, "routes": routes})).expect("a table")
}

/// A route of FastAPI with these members changed.
fn route(members: &Value) -> Value {
    let mut route = json!({
        "kind": "http", "path": "/things", "template": "/things", "methods": ["GET"], "endpoint": "main:things",
        "framework": "fastapi", "in_schema": true, "response": {"shape": "model", "model": "Thing"},
    });
    let mut given = members.as_object().expect("members").clone();
    if let Some(path) = given.get("path").cloned() {
        given.entry("template").or_insert(path);
    }
    route.as_object_mut().expect("a route").extend(given);
    route
}

fn codes(members: &Value) -> Vec<&'static str> {
    let of = policy(Host::Gateway, COMPLETE);
    let coverage = Coverage::of(&of, &table(&json!([route(members)])), &Documents::default());
    coverage.findings.iter().map(|finding| finding.id.code()).collect()
}

#[test]
fn what_is_found_against_a_route() {
    // R65, R26
    let bearer = json!([{"name": "OAuth2PasswordBearer"}]);
    let lenient = json!([{"name": "APIKeyHeader", "optional": true}]);
    let cases: Vec<(&str, Value, &[&str])> = vec![
        ("reading is not asked", json!({}), &[]),
        ("writing is", json!({"methods": ["POST"]}), &["B101"]),
        ("each method for itself", json!({"methods": ["GET", "HEAD", "PUT", "DELETE"]}), &["B101", "B101"]),
        ("a scheme asks", json!({"methods": ["POST"], "schemes": bearer}), &[]),
        ("a name asks", json!({"methods": ["POST"], "dependencies": ["app.deps:get_current_user"]}), &[]),
        ("a module's name does not", json!({"methods": ["POST"], "dependencies": ["app.auth:get_db"]}), &["B101"]),
        ("a lenient scheme is told", json!({"methods": ["POST"], "schemes": lenient}), &["B103"]),
        ("one strict scheme is enough", json!({"methods": ["POST"], "schemes": [lenient[0], bearer[0]]}), &[]),
        ("administration, open", json!({"path": "/api/admin/users"}), &["B101"]),
        ("administration, any account", json!({"path": "/admin", "schemes": bearer}), &["B102"]),
        ("administration by scopes", json!({"path": "/admin", "schemes": bearer, "scopes": ["admin"]}), &[]),
        ("administration by role", json!({"path": "/admin", "dependencies": ["deps:require_role.<locals>.of"]}), &[]),
        ("signing in", json!({"path": "/auth/login", "methods": ["POST"]}), &["B201"]),
        ("signing in, limited", json!({"path": "/login", "methods": ["POST"], "limits": ["5 per 1 minute"]}), &[]),
        (
            "signing in, limited by name",
            json!({"path": "/login", "methods": ["POST"], "dependencies": ["fastapi_limiter.depends:RateLimiter"]}),
            &[],
        ),
        ("signing out is not guessed", json!({"path": "/logout", "methods": ["POST"]}), &[]),
        ("a socket", json!({"kind": "websocket", "methods": [], "response": null}), &["B101", "B105"]),
        (
            "a guarded socket",
            json!({"kind": "websocket", "methods": [], "schemes": bearer, "response": null}),
            &["B105"],
        ),
        (
            "Starlette's",
            json!({"framework": "starlette", "in_schema": false, "methods": [], "response": null}),
            &["B104", "B301"],
        ),
        ("Starlette's, reading", json!({"framework": "starlette", "in_schema": false, "response": null}), &["B301"]),
        ("what is mounted", json!({"kind": "mount", "path": "/old", "methods": []}), &["B302"]),
        ("files", json!({"kind": "static", "path": "/files", "methods": [], "response": null}), &[]),
        ("hidden", json!({"in_schema": false}), &["B301"]),
        ("a page of the docs", json!({"in_schema": false, "docs": true, "framework": "starlette"}), &[]),
        ("an upload", json!({"methods": ["POST"], "body": "file", "schemes": bearer}), &["B205"]),
        ("no model", json!({"response": {"shape": "none"}}), &["B401"]),
        ("anything", json!({"response": {"shape": "open", "model": "dict"}}), &["B401"]),
        ("its own response", json!({"response": {"shape": "raw"}}), &[]),
    ];
    for (what, members, wanted) in cases {
        // Without a document, a route that should stand in one is not missed.
        assert_eq!(codes(&members), wanted, "{what}");
    }
}

fn documented() -> String {
    json!({
        "openapi": "3.1.0", "info": {"title": "t", "version": "1"},
        "components": {"securitySchemes": {"Declared": {"type": "http", "scheme": "bearer"}}},
        "paths": {"/things/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}],
            "post": {
                "security": [{"Declared": []}],
                "requestBody": {"content": {"application/json": {"schema":
                    {"properties": {"note": {"type": "string"}, "tags": {"type": "array", "maxItems": 2, "items": {"type": "integer"}}}}}}},
                "responses": {"200": {"description": "", "content": {"application/json": {"schema":
                    {"properties": {"api_key": {"type": "string"}}}}}}},
            },
        }},
    })
    .to_string()
}

#[test]
fn what_a_document_adds() {
    // R65, R66
    let of = policy(Host::Gateway, COMPLETE);
    let document = documented();
    let documents = Documents::read([Ok(document.as_str())]);
    let routes = json!([
        route(&json!({"path": "/things/{id}", "methods": ["POST"], "body": "json"})),
        route(&json!({"path": "/unlisted"})),
    ]);
    let coverage = Coverage::of(&of, &table(&routes), &documents);
    let told: Vec<(&str, Option<&str>, &str)> = coverage
        .findings
        .iter()
        .map(|finding| (finding.id.code(), finding.route.as_deref(), finding.detail.as_str()))
        .collect();
    let (thing, unlisted) = (Some("POST /things/{id}"), Some("GET /unlisted"));
    assert_eq!(
        told,
        [
            // What the document says of security, and no code asks for, is no security.
            ("B101", thing, "changes something; the contract names Declared, which nothing asks for"),
            ("B402", thing, "api_key"),
            ("B203", thing, "body.note"),
            ("B301", unlisted, "the document does not list it"),
        ]
    );
    let row = coverage.routes.first().expect("a row");
    assert!(row.in_contract);
    assert_eq!(row.cells.bounds.to_string(), "policy: max_body 10 MiB");
    assert_eq!(row.cells.filters.to_string(), "the app: Thing");
    let enforced = policy(Host::Gateway, &format!("{COMPLETE}[contract]\nrequests = \"enforce\""));
    let held = Coverage::of(&enforced, &table(&routes), &documents);
    let bounds = held.routes.first().map(|row| row.cells.bounds.to_string());
    assert_eq!(bounds.as_deref(), Some("policy: max_body 10 MiB; policy: contract"));
}

#[test]
fn what_is_found_against_the_app() {
    // R65
    let cors = |arguments: &Value| {
        json!({"applications": [{"at": "", "framework": "fastapi", "middlewares":
            [{"name": "starlette.middleware.cors:CORSMiddleware", "arguments": arguments}]}], "routes": []})
    };
    let docs = json!({"applications": [], "routes": [{"kind": "http", "path": "/docs", "docs": true}]});
    let open = format!("{COMPLETE}[contract]\ndocs = \"open\"\n");
    let with_cors = format!("{COMPLETE}[cors]\norigins = [\"https://app.example.com\"]\n");
    let everybody = json!({"allow_origins": ["*"], "allow_credentials": true});
    let by_pattern = json!({"allow_origin_regex": "https?://.*", "allow_credentials": true});
    let cases = [
        ("nothing", COMPLETE, json!({}), vec![]),
        ("too many", COMPLETE, json!({"left_out": 3}), vec!["B504"]),
        ("an app that raises", COMPLETE, json!({"fault": "RuntimeError"}), vec!["B504"]),
        ("every origin as the user", COMPLETE, cors(&everybody), vec!["B503"]),
        ("by a pattern", COMPLETE, cors(&by_pattern), vec!["B503"]),
        ("replaced by ours", &with_cors, cors(&everybody), vec![]),
        ("every origin as nobody", COMPLETE, cors(&json!({"allow_origins": ["*"]})), vec![]),
        ("open docs", &open, docs.clone(), vec!["B502"]),
        ("closed docs", COMPLETE, docs, vec![]),
    ];
    for (what, text, given, wanted) in cases {
        let table: RouteTable = serde_json::from_value(given).expect("a table");
        let coverage = Coverage::of(&policy(Host::Gateway, text), &table, &Documents::default());
        let codes: Vec<_> = coverage.findings.iter().map(|finding| finding.id.code()).collect();
        assert_eq!(codes, wanted, "{what}");
    }
    let in_process = Coverage::of(&policy(Host::InProcess, ""), &RouteTable::default(), &Documents::default());
    assert_eq!(in_process.findings.first().map(|finding| finding.id.code()), Some("B501"));
    let broken =
        Coverage::of(&policy(Host::Gateway, COMPLETE), &table(&json!([])), &Documents::read([Err("it raised")]));
    assert_eq!(broken.findings.first().map(|finding| finding.detail.as_str()), Some("it raised"));
}

/// The limit that every policy has unless told otherwise.
const OVER_ALL: &str = "policy: 600/minute burst 100 per ip";

#[test]
fn cells_say_who_does_it() {
    // R65
    let monitored = format!("{COMPLETE}[content]\nmode = \"monitor\"\n[server.limits]\nmode = \"monitor\"\n");
    let of_its_own = format!("{COMPLETE}[[route]]\nmatch = \"POST /things\"\nlimits = [\"5/minute per ip\"]\n");
    let uncounted = format!("{COMPLETE}[limits]\nmode = \"monitor\"\n");
    let table = |routes: &Value, app: &Value| -> RouteTable {
        serde_json::from_value(json!({"applications": [app], "routes": routes})).expect("a table")
    };
    let plain = json!({"at": "", "framework": "fastapi"});
    let guarded = json!({"at": "", "framework": "fastapi", "limits": ["100 per 1 hour"], "max_body": 2048, "middlewares": [
        {"name": "slowapi.middleware:SlowAPIMiddleware"}, {"name": "app.auth:JWTMiddleware"}]});
    let identified = json!({"at": "", "framework": "starlette", "middlewares": [
        {"name": "starlette.middleware.authentication:AuthenticationMiddleware"}]});
    let post = route(&json!({"methods": ["POST"], "body": "json"}));
    let starlette = route(&json!({"framework": "starlette", "methods": ["POST"], "response": null}));
    let limited = route(&json!({"limits": ["5 per 1 minute"], "max_body": 10, "methods": ["PUT"], "body": "json"}));
    let cases = [
        (COMPLETE, &plain, &post, ["none", "none", OVER_ALL, "policy: max_body 10 MiB", "the app: Thing"]),
        (&monitored, &plain, &post, ["none", "none", OVER_ALL, "none", "the app: Thing"]),
        (
            COMPLETE,
            &guarded,
            &post,
            [
                "the app: JWTMiddleware (by its name)",
                "none",
                "the app: slowapi 100 per 1 hour; policy: 600/minute burst 100 per ip",
                "policy: max_body 10 MiB; the app: max_body_size 2 KiB",
                "the app: Thing",
            ],
        ),
        (
            &monitored,
            &plain,
            &limited,
            [
                "none",
                "none",
                "the app: slowapi 5 per 1 minute; policy: 600/minute burst 100 per ip",
                "the app: max_body_size 10 bytes",
                "the app: Thing",
            ],
        ),
        (
            COMPLETE,
            &identified,
            &starlette,
            ["left to the app", "left to the app", OVER_ALL, "policy: max_body 10 MiB", "left to the app"],
        ),
        (&monitored, &plain, &route(&json!({})), ["none", "none", OVER_ALL, "none", "the app: Thing"]),
        (COMPLETE, &plain, &route(&json!({})), ["none", "none", OVER_ALL, "policy: target 8 KiB", "the app: Thing"]),
        (
            &of_its_own,
            &plain,
            &post,
            [
                "none",
                "none",
                "policy: 5/minute per ip; policy: 600/minute burst 100 per ip",
                "policy: max_body 10 MiB",
                "the app: Thing",
            ],
        ),
        (&uncounted, &plain, &post, ["none", "none", "none", "policy: max_body 10 MiB", "the app: Thing"]),
    ];
    for (text, app, route, wanted) in cases {
        let coverage = Coverage::of(&policy(Host::Gateway, text), &table(&json!([route]), app), &Documents::default());
        let cells = &coverage.routes.first().expect("a row").cells;
        let told = [&cells.authenticates, &cells.authorises, &cells.limits, &cells.bounds, &cells.filters];
        assert_eq!(told.map(ToString::to_string), wanted, "{app} {route}");
    }
}

/// A line of the policy that silences nothing: why, and what was meant.
type IdleLine<'c> = (&'c str, Option<&'c str>);

/// What is silenced, of which route, what stands all the same, and what is idle.
type SilenceCase<'c> = (&'c str, &'c str, &'c [&'c str], &'c [IdleLine<'c>]);

#[test]
fn what_is_silenced_and_what_silences_nothing() {
    // R65
    let silence = |id: &str, route: &str| {
        let route = if route.is_empty() { String::new() } else { format!("route = \"{route}\"\n") };
        format!("[[contract.silence]]\nid = \"{id}\"\n{route}reason = \"because\"\n")
    };
    let routes = json!([
        route(&json!({"path": "/files/{name:path}", "template": "/files/{name}", "methods": ["PUT", "DELETE"]})),
        route(&json!({"path": "/hooks", "methods": ["POST"]})),
    ]);
    let cases: [SilenceCase<'_>; 8] = [
        ("B101", "", &[], &[]),
        ("B101", "/files/{name:path}", &["POST /hooks"], &[]),
        ("B101", "PUT /files/{name:path}", &["DELETE /files/{name:path}", "POST /hooks"], &[]),
        // As the contract writes it.
        ("B101", "put /files/{name}", &["DELETE /files/{name:path}", "POST /hooks"], &[]),
        (
            "B101",
            "POST /hook",
            &["PUT /files/{name:path}", "DELETE /files/{name:path}", "POST /hooks"],
            &[("there is no such route", Some("POST /hooks"))],
        ),
        (
            "B402",
            "POST /hooks",
            &["PUT /files/{name:path}", "DELETE /files/{name:path}", "POST /hooks"],
            &[("nothing of that kind is found there", None)],
        ),
        (
            "B501",
            "",
            &["PUT /files/{name:path}", "DELETE /files/{name:path}", "POST /hooks"],
            &[("nothing of that kind is found there", None)],
        ),
        (
            "B101",
            "GET /hooks",
            &["PUT /files/{name:path}", "DELETE /files/{name:path}", "POST /hooks"],
            &[("there is no such route", Some("POST /hooks"))],
        ),
    ];
    for (id, named, standing, idle) in cases {
        let of = policy(Host::Gateway, &format!("{COMPLETE}{}", silence(id, named)));
        let coverage = Coverage::of(&of, &table(&routes), &Documents::default());
        let stands: Vec<&str> = coverage.errors().filter_map(|finding| finding.route.as_deref()).collect();
        assert_eq!(stands, standing, "{id} {named}");
        let told: Vec<_> = coverage.idle.iter().map(|idle| (idle.why.as_str(), idle.meant.as_deref())).collect();
        assert_eq!(told, idle, "{id} {named}");
        assert_eq!(coverage.silenced.len() + standing.len(), 3, "{id} {named}");
        assert!(coverage.silenced.iter().all(|silenced| silenced.reason == "because"));
    }
}
