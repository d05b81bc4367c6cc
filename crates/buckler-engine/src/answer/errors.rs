//! What a client may learn from an error of the app (R11).
//!
//! - A 5xx keeps its status and loses its body: frameworks in debug mode, and careless handlers, write stack
//!   traces there.
//! - FastAPI's 422 keeps its list and loses every `input`, which echoes what was sent: a password, as often
//!   as not. `title`, `code` and `request_id` are added, the media type stays, so generated clients read on.
//!   Whatever stays keeps its very text: a number of thirty digits does not become a float.
//! - One that the app has compressed is expanded, within the same bound, and sent without a coding. `Vary` is left as
//!   the app set it: it still says on what the answer depends.
//!
//! A 422 that is no JSON by its type passes: nothing tells an echo from a text there.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use buckler_http::media::MediaType;
use buckler_inspect::coding::{CodingFault, Codings, ExpandLimits, Expanded, Expander};
use buckler_policy::settings::{Errors, Mask, StripInput};

use super::{AnswerBody, AnswerFields, problem};
use crate::facts::RequestId;
use crate::json::Object;
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
    codings: Codings,
}

/// What happens to an error, by its status and fields; the same in both modes.
pub(crate) enum ErrorPlan {
    Untouched,
    Mask { body: Bytes, media: HeaderValue },
    Strip(Rewrite),
}

pub(crate) fn plan(rules: Errors, status: StatusCode, fields: &impl AnswerFields, id: &RequestId) -> ErrorPlan {
    if status.is_server_error() && rules.mask == Mask::Replace {
        return ErrorPlan::Mask { body: problem::of_failure(status, id.as_str()), media: problem::MEDIA_TYPE.clone() };
    }
    let is_json = || {
        fields.first(&header::CONTENT_TYPE).and_then(|value| MediaType::parse(value).ok()).is_some_and(|m| m.is_json())
    };
    if status == StatusCode::UNPROCESSABLE_ENTITY && rules.strip_input == StripInput::Remove && is_json() {
        return match fields.first(&header::CONTENT_ENCODING).map_or(Ok(Codings::NONE), Codings::parse) {
            Ok(codings) => ErrorPlan::Strip(Rewrite { request_id: *id, codings }),
            // It cannot be read here, so it does not pass.
            Err(_) => ErrorPlan::Mask { body: replacement(id), media: HeaderValue::from_static("application/json") },
        };
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
    /// What is neither a JSON object nor an array is replaced: it cannot be searched.
    pub fn apply(self, body: Option<&[u8]>) -> Bytes {
        let body = body.and_then(|body| expand(self.codings, body, MAX_REWRITTEN));
        let rewritten = body.and_then(|body| rewrite(&body, self.request_id.as_str()));
        rewritten.map_or_else(|| replacement(&self.request_id), Bytes::from)
    }
}

/// The body without its codings, if it is no longer than that.
pub(crate) fn expand(codings: Codings, body: &[u8], most: usize) -> Option<Cow<'_, [u8]>> {
    if codings.is_none() {
        return Some(Cow::Borrowed(body));
    }
    // What the app has compressed is no bomb, however well it compresses.
    let limits = ExpandLimits { expanded: most as u64, ratio: u32::MAX };
    let mut expander = Expander::new(codings, limits);
    let mut plain = Vec::new();
    let mut keep = |part: &[u8]| {
        plain.extend_from_slice(part);
        Ok::<(), CodingFault>(())
    };
    let mut rest = body;
    while let Expanded::Part(taken) = expander.push(rest, &mut keep).ok()? {
        rest = rest.get(taken..)?;
    }
    while expander.finish(&mut keep).ok()? != Expanded::Whole {}
    Some(Cow::Owned(plain))
}

/// An object or array without what echoes the input, each other value as it was written.
fn rewrite(body: &[u8], request_id: &str) -> Option<Vec<u8>> {
    let raw: &RawValue = serde_json::from_slice(body).ok()?;
    let mut out = Vec::with_capacity(body.len());
    match raw.get().as_bytes().first() {
        Some(b'[') => strip(raw, MAX_DEPTH + 1, &mut out)?,
        Some(b'{') => {
            let Members(mut members) = serde_json::from_str(raw.get()).ok()?;
            // `body` is what FastAPI's documentation adds to its own handler: everything once more.
            members.retain(|(name, _)| !matches!(name.as_str(), "body" | INPUT | "request_id"));
            let has = |wanted: &str| members.iter().any(|(name, _)| name == wanted);
            let added = [
                ("title", Reason::ContractViolation.title(), !has("title")),
                ("code", Reason::ContractViolation.code(), !has("code")),
                ("request_id", request_id, true),
            ];
            let mut object = Object::begin(&mut out);
            for (name, value) in &members {
                strip(value, MAX_DEPTH, object.foreign_member(name))?;
            }
            for (name, text, _) in added.iter().filter(|(_, _, missing)| *missing) {
                object.text(name, text);
            }
            object.end();
        }
        _ => return None,
    }
    Some(out)
}

/// What Pydantic calls what was sent.
const INPUT: &str = "input";

/// Writes a value without `input`, wherever that stands; `null` for what is nested too deeply to be searched.
fn strip(value: &RawValue, depth: usize, out: &mut Vec<u8>) -> Option<()> {
    let text = value.get();
    let Some(depth) = depth.checked_sub(1) else {
        out.extend_from_slice(b"null");
        return Some(());
    };
    match text.as_bytes().first() {
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            out.push(b'[');
            for (at, item) in items.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                strip(item, depth, out)?;
            }
            out.push(b']');
        }
        Some(b'{') => {
            let Members(members) = serde_json::from_str(text).ok()?;
            let mut object = Object::begin(out);
            for (name, value) in members.iter().filter(|(name, _)| name != INPUT) {
                strip(value, depth, object.foreign_member(name))?;
            }
            object.end();
        }
        _ => out.extend_from_slice(text.as_bytes()),
    }
    Some(())
}

/// The members of an object in their order, names read and values as written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect).map(Members)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(body: &str) -> String {
        let rewrite = Rewrite { request_id: RequestId::new([0; 16]), codings: Codings::NONE };
        String::from_utf8(rewrite.apply(Some(body.as_bytes())).to_vec()).unwrap()
    }

    // R11
    #[test]
    fn an_echo_goes_under_every_spelling_of_its_name() {
        for body in [
            r#"{"detail":[{"\u0069nput":"CANARY"}]}"#,
            r#"{"detail":[{"input":"CANARY","input":"CANARY"}]}"#,
            r#"[{"input":"CANARY"}]"#,
            r#"{"in\u0070ut":"CANARY"}"#,
        ] {
            assert!(!rewritten(body).contains("CANARY"), "{body}");
        }
    }

    #[test]
    fn what_stays_is_written_as_the_app_wrote_it() {
        let members = r#""ctx":{"le":123456789012345678901234567890,"gt":1.10,"f":1e400,"t":"\u00e9\/"},"detail":[ ]"#;
        let body = rewritten(&format!("{{{members},\"input\":1}}"));
        assert!(body.starts_with(&format!("{{{}", members.replace("[ ]", "[]"))), "{body}");
        assert_eq!(rewritten("[1.10, {}]"), "[1.10,{}]");
    }
}
