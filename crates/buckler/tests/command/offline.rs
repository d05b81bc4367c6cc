//! The commands that serve nothing.

use std::io::Read;
use std::process::Stdio;

use serde_json::Value;

use super::{buckler, code, project, python, run, text};

#[test]
fn check_tells_what_is_enforced() {
    // R64
    let folder = project(&[("buckler.toml", "environment = \"development\"\n[server.paths]\nmode = \"monitor\"\n")]);
    let output = run(folder.path(), &["check"]);
    let out = text(&output.stdout);
    assert_eq!(code(&output), 0, "{output:?}");
    for line in ["enforced  host", "monitored path", "(server.paths.mode, buckler.toml:3", "off       cors"] {
        assert!(out.contains(line), "`{line}` is not in:\n{out}");
    }
    let output = run(folder.path(), &["check", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["valid"], true);
    let path = told["controls"].as_array().unwrap().iter().find(|control| control["stage"] == "path").unwrap();
    assert_eq!(path["state"], "monitored");
    assert!(told["settings"].as_array().unwrap().len() > 20);
}

#[test]
fn check_tells_mistakes_to_machines() {
    let folder = project(&[("buckler.toml", "mode = \"off\"\n[server]\nhost = []\n")]);
    let output = run(folder.path(), &["check", "--json"]);
    assert_eq!(code(&output), 2);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["valid"], false);
    let lines: Vec<u64> =
        told["errors"].as_array().unwrap().iter().filter_map(|error| error["line"].as_u64()).collect();
    assert!(lines.contains(&1) && lines.contains(&3), "{told}");
}

#[test]
fn check_looks_at_the_app() {
    // R09
    let folder = project(&[
        ("main.py", "from starlette.applications import Starlette\napp = Starlette()\nleaky = Starlette(debug=True)\n"),
        (
            "off.toml",
            "[server]\nhosts = [\"a.example\"]\ntrusted_proxies = [\"10.0.0.1/32\"]\n[server.tls]\nmode = \"off\"\n",
        ),
    ]);
    let python = python();
    let python = python.to_str().unwrap();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--app", "main:app", "--policy", "off.toml"], 0, "app: untitled (starlette"),
        (&["--app", "main:leaky", "--dev"], 0, "app: untitled (starlette"),
        (&["--app", "main:leaky", "--policy", "off.toml"], 1, "`debug=True` shows tracebacks"),
        (&["--app", "main:gone", "--policy", "off.toml"], 1, "no attribute `gone`"),
    ];
    for (arguments, exit, told) in cases {
        let output = run(folder.path(), &[&["check", "--python", python], *arguments].concat());
        assert_eq!(code(&output), *exit, "{arguments:?}: {output:?}");
        assert!(text(&output.stdout).contains(told), "{arguments:?}: {output:?}");
    }
    let output = run(folder.path(), &["check", "--json", "--dev", "--app", "main:gone", "--python", python]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["app"]["fault"]["kind"], "attribute_not_found");
}

#[test]
fn explain_names_what_decides() {
    // R64
    let folder = project(&[
        ("buckler.toml", "environment = \"development\"\n[content]\nmax_body = \"1KiB\"\n"),
        ("small.json", "{\"a\": 1}"),
        ("twice.json", "{\"a\": 1, \"a\": 2}"),
        ("large.json", &format!("[{}1]", "1,".repeat(2000))),
    ]);
    let json = ["-H", "Content-Type: application/json"];
    let cases: &[(&[&str], i32, &str)] = &[
        (&["GET", "/"], 0, "admitted"),
        (&["GET", "https://localhost/a?b=c#d"], 0, "admitted"),
        (&["GET", "https://evil.example/"], 1, "refused: 400 host_not_allowed, by host"),
        (&["GET", "/", "-H", "host: evil.example"], 1, "by host"),
        (&["GET", "/a/../b"], 1, "refused: 400 malformed_request, by path"),
        (&["GET", "http://localhost/"], 1, "redirected: 308 https_required, by https"),
        (&["POST", "/", "--data", "small.json", json[0], json[1]], 0, "admitted"),
        (&["POST", "/", "--data", "twice.json", json[0], json[1]], 1, "by json"),
        (&["POST", "/", "--data", "large.json", json[0], json[1]], 1, "(content.max_body, buckler.toml:3"),
        (&["GET", "/", "-H", "X-Forwarded-For: 192.0.2.1", "--from", "192.0.2.9"], 0, "admitted"),
    ];
    for (arguments, exit, told) in cases {
        let output = run(folder.path(), &[&["explain"], *arguments].concat());
        assert_eq!(code(&output), *exit, "{arguments:?}: {output:?}");
        assert!(text(&output.stdout).contains(told), "{arguments:?}:\n{}", text(&output.stdout));
    }
    let output = run(folder.path(), &["explain", "--json", "GET", "/a/../b"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["admitted"], &told["decisive"]), (&Value::Bool(false), &Value::from("path")));
}

