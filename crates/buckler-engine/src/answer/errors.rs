//! What a client may learn from an error of the app (R11).
//!
//! - A 5xx keeps its status and loses its body: frameworks in debug mode, and careless handlers, write stack
//!   traces there.
//! - FastAPI's 422 keeps its list and loses every `input`, which echoes what was sent: a password, as often
//!   as not. `title`, `code` and `request_id` are added, the media type stays, so generated clients read on.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

use buckler_http::media::MediaType;
use buckler_policy::settings::{Errors, Mask, StripInput};

use super::{AnswerBody, AnswerFields, problem};
use crate::facts::RequestId;
use crate::reason::Reason;

/// Largest 422 that is kept for rewriting. A list of a thousand errors is below; a larger one is replaced.
const MAX_REWRITTEN: usize = 1024 * 1024;

/// Nesting of `detail` entries that is searched for `input`: an entry is flat, `ctx` has one level.
const MAX_DEPTH: usize = 8;

/// Fields that describe the body that goes.
pub(crate) static BODY_FIELDS: [HeaderName; 15] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LANGUAGE,
    header::ACCEPT_RANGES,
    header::ETAG,
    header::LAST_MODIFIED,
    header::TRAILER,
    header::CONTENT_LOCATION,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// Fields that are wrong once the body is rewritten.
pub(crate) static STALE_FIELDS: [HeaderName; 7] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::ETAG,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// A 422 that is rewritten once its body is known.
#[derive(Debug)]
pub struct Rewrite {
    request_id: RequestId,
}

/// What happens to an error, by its status and fields; the same in both modes.
pub(crate) enum ErrorPlan {
    Untouched,
    Mask { body: Bytes, media: HeaderValue },
    Strip(Rewrite),
}

pub(crate) fn plan(rules: Errors, status: StatusCode, fields: &impl AnswerFields, id: &RequestId) -> ErrorPlan {
    if status.is_server_error() && rules.mask == Mask::Replace {
        return ErrorPlan::Mask { body: problem::of_failure(status, id.as_str()), media: problem::MEDIA_TYPE };
    }
    let is_json = || {
        fields.first(&header::CONTENT_TYPE).and_then(|value| MediaType::parse(value).ok()).is_some_and(|m| m.is_json())
    };
    if status == StatusCode::UNPROCESSABLE_ENTITY && rules.strip_input == StripInput::Remove && is_json() {
        // Compressed by the app's own middleware: it cannot be read here, so it does not pass.
        if fields.first(&header::CONTENT_ENCODING).is_some_and(|c| !c.eq_ignore_ascii_case(b"identity")) {
            return ErrorPlan::Mask { body: replacement(id), media: HeaderValue::from_static("application/json") };
        }
        return ErrorPlan::Strip(Rewrite { request_id: id.clone() });
    }
    ErrorPlan::Untouched
}

impl From<ErrorPlan> for AnswerBody {
    fn from(plan: ErrorPlan) -> Self {
        match plan {
            ErrorPlan::Untouched => Self::Pass,
            ErrorPlan::Mask { body, .. } => Self::Replace(body),
            ErrorPlan::Strip(rewrite) => Self::Rewrite(rewrite),
        }
    }
}

impl Rewrite {
    /// How much of the body the host keeps; of a longer one it hands over nothing.
    pub const fn max_bytes(&self) -> usize {
        MAX_REWRITTEN
    }

    /// The body to send for the one that the app sent. `None` stands for a body that was too long.
    ///
    /// What is no JSON object is replaced: it cannot be searched.
    pub fn apply(self, body: Option<&[u8]>) -> Bytes {
        let Some(Value::Object(mut object)) = body.and_then(|b| serde_json::from_slice(b).ok()) else {
            return replacement(&self.request_id);
        };
        // What FastAPI's documentation adds to its own handler: the whole body once more.
        object.shift_remove("body");
        object.shift_remove("input");
        for value in object.values_mut() {
            strip(value, MAX_DEPTH);
        }
        let mut add = |name: &str, text: &str| {
            object.entry(name).or_insert_with(|| Value::String(text.to_owned()));
        };
        add("title", Reason::ContractViolation.title());
        add("code", Reason::ContractViolation.code());
        object.insert("request_id".to_owned(), Value::String(self.request_id.as_str().to_owned()));
        serde_json::to_vec(&object).map_or_else(|_| replacement(&self.request_id), Bytes::from)
    }
}

/// Removes `input`, which is what Pydantic calls what was sent, wherever it stands.
fn strip(value: &mut Value, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else {
        *value = Value::Null;
        return;
    };
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| strip(item, depth)),
        Value::Object(object) => {
            object.shift_remove("input");
            for (_, inner) in object.iter_mut() {
                strip(inner, depth);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn replacement(id: &RequestId) -> Bytes {
    let mut object = Map::new();
    object.insert("detail".to_owned(), Value::Array(Vec::new()));
    object.insert("title".to_owned(), Reason::ContractViolation.title().into());
    object.insert("code".to_owned(), Reason::ContractViolation.code().into());
    object.insert("request_id".to_owned(), id.as_str().into());
    serde_json::to_vec(&object).map(Bytes::from).unwrap_or_default()
}
