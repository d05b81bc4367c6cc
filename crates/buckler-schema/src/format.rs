//! Formats, as Pydantic reads them: never narrower, so what FastAPI accepts passes.
//!
//! A format that is not here is a remark of the document. Of those here, each check is a necessary condition of what
//! Pydantic takes: `date-time` may be written as seconds since 1970, `uuid` without hyphens.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A check for texts.
pub(crate) type Check = fn(&str) -> bool;

/// Name, check.
pub(crate) const FORMATS: &[(&str, Check)] = &[
    ("date", date),
    ("date-time", date),
    ("time", time),
    ("duration", duration),
    ("uuid", uuid),
    ("uuid1", uuid),
    ("uuid3", uuid),
    ("uuid4", uuid),
    ("uuid5", uuid),
    ("uuid6", uuid),
    ("uuid7", uuid),
    ("uuid8", uuid),
    ("email", email),
    ("name-email", email),
    ("ipv4", ipv4),
    ("ipv4interface", ipv4_with_prefix),
    ("ipv4network", ipv4_with_prefix),
    ("ipv6", ipv6),
    ("ipv6interface", ipv6_with_prefix),
    ("ipv6network", ipv6_with_prefix),
    ("ipvanyaddress", |text| ipv4(text) || ipv6(text)),
    ("ipvanyinterface", |text| ipv4_with_prefix(text) || ipv6_with_prefix(text)),
    ("ipvanynetwork", |text| ipv4_with_prefix(text) || ipv6_with_prefix(text)),
    ("multi-host-uri", uri),
    ("uri", uri),
];

/// Formats that say something of the text's meaning, and nothing of its form.
pub(crate) const REMARKS: &[&str] = &["password", "float", "double", "binary", "string"];

pub(crate) fn is_checked(name: &str) -> bool {
    check(name).is_some()
}

pub(crate) fn check(name: &str) -> Option<Check> {
    FORMATS.iter().find(|(known, _)| *known == name).map(|(_, check)| *check)
}

/// What Pydantic takes beside a text where a text has a format, and how it counts the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing else.
    Text,
    /// Nothing else; its bytes are counted.
    Bytes,
    /// Nothing else; what it decodes to is counted.
    Encoded,
    /// Seconds, or milliseconds.
    Number,
    /// An address as one number.
    Integer,
    /// The format is of a type that we do not know, and which reads what it likes.
    Anything,
}

/// Formats of types that read texts only.
const TEXTS: &[&str] = &[
    "directory-path",
    "email",
    "file-path",
    "hostname",
    "idn-email",
    "idn-hostname",
    "iri",
    "iri-reference",
    "json-pointer",
    "json-string",
    "multi-host-uri",
    "name-email",
    "password",
    "path",
    "regex",
    "relative-json-pointer",
    "string",
    "uri",
    "uri-reference",
    "uri-template",
];

pub(crate) fn takes(name: &str) -> Takes {
    match name {
        "date" | "date-time" | "time" | "duration" => Takes::Number,
        "binary" => Takes::Bytes,
        "base64" | "base64url" | "byte" => Takes::Encoded,
        name if name.starts_with("ipv") => Takes::Integer,
        name if name.starts_with("uuid") || TEXTS.contains(&name) => Takes::Text,
        _ => Takes::Anything,
    }
}

