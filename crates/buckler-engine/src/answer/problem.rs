//! `application/problem+json` (RFC 9457).

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::reason::Reason;
use crate::stage::{BodyFault, Violation};

/// The media type of a refusal.
pub(crate) const MEDIA_TYPE_TEXT: &str = "application/problem+json";
/// The same, ready to be sent.
pub(crate) const MEDIA_TYPE: HeaderValue = HeaderValue::from_static(MEDIA_TYPE_TEXT);

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: Detail<'a>,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_key: Option<&'a str>,
}

/// Text, or FastAPI's list where its clients expect one.
#[derive(Serialize)]
#[serde(untagged)]
enum Detail<'a> {
    Text(&'a str),
    List([Entry<'a>; 1]),
}

#[derive(Serialize)]
struct Entry<'a> {
    r#type: &'a str,
    loc: (&'a str, u64),
    msg: &'a str,
}

impl<'a> From<&'a BodyFault> for Detail<'a> {
    fn from(fault: &'a BodyFault) -> Self {
        Self::List([Entry { r#type: fault.kind, loc: ("body", fault.offset), msg: fault.message }])
    }
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
    let detail = violation.body_fault.as_ref().map_or(Detail::Text(&violation.detail), Detail::from);
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
    let problem = Problem {
        r#type: reason.type_uri(),
        title,
        status: status.as_u16(),
        detail,
        code: reason.code(),
        request_id,
        policy_key,
    };
    // Strings and numbers alone always serialise; were that ever wrong, an empty body gives nothing away.
    serde_json::to_vec(&problem).map(Bytes::from).unwrap_or_default()
}
