//! Answers that are filtered: bodies of any bytes, held and streamed.

use std::sync::{Arc, LazyLock};

use buckler_engine::answer::AnswerBody;
use buckler_engine::{Answering, Context, Engine, Opening, Timestamp};
use buckler_http::connection::Connection;
use buckler_http::head::{Head, Version};
use buckler_policy::settings::Document;
use buckler_policy::{Host, Sources};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

const POLICY: &str = "environment = \"development\"\n[server.tls]\nmode = \"off\"\n[contract]\n\
                      source = \"file:of-the-target\"\nrequests = \"off\"\nresponses = \"filter\"\n\
                      never_return = [\"hashed_password\"]\n";

/// What the document names: `id`, `name`, and `below`, which holds the same.
const DOCUMENT: &str = r##"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"},
    "components": {"schemas": {"Node": {"type": "object", "properties": {"id": {}, "name": {"type": "string"},
        "below": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}}}}}},
    "paths": {"/": {"get": {"responses": {"200": {"description": "a node", "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}}}}}}"##;

static ENGINE: LazyLock<Option<Arc<Engine>>> = LazyLock::new(|| {
    let mut policy = Sources::new(Host::InProcess).file("fuzz.toml", POLICY).load().ok()?.policy;
    policy.contract.document = Some(Document::new(DOCUMENT.as_bytes()));
    Some(Arc::new(Engine::new(&policy)))
});

/// A JSON answer, whole and in pieces.
///
/// # Panics
///
/// When filtering fails, when what goes out depends on how the answer is cut, when it is no JSON although the answer was,
/// or when it holds a member that stays here or that no schema names.
pub fn response_filter(data: &[u8]) {
    let streamed = stream([data]);
    for length in [1, 3, 64] {
        assert_eq!(stream(data.chunks(length)), streamed, "in pieces of {length}");
    }
    let held = hold(data);
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    for sent in [streamed.as_deref(), held.as_deref()].into_iter().flatten() {
        let sent: Result<Value, _> = serde_json::from_slice(sent);
        assert!(sent.is_ok(), "JSON becomes something else");
        let Ok(sent) = sent else { continue };
        assert_eq!(sent, filtered(value.clone(), At::Node), "more goes, or less");
    }
}

/// Each spelling of the name that stays here.
const NEVER: [&str; 3] = ["hashed_password", "hashed-password", "hashedpassword"];

/// What the document says of a value.
#[derive(Clone, Copy)]
enum At {
    Node,
    Nodes,
    Anything,
    /// That it holds no others: members of an object that is there all the same are declared nowhere.
    Nothing,
}

/// What the document and the policy leave of a value.
fn filtered(value: Value, at: At) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| !NEVER.iter().any(|known| name.eq_ignore_ascii_case(known)))
            .filter_map(|(name, value)| {
                let below = match (at, name.as_str()) {
                    (At::Anything, _) | (At::Node, "id") => At::Anything,
                    (At::Node, "name") => At::Nothing,
                    (At::Node, "below") => At::Nodes,
                    _ => return None,
                };
                Some((name, filtered(value, below)))
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => {
            let below = match at {
                At::Nodes => At::Node,
                At::Anything => At::Anything,
                At::Node | At::Nothing => At::Nothing,
            };
            items.into_iter().map(|item| filtered(item, below)).collect()
        }
        other => other,
    }
}

fn answering(length: Option<usize>) -> Option<(AnswerBody, Answering)> {
    let mut head = Head::new("GET", b"/", Version::Http11);
    head.push(b"host", b"localhost");
    let engine = ENGINE.as_ref()?;
    let context = Context { connection: Connection::LOCAL, now: Timestamp(0), nonce: [0; 16] };
    let Opening::Admit(admission) = engine.open(&head, &context) else { return None };
    let mut fields = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    fields.extend(length.map(|length| (header::CONTENT_LENGTH, HeaderValue::from(length))));
    let (plan, answering) = admission.into_parts().1.answer(StatusCode::OK, &fields);
    Some((plan.body, answering))
}

/// `None` where the answer breaks off.
fn stream<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let planned = answering(None);
    assert!(matches!(planned, Some((AnswerBody::Filter, _))), "the policy of this target is wrong");
    let (_, mut answering) = planned?;
    let mut sent = Vec::new();
    for piece in pieces {
        sent.extend_from_slice(&answering.filter(piece).ok()?);
    }
    sent.extend_from_slice(&answering.filter_end().ok()?);
    Some(sent)
}

/// `None` where something else is answered.
fn hold(data: &[u8]) -> Option<Vec<u8>> {
    let planned = answering(Some(data.len()));
    assert!(data.is_empty() || matches!(planned, Some((AnswerBody::Hold(_), _))), "the policy of this target is wrong");
    let (_, mut answering) = planned?;
    match answering.judge(Some(data)) {
        None => Some(data.to_vec()),
        Some(changed) if changed.status == StatusCode::OK => Some(changed.body.to_vec()),
        Some(_) => None,
    }
}
