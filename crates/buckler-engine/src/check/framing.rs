//! One reading of the message: how long it is, what it asks for, and that nothing is said twice.
//!
//! RFC 9112 §6.3 leaves servers a choice where lengths contradict each other; each choice made differently by
//! two servers in a row is a smuggled request. Whatever leaves a choice is refused.

use buckler_http::head::{Field, Head, Version};
use buckler_http::target::Target;

use crate::reason::Reason;
use crate::stage::Violation;

/// Fields that mean something only once.
const SINGLETONS: &[(Field, &str)] = &[
    (Field::Host, "the request names its host twice"),
    (Field::ContentType, "the request names its media type twice"),
    (Field::Authorization, "the request carries two sets of credentials"),
    (Field::Origin, "the request names its origin twice"),
    (Field::AccessControlRequestMethod, "the preflight asks for two methods"),
    (Field::ContentEncoding, "the request names its content coding twice"),
];

/// Longest method that is looked at: the longest registered one has 17 bytes.
const MAX_METHOD: usize = 24;

/// Largest body length that is a number at all: eighteen digits fit in 64 bits.
const MAX_LENGTH_DIGITS: usize = 18;

pub(crate) fn check<'a>(head: &Head<'a>) -> Result<Target<'a>, Violation> {
    method(head.method())?;
    lengths(head)?;
    for (field, detail) in SINGLETONS {
        if head.slot(*field).lines() > 1 {
            return Err(malformed(*detail));
        }
    }
    if head.alias().is_some() {
        return Err(malformed("a header field imitates the name of a managed one"));
    }
    let target = Target::parse(head.target()).map_err(|error| malformed(error.to_string()))?;
    match target {
        Target::Origin { .. } | Target::Absolute { .. } => Ok(target),
        Target::Authority => Err(malformed("the request target names no path")),
        // RFC 9110 §9.3.7 allows it, no app routes it.
        Target::Asterisk => Err(malformed("the request target `*` names no path")),
    }
}

fn method(method: &str) -> Result<(), Violation> {
    match method {
        // A tunnel through the service, and an echo of the credentials that a script may not see.
        "CONNECT" | "TRACE" | "TRACK" => Err(Violation::fixed(Reason::MethodNotAllowed, "this method is never taken")),
        // Methods are case-sensitive (RFC 9110 §9.1); a lower-case one is another method to some parsers.
        _ if method.len() > MAX_METHOD || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-' || b == b'_') => {
            Err(malformed("the method is not one of HTTP"))
        }
        _ => Ok(()),
    }
}

fn lengths(head: &Head<'_>) -> Result<(), Violation> {
    if head.framing_lines() > 1 {
        return Err(malformed("the request says twice how long its body is"));
    }
    if let Some(length) = head.first(Field::ContentLength)
        && (length.is_empty() || length.len() > MAX_LENGTH_DIGITS || !length.iter().all(u8::is_ascii_digit))
    {
        return Err(malformed("the length of the body is not a number"));
    }
    if let Some(coding) = head.first(Field::TransferEncoding) {
        if head.version() != Version::Http11 {
            return Err(malformed("Transfer-Encoding belongs to HTTP/1.1 alone"));
        }
        if !coding.eq_ignore_ascii_case(b"chunked") {
            return Err(malformed("the only transfer coding taken is chunked"));
        }
    }
    Ok(())
}

fn malformed(detail: impl Into<std::borrow::Cow<'static, str>>) -> Violation {
    Violation::fixed(Reason::MalformedRequest, detail)
}
