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
