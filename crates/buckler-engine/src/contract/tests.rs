//! The stage as a whole: heads and bodies against one document.

use std::sync::Arc;

use buckler_http::connection::Connection;
use buckler_http::head::{Head, Version};
use buckler_policy::settings::Document;
use buckler_policy::{Host, Sources};
use serde_json::{Value, json};

use crate::report::State;
use crate::stage::Stage;
use crate::{Context, Engine, Judged, Opening, Timestamp};

const ENFORCED: &str = "[contract]\nrequests = \"enforce\"";
const CLOSED: &str = "[contract]\nrequests = \"enforce\"\n[content]\nunknown_fields = \"reject\"";
const STRICT: &str = "[contract]\nrequests = \"enforce\"\n[content]\nstrict = true";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const MONITORED: &str = "[contract]\nrequests = \"monitor\"";

fn engine(policy: &str, document: &Value) -> Arc<Engine> {
    let text = format!("environment = \"development\"\n{policy}");
    let mut policy = Sources::new(Host::InProcess).file("buckler.toml", &text).load().unwrap().policy;
    policy.contract.document = Some(Document::new(document.to_string().into_bytes()));
    let engine = Arc::new(Engine::new(&policy));
    assert_eq!(engine.contract_fault(), None);
    engine
}

fn shop() -> Value {
    let item = json!({
        "type": "object",
        "required": ["name", "price"],
        "properties": {
            "name": {"type": "string", "maxLength": 10},
            "price": {"type": "number", "exclusiveMinimum": 0},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    });
    let body =
        json!({"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}});
    let parameter = |name: &str, place: &str, schema: Value, required: bool| json!({"name": name, "in": place, "required": required, "schema": schema});
    json!({
        "openapi": "3.1.0",
        "info": {"title": "shop", "version": "1"},
        "paths": {
            "/items/{id}": {
                "get": {"parameters": [
                    parameter("id", "path", json!({"type": "integer"}), true),
                    parameter("limit", "query", json!({"type": "integer", "maximum": 100}), false),
                    parameter("tag", "query", json!({"type": "array", "items": {"type": "string", "maxLength": 3}}), false),
                    parameter("x-token", "header", json!({"type": "string", "minLength": 4}), true),
                    parameter("seen", "cookie", json!({"type": "boolean"}), false),
                ], "responses": {}},
                "put": {"requestBody": body, "parameters": [parameter("id", "path", json!({"type": "integer"}), true)], "responses": {}},
            },
            "/items/latest": {"get": {"responses": {}}},
            "/upload": {"post": {"requestBody": {"content": {"multipart/form-data": {"schema": {"type": "object"}}}}, "responses": {}}},
        },
        "components": {"schemas": {"Item": item}},
    })
}

/// Status and body of the answer, or what was written down about a request that passed.
#[derive(Debug, PartialEq)]
enum Seen {
    Answer(u16, Value),
    Passed(Vec<(&'static str, String)>),
}

fn ask(engine: &Arc<Engine>, method: &str, target: &str, fields: &[(&str, &str)], body: Option<&str>) -> Seen {
    let length = body.map(|body| body.len().to_string()).unwrap_or_default();
    let mut head = Head::new(method, target.as_bytes(), Version::Http11);
    head.push(b"host", b"localhost");
    for (name, value) in fields {
        head.push(name.as_bytes(), value.as_bytes());
    }
    if body.is_some() {
        head.push(b"content-length", length.as_bytes());
    }
    let context = Context { connection: Connection::LOCAL, now: Timestamp(0), nonce: [0; 16] };
    let answer = |ended: crate::Ended| {
        let text = serde_json::from_slice(&ended.reply.body).unwrap_or_default();
        Seen::Answer(ended.reply.status.as_u16(), text)
    };
    let admission = match engine
        .open(&head, &context)
        .settle(&head, context.now, |batch| buckler_limits::batch::unheard_of(batch, buckler_limits::Moment(0)))
    {
        Opening::Answer(ended) => return answer(*ended),
        Opening::Consult(_) => panic!("settled"),
        Opening::Admit(admission) => admission,
    };
    let (mut inspector, mut exchange) = admission.into_parts();
    let whole = body.unwrap_or_default().as_bytes();
    let judged = whole.chunks(7).try_for_each(|piece| inspector.push(piece).map(drop));
    let judged = judged.and_then(|()| inspector.finish());
    match judged {
        Err(finding) => answer(exchange.refuse(finding, crate::Traffic::default(), Timestamp(0))),
        Ok(judged) => {
            assert_eq!(judged, Judged::Whole);
            exchange.learn(inspector);
            let ended = exchange.fail(crate::Reason::InternalError, crate::Traffic::default(), Timestamp(0));
            let found = ended.record.monitored.iter();
            Seen::Passed(found.map(|found| (found.stage.name(), found.violation.detail.to_string())).collect())
        }
    }
}

const TOKEN: (&str, &str) = ("X-Token", "abcd");
const JSON: (&str, &str) = ("content-type", "application/json");

// R40
#[test]
fn what_the_contract_does_not_allow_is_refused_with_its_place() {
    let engine = engine(ENFORCED, &shop());
    let get = |target: &str, fields: &[(&str, &str)]| ask(&engine, "GET", target, fields, None);
    let put = |body: &str| ask(&engine, "PUT", "/items/7", &[JSON], Some(body));
    for (seen, loc) in [
        (get("/items/x", &[TOKEN]), json!(["path", "id"])),
        (get("/items/7%20x", &[TOKEN]), json!(["path", "id"])),
        (get("/items/7?limit=101", &[TOKEN]), json!(["query", "limit"])),
        (get("/items/7?limit=1&limit=x", &[TOKEN]), json!(["query", "limit"])),
        (get("/items/7?tag=a&tag=long", &[TOKEN]), json!(["query", "tag", 1])),
        (get("/items/7", &[]), json!(["header", "x-token"])),
        (get("/items/7", &[("x-token", "abc")]), json!(["header", "x-token"])),
        (get("/items/7", &[TOKEN, ("cookie", "seen=perhaps")]), json!(["cookie", "seen"])),
        (put(r#"{"name": "tea", "price": 0}"#), json!(["body", "price"])),
        (put(r#"{"name": "tea", "price": 1, "tags": ["a", 5]}"#), json!(["body", "tags", 1])),
        (put(r#"{"name": "a name too long", "price": 1}"#), json!(["body", "name"])),
        (ask(&engine, "PUT", "/items/7", &[JSON], Some("")), json!(["body"])),
        (ask(&engine, "PUT", "/items/7", &[], None), json!(["body"])),
        (put("  \n"), json!(["body", 3])),
    ] {
        let Seen::Answer(status, body) = seen else { panic!("{loc} passed: {seen:?}") };
        assert_eq!((status, &body["code"]), (422, &json!("contract_violation")), "{loc}: {body}");
        assert_eq!(body["detail"][0]["loc"], loc, "{body}");
        assert!(body["detail"][0].get("input").is_none());
    }
}

// R40
#[test]
fn what_fastapi_takes_passes() {
    let engine = engine(ENFORCED, &shop());
    for (method, target, fields, body) in [
        ("GET", "/items/7?limit=100&tag=a&tag=b", &[TOKEN, ("cookie", "seen=true")][..], None),
        ("GET", "/items/%37", &[TOKEN], None),
        ("GET", "/items/latest", &[], None),
        ("GET", "/items/latest?limit=x", &[], None),
        ("HEAD", "/items/7", &[], None),
        ("OPTIONS", "/items/7", &[], None),
        ("GET", "/hidden", &[], None),
        ("DELETE", "/items/7", &[], None),
        ("PUT", "/items/7", &[JSON], Some(r#"{"name": "tea", "price": 1.5, "tags": [], "more": {"a": 1}}"#)),
        ("PUT", "/items/7", &[("content-type", "application/vnd.x+json")], Some(r#"{"name": "tea", "price": 1}"#)),
        // The app does not read a body that the operation says nothing of.
        ("GET", "/items/latest", &[JSON], Some("[1]")),
    ] {
        let seen = ask(&engine, method, target, fields, body);
        let Seen::Passed(found) = seen else { panic!("{method} {target}: {seen:?}") };
        assert!(found.iter().all(|(stage, _)| *stage != Stage::Contract.name()), "{method} {target}: {found:?}");
    }
}

// R07
#[test]
fn a_body_has_a_type_that_the_operation_takes() {
    let engine = engine(ENFORCED, &shop());
    let status = |method: &str, target: &str, kind: &str| match ask(
        &engine,
        method,
        target,
        &[("content-type", kind)],
        Some("{}"),
    ) {
        Seen::Answer(status, _) => status,
        Seen::Passed(_) => 0,
    };
    assert_eq!(status("PUT", "/items/7", "application/x-www-form-urlencoded"), 415);
    assert_eq!(status("POST", "/upload", "application/json"), 415);
    assert_eq!(status("POST", "/upload", "multipart/form-data; boundary=a"), 0);
}

#[test]
fn what_is_not_listed_is_refused_where_the_policy_says_so() {
    let engine = engine(&format!("{ENFORCED}\nunlisted_routes = \"refuse\""), &shop());
    for (method, target, status) in [
        ("GET", "/hidden", 404),
        ("GET", "/items", 404),
        ("GET", "/items/7/8", 404),
        ("GET", "//items/latest", 404),
        ("DELETE", "/items/latest", 405),
        // Starlette redirects to the path without the slash.
        ("GET", "/items/latest/", 0),
        ("HEAD", "/items/latest", 0),
        ("OPTIONS", "/items/latest", 0),
        ("GET", "/items/latest", 0),
    ] {
        let seen = match ask(&engine, method, target, &[], None) {
            Seen::Answer(status, _) => status,
            Seen::Passed(_) => 0,
        };
        assert_eq!(seen, status, "{method} {target}");
    }
}

// R40
#[test]
fn members_of_a_form_are_read_as_parameters_are() {
    let text = json!({"type": "string", "maxLength": 3});
    let form = json!({"type": "object", "required": ["name"], "properties": {
        "name": text, "count": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "integer"}},
        "maybe": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "file": {"type": "string", "format": "binary"},
    }});
    let document = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/": {"post": {
        "requestBody": {"required": true, "content": {
            "application/x-www-form-urlencoded": {"schema": form}, "multipart/form-data": {"schema": form},
        }}, "responses": {},
    }}}});
    let (open, closed) = (engine(ENFORCED, &document), engine(CLOSED, &document));
    let many = format!("name=a{}", "&tags=1".repeat(1_000));
    for (body, loc, kind) in [
        ("name=abc", None, ""),
        ("name=ab%63&count=7&tags=1&tags=2&maybe=on", None, ""),
        ("name=a&count=&maybe=", None, ""),
        ("count=x&name=a&count=1", None, ""),
        ("name=a&file=x", None, ""),
        ("x=1;name=a", None, ""),
        ("", Some(json!(["body", "name"])), "missing"),
        ("count=1", Some(json!(["body", "name"])), "missing"),
        ("name=a;b;c", None, ""),
        ("name=abcd", Some(json!(["body", "name"])), "string_too_long"),
        ("n%61me=abcd", Some(json!(["body", "name"])), "string_too_long"),
        ("name=%C3%A9%C3%A9%C3%A9", None, ""),
        ("name=\u{e9}\u{e9}", Some(json!(["body", "name"])), "string_too_long"),
        ("name=a&count=x", Some(json!(["body", "count"])), "int_parsing"),
        ("name=a&tags=1&tags=x", Some(json!(["body", "tags", 1])), "int_parsing"),
        ("name=a&maybe=2", Some(json!(["body", "maybe"])), "bool_parsing"),
        (many.as_str(), Some(json!(["body"])), "too_long"),
    ] {
        let seen = ask(&open, "POST", "/", &[FORM], Some(body));
        match (&seen, loc) {
            (Seen::Passed(_), None) => {}
            (Seen::Answer(422, told), Some(loc)) => {
                assert_eq!((&told["detail"][0]["loc"], &told["detail"][0]["type"]), (&loc, &kind.into()), "{body}");
            }
            _ => panic!("{body}: {seen:?}"),
        }
    }
    let unknown = |engine| ask(engine, "POST", "/", &[FORM], Some("name=a&unknown=s3cret"));
    assert!(matches!(unknown(&open), Seen::Passed(found) if found.iter().any(|(stage, _)| *stage == "stricter")));
    let Seen::Answer(422, told) = unknown(&closed) else { panic!("passed") };
    assert!(!told.to_string().contains("unknown") && told["detail"][0]["type"] == "extra_forbidden");
    let numbers = |engine| ask(engine, "POST", "/", &[FORM], Some("name=1&count=1&tags=2"));
    assert!(matches!(numbers(&engine(STRICT, &document)), Seen::Passed(_)));
    let part = ("content-type", "multipart/form-data; boundary=a");
    assert!(matches!(ask(&open, "POST", "/", &[part], Some("--a--")), Seen::Passed(_)));
}

#[test]
fn a_method_that_is_not_listed_is_told_those_that_are() {
    let engine = engine(&format!("{ENFORCED}\nunlisted_routes = \"refuse\""), &shop());
    let mut head = Head::new("DELETE", b"/items/7", Version::Http11);
    head.push(b"host", b"localhost");
    let context = Context { connection: Connection::LOCAL, now: Timestamp(0), nonce: [0; 16] };
    let Opening::Answer(ended) = engine
        .open(&head, &context)
        .settle(&head, context.now, |batch| buckler_limits::batch::unheard_of(batch, buckler_limits::Moment(0)))
    else {
        panic!("admitted")
    };
    let allow = ended.reply.fields.iter().find(|(name, _)| name == http::header::ALLOW).map(|(_, value)| value);
    assert_eq!(allow.unwrap(), "GET, PUT");
}

// R40
#[test]
fn monitoring_writes_down_what_enforcing_refuses_and_refuses_nothing() {
    let (enforced, monitored) = (engine(ENFORCED, &shop()), engine(MONITORED, &shop()));
    for (method, target, fields, body) in [
        ("GET", "/items/x", &[TOKEN][..], None),
        ("GET", "/items/7", &[], None),
        ("PUT", "/items/7", &[JSON], Some(r#"{"name": "tea"}"#)),
        ("PUT", "/items/7", &[JSON], Some(r#"{"name": "tea", "price": 0}"#)),
        ("PUT", "/items/7", &[("content-type", "text/plain")], Some("x")),
        ("PUT", "/items/7", &[], None),
        ("PUT", "/items/7", &[JSON], Some(r#"{"name": "tea", "price": 1}"#)),
        ("GET", "/items/7", &[TOKEN], None),
    ] {
        let refused = matches!(ask(&enforced, method, target, fields, body), Seen::Answer(..));
        let Seen::Passed(found) = ask(&monitored, method, target, fields, body) else { panic!("{method} refused") };
        let noted = found.iter().any(|(stage, _)| *stage == Stage::Contract.name());
        assert_eq!(noted, refused, "{method} {target} {body:?}: {found:?}");
    }
}

// R40
#[test]
fn what_the_app_answers_first_is_left_to_it_unless_the_policy_says_otherwise() {
    let mut document = shop();
    document["paths"]["/items/{id}"]["put"]["x-buckler-first"] = "app".into();
    let wrong = |engine: &Arc<Engine>, method: &str| {
        let target = if method == "PUT" { "/items/x" } else { "/items/7" };
        let seen = [
            ask(engine, method, target, &[], None),
            ask(engine, method, "/items/7", &[JSON], Some(r#"{"name": "tea"}"#)),
            ask(engine, method, "/items/7", &[("content-type", "text/plain")], Some("x")),
        ];
        let refused = seen.iter().filter(|seen| matches!(seen, Seen::Answer(..))).count();
        let of_contract = |(stage, _): &(&str, String)| *stage == Stage::Contract.name();
        let noted = |seen: &&Seen| matches!(seen, Seen::Passed(found) if found.iter().any(of_contract));
        (refused, seen.iter().filter(noted).count())
    };
    let auto = engine("", &document);
    assert_eq!(wrong(&auto, "PUT"), (0, 3));
    assert_eq!(wrong(&auto, "GET"), (3, 0));
    let kept = engine("[errors]\nstrip_input = \"keep\"", &document);
    assert_eq!((wrong(&kept, "PUT"), wrong(&kept, "GET")), ((0, 3), (0, 3)));
    for noticed in [ENFORCED, "[content]\nunknown_fields = \"reject\"", "[content]\nstrict = true"] {
        let engine = engine(noticed, &document);
        assert_eq!(wrong(&engine, "PUT"), (3, 0), "{noticed}");
    }
}

/// What the app gets of a body, and whether that is another one than came.
fn got(engine: &Arc<Engine>, body: &str) -> Option<(String, usize)> {
    let length = body.len().to_string();
    let mut head = Head::new("PUT", b"/items/7", Version::Http11);
    for (name, value) in [("host", "localhost"), JSON, ("content-length", &length)] {
        head.push(name.as_bytes(), value.as_bytes());
    }
    let context = Context { connection: Connection::LOCAL, now: Timestamp(0), nonce: [0; 16] };
    let Opening::Admit(admission) = engine
        .open(&head, &context)
        .settle(&head, context.now, |batch| buckler_limits::batch::unheard_of(batch, buckler_limits::Moment(0)))
    else {
        panic!("refused")
    };
    let (mut inspector, _) = admission.into_parts();
    inspector.push(body.as_bytes()).and_then(|_| inspector.finish()).ok()?;
    let edited = inspector.take_edited();
    let text = edited.map_or_else(|| body.to_owned(), |edited| String::from_utf8(edited.text().to_vec()).unwrap());
    Some((text, inspector.into_found().0.len()))
}

// R40
#[test]
fn whoever_refuses_a_body_the_app_gets_nothing_that_was_to_be_taken_out() {
    const STRIP: &str = "[content]\nunknown_fields = \"strip\"";
    let mut document = shop();
    document["paths"]["/items/{id}"]["put"]["x-buckler-first"] = "app".into();
    let (good, bad) = (r#"{"name":"a","price":1,"x":1}"#, r#"{"name":"a","x":1}"#);
    let left = engine(STRIP, &document);
    assert_eq!(got(&left, good), Some((r#"{"name":"a","price":1}"#.to_owned(), 0)));
    assert_eq!(got(&left, bad), Some((r#"{"name":"a"}"#.to_owned(), 1)));
    let ours = engine(&format!("{ENFORCED}\n{STRIP}"), &document);
    assert_eq!(got(&ours, good), Some((r#"{"name":"a","price":1}"#.to_owned(), 0)));
    assert_eq!(got(&ours, bad), None);
    // What cannot be read cannot be edited, and passes only where nothing is to be taken out.
    let loose = engine(&format!("{STRIP}\nmode = \"monitor\""), &document);
    assert_eq!(got(&loose, r#"{"name":"a","x":1,}"#), None);
    let monitored = engine(&format!("{MONITORED}\n{STRIP}"), &document);
    assert_eq!(got(&monitored, good), Some((good.to_owned(), 0)));
}

#[test]
fn a_body_is_never_without_room_because_it_is_monitored() {
    let large = format!("[{}0]", "0,".repeat(400_000));
    let monitored = engine(MONITORED, &shop());
    let mut head = Head::new("PUT", b"/items/7", Version::Http11);
    for (name, value) in [("host", "localhost"), ("content-type", "application/json"), ("content-length", "800003")] {
        head.push(name.as_bytes(), value.as_bytes());
    }
    let context = Context { connection: Connection::LOCAL, now: Timestamp(0), nonce: [0; 16] };
    let Opening::Admit(admission) = monitored
        .open(&head, &context)
        .settle(&head, context.now, |batch| buckler_limits::batch::unheard_of(batch, buckler_limits::Moment(0)))
    else {
        panic!("refused")
    };
    let (mut inspector, _exchange) = admission.into_parts();
    let mut most = 0;
    for piece in large.as_bytes().chunks(4096) {
        assert_eq!(inspector.push(piece).unwrap(), Judged::Whole);
        most = most.max(inspector.memory());
    }
    assert_eq!(inspector.finish().unwrap(), Judged::Whole);
    assert!(most > 1024 * 1024 && most < 40 * 1024 * 1024, "{most}");
    let found = inspector.into_found().0;
    let told: Vec<_> = found.iter().map(|found| (found.stage, found.violation.reason)).collect();
    assert_eq!(told, [(Stage::Contract, crate::Reason::Overloaded)]);
}

// R11
#[test]
fn nothing_that_was_sent_is_told_back() {
    let document = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/": {"post": {
        "parameters": [{"name": "q", "in": "query", "schema": {"enum": ["a"]}}],
        "requestBody": {"content": {"application/json": {"schema": {
            "type": "object", "additionalProperties": {"type": "object", "properties": {"n": {"type": "array", "maxItems": 1}}},
        }}}}, "responses": {},
    }}}});
    let engine = engine(ENFORCED, &document);
    let bodies = [r#"{"s3cret": 1}"#, r#"{"s3cret": {"n": ["s3cret", "s3cret"]}}"#, r#""s3cret""#];
    let mut seen: Vec<Seen> = bodies.iter().map(|body| ask(&engine, "POST", "/", &[JSON], Some(body))).collect();
    seen.push(ask(&engine, "POST", "/?q=s3cret", &[], None));
    for seen in seen {
        let Seen::Answer(422, body) = &seen else { panic!("{seen:?}") };
        assert!(!body.to_string().contains("s3cret"), "{body}");
    }
}

#[test]
fn a_document_that_is_wanted_and_cannot_be_used_lets_nothing_pass() {
    let load = |policy: &str, document: Option<&str>| {
        let text = format!("environment = \"development\"\n{policy}");
        let mut policy = Sources::new(Host::InProcess).file("buckler.toml", &text).load().unwrap().policy;
        policy.contract.document = document.map(|text| Document::new(text.as_bytes()));
        Arc::new(Engine::new(&policy))
    };
    let get = |engine: &Arc<Engine>| ask(engine, "GET", "/", &[], None);
    for document in [None, Some("{"), Some(r#"{"openapi": "2.0"}"#)] {
        let engine = load(ENFORCED, document);
        assert!(engine.contract_fault().is_some());
        let Seen::Answer(500, body) = get(&engine) else { panic!("passed") };
        assert_eq!(body["code"], "internal_error");
        let engine = load("", document);
        assert_eq!(engine.contract_fault().is_some(), document.is_some());
        assert_eq!(get(&engine), Seen::Passed(Vec::new()));
    }
}

// R40
#[test]
fn an_app_that_fails_to_make_its_document_is_told_what_it_raised() {
    for (policy, state) in [(ENFORCED, State::Enforced), ("", State::Off)] {
        let text = format!("environment = \"development\"\n{policy}");
        let mut policy = Sources::new(Host::InProcess).file("buckler.toml", &text).load().unwrap().policy;
        policy.contract.document_fault = Some("GET /a: TypeError: no schema for Socket".to_owned());
        let engine = Engine::new(&policy);
        let why = "the app fails to make it: GET /a: TypeError: no schema for Socket";
        assert_eq!(engine.contract_fault(), Some(why));
        let control = engine.controls().iter().find(|control| control.stage == Stage::Contract).unwrap();
        assert!(control.state == state && control.detail.ends_with(why), "{}", control.detail);
    }
}

#[test]
fn of_operations_that_overlap_one_that_takes_the_request_is_enough() {
    let by = |kind: &str| json!({"get": {"parameters": [{"name": "a", "in": "path", "required": true, "schema": {"type": kind}}], "responses": {}}});
    let document = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {
        "/{a}/x": {"get": {"parameters": [{"name": "a", "in": "path", "required": true, "schema": {"type": "integer"}}], "responses": {}}},
        "/y/{a}": by("integer"),
    }});
    let engine = engine(ENFORCED, &document);
    let passes = |target: &str| matches!(ask(&engine, "GET", target, &[], None), Seen::Passed(_));
    assert!(passes("/1/x") && passes("/y/1") && !passes("/y/x") && !passes("/z/x"));
}

// R07
#[test]
fn what_is_used_and_what_is_not_listed_is_counted_over_reloads() {
    let counted = |engine: &Engine| {
        let usage = engine.usage();
        let told = |list: Vec<crate::Requested>| {
            list.into_iter()
                .map(|one| (one.what, one.requests))
                .filter(|(_, requests)| *requests > 0)
                .collect::<Vec<_>>()
        };
        (told(usage.operations), told(usage.answered.shapes), told(usage.nowhere.shapes))
    };
    let list =
        |items: &[(&str, u64)]| items.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect::<Vec<_>>();
    let answer = |engine: &Arc<Engine>, method: &str, target: &str, status: u16| {
        let mut head = Head::new(method, target.as_bytes(), Version::Http11);
        head.push(b"host", b"localhost");
        let context = Context { connection: Connection::LOCAL, now: Timestamp(0), nonce: [0; 16] };
        let Opening::Admit(admission) = engine
            .open(&head, &context)
            .settle(&head, context.now, |batch| buckler_limits::batch::unheard_of(batch, buckler_limits::Moment(0)))
        else {
            return;
        };
        let (_, exchange) = admission.into_parts();
        drop(exchange.answer(http::StatusCode::from_u16(status).unwrap(), &http::HeaderMap::new()));
    };
    let first = engine(ENFORCED, &shop());
    for (method, target, status) in [
        ("GET", "/items/latest", 200),
        ("GET", "/items/x", 422),
        ("HEAD", "/items/latest", 200),
        ("GET", "/hidden/7", 200),
        ("GET", "/hidden/8?token=s3cret", 500),
        ("DELETE", "/hidden/8", 405),
        ("GET", "/wp-login.php", 404),
        ("GET", "/items/latest/", 307),
    ] {
        answer(&first, method, target, status);
    }
    // The wrong one asks for what is listed as well.
    let used = list(&[("GET /items/{id}", 1), ("GET /items/latest", 1)]);
    assert_eq!(counted(&first).0.len(), used.len(), "{:?}", counted(&first));
    assert!(used.iter().all(|one| counted(&first).0.contains(one)), "{:?}", counted(&first));
    assert_eq!(counted(&first).1, list(&[("GET /hidden/{}", 2)]));
    assert_eq!(counted(&first).2, list(&[("DELETE /hidden/{}", 1), ("GET /wp-login.php", 1)]));
    assert_eq!(first.usage().operations.len(), 4);

    // Another document, which has one of them under the same name, and refuses what it does not list.
    let document = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {
        "/new": {"get": {"responses": {}}}, "/items/latest": {"get": {"responses": {}}},
    }});
    let text = format!("environment = \"development\"\n{ENFORCED}\nunlisted_routes = \"refuse\"");
    let mut policy = Sources::new(Host::InProcess).file("buckler.toml", &text).load().unwrap().policy;
    policy.contract.document = Some(Document::new(document.to_string().into_bytes()));
    let mut second = Engine::new(&policy);
    second.inherit(&first);
    let second = Arc::new(second);
    answer(&second, "GET", "/items/latest", 200);
    answer(&second, "GET", "/hidden/7", 200);
    // What is under way is finished by the first, and counted all the same.
    answer(&first, "GET", "/items/latest", 200);
    assert_eq!(counted(&second).0, list(&[("GET /items/latest", 3)]));
    assert_eq!(counted(&second).1, list(&[("GET /hidden/{}", 2)]));
    assert!(counted(&second).2.contains(&("GET /hidden/{}".to_owned(), 1)));
}
