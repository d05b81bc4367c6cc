//! `application/problem+json` (RFC 9457).

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use crate::contract::faults::InputFault;
use crate::json::{self, Object};
use crate::reason::{self, Reason};
use crate::stage::Violation;

/// The media type of a refusal.
pub(crate) static MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Text, or FastAPI's list where its clients expect one.
#[derive(Clone, Copy)]
enum Detail<'a> {
    Text(&'a str),
    List(&'a [InputFault]),
}

/// Whether a client is told which policy key refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The people who write the policy.
    Developers,
    /// Everybody.
    Public,
}

/// The body of a refusal.
pub(crate) fn of_violation(violation: &Violation, request_id: &str, audience: Audience) -> Bytes {
    let reason = violation.reason;
    let detail = match violation.faults.as_slice() {
        [] => Detail::Text(&violation.detail),
        faults => Detail::List(faults),
    };
    let policy_key = violation.key.filter(|_| audience == Audience::Developers);
    render(reason, reason.status(), reason.title(), detail, request_id, policy_key)
}

/// The body that stands in for an app's 5xx, whose status is kept.
pub(crate) fn of_failure(status: StatusCode, request_id: &str) -> Bytes {
    let title = status.canonical_reason().unwrap_or("Server error");
    let detail = Detail::Text("the service failed; its operator finds the cause under this request id");
    render(Reason::InternalError, status, title, detail, request_id, None)
}

fn render(
    reason: Reason,
    status: StatusCode,
    title: &str,
    detail: Detail<'_>,
    request_id: &str,
    policy_key: Option<&str>,
) -> Bytes {
    let mut out = Vec::with_capacity(USUAL_BYTES);
    let mut object = Object::begin(&mut out);
    let uri = object.member("type");
    for part in ["\"", reason::TYPE_URI, reason.code(), "\""] {
        uri.extend_from_slice(part.as_bytes());
    }
    object.text("title", title);
    object.member("status").extend_from_slice(status.as_str().as_bytes());
    match detail {
        Detail::Text(text) => object.text("detail", text),
        Detail::List(faults) => json::write(object.member("detail"), faults),
    }
    object.text("code", reason.code());
    object.text("request_id", request_id);
    if let Some(key) = policy_key {
        object.text("policy_key", key);
    }
    object.end();
    Bytes::from(out)
}

/// Long enough for nearly all of them.
const USUAL_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn every_reason_is_well_formed_and_has_its_members_in_order() {
        let hostile = "quote\" backslash\\ newline\n null\0 é";
        for &reason in Reason::ALL {
            let violation = Violation::of("some.key", reason, hostile);
            let body = of_violation(&violation, "id", Audience::Developers);
            let text = format!(
                r#"{{"type":"{}","title":{},"status":{},"detail":{},"code":"{}","request_id":"id","policy_key":"some.key"}}"#,
                reason.type_uri(),
                json!(reason.title()),
                reason.status().as_u16(),
                json!(hostile),
                reason.code(),
            );
            assert_eq!(std::str::from_utf8(&body).unwrap(), text, "{reason:?}");
            assert!(serde_json::from_slice::<Value>(&body).is_ok(), "{reason:?}");
        }
    }

    #[test]
    fn a_fault_of_a_body_is_a_list_of_one() {
        let faults = vec![InputFault::at_byte("json_invalid", 7, "a \"quoted\" word")];
        let violation = Violation { faults, ..Violation::fixed(Reason::ContractViolation, "not shown") };
        let body: Value = serde_json::from_slice(&of_violation(&violation, "id", Audience::Public)).unwrap();
        let expected = json!([{"type": "json_invalid", "loc": ["body", 7], "msg": "a \"quoted\" word"}]);
        assert_eq!((&body["detail"], body.get("policy_key")), (&expected, None));
    }
}