/// Seconds, or what begins with a day of the calendar.
fn date(text: &str) -> bool {
    let text = text.trim();
    if is_number(text) {
        return true;
    }
    let mut parts = text.get(..10).unwrap_or_default().split('-');
    let mut number = |digits: usize| {
        let part =
            parts.next().filter(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        part.parse::<u32>().ok()
    };
    let (Some(year), Some(month), Some(day)) = (number(4), number(2), number(2)) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// Seconds, or hours and minutes.
fn time(text: &str) -> bool {
    let text = text.trim();
    let mut parts = text.split(':');
    let mut below = |most: u32| {
        let part = parts.next().and_then(|part| part.get(..2)).and_then(|part| part.parse::<u32>().ok());
        part.is_some_and(|part| part < most)
    };
    is_number(text) || (below(24) && below(60))
}

/// Seconds, an ISO duration, or days and a time of day.
fn duration(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.bytes().any(|byte| byte.is_ascii_digit())
}

fn uuid(text: &str) -> bool {
    let text = text.trim();
    let text = text.strip_prefix("urn:uuid:").unwrap_or(text);
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let digits = text.bytes().filter(|byte| *byte != b'-');
    text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()) && digits.count() == 32
}

fn email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

fn ipv4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

fn ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "zone"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty()
}

fn ipv4_with_prefix(text: &str) -> bool {
    ipv4(without_prefix(text))
}

fn ipv6_with_prefix(text: &str) -> bool {
    ipv6(without_prefix(text))
}

/// How the prefix is written, as a length or a mask, is left to the app.
fn without_prefix(text: &str) -> &str {
    text.split_once('/').map_or(text, |(address, _)| address)
}

/// A scheme, whatever follows: readers of URLs mend a lot.
fn uri(text: &str) -> bool {
    let text = text.trim_start_matches(|character: char| character <= ' ' || character.is_whitespace());
    text.starts_with(|character: char| character.is_ascii_alphabetic()) && text.contains(':')
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut dots = 0;
    let digits = unsigned.bytes().all(|byte| {
        dots += u32::from(byte == b'.');
        byte.is_ascii_digit() || byte == b'.'
    });
    digits && dots <= 1 && unsigned.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_take_what_pydantic_takes() {
        // R40
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("date", &["2026-02-30", "2026-13-01", "tomorrow", "", "2025-02-29"], &["2024-02-29", "1700000000"]),
            ("date-time", &["2026-00-01T00:00:00Z", "noon"], &["2026-11-21T10:00:00Z", "2026-11-21 10:00", "17.5"]),
            ("time", &["25:00", "10:61", "x", ""], &["10:00", "10:00:01.5Z", "3600"]),
            ("duration", &["", "P", "long"], &["P3D", "3 days, 10:00", "15"]),
            (
                "uuid",
                &["x", "12345678-1234-1234-1234-12345678901", "g2345678123412341234123456789012"],
                &[
                    "12345678-1234-1234-1234-123456789012",
                    "12345678123412341234123456789012",
                    "urn:uuid:12345678-1234-1234-1234-123456789012",
                    "{12345678-1234-1234-1234-123456789012}",
                ],
            ),
            ("email", &["a", "@b", "a@"], &["a@b.example", "ü@b.example"]),
            ("ipv4", &["1.2.3", "1.2.3.256", "::1", "01.2.3.4"], &["1.2.3.4"]),
            ("ipv4network", &["1.2.3", "::/64", "x/24"], &["1.2.3.0/24", "1.2.3.4", "1.2.3.0/255.255.255.0"]),
            ("ipv6interface", &["1.2.3.4/24", "x"], &["::1/64", "fe80::1%eth0/64"]),
            ("ipvanyaddress", &["1.2.3", ":::"], &["1.2.3.4", "::1"]),
            ("name-email", &["Joe", "Joe <a>"], &["Joe <a@b.example>"]),
            ("uri", &["", "//a.example", "a.example", "1:2", ":"], &[" HTTPS://a.example", "urn:a", "ht\ntp://a"]),
            ("ipv6", &["1.2.3.4", ":::", "fe80::1%"], &["::1", "fe80::1%eth0"]),
        ];
        for (name, refused, accepted) in cases {
            let (_, check) = FORMATS.iter().find(|(known, _)| known == name).unwrap();
            assert!(refused.iter().all(|text| !check(text)), "{name}: {refused:?}");
            assert!(accepted.iter().all(|text| check(text)), "{name}: {accepted:?}");
        }
    }
}
