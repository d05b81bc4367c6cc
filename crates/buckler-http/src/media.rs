//! `Content-Type` (RFC 9110 §8.3) and ranges of media types for the policy.

use std::fmt;

use crate::token::{is_tchar, is_token, trim_ows};

/// A media type as a request declares it. Borrowed; compared without case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaType<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
    charset: Option<&'a [u8]>,
    boundary: Option<&'a [u8]>,
}

/// Why bytes are no media type, or text no range of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// Not `type/subtype`.
    #[error("a media type is written `type/subtype`")]
    Form,
    /// A parameter that is not `name=value` or `name="value"`.
    #[error("a parameter of the media type is malformed")]
    Parameter,
    /// `charset` or `boundary` twice: two parsers would pick different ones.
    #[error("a parameter of the media type is given twice")]
    Duplicate,
    /// `multipart` without a boundary of 1 to 70 characters (RFC 2046 §5.1.1).
    #[error("a multipart body needs a boundary of 1 to 70 characters")]
    Boundary,
    /// A range with `*` elsewhere than `type/*`, `*/*` or `type/*+suffix`.
    #[error("a range of media types is written `type/*`, `*/*` or `type/*+suffix`")]
    Wildcard,
}

/// Longest boundary that RFC 2046 §5.1.1 allows.
const MAX_BOUNDARY: usize = 70;

impl<'a> MediaType<'a> {
    /// Reads a field value.
    ///
    /// # Errors
    /// Anything that two parsers could read as two types.
    pub fn parse(value: &'a [u8]) -> Result<Self, MediaError> {
        let value = trim_ows(value);
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let (essence, mut rest) = value.split_at_checked(end).ok_or(MediaError::Form)?;
        let (kind, subtype) = split_essence(trim_ows(essence))?;
        let mut media = Self { kind, subtype, charset: None, boundary: None };
        while let Some((b';', after)) = rest.split_first() {
            rest = trim_ows(after);
            // RFC 9110 §5.6.6 lets a parameter list have empty members.
            if rest.is_empty() || rest.first() == Some(&b';') {
                continue;
            }
            let (name, value, after) = read_parameter(rest)?;
            let slot = if name.eq_ignore_ascii_case(b"charset") {
                Some(&mut media.charset)
            } else if name.eq_ignore_ascii_case(b"boundary") {
                Some(&mut media.boundary)
            } else {
                None
            };
            if let Some(slot) = slot
                && slot.replace(value).is_some()
            {
                return Err(MediaError::Duplicate);
            }
            rest = trim_ows(after);
        }
        if !rest.is_empty() {
            return Err(MediaError::Parameter);
        }
        if media.kind.eq_ignore_ascii_case(b"multipart")
            && !media.boundary.is_some_and(|b| (1..=MAX_BOUNDARY).contains(&b.len()))
        {
            return Err(MediaError::Boundary);
        }
        Ok(media)
    }

    /// Whether the body is JSON: `application/json` or a type with the suffix `+json` (RFC 6839 §3.1).
    ///
    /// A bare `+json` counts although it is a suffix of nothing: FastAPI asks whether the subtype *ends* so.
    pub fn is_json(&self) -> bool {
        (self.kind.eq_ignore_ascii_case(b"application") && self.subtype.eq_ignore_ascii_case(b"json"))
            || has_suffix(self.subtype, b"json")
            || self.subtype.eq_ignore_ascii_case(b"+json")
    }

    /// Whether the body is a form of texts (WHATWG URL, 5).
    pub fn is_form(&self) -> bool {
        self.kind.eq_ignore_ascii_case(b"application") && self.subtype.eq_ignore_ascii_case(b"x-www-form-urlencoded")
    }

    /// Whether the body is a page that a browser renders.
    pub fn is_html(&self) -> bool {
        (self.kind.eq_ignore_ascii_case(b"text") && self.subtype.eq_ignore_ascii_case(b"html"))
            || (self.kind.eq_ignore_ascii_case(b"application") && self.subtype.eq_ignore_ascii_case(b"xhtml+xml"))
    }

    /// The `charset` parameter, without quotes.
    pub fn charset(&self) -> Option<&'a [u8]> {
        self.charset
    }

    /// The `boundary` parameter, without quotes.
    pub fn boundary(&self) -> Option<&'a [u8]> {
        self.boundary
    }
}

fn split_essence(essence: &[u8]) -> Result<(&[u8], &[u8]), MediaError> {
    let slash = memchr::memchr(b'/', essence).ok_or(MediaError::Form)?;
    let (kind, subtype) = essence.split_at_checked(slash).ok_or(MediaError::Form)?;
    let subtype = subtype.get(1..).ok_or(MediaError::Form)?;
    if is_token(kind) && is_token(subtype) { Ok((kind, subtype)) } else { Err(MediaError::Form) }
}

fn has_suffix(subtype: &[u8], suffix: &[u8]) -> bool {
    let Some(at) = subtype.len().checked_sub(suffix.len() + 1) else { return false };
    at > 0
        && subtype
            .split_at_checked(at)
            .and_then(|(_, s)| s.strip_prefix(b"+"))
            .is_some_and(|s| s.eq_ignore_ascii_case(suffix))
}

