//! R41: what becomes of answers, by the engine alone.

use std::sync::Arc;

use buckler_http::connection::Connection;
use buckler_http::head::{Head, Version};
use buckler_policy::settings::Document;
use buckler_policy::{Host, Sources};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::Engine;
use crate::answer::AnswerBody;
use crate::engine::Opening;
use crate::exchange::{Answering, Ending, Traffic};
use crate::facts::{Context, Timestamp};
use crate::record::{Note, Outcome};
use crate::stage::Stage;

/// What a client and the log see.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    body: String,
    notes: Vec<Note>,
    /// Whether the answer was refused, or would have been.
    refused: Option<bool>,
}

fn document() -> Value {
    let user = json!({"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string"}, "age": {"type": "integer"}, "boss": {"$ref": "#/components/schemas/User"},
        "settings": {"type": "object"}}});
    let of = |schema: Value| json!({"responses": {"200": {"description": "", "content": {"application/json": {"schema": schema}}}}});
    json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "components": {"schemas": {"User": user}}, "paths": {
        "/user": {"get": of(json!({"$ref": "#/components/schemas/User"}))},
        "/users": {"get": of(json!({"type": "array", "items": {"$ref": "#/components/schemas/User"}}))},
        "/free": {"get": of(json!({}))},
        "/silent": {"get": {"responses": {}}},
    }})
}

fn engine(policy: &str) -> Arc<Engine> {
    let text = format!("environment = \"development\"\n[contract]\n{policy}");
    let mut policy = Sources::new(Host::InProcess).file("buckler.toml", &text).load().unwrap().policy;
    policy.contract.document = Some(Document::new(document().to_string().into_bytes()));
    Arc::new(Engine::new(&policy))
}

struct Given<'a> {
    path: &'a str,
    status: u16,
    fields: &'a [(&'static str, &'a str)],
    body: &'a [u8],
    /// Whether the length is told.
    sized: bool,
}

impl<'a> Given<'a> {
    fn json(path: &'a str, body: &'a str) -> Self {
        Self { path, status: 200, fields: &[("content-type", "application/json")], body: body.as_bytes(), sized: true }
    }
}

