//! Between the types of the `http` crate and the engine's.

use std::borrow::Cow;

use buckler_engine::{AfterReply, EditedBody, EditedField, Reply, RequestEdits};
use buckler_http::head::{Head, Version};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Response, Uri, header};

/// The target as it stands on the request line. The `http` crate keeps its parts in one string, so origin and
/// asterisk form cost nothing; an absolute one is put together again. HTTP/2 says path and authority apart, and so
/// do we.
pub(crate) fn target(uri: &Uri, version: http::Version) -> Cow<'_, str> {
    match (uri.scheme(), uri.path_and_query()) {
        (None, Some(path)) => path.as_str().into(),
        (Some(_), Some(path)) if version == http::Version::HTTP_2 => path.as_str().into(),
        _ => uri.to_string().into(),
    }
}

pub(crate) fn collect<'a>(
    method: &'a str,
    target: &'a [u8],
    authority: Option<&'a Authority>,
    version: http::Version,
    fields: &'a HeaderMap,
) -> Head<'a> {
    let version = match version {
        http::Version::HTTP_09 | http::Version::HTTP_10 => Version::Http10,
        http::Version::HTTP_2 => Version::Http2,
        _ => Version::Http11,
    };
    let mut head = Head::new(method, target, version);
    if let Some(authority) = authority.filter(|_| version == Version::Http2) {
        head.set_authority(authority.as_str().as_bytes());
    }
    for (name, value) in fields {
        head.push(name.as_str().as_bytes(), value.as_bytes());
    }
    head
}

pub(crate) fn apply(edits: &RequestEdits, fields: &mut HeaderMap) {
    if edits.removes_any() {
        let gone: Vec<HeaderName> = fields.keys().filter(|name| edits.removes(name.as_str())).cloned().collect();
        for name in gone {
            fields.remove(name);
        }
    }
    for (name, value) in edits.set() {
        fields.insert(name.clone(), value.clone());
    }
}

/// Lets the fields speak of the body that the app gets.
pub(crate) fn speak_of(body: &EditedBody, fields: &mut HeaderMap) {
    let names: Vec<HeaderName> = fields.keys().cloned().collect();
    for name in names {
        match body.field(name.as_str().as_bytes()) {
            EditedField::Stays => {}
            EditedField::Goes => drop(fields.remove(name)),
            EditedField::Becomes(value) => drop(fields.insert(name, value)),
        }
    }
}

/// `Connection` and what an HTTP server says by itself: `Date` and `Content-Length`.
const ADDED_ON_THE_WAY: usize = 3;

/// The answer of the engine's own as a response without its body.
pub(crate) fn response(reply: Reply, version: http::Version) -> (Response<()>, bytes::Bytes) {
    let mut response = Response::new(());
    *response.status_mut() = reply.status;
    let fields = response.headers_mut();
    // A map that grows on the way costs as much as all that is put into it.
    fields.reserve(reply.fields.len() + ADDED_ON_THE_WAY);
    for (name, value) in reply.fields {
        fields.append(name, value);
    }
    // HTTP/2 has no such field and closes streams, not connections (RFC 9113 §8.2.2).
    if reply.connection == AfterReply::Close && version < http::Version::HTTP_2 {
        fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    (response, reply.body)
}