#[test]
fn what_is_generated_is_whole() {
    let folder = project(&[]);
    let cases: &[(&[&str], &str)] = &[
        (&["--version"], concat!("buckler ", env!("CARGO_PKG_VERSION"))),
        (&["--help"], "Exit codes"),
        (&["schema"], "\"$schema\""),
        (&["completions", "bash"], "--app-dir"),
        (&["completions", "zsh"], "#compdef buckler"),
        (&["completions", "fish"], "complete -c buckler"),
        (&["man"], ".TH buckler 1"),
        (&["man", "run"], "app\\-dir"),
    ];
    for (arguments, part) in cases {
        let output = run(folder.path(), arguments);
        assert_eq!(code(&output), 0, "{arguments:?}: {output:?}");
        assert!(text(&output.stdout).contains(part), "{arguments:?}:\n{}", text(&output.stdout));
    }
    let schema: Value = serde_json::from_slice(&run(folder.path(), &["schema"]).stdout).unwrap();
    assert!(schema["properties"]["server"]["properties"]["hosts"].is_object());
}

#[test]
fn a_reader_that_goes_away_is_no_mistake() {
    let folder = project(&[]);
    for arguments in [&["schema"][..], &["completions", "bash"], &["man"]] {
        let mut child =
            buckler(folder.path()).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// A shop whose docs are elsewhere, with an app below it.
const DOCUMENTED: &str = r#"
from fastapi import FastAPI
app = FastAPI(title="\u00dcber\x9b31m", docs_url="/help", redoc_url=None, openapi_url="/api.json")
app.mount("/v1", FastAPI(openapi_url="/api.json", docs_url=None, redoc_url=None))

@app.get("/docs")
def documents() -> list[str]:
    return []

def plain():
    from starlette.applications import Starlette
    return Starlette()

class Broken(FastAPI):
    def openapi(self):
        raise ValueError("two models of one name")
broken = Broken()
"#;

const CLOSED: &str =
    "[server]\nhosts = [\"a.example\"]\ntrusted_proxies = [\"10.0.0.1/32\"]\n[server.tls]\nmode = \"off\"\n";

#[test]
fn check_tells_which_docs_are_closed() {
    // R10
    let folder = project(&[("main.py", DOCUMENTED), ("closed.toml", CLOSED)]);
    let python = python();
    let python = python.to_str().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["--policy", "closed.toml"], "docs        closed (production): /docs, /redoc, /openapi.json"),
        (
            &["--policy", "closed.toml", "--app", "main:app"],
            "docs        closed (production): /api.json, /help, /docs/oauth2-redirect, /v1/api.json",
        ),
        (&["--policy", "closed.toml", "--app", "main:plain"], "docs        closed (production): there are none"),
        (&["--dev"], "off       docs        open (development)"),
    ];
    for (arguments, told) in cases {
        let output = run(folder.path(), &[&["check", "--python", python], *arguments].concat());
        assert!(text(&output.stdout).contains(told), "{arguments:?}: {output:?}");
    }
}

