//! The body as its head announces it: size, type, coding; and what is done while it streams.

use buckler_http::head::{Field, Head};
use buckler_http::media::{MediaRange, MediaType};
use buckler_inspect::coding::{Coding, CodingFault, Codings};
use buckler_policy::settings::Untyped;

use crate::reason::Reason;
use crate::stage::Violation;

/// The compiled part of `[content]` that the head is judged by.
#[derive(Debug, Clone)]
pub(crate) struct ContentRules {
    pub(crate) max_body: u64,
    pub(crate) types: Vec<MediaRange>,
    pub(crate) untyped: Untyped,
    pub(crate) encodings: Vec<Coding>,
}

/// The key that says which codings an inspected body may have.
pub(crate) const ENCODINGS: &str = "content.encodings";

/// What the body is, as far as the head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced<'a> {
    /// No body.
    Nothing,
    /// A body without a type, which the policy lets pass.
    Untyped,
    /// A body of this type, which is passed on as it comes.
    Typed(MediaType<'a>),
    /// JSON, to be inspected under these codings.
    Json(MediaType<'a>, Codings),
}

pub(crate) fn check<'a>(rules: &ContentRules, head: &Head<'a>) -> Result<Announced<'a>, Violation> {
    if !head.has_body() {
        return Ok(Announced::Nothing);
    }
    if announced_length(head).is_some_and(|length| length > rules.max_body) {
        return Err(too_large());
    }
    let Some(value) = head.first(Field::ContentType) else {
        return match rules.untyped {
            Untyped::Refuse => Err(unsupported("content.untyped", "the body has no media type")),
            Untyped::Pass => Ok(Announced::Untyped),
        };
    };
    let media =
        MediaType::parse(value).map_err(|error| Violation::fixed(Reason::UnsupportedMediaType, error.to_string()))?;
    if media.is_json() {
        // What cannot be read cannot be judged, and no framework behind us reads it either.
        if media.charset().is_some_and(|charset| !is_utf8(charset)) {
            return Err(unsupported("content.mode", "JSON is UTF-8 (RFC 8259 section 8.1)"));
        }
        return Ok(Announced::Json(media, codings(rules, head)?));
    }
    Ok(Announced::Typed(media))
}

/// The codings that have to be taken off before JSON can be judged.
fn codings(rules: &ContentRules, head: &Head<'_>) -> Result<Codings, Violation> {
    let Some(value) = head.first(Field::ContentEncoding) else { return Ok(Codings::NONE) };
    let codings = Codings::parse(value)
        .map_err(|error| Violation::of(ENCODINGS, Reason::UnsupportedMediaType, error.to_string()))?;
    if codings.iter().all(|coding| rules.encodings.contains(&coding)) {
        Ok(codings)
    } else {
        Err(unsupported(ENCODINGS, "the body has a content coding that is not taken"))
    }
}

/// What a body is taken for where its head did not pass and that is only written down: never more than its
/// type says, so that JSON is still judged. Under a coding that nobody knows there is nothing to read.
pub(crate) fn unjudged<'a>(head: &Head<'a>) -> Announced<'a> {
    if !head.has_body() {
        return Announced::Nothing;
    }
    let Some(media) = head.first(Field::ContentType).and_then(|value| MediaType::parse(value).ok()) else {
        return Announced::Untyped;
    };
    let codings = head.first(Field::ContentEncoding).map_or(Ok(Codings::NONE), Codings::parse);
    match codings {
        Ok(codings) if media.is_json() => Announced::Json(media, codings),
        _ => Announced::Typed(media),
    }
}

/// The list of types, a stage of its own since it starts out monitored.
pub(crate) fn check_type(rules: &ContentRules, announced: &Announced<'_>) -> Result<(), Violation> {
    match announced {
        Announced::Typed(media) | Announced::Json(media, _) if !rules.types.iter().any(|range| range.covers(media)) => {
            Err(unsupported("content.types", "this media type is not taken here"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn too_large() -> Violation {
    Violation::of("content.max_body", Reason::BodyTooLarge, "the body is larger than this service takes")
}

/// What comes although the head says that nothing does.
pub(crate) fn unannounced() -> Violation {
    Violation::fixed(Reason::MalformedRequest, "the request has a body that its head does not announce")
}

/// What a fault of a coded body means to the client.
pub(crate) fn coding_fault(fault: CodingFault) -> Violation {
    match fault {
        CodingFault::TooLarge => too_large(),
        CodingFault::TooFar => Violation::of("content.max_ratio", Reason::BodyTooLarge, fault.to_string()),
        CodingFault::TooMuchMemory => Violation::fixed(Reason::BodyTooLarge, fault.to_string()),
        CodingFault::Malformed | CodingFault::Truncated | CodingFault::Trailing | CodingFault::TwoReadings => {
            Violation::of("content.mode", Reason::MalformedRequest, fault.to_string())
        }
    }
}

fn announced_length(head: &Head<'_>) -> Option<u64> {
    std::str::from_utf8(head.first(Field::ContentLength)?).ok()?.parse().ok()
}

fn is_utf8(charset: &[u8]) -> bool {
    [&b"utf-8"[..], b"utf8", b"us-ascii", b"ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name))
}

fn unsupported(key: &'static str, detail: &'static str) -> Violation {
    Violation::of(key, Reason::UnsupportedMediaType, detail)
}
