//! The field by which the middleware in a worker knows a request that the gateway has judged.
//!
//! Whoever runs the middleware in an app that `buckler run` serves would have each request judged twice, and counted
//! twice. So each request of a worker carries
//!
//! ```text
//! Buckler-Ticket: 64 hexadecimal digits, HMAC-SHA-256 (RFC 2104)
//! ```
//!
//! over the name of the exchange, the method, the target and the fingerprint of the policy that has judged it. The key is
//! made anew by each gateway and given to its workers alone. A middleware of another policy has another fingerprint, and
//! judges by itself, as it does without a ticket. Fields of clients that begin with `buckler-` never get this far: the
//! engine removes them. The worker takes the field off before the app sees the request, as it does with the edge's.

use std::sync::OnceLock;

use aws_lc_rs::{constant_time, hmac, rand};
use http::{HeaderName, HeaderValue};

/// `Buckler-Ticket`
pub const FIELD_NAME: HeaderName = HeaderName::from_static("buckler-ticket");

/// The variable by which workers are given the key: hexadecimal digits.
pub const VARIABLE: &str = "BUCKLER_WORKER_TICKET_KEY";

const KEY_BYTES: usize = 32;

/// What a ticket is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged<'a> {
    /// The name of the exchange.
    pub request_id: &'a str,
    /// Of the request.
    pub method: &'a str,
    /// Of the request, as it goes to the worker.
    pub target: &'a [u8],
    /// Of the policy.
    pub fingerprint: u64,
}

/// What tickets of one gateway are made with.
pub struct TicketKey {
    key: hmac::Key,
    /// For the workers.
    written: String,
}

/// Says nothing of the key.
impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TicketKey")
    }
}

impl TicketKey {
    /// The key of this gateway; `None` where the system gives no random bytes: then nothing is a ticket.
    pub fn of_this_process() -> Option<&'static Self> {
        static KEY: OnceLock<Option<TicketKey>> = OnceLock::new();
        KEY.get_or_init(|| {
            let mut bytes = [0; KEY_BYTES];
            rand::fill(&mut bytes).ok()?;
            Some(Self::new(&bytes))
        })
        .as_ref()
    }

    fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, bytes), written: hexadecimal(bytes) }
    }

    /// Reads what a worker was given.
    pub fn parse(written: &str) -> Option<Self> {
        let mut bytes = [0; KEY_BYTES];
        if written.len() != 2 * KEY_BYTES {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(written.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self::new(&bytes))
    }

    /// The key as a worker is given it.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The ticket of a request.
    pub fn issue(&self, judged: &Judged<'_>) -> Option<HeaderValue> {
        HeaderValue::try_from(hexadecimal(self.sign(judged).as_ref())).ok()
    }

    /// Whether this is the ticket of a request.
    pub fn accepts(&self, ticket: &[u8], judged: &Judged<'_>) -> bool {
        let expected = hexadecimal(self.sign(judged).as_ref());
        constant_time::verify_slices_are_equal(ticket, expected.as_bytes()).is_ok()
    }

    fn sign(&self, judged: &Judged<'_>) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        // Lengths are part of it, so no two requests look the same.
        for part in [judged.request_id.as_bytes(), judged.method.as_bytes(), judged.target] {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            context.update(part);
        }
        context.update(&judged.fingerprint.to_le_bytes());
        context.sign()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUDGED: Judged<'_> =
        Judged { request_id: "0123456789abcdef0123456789abcdef", method: "GET", target: b"/items?a=1", fingerprint: 7 };

    // R13: a ticket is good for the request that it was made for, and for no other
    #[test]
    fn a_ticket_is_good_for_one_request_under_one_policy_of_one_gateway() {
        let key = TicketKey::new(&[1; KEY_BYTES]);
        let ticket = key.issue(&JUDGED).unwrap();
        assert!(key.accepts(ticket.as_bytes(), &JUDGED));
        for other in [
            Judged { request_id: "1123456789abcdef0123456789abcdef", ..JUDGED },
            Judged { method: "POST", ..JUDGED },
            Judged { target: b"/items?a=2", ..JUDGED },
            Judged { target: b"/items", ..JUDGED },
            Judged { fingerprint: 8, ..JUDGED },
            // What moves from one part to the next.
            Judged { method: "GET/", target: b"items?a=1", ..JUDGED },
            Judged { request_id: "0123456789abcdef0123456789abcde", method: "fGET", ..JUDGED },
        ] {
            assert!(!key.accepts(ticket.as_bytes(), &other), "{other:?}");
        }
        let another_boot = TicketKey::new(&[2; KEY_BYTES]);
        assert!(!another_boot.accepts(ticket.as_bytes(), &JUDGED));
        let ticket = ticket.to_str().unwrap();
        let cut = ticket.split_at(ticket.len() - 1).0;
        for forged in ["", "0", &"0".repeat(64), cut, &ticket.to_uppercase()] {
            assert!(!key.accepts(forged.as_bytes(), &JUDGED), "{forged}");
        }
    }

    // R13
    #[test]
    fn a_worker_reads_the_key_that_it_was_given() {
        let key = TicketKey::of_this_process().unwrap();
        let given = TicketKey::parse(key.written()).unwrap();
        assert!(given.accepts(key.issue(&JUDGED).unwrap().as_bytes(), &JUDGED));
        for written in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
            assert!(TicketKey::parse(written).is_none(), "{written}");
        }
        assert_eq!(format!("{key:?}"), "TicketKey");
    }
}