fn answer(engine: &Arc<Engine>, given: &Given<'_>) -> Seen {
    let mut head = Head::new("GET", given.path.as_bytes(), Version::Http11);
    head.push(b"host", b"localhost");
    let context = Context { connection: Connection::LOCAL, now: Timestamp(0), nonce: [0; 16] };
    let Opening::Admit(admission) = engine
        .open(&head, &context)
        .settle(&head, context.now, |batch| buckler_limits::batch::unheard_of(batch, buckler_limits::Moment(0)))
    else {
        panic!("refused")
    };
    let mut fields = HeaderMap::new();
    for (name, value) in given.fields {
        fields.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    if given.sized {
        fields.insert(http::header::CONTENT_LENGTH, HeaderValue::from(given.body.len()));
    }
    let (plan, mut answering) = admission.into_parts().1.answer(StatusCode::from_u16(given.status).unwrap(), &fields);
    let (status, body) = match plan.body {
        AnswerBody::Pass => {
            given.body.chunks(7).for_each(|piece| answering.saw(piece));
            (plan.status, given.body.to_vec())
        }
        AnswerBody::Replace(bytes) => (plan.status, bytes.to_vec()),
        AnswerBody::Rewrite(rewrite) => (plan.status, rewrite.apply(Some(given.body)).to_vec()),
        AnswerBody::Hold(max) => match answering.judge((given.body.len() <= max).then_some(given.body)) {
            None => (plan.status, given.body.to_vec()),
            Some(changed) => (changed.status, changed.body.to_vec()),
        },
        AnswerBody::Filter => {
            assert_eq!(plan.remove.contains(&http::header::CONTENT_LENGTH), given.sized);
            (plan.status, stream(&mut answering, given.body).unwrap_or_default())
        }
    };
    let record = answering.close(Ending::Complete, Traffic::default(), Timestamp(0));
    let is_ours = |stage: Stage| stage == Stage::Responses;
    let refused = match record.outcome {
        Outcome::Refused(finding) if is_ours(finding.stage) => Some(true),
        _ => record.monitored.iter().any(|finding| is_ours(finding.stage)).then_some(false),
    };
    Seen {
        status: status.as_u16(),
        body: String::from_utf8_lossy(&body).into_owned(),
        notes: record.notes.to_vec(),
        refused,
    }
}

fn stream(answering: &mut Answering, body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for piece in body.chunks(5) {
        out.extend_from_slice(&answering.filter(piece).ok()?);
    }
    out.extend_from_slice(&answering.filter_end().ok()?);
    Some(out)
}

const LEAK: &str = r#"{"name":"a","extra":1,"boss":{"name":"b","hashed_password":"x","ssn":2},"settings":{"any":1}}"#;

#[test]
fn what_never_leaves_is_taken_out_at_any_depth_and_all_else_is_as_it_was() {
    let engine = engine("responses = \"off\"");
    for (body, out, notes) in [
        (r#"{"hashed_password":"x"}"#, "{}", vec![Note::NeverReturned]),
        (
            r#"[{"a": [{"hashedPassword":"x","n":12345678901234567890.10}]}]"#,
            r#"[{"a": [{"n":12345678901234567890.10}]}]"#,
            vec![Note::NeverReturned],
        ),
        (r#"{"hashed\u005fpassword":"x","a":1}"#, r#"{"a":1}"#, vec![Note::NeverReturned]),
        (r#"{"a":"hashed_password"}"#, r#"{"a":"hashed_password"}"#, vec![]),
        (r#"{"a": 1 }"#, r#"{"a": 1 }"#, vec![]),
        ("no JSON at all {", "no JSON at all {", vec![]),
        ("", "", vec![]),
    ] {
        for (path, sized) in [("/user", true), ("/elsewhere", true), ("/silent", false)] {
            let seen = answer(&engine, &Given { sized: sized || body.contains("no JSON"), ..Given::json(path, body) });
            assert_eq!(seen, Seen { status: 200, body: out.to_owned(), notes: notes.clone(), refused: None }, "{body}");
        }
    }
    let broken = answer(&engine, &Given::json("/user", r#"{"hashed_password":"x","#));
    assert_eq!(
        (broken.status, broken.refused),
        (500, Some(true)),
        "what may hold one and cannot be read does not leave"
    );
    assert!(!broken.body.contains("hashed_password"));
    let cut = answer(&engine, &Given { sized: false, ..Given::json("/user", r#"{"a":1]"hashed_password":"x"}"#) });
    assert_eq!((cut.body.contains("hashed"), cut.refused), (false, Some(true)));
}

#[test]
fn filtering_takes_away_what_is_not_declared_and_monitoring_tells_of_it() {
    let (filter, monitor) = (engine("responses = \"filter\""), engine("responses = \"filter\"\nmode = \"monitor\""));
    let usual = engine("");
    let plain = r#"{"name":"a","boss":{"name":"b"},"settings":{"any":1}}"#;
    for sized in [true, false] {
        let given = Given { sized, ..Given::json("/user", LEAK) };
        let seen = answer(&filter, &given);
        let notes = vec![Note::NeverReturned, Note::AnswerStripped];
        assert_eq!(seen, Seen { status: 200, body: plain.to_owned(), notes, refused: None });
        let notes = vec![Note::WouldNotBeReturned, Note::AnswerWouldBeStripped];
        assert_eq!(answer(&monitor, &given), Seen { status: 200, body: LEAK.to_owned(), notes, refused: None });
        let seen = answer(&usual, &given);
        assert!(!seen.body.contains("hashed_password") && seen.body.contains("ssn"));
        assert_eq!(seen.notes, [Note::NeverReturned, Note::AnswerWouldBeStripped]);
    }
    // What is as it is declared, what says nothing, and errors that nobody declared.
    for (path, status, body) in [
        ("/user", 200, plain),
        ("/free", 200, LEAK),
        ("/silent", 200, LEAK),
        ("/none", 200, LEAK),
        ("/user", 404, LEAK),
    ] {
        let body = body.replace("hashed_password", "hash");
        let seen = answer(&filter, &Given { status, ..Given::json(path, &body) });
        assert_eq!(seen, Seen { status, body, notes: vec![], refused: None }, "{path} {status}");
    }
    let undeclared = answer(&filter, &Given { status: 201, ..Given::json("/user", "{}") });
    assert_eq!(undeclared.notes, [Note::UndeclaredStatus]);
    let page = Given { fields: &[("content-type", "text/html")], ..Given::json("/user", "<p>") };
    assert_eq!(answer(&filter, &page).notes, [Note::UndeclaredMediaType]);
}

#[test]
fn enforcing_answers_for_an_app_that_breaks_its_word() {
    let (enforce, monitor) = (engine("responses = \"enforce\""), engine("responses = \"enforce\"\nmode = \"monitor\""));
    let text = [("content-type", "text/plain")];
    let good = r#"{"name":"a","age":1}"#;
    for (given, refused) in [
        (Given::json("/user", good), false),
        (Given { sized: false, ..Given::json("/user", good) }, false),
        (Given::json("/users", &format!("[{good}]")), false),
        (Given::json("/free", LEAK), false),
        (Given { status: 404, ..Given::json("/user", LEAK) }, false),
        (Given::json("/user", r#"{"name":1}"#), true),
        (Given::json("/user", r#"{"age":1}"#), true),
        (Given::json("/user", r#"{"name":"a","other":1}"#), true),
        (Given::json("/user", r#"{"name":"a""#), true),
        (Given::json("/user", "[]"), true),
        (Given { status: 201, ..Given::json("/user", good) }, true),
        (Given { fields: &text, ..Given::json("/user", good) }, true),
    ] {
        let seen = answer(&enforce, &given);
        let (status, body) = if refused { (500, None) } else { (given.status, None::<()>) };
        assert_eq!((seen.status, seen.refused), (status, refused.then_some(true)), "{:?} {body:?}", seen.body);
        let seen = answer(&monitor, &given);
        assert_eq!((seen.status, seen.refused), (given.status, refused.then_some(false)), "{:?}", seen.body);
        assert_eq!(seen.body.as_bytes(), given.body);
    }
    let long = format!("[{}{good}]", format!("{good},").repeat(60_000));
    for sized in [true, false] {
        let seen = answer(&enforce, &Given { sized, ..Given::json("/users", &long) });
        assert_eq!((seen.status, seen.refused), (500, Some(true)), "longer than what can be judged");
    }
}

#[test]
fn what_is_long_or_without_a_length_is_edited_as_it_comes() {
    let filter = engine("responses = \"filter\"\nmax_response = \"1KiB\"");
    let long = format!("[{}{LEAK}]", format!("{LEAK},").repeat(10_000));
    let seen = answer(&filter, &Given::json("/users", &long));
    let value: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(value.as_array().unwrap().len(), 10_001);
    assert!(!seen.body.contains("extra") && !seen.body.contains("ssn") && !seen.body.contains("hashed_password"));
    let monitor = engine("never_return = []\nmax_response = \"1KiB\"");
    let seen = answer(&monitor, &Given::json("/users", &long));
    assert_eq!((seen.body.len(), seen.notes), (long.len(), vec![Note::ResponseUnjudged]));
    let part = Given { status: 206, ..Given::json("/user", LEAK) };
    assert!(answer(&filter, &part).notes.contains(&Note::ResponseUnjudged));
}

#[test]
fn a_coding_that_is_not_known_hides_nothing() {
    let coded = [("content-type", "application/json"), ("content-encoding", "compress")];
    let seen = answer(&engine(""), &Given { fields: &coded, ..Given::json("/user", "\u{1}\u{2}") });
    assert_eq!((seen.status, seen.refused), (500, Some(true)));
    let seen = answer(&engine("mode = \"monitor\""), &Given { fields: &coded, ..Given::json("/user", "\u{1}\u{2}") });
    assert_eq!((seen.status, seen.refused), (200, Some(false)));
}