#[test]
fn contract_prints_the_document_that_clients_may_not_read() {
    // R10
    let folder = project(&[("main.py", DOCUMENTED), ("buckler.toml", CLOSED)]);
    let python = python();
    let asked = |app: &str| run(folder.path(), &["contract", app, "--python", python.to_str().unwrap()]);
    let output = asked("main:app");
    assert_eq!(code(&output), 0, "{output:?}");
    assert!(output.stdout.is_ascii(), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["info"]["title"], "\u{dc}ber\u{9b}31m");
    assert!(document["paths"]["/docs"]["get"].is_object());
    for (app, told) in [
        ("main:plain", "no FastAPI application"),
        ("main:broken", "ValueError: two models of one name"),
        ("main:gone", "no attribute `gone`"),
        ("nowhere:app", "no module `nowhere`"),
    ] {
        let output = asked(app);
        assert_eq!((code(&output), text(&output.stdout)), (2, ""), "{app}");
        assert!(text(&output.stderr).contains(told), "{app}: {output:?}");
    }
}

/// A document with a bit of everything: routes whose order decides, a format that is not checked.
const DOCUMENT: &str = r##"{"openapi": "3.1.0", "info": {"title": "Tea", "version": "1"}, "servers": [{"url": "/api"}],
    "security": [{"bearer": []}], "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        "schemas": {"Pot": {"type": "object", "properties": {"size": {"type": "integer", "format": "int32"}}}}},
    "paths": {
        "/pots/{pot}": {"get": {"parameters": [{"name": "pot", "in": "path", "required": true, "schema": {"type": "integer"}},
            {"name": "q", "in": "query", "schema": {"type": "string"}}], "responses": {"200": {"content":
            {"application/json": {"schema": {"$ref": "#/components/schemas/Pot"}}}}}}},
        "/pots/best": {"get": {"security": []}},
        "/pots": {"post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pot"}}}}}}}}"##;

#[test]
fn contract_check_tells_what_can_be_enforced() {
    // R40
    let clean = r#"{"openapi": "3.1.0", "info": {"title": "Tea", "version": "1"}, "paths": {"/pots": {"get": {}}}}"#;
    let broken =
        r#"{"openapi": "3.1.0", "paths": {"/pots": {"get": {"parameters": [{"$ref": "file:///etc/passwd"}]}}}}"#;
    let files = [
        ("tea.json", DOCUMENT),
        ("clean.json", clean),
        ("broken.json", broken),
        ("yaml.yml", "openapi: 3.1.0"),
        ("main.py", DOCUMENTED),
        ("buckler.toml", CLOSED),
    ];
    let folder = project(&files);
    let ask = |arguments: &[&str]| run(folder.path(), &[&["contract"], arguments].concat());
    let told = ask(&["--check", "tea.json"]);
    assert_eq!(code(&told), 1, "{told:?}");
    insta::assert_snapshot!("contract_check", text(&told.stdout));
    let json = ask(&["--check", "tea.json", "--json"]);
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((code(&json), found["operations"][0]["parameters"]["path"][0].as_str()), (1, Some("pot")));
    assert_eq!(
        (found["ambiguous"][0]["second"].as_str(), found["base_paths"][0].as_str()),
        (Some("/pots/best"), Some("/api"))
    );
    assert_eq!(found["unenforced"][0]["place"], "#/components/schemas/Pot/properties/size/format");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--check", "clean.json"], 0, "all that it says can be enforced"),
        (
            &["--check", "broken.json"],
            1,
            "GET /pots: #/paths/~1pots/get/parameters/0: `$ref` leads out of the document",
        ),
        (&["--check", "broken.json", "--json"], 1, "\"operation\": \"GET /pots\""),
        (&["--check", "yaml.yml"], 1, "YAML"),
        (&["--check", "gone.json"], 2, "`gone.json` cannot be read"),
        (&["main:app", "--check", "tea.json"], 2, "both named"),
        (&["main:app", "--json"], 2, "--check"),
    ];
    for (arguments, exit, told) in cases {
        let output = ask(arguments);
        assert_eq!(code(&output), *exit, "{arguments:?} {output:?}");
        assert!(format!("{}{}", text(&output.stdout), text(&output.stderr)).contains(told), "{arguments:?} {output:?}");
    }
    // An app's own document, named either way.
    let python = python();
    for arguments in [["main:app", "--check"], ["--check", "main:app"]] {
        let output = ask(&[&arguments[..], &["--python", python.to_str().unwrap()]].concat());
        assert_eq!(code(&output), 0, "{output:?}");
        assert!(text(&output.stdout).contains("/docs"), "{output:?}");
    }
}
