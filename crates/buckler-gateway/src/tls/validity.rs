//! From when to when a certificate is valid (RFC 5280 §4.1.2.5).
//!
//! The handshake does not look at it: it is the client who refuses. So the operator is told at start.

use std::time::{Duration, SystemTime};

use buckler_policy::secret::SecretReference;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Two moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    from: Timestamp,
    until: Timestamp,
}

impl Validity {
    /// What is wrong with it now, or soon.
    pub(super) fn warnings(self, certificate: &SecretReference, now: SystemTime, soon: Duration) -> Vec<String> {
        let Ok(now) = Timestamp::try_from(now) else { return Vec::new() };
        let until = self.until;
        if now >= until {
            vec![format!("{certificate}: the certificate expired at {until}; clients will refuse it, renew it")]
        } else if now < self.from {
            vec![format!(
                "{certificate}: the certificate is not valid before {}; is this machine's clock right?",
                self.from
            )]
        } else if now.checked_add(soon).is_ok_and(|then| then >= until) {
            vec![format!("{certificate}: the certificate expires at {until}; renew it")]
        } else {
            Vec::new()
        }
    }
}

/// Reads it out of a certificate; `None` if it is not where it belongs.
pub(super) fn of(certificate: &[u8]) -> Option<Validity> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (to_be_signed, _) = element(certificate, SEQUENCE)?;
    let rest = element(to_be_signed, VERSION).map_or(to_be_signed, |(_, rest)| rest);
    let (_serial, rest) = element(rest, INTEGER)?;
    let (_signature, rest) = element(rest, SEQUENCE)?;
    let (_issuer, rest) = element(rest, SEQUENCE)?;
    let (validity, _) = element(rest, SEQUENCE)?;
    let (from, rest) = time(validity)?;
    let (until, _) = time(rest)?;
    Some(Validity { from, until })
}

/// The content of the element of this tag at the front, and what comes behind it (X.690 §8.1).
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[first, length], rest) = der.split_first_chunk::<2>()?;
    if first != tag {
        return None;
    }
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0_usize, |sum, digit| (sum << 8) | usize::from(*digit)), rest)
    };
    rest.split_at_checked(length)
}

fn time(der: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (text, rest, full) = match element(der, UTC_TIME) {
        Some((text, rest)) => (text, rest, false),
        None => element(der, GENERALIZED_TIME).map(|(text, rest)| (text, rest, true))?,
    };
    let text = std::str::from_utf8(text).ok()?;
    let text = if full {
        text.to_owned()
    } else {
        // RFC 5280: years below 50 are of this century.
        let century = if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" };
        format!("{century}{text}")
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%SZ", &text).ok()?;
    Some((TimeZone::UTC.to_timestamp(civil).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(from: SystemTime, until: SystemTime) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = from.into();
        params.not_after = until.into();
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().into()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        for (from, until) in
            [("2026-01-02T03:04:05Z", "2026-12-31T23:59:59Z"), ("1999-01-02T03:04:05Z", "2060-12-31T23:59:59Z")]
        {
            let validity = of(&certificate(at(from), at(until))).unwrap();
            assert_eq!(validity, Validity { from: from.parse().unwrap(), until: until.parse().unwrap() });
        }
    }

    #[test]
    fn what_is_cut_off_anywhere_is_no_certificate() {
        let whole = certificate(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        for length in 0..whole.len() {
            assert_eq!(of(&whole[..length]), None);
        }
        let mut hostile = whole;
        for index in 0..64 {
            for byte in [0x00, 0x7f, 0x80, 0x84, 0xff] {
                let original = std::mem::replace(&mut hostile[index], byte);
                let _any = of(&hostile);
                hostile[index] = original;
            }
        }
    }

    #[test]
    fn the_operator_is_warned() {
        let reference = SecretReference::File("cert.pem".to_owned());
        let validity = of(&certificate(at("2026-01-01T00:00:00Z"), at("2026-04-01T00:00:00Z"))).unwrap();
        let day = Duration::from_hours(24);
        let cases = [
            ("2025-12-31T00:00:00Z", Some("not valid before 2026-01-01")),
            ("2026-02-01T00:00:00Z", None),
            ("2026-03-25T00:00:00Z", Some("expires at 2026-04-01")),
            ("2026-04-01T00:00:00Z", Some("expired at 2026-04-01")),
        ];
        for (now, expected) in cases {
            let warnings = validity.warnings(&reference, at(now), 14 * day);
            match expected {
                None => assert_eq!(warnings, Vec::<String>::new()),
                Some(part) => assert!(warnings[0].contains(part) && warnings[0].contains("cert.pem"), "{warnings:?}"),
            }
        }
    }
}
