//! The answer to bytes that never became a request.
//!
//! hyper refuses what is not HTTP before anybody else sees it. Its answer is kept back ([`crate::watched`]) and
//! this one given instead, so that a client finds the same problem document and request id (R11) whoever
//! refused it. The connection is closed afterwards: where the next request would begin is not known.

use std::fmt::Write as _;

/// Why a head was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadFault {
    /// Not HTTP/1.1 as RFC 9112 writes it.
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

    /// The status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Timeout => 408,
            Self::TargetTooLong => 414,
            Self::TooLarge => 431,
        }
    }

    /// The stable code, as in the table of refusals.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed_request",
            Self::Timeout => "timeout",
            Self::TargetTooLong => "uri_too_long",
            Self::TooLarge => "headers_too_large",
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "Bad Request",
            Self::Timeout => "Request Timeout",
            Self::TargetTooLong => "URI Too Long",
            Self::TooLarge => "Request Header Fields Too Large",
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::Malformed => "The request is not valid HTTP.",
            Self::Timeout => "The request did not arrive in time.",
            Self::TargetTooLong => "The request target is too long.",
            Self::TooLarge => "The request header fields are too large.",
        }
    }
}

/// Writes the whole response, head and body, for a fault and the request id it gets.
pub trait EarlyAnswer: Send + Sync + 'static {
    /// The bytes to send before the connection is closed. They must say `Connection: close` and have a
    /// `Content-Length`.
    fn render(&self, fault: HeadFault, request_id: &str) -> Vec<u8>;
}

/// The answer without a policy: a problem document (RFC 9457) that no cache keeps and no page can use.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainProblem;

impl EarlyAnswer for PlainProblem {
    fn render(&self, fault: HeadFault, request_id: &str) -> Vec<u8> {
        let (status, reason) = (fault.status(), fault.reason());
        let body = format!(
            r#"{{"type":"about:blank","title":"{reason}","status":{status},"detail":"{}","code":"{}","request_id":"{request_id}"}}"#,
            fault.detail(),
            fault.code(),
        );
        let mut answer = String::with_capacity(512);
        // Writing to a String cannot fail.
        let _infallible = write!(
            answer,
            "HTTP/1.1 {status} {reason}\r\n\
             content-type: application/problem+json\r\n\
             content-length: {}\r\n\
             cache-control: no-store\r\n\
             content-security-policy: default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n\
             x-content-type-options: nosniff\r\n\
             x-request-id: {request_id}\r\n\
             connection: close\r\n\r\n{body}",
            body.len(),
        );
        answer.into_bytes()
    }
}

/// An id for a request that has none: 128 random bits in hexadecimal.
pub(crate) fn request_id() -> String {
    let mut bits = [0_u8; 16];
    if getrandom::fill(&mut bits).is_err() {
        // Without randomness the id says so; it names a log line and guards nothing.
        return "unavailable".to_owned();
    }
    bits.iter().fold(String::with_capacity(32), |mut id, byte| {
        let _infallible = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_a_whole_answer_that_closes() {
        // R11
        for fault in [HeadFault::Malformed, HeadFault::Timeout, HeadFault::TargetTooLong, HeadFault::TooLarge] {
            let answer = String::from_utf8(PlainProblem.render(fault, "abc")).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {} ", fault.status())), "{head}");
            assert!(head.contains("\r\nconnection: close"), "{head}");
            assert!(head.contains("\r\nx-request-id: abc"), "{head}");
            assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
            let problem: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(problem["status"], fault.status());
            assert_eq!(problem["code"], fault.code());
            assert_eq!(problem["request_id"], "abc");
        }
    }

    #[test]
    fn ids_differ() {
        let id = request_id();
        assert_eq!(id.len(), 32);
        assert_ne!(id, request_id());
    }
}
