//! Bounds of the head. First of all stages, since every other one reads what this one counts.

use buckler_http::head::Head;
use buckler_policy::settings::HeadLimits;

use crate::reason::Reason;
use crate::stage::Violation;

pub(crate) fn check(limits: &HeadLimits, head: &Head<'_>) -> Result<(), Violation> {
    if head.target().len() > limits.target {
        let detail = "the request target is longer than this service takes";
        return Err(Violation::of("server.limits.target", Reason::UriTooLong, detail));
    }
    if head.field_lines() > limits.headers {
        let detail = "the request has more header fields than this service takes";
        return Err(Violation::of("server.limits.headers", Reason::HeadersTooLarge, detail));
    }
    if head.bytes() > limits.head {
        let detail = "the request's header fields are larger than this service takes";
        return Err(Violation::of("server.limits.head", Reason::HeadersTooLarge, detail));
    }
    Ok(())
}
