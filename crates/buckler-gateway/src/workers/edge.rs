//! The field by which a worker learns what the edge saw.
//!
//! A worker speaks to the gateway over a Unix socket, so it sees neither client nor scheme nor address by itself.
//! uvicorn's own way (`X-Forwarded-*` from trusted peers) is switched off: it rewrites what the app is to see by rules
//! that are not the policy's. Instead each request carries one field,
//!
//! ```text
//! Buckler-Edge: https 192.0.2.7 51234 198.51.100.1 8443
//!               scheme, client address and port, local address and port, one space between
//! ```
//!
//! where an unknown client is `- 0`, a client known by address alone has port 0, and IPv6 is written without brackets.
//! The worker takes it off again before the app sees the request, and refuses a request that does not have it exactly
//! once. Fields of clients that begin with `buckler-` never get this far: the engine removes them.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use buckler_http::connection::Scheme;
use http::{HeaderName, HeaderValue};

/// `Buckler-Edge`
pub const FIELD_NAME: HeaderName = HeaderName::from_static("buckler-edge");

/// `https`, two addresses of 39 characters, two ports of 5, four spaces, rounded up.
const LONGEST: usize = 104;

/// The field's value. `client` is whom the policy takes for the client, with port 0 if only the address is known;
/// `local` is the address that the connection was accepted on. Addresses of IPv4 written as IPv6 are given as IPv4,
/// as everywhere in the log.
pub fn field_value(scheme: Scheme, client: Option<SocketAddr>, local: SocketAddr) -> HeaderValue {
    let mut text = String::with_capacity(LONGEST);
    text.push_str(scheme.as_str());
    match client {
        Some(client) => push(&mut text, client.ip(), client.port()),
        None => text.push_str(" - 0"),
    }
    push(&mut text, local.ip(), local.port());
    // Digits, letters, dots and colons are always a field value; if not, the worker refuses what is written here.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("-"))
}

fn push(text: &mut String, address: IpAddr, port: u16) {
    // Writing to a string cannot fail.
    write!(text, " {} {port}", address.to_canonical()).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        // R09: the grammar that `python/buckler_worker/edge.py` reads
        let local: SocketAddr = "127.0.0.1:8443".parse().unwrap();
        let cases: &[(Scheme, Option<&str>, &str)] = &[
            (Scheme::Https, Some("192.0.2.7:51234"), "https 192.0.2.7 51234 127.0.0.1 8443"),
            (Scheme::Http, Some("[2001:db8::1]:1"), "http 2001:db8::1 1 127.0.0.1 8443"),
            (Scheme::Http, Some("[::ffff:192.0.2.7]:9"), "http 192.0.2.7 9 127.0.0.1 8443"),
            (Scheme::Https, Some("192.0.2.7:0"), "https 192.0.2.7 0 127.0.0.1 8443"),
            (Scheme::Https, None, "https - 0 127.0.0.1 8443"),
        ];
        for (scheme, client, wanted) in cases {
            let client = client.map(|text| text.parse().unwrap());
            assert_eq!(field_value(*scheme, client, local), *wanted);
        }
        let longest: SocketAddr = "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535".parse().unwrap();
        let value = field_value(Scheme::Https, Some(longest), longest);
        assert!(value.len() <= LONGEST, "{value:?}");
    }
}