/// `name=token` or `name="quoted"`; the value without its quotes, and what follows.
#[expect(clippy::type_complexity, reason = "three slices of one input, named by the caller")]
fn read_parameter(text: &[u8]) -> Result<(&[u8], &[u8], &[u8]), MediaError> {
    let equals = memchr::memchr(b'=', text).ok_or(MediaError::Parameter)?;
    let (name, rest) = text.split_at_checked(equals).ok_or(MediaError::Parameter)?;
    let rest = rest.get(1..).ok_or(MediaError::Parameter)?;
    if !is_token(name) {
        return Err(MediaError::Parameter);
    }
    if let Some(quoted) = rest.strip_prefix(b"\"") {
        let end = memchr::memchr(b'"', quoted).ok_or(MediaError::Parameter)?;
        let (value, after) = quoted.split_at_checked(end).ok_or(MediaError::Parameter)?;
        // An escape inside the quotes is legal and is what parsers disagree on; no client needs one here.
        if value.contains(&b'\\') {
            return Err(MediaError::Parameter);
        }
        return Ok((name, value, after.get(1..).unwrap_or_default()));
    }
    let end = rest
        .iter()
        .position(|&b| !is_tchar(b) && !matches!(b, b':' | b'/' | b'?' | b'(' | b')' | b'='))
        .unwrap_or(rest.len());
    let (value, after) = rest.split_at_checked(end).ok_or(MediaError::Parameter)?;
    if value.is_empty() { Err(MediaError::Parameter) } else { Ok((name, value, after)) }
}

/// One entry of `content.types`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRange {
    kind: String,
    subtype: String,
}

impl MediaRange {
    /// Reads `application/json`, `image/*`, `application/*+xml` or `*/*`.
    ///
    /// # Errors
    /// What is wrong with it, in words for the policy's author.
    pub fn parse(text: &str) -> Result<Self, MediaError> {
        let lower = text.trim().to_ascii_lowercase();
        let (kind, subtype) = split_essence(lower.as_bytes())?;
        let star_is_sound = match (kind.contains(&b'*'), subtype.strip_prefix(b"*")) {
            (true, Some(b"")) => kind == b"*",
            (true, _) => false,
            (false, Some(rest)) => rest.is_empty() || (rest.first() == Some(&b'+') && !rest.contains(&b'*')),
            (false, None) => !subtype.contains(&b'*'),
        };
        if !star_is_sound {
            return Err(MediaError::Wildcard);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self { kind: text(kind), subtype: text(subtype) })
    }

    /// Whether the type is covered.
    ///
    /// `application/json` also covers `application/anything+json`, since frameworks read both as JSON.
    pub fn covers(&self, media: &MediaType<'_>) -> bool {
        if self.kind == "*" {
            return true;
        }
        if !media.kind.eq_ignore_ascii_case(self.kind.as_bytes()) {
            return false;
        }
        match self.subtype.as_bytes() {
            b"*" => true,
            [b'*', b'+', suffix @ ..] => has_suffix(media.subtype, suffix),
            b"json" if self.kind == "application" && has_suffix(media.subtype, b"json") => true,
            subtype => media.subtype.eq_ignore_ascii_case(subtype),
        }
    }
}

impl fmt::Display for MediaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.subtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R07
    #[test]
    fn types_with_two_readings_are_errors() {
        use MediaError as E;
        for (value, expected) in [
            ("", E::Form),
            ("json", E::Form),
            ("application/", E::Form),
            ("/json", E::Form),
            ("application/json, text/plain", E::Form),
            ("application/json text/plain", E::Form),
            ("application/json/x", E::Form),
            ("application/json; charset", E::Parameter),
            ("application/json; charset=", E::Parameter),
            ("application/json; charset=\"utf-8", E::Parameter),
            ("application/json; charset=\"ut\\f-8\"", E::Parameter),
            ("application/json; charset=utf-8 x", E::Parameter),
            ("application/json; charset=utf-8, text/plain", E::Parameter),
            ("application/json; charset=utf-8; Charset=utf-7", E::Duplicate),
            ("multipart/form-data", E::Boundary),
            ("multipart/form-data; boundary=\"\"", E::Boundary),
            ("multipart/form-data; boundary=a; boundary=b", E::Duplicate),
        ] {
            assert_eq!(MediaType::parse(value.as_bytes()), Err(expected), "{value}");
        }
        let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
        assert_eq!(MediaType::parse(long.as_bytes()), Err(E::Boundary));
    }

    // R08: what a framework parses as JSON must be judged as JSON
    #[test]
    fn what_frameworks_read_as_json_is_json() {
        for (value, json) in [
            ("application/+json", true),
            ("application/+JSON;x=1", true),
            ("application/json", true),
            ("APPLICATION/Problem+Json", true),
            ("text/x+json", true),
            ("application/jsonx", false),
            ("application/json+x", false),
            ("text/json", false),
        ] {
            assert_eq!(MediaType::parse(value.as_bytes()).unwrap().is_json(), json, "{value}");
        }
    }

    #[test]
    fn ranges_cover_what_they_say() {
        for (range, value, covered) in [
            ("application/json", "Application/JSON ; charset=utf-8", true),
            ("application/json", "application/vnd.api+json", true),
            ("application/json", "application/jsonx", false),
            ("application/json", "text/json", false),
            ("application/json", "application/+json", false),
            ("text/*", "text/csv", true),
            ("text/*", "application/csv", false),
            ("image/*+xml", "image/svg+xml", true),
            ("image/*+xml", "image/xml", false),
            ("*/*", "x/y", true),
            ("multipart/form-data", "multipart/form-data; boundary=----x(1)", true),
            ("multipart/form-data", "multipart/mixed; boundary=x", false),
            ("text/plain", "text/plain;", true),
        ] {
            let range = MediaRange::parse(range).unwrap();
            assert_eq!(range.covers(&MediaType::parse(value.as_bytes()).unwrap()), covered, "{range} {value}");
        }
    }

    #[test]
    fn wrong_ranges_say_why() {
        for text in ["*", "json", "*/json", "appl*/json", "application/js*", "application/*+*"] {
            assert!(MediaRange::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _media = MediaType::parse(&bytes);
        }
    }
}
