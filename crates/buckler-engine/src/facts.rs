//! What an exchange is about, kept from its head to its record.

use buckler_http::authority::Authority;
use buckler_http::connection::{Connection, Peer, Scheme};
use buckler_http::forwarding::{Client, Source};
use buckler_http::head::{Field, Head};
use http::{HeaderValue, Method};

use crate::check::cors::Sharing;
use crate::limits::fields::Told;
use crate::record::Note;
use crate::redact::Target;
use crate::usage::Listing;

/// Microseconds since the epoch, told by the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

/// What the host adds to a head: the world as far as the engine may know it.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The connection that the request came over.
    pub connection: Connection,
    /// When its head was complete.
    pub now: Timestamp,
    /// Sixteen bytes that name this request; unique, not secret.
    pub nonce: [u8; 16],
}

/// The name of one exchange, shared by answer, log and app. Kept in place: everything that an exchange leaves behind
/// has it, and none of that is worth an allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    text: [u8; *FOREIGN_ID.end()],
    length: usize,
}

impl std::fmt::Debug for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RequestId").field(&self.as_str()).finish()
    }
}

/// Shortest and longest name that is taken over from a trusted proxy: long enough to be unique, short enough
/// for a log line.
const FOREIGN_ID: std::ops::RangeInclusive<usize> = 8..=64;

impl RequestId {
    pub(crate) fn new(nonce: [u8; 16]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; *FOREIGN_ID.end()];
        for (pair, byte) in text.chunks_exact_mut(2).zip(nonce) {
            for (digit, value) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
                *digit = DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
            }
        }
        Self { text, length: 2 * nonce.len() }
    }

    /// Takes over the name that whoever is trusted gave, if it is one that cannot hurt a log.
    pub fn foreign(name: &[u8]) -> Option<Self> {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if !FOREIGN_ID.contains(&name.len()) || !name.iter().all(plain) {
            return None;
        }
        let mut text = [0_u8; *FOREIGN_ID.end()];
        text.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self { text, length: name.len() })
    }

    /// Letters, digits, `-`, `_`, `.`.
    pub fn as_str(&self) -> &str {
        self.text.get(..self.length).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or("-")
    }

    /// The same, ready to be sent.
    pub fn header_value(&self) -> HeaderValue {
        HeaderValue::from_str(self.as_str()).unwrap_or(HeaderValue::from_static("-"))
    }
}

/// Whether the request carries something that makes its answer personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credentials {
    Present,
    Absent,
}

/// What a refusal would leave on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    Body,
    Nothing,
}

/// Owned facts, filled as the stages find them. On the heap from the first: they pass through a dozen hands on the way to
/// the record.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) request_id: RequestId,
    pub(crate) began: Timestamp,
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) peer: Peer,
    pub(crate) scheme: Scheme,
    pub(crate) source: Source,
    pub(crate) host: Option<HeaderValue>,
    pub(crate) credentials: Credentials,
    pub(crate) body: Unread,
    pub(crate) sharing: Sharing,
    pub(crate) listing: Listing,
    /// What the answer tells of limits.
    pub(crate) limits: Told,
    /// How they were counted, where that is worth knowing.
    pub(crate) counting: Option<Note>,
}

impl Facts {
    pub(crate) fn new(head: &Head<'_>, context: &Context) -> Box<Self> {
        let personal =
            [Field::Authorization, Field::Cookie, Field::XApiKey].into_iter().any(|f| head.slot(f).lines() > 0);
        Box::new(Self {
            request_id: RequestId::new(context.nonce),
            began: context.now,
            method: logged_method(head.method()),
            target: Target::new(head.target()),
            peer: context.connection.peer,
            scheme: context.connection.scheme,
            source: Source::Connection,
            host: None,
            credentials: if personal { Credentials::Present } else { Credentials::Absent },
            body: if head.has_body() { Unread::Body } else { Unread::Nothing },
            sharing: Sharing::AppsOwn,
            listing: Listing::Unjudged,
            limits: Told::default(),
            counting: None,
        })
    }

    pub(crate) fn learn_client(&mut self, head: &Head<'_>, client: &Client<'_>) {
        (self.peer, self.scheme, self.source) = (client.peer, client.scheme, client.source);
        if client.source == Source::TrustedProxy
            && let Some(id) = head.first(Field::XRequestId).and_then(RequestId::foreign)
        {
            self.request_id = id;
        }
    }

    pub(crate) fn learn_host(&mut self, authority: Option<&Authority<'_>>) {
        self.host = authority.and_then(|a| HeaderValue::from_bytes(a.as_bytes()).ok());
    }
}

/// A method that is no method is not worth more of a log line.
const MAX_LOGGED_METHOD: usize = 24;

/// What no client can send stands for what is no method.
fn logged_method(method: &str) -> Method {
    let bytes = method.as_bytes();
    Method::from_bytes(bytes.get(..MAX_LOGGED_METHOD).unwrap_or(bytes))
        .unwrap_or_else(|_| Method::from_bytes(b"-").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_forge_a_log_line_are_not_taken_over() {
        for bad in [&b"short"[..], b"with space in it", b"new\nline-in-it", b"quote\"in-it-it", &[b'a'; 65]] {
            assert_eq!(RequestId::foreign(bad), None, "{bad:?}");
        }
        assert_eq!(RequestId::foreign(b"01J9-abc_DEF.7").unwrap().as_str(), "01J9-abc_DEF.7");
    }

    #[test]
    fn own_names_are_hexadecimal() {
        assert_eq!(RequestId::new([0xa5; 16]).as_str(), "a5".repeat(16));
    }
}
