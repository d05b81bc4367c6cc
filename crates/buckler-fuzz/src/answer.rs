//! What an app answers.

use std::sync::{Arc, LazyLock};

use buckler_engine::answer::{AnswerBody, AnswerPlan};
use buckler_engine::{Context, Engine, Exchange, Opening, Timestamp};
use buckler_http::connection::Connection;
use buckler_http::head::{Head, Version};
use buckler_policy::{Host, Sources};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;
use serde_json::value::RawValue;

static ENGINE: LazyLock<Option<Arc<Engine>>> = LazyLock::new(|| {
    let text = "environment = \"staging\"\n[server]\nhosts = [\"a.example\"]\n[server.tls]\nmode = \"self-signed\"\n\
                [cors]\norigins = [\"https://b.example\"]\n";
    let policy = Sources::new(Host::InProcess).file("fuzz.toml", text).load().ok()?.policy;
    Some(Arc::new(Engine::new(&policy)))
});

/// An exchange that waits for its answer.
fn exchange() -> Option<Exchange> {
    let engine = ENGINE.as_ref()?;
    let mut head = Head::new("GET", b"/", Version::Http11);
    head.push(b"host", b"a.example");
    let connection = Connection { scheme: buckler_http::connection::Scheme::Https, ..Connection::LOCAL };
    match engine.open(&head, &Context { connection, now: Timestamp(0), nonce: [0; 16] }) {
        Opening::Admit(admission) => Some(admission.into_parts().1),
        Opening::Answer(_) | Opening::Consult(_) => None,
    }
}

fn answer(status: StatusCode, fields: &HeaderMap) -> Option<AnswerPlan> {
    let exchange = exchange();
    assert!(exchange.is_some(), "the policy of this target is wrong");
    exchange.map(|exchange| exchange.answer(status, fields).0)
}

/// The head of an answer, a status and then lines: our fields are on it once, whatever the app set.
pub fn answer_head(data: &[u8]) {
    let mut lines = data.split(|b| *b == b'\n');
    let status = lines.next().and_then(|line| StatusCode::from_bytes(line).ok()).unwrap_or(StatusCode::OK);
    let mut fields = HeaderMap::new();
    for line in lines {
        let mut parts = line.splitn(2, |b| *b == b':');
        let name = parts.next().and_then(|name| HeaderName::from_bytes(name).ok());
        let value = parts.next().and_then(|value| HeaderValue::from_bytes(value.trim_ascii()).ok());
        if let (Some(name), Some(value)) = (name, value) {
            fields.append(name, value);
        }
    }
    let Some(plan) = answer(status, &fields) else { return };
    for name in &plan.remove {
        fields.remove(name);
    }
    for (name, value) in plan.add {
        fields.append(name, value);
    }
    for once in ["x-request-id", "strict-transport-security", "x-content-type-options", "content-security-policy"] {
        assert!(fields.contains_key(once), "{once} is missing");
    }
    assert_eq!(fields.get_all("x-request-id").iter().count(), 1);
    assert!(!fields.contains_key("server"), "removed by default");
    if matches!(plan.body, AnswerBody::Replace(_) | AnswerBody::Rewrite(_)) {
        assert!(!fields.contains_key(header::CONTENT_LENGTH) && !fields.contains_key(header::ETAG));
        assert!(!fields.contains_key(header::CONTENT_ENCODING));
    }
}

/// The body of a 422, plain and as if it were compressed: what is sent is JSON that echoes no input.
pub fn answer_errors(data: &[u8]) {
    for coding in ["identity", "gzip", "br", "deflate", "zstd"] {
        let fields: HeaderMap = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::CONTENT_ENCODING, HeaderValue::from_static(coding)),
        ]
        .into_iter()
        .collect();
        let sent = match answer(StatusCode::UNPROCESSABLE_ENTITY, &fields).map(|plan| plan.body) {
            Some(AnswerBody::Rewrite(rewrite)) => rewrite.apply(Some(data)),
            Some(AnswerBody::Replace(bytes)) => bytes,
            _ => continue,
        };
        let text = String::from_utf8_lossy(&sent);
        // A number that no double holds stays as the app wrote it, and is JSON all the same.
        assert!(serde_json::from_str::<&RawValue>(&text).is_ok(), "{text}");
        assert!(!serde_json::from_str(&text).is_ok_and(|sent| echoes(&sent)), "{text}");
    }
}

fn echoes(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(echoes),
        Value::Object(object) => object.contains_key("input") || object.values().any(echoes),
        _ => false,
    }
}
