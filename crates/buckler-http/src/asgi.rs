//! What the scope of an ASGI connection says of its request (ASGI 3, "HTTP & WebSocket").
//!
//! A scope carries the path twice: `path`, decoded, by which the app routes, and `raw_path`, as it was sent, which a
//! server may leave out and which whatever stands in between may forget to change. Only where both say the same is
//! `raw_path` believed.

use std::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;

use crate::connection::Peer;
use crate::target::decoded;

/// Bytes of a target that are put together without an allocation: what fits in an address bar.
const USUAL: usize = 128;

/// A target, put together.
pub type Target = SmallVec<[u8; USUAL]>;

/// The target as it stood on the request line, as far as a scope tells it.
///
/// ```
/// use buckler_http::asgi::target;
/// assert_eq!(&target("/a b", Some(b"/a%20b"), b"x=1")[..], b"/a%20b?x=1");
/// assert_eq!(&target("/a b", None, b"")[..], b"/a%20b");
/// // Somebody has rewritten the path, and the app routes by what it is now.
/// assert_eq!(&target("/other", Some(b"/a%20b"), b"")[..], b"/other");
/// ```
pub fn target(path: &str, raw_path: Option<&[u8]>, query: &[u8]) -> Target {
    let mut target = Target::new();
    match raw_path {
        Some(raw) if stands_for(raw, path) => target.extend_from_slice(raw),
        _ => path.bytes().for_each(|byte| encode(byte, &mut target)),
    }
    if !query.is_empty() {
        target.push(b'?');
        target.extend_from_slice(query);
    }
    target
}

/// Whether `raw` is `path` before it was decoded. Servers write U+FFFD for what is no UTF-8.
fn stands_for(raw: &[u8], path: &str) -> bool {
    if raw.contains(&b'?') {
        return false;
    }
    if !raw.contains(&b'%') {
        return raw == path.as_bytes();
    }
    String::from_utf8_lossy(&decoded(raw).collect::<Vec<_>>()) == path
}

/// Writes a byte as a path may hold it (RFC 3986 §3.3).
fn encode(byte: u8, target: &mut Target) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
    match byte {
        b'/' | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';'
        | b'=' | b':' | b'@' => target.push(byte),
        byte if byte.is_ascii_alphanumeric() => target.push(byte),
        byte => target.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]),
    }
}

/// The peer that a scope names: a test client has a name there, a Unix socket a path or nothing.
///
/// ```
/// use buckler_http::asgi::peer;
/// use buckler_http::connection::Peer;
/// assert_eq!(peer("192.0.2.1", 40000), Peer::Ip("192.0.2.1:40000".parse().unwrap()));
/// assert_eq!(peer("testclient", 50000), Peer::Local);
/// ```
pub fn peer(host: &str, port: u16) -> Peer {
    // The zone says over which interface, and is no part of the address (RFC 4007 §11).
    let host = host.split_once('%').map_or(host, |(address, _zone)| address);
    host.parse::<IpAddr>().map_or(Peer::Local, |address| Peer::Ip(SocketAddr::new(address, port)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // R42, R81: the judged path is the one that the app routes by
    #[test]
    fn a_path_that_was_rewritten_is_judged_as_it_is_now() {
        for (path, raw, judged) in [
            ("/admin", &b"/public"[..], "/admin"),
            ("/../etc", b"/etc", "/../etc"),
            ("/a/b", b"/a%2Fb", "/a%2Fb"),
            ("/a%2Fb", b"/a/b", "/a%252Fb"),
            ("/a", b"/a?x=1", "/a"),
            ("/a", b"/a%00", "/a"),
            ("/a\0", b"/a", "/a%00"),
            ("/a\\b", b"/a", "/a%5Cb"),
            ("/a?b", b"/a", "/a%3Fb"),
            ("/a#b", b"/a", "/a%23b"),
            ("/a\r\nb", b"/a", "/a%0D%0Ab"),
            ("/\u{fffd}", b"/%ff", "/%ff"),
            ("/\u{fc}", b"/%C3%BC", "/%C3%BC"),
            ("/%zz", b"/%zz", "/%zz"),
            ("/%41", b"/%41", "/%2541"),
        ] {
            assert_eq!(String::from_utf8_lossy(&target(path, Some(raw), b"")), judged, "{path:?} {raw:?}");
        }
    }

    // R03
    #[test]
    fn a_peer_is_an_address_or_nobody_in_particular() {
        for text in ["", "testclient", "/run/app.sock", "256.1.1.1", "1.2.3", "::g", "%eth0", "[::1]", "127.0.0.1:80"] {
            assert_eq!(peer(text, 1), Peer::Local, "{text}");
        }
        for (text, address) in [("::1", "[::1]:1"), ("fe80::1%eth0", "[fe80::1]:1"), ("10.0.0.1", "10.0.0.1:1")] {
            assert_eq!(peer(text, 1), Peer::Ip(address.parse().unwrap()), "{text}");
        }
    }

    proptest! {
        // R42
        #[test]
        fn what_is_judged_always_decodes_to_the_path(path in "\\PC*", raw: Vec<u8>) {
            for raw in [None, Some(&raw[..])] {
                let judged = target(&path, raw, b"");
                let read = decoded(&judged).collect::<Vec<_>>();
                prop_assert_eq!(String::from_utf8_lossy(&read), path.as_str());
            }
        }
    }
}
