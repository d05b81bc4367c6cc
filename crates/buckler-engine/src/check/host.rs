//! The host that is asked for is one of ours, however it is said.

use buckler_http::authority::Authority;
use buckler_http::connection::Scheme;
use buckler_http::head::{Field, Head};
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
    let asked = head.authority().map(read).transpose()?;
    // A client that reuses connections knows what to do with a 421 (RFC 9110 §15.5.20).
    if let (Some(asked), Some(host)) = (&asked, &host)
        && !asked.same_as(host, scheme.default_port())
    {
        return Err(Violation::fixed(Reason::Misdirected, "`:authority` and Host field name different hosts"));
    }
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
