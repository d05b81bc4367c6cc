//! The answer to bytes that never became a request.
//!
//! What can be read in two ways is kept from hyper, and what hyper refuses by itself is kept from the client
//! ([`crate::watched`]). This is answered instead, so that a client finds the same problem document and request id
//! (R11) whoever refused it. The connection is closed afterwards: where the next request would begin is not known.

use buckler_engine::Reason;
use buckler_http::connection::Connection;
use buckler_http::wire::WireFault;
use buckler_tower::BucklerLayer;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header};

use crate::http2::RequestFault;

/// Why a head was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadFault {
    /// Not HTTP/1.1 as RFC 9112 writes it, or in a way that another reader may read otherwise.
    Wire(WireFault),
    /// An HTTP/2 request that HTTP/1.1 cannot say, or says otherwise.
    Http2(RequestFault),
    /// Not what the parser takes.
    Malformed,
    /// The head was begun and did not end before its deadline.
    Timeout,
    /// The target is longer than the parser takes.
    TargetTooLong,
    /// The head is longer, or has more fields, than the parser takes.
    TooLarge,
}

impl HeadFault {
    /// The fault behind a status of hyper's.
    pub(crate) fn from_status(status: u16) -> Self {
        match status {
            414 => Self::TargetTooLong,
            431 => Self::TooLarge,
            _ => Self::Malformed,
        }
    }

    /// The row of the table of refusals, which has status and code.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Http2(RequestFault::Scheme) => Reason::Misdirected,
            Self::Wire(_) | Self::Http2(_) | Self::Malformed => Reason::MalformedRequest,
            Self::Timeout => Reason::Timeout,
            Self::TargetTooLong => Reason::UriTooLong,
            Self::TooLarge => Reason::HeadersTooLarge,
        }
    }

    /// What is wrong, in words that hold nothing of what was sent.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Wire(fault) => fault.text(),
            Self::Http2(fault) => fault.text(),
            Self::Malformed => "the request is not valid HTTP",
            Self::Timeout => "the request did not arrive in time",
            Self::TargetTooLong => "the request target is longer than this service takes",
            Self::TooLarge => "the request's header fields are larger than this service takes",
        }
    }
}

/// Answers a fault, and writes it down.
pub trait EarlyAnswer: Send + Sync + 'static {
    /// The answer; the connection is closed behind it.
    fn answer(&self, fault: HeadFault, connection: Connection) -> Response<Bytes>;
}

/// The answer without a policy: a problem document (RFC 9457) that no cache keeps. Written down by nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainProblem;

impl EarlyAnswer for PlainProblem {
    fn answer(&self, fault: HeadFault, _: Connection) -> Response<Bytes> {
        let (status, code) = (fault.reason().status(), fault.reason().code());
        let body = serde_json::json!({
            "type": "about:blank", "status": status.as_u16(), "detail": fault.detail(), "code": code,
        });
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = status;
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// The answer of the engine behind a layer, as to everything else.
#[derive(Debug, Clone)]
pub struct Judged(pub BucklerLayer);

impl EarlyAnswer for Judged {
    fn answer(&self, fault: HeadFault, connection: Connection) -> Response<Bytes> {
        self.0.unread(fault.reason(), fault.detail(), connection)
    }
}

/// The bytes of an answer on a connection that hyper no longer has. Head and body are ours throughout, so
/// nothing in them needs judging; length and end are set here.
pub(crate) fn serialise(response: &Response<Bytes>) -> Vec<u8> {
    let status = response.status();
    let mut bytes = Vec::with_capacity(1024);
    let reason = status.canonical_reason().unwrap_or_default();
    bytes.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).as_bytes());
    let managed = |name: &HeaderName| *name == header::CONNECTION || *name == header::CONTENT_LENGTH;
    for (name, value) in response.headers().iter().filter(|(name, _)| !managed(name)) {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let length = response.body().len();
    bytes.extend_from_slice(format!("content-length: {length}\r\nconnection: close\r\n\r\n").as_bytes());
    bytes.extend_from_slice(response.body());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_a_whole_answer_that_closes() {
        // R11
        for (fault, status, code) in [
            (HeadFault::Wire(WireFault::LengthTwice), 400, "malformed_request"),
            (HeadFault::Http2(RequestFault::Padding), 400, "malformed_request"),
            (HeadFault::Http2(RequestFault::Scheme), 421, "misdirected"),
            (HeadFault::Malformed, 400, "malformed_request"),
            (HeadFault::Timeout, 408, "timeout"),
            (HeadFault::TargetTooLong, 414, "uri_too_long"),
            (HeadFault::TooLarge, 431, "headers_too_large"),
        ] {
            let response = PlainProblem.answer(fault, Connection::LOCAL);
            let answer = String::from_utf8(serialise(&response)).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            assert!(head.ends_with("\r\nconnection: close"), "{head}");
            assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
            let problem: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(problem["status"], status);
            assert_eq!(problem["code"], code);
            assert_eq!(problem["detail"], fault.detail());
        }
    }
}
