//! The host that is asked for is one of ours, however it is said.

use buckler_http::authority::Authority;
use buckler_http::connection::Scheme;
use buckler_http::head::{Field, Head, Version};
use buckler_http::host::HostSet;
use buckler_http::target::Target;

use crate::reason::Reason;
use crate::stage::Violation;

const KEY: &str = "server.hosts";

/// The authority that the client asked for. `forwarded` is what a trusted proxy says it was.
pub(crate) fn check<'a>(
    hosts: &HostSet,
    head: &Head<'a>,
    target: &Target<'a>,
    forwarded: Option<&'a [u8]>,
    scheme: Scheme,
) -> Result<Option<Authority<'a>>, Violation> {
    let host = head.first(Field::Host).map(read).transpose()?;
    // RFC 9112 §3.2.2 lets the target win; a cache in front that keys on `Host` would file our answer wrongly.
    if let (Target::Absolute { authority, .. }, Some(host)) = (target, &host)
        && !authority.same_as(host, scheme.default_port())
    {
        return Err(Violation::fixed(Reason::MalformedRequest, "target and Host field name different hosts"));
    }
    // HTTP/2 says it in `:authority`, which hosts hand over as an absolute target (RFC 9113 §8.3.1).
    let asked = match target {
        Target::Absolute { authority, .. } if head.version() == Version::Http2 => Some(*authority),
        _ => None,
    };
    let Some(effective) = forwarded.map(read).transpose()?.or(host).or(asked) else {
        return Err(Violation::of(KEY, Reason::HostNotAllowed, "the request names no host"));
    };
    if hosts.is_empty() || hosts.contains(&effective) {
        return Ok(Some(effective));
    }
    Err(Violation::of(KEY, Reason::HostNotAllowed, "this service does not answer to the host that was asked for"))
}

fn read(host: &[u8]) -> Result<Authority<'_>, Violation> {
    Authority::parse(host).map_err(|error| Violation::fixed(Reason::MalformedRequest, error.to_string()))
}
