//! Formats, as Pydantic reads them: never narrower, so what FastAPI accepts passes.
//!
//! A format that is not here is a remark of the document. Of those here, each check is a necessary condition of what
//! Pydantic takes: `date-time` may be written as seconds since 1970, `uuid` without hyphens. Times, `uuid` and `uri` are
//! read by the libraries that Pydantic itself reads them with.

use std::net::{Ipv4Addr, Ipv6Addr};

use speedate::{Date, DateTime, DateTimeConfig, Duration, MicrosecondsPrecisionOverflowBehavior, Time, TimeConfig};
use url::Url;
use uuid::Uuid;

use crate::number::trimmed;

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
    ("multi-host-uri", multi_host_uri),
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

/// A day, or a moment: whether that is a midnight is left to the app.
fn date(text: &str) -> bool {
    let is_date =
        |text: &str| Date::parse_str(text).is_ok() || DateTime::parse_str_with_config(text, &moments()).is_ok();
    let text = trimmed(text);
    is_number(text) || is_date(text) || without_leap_second(text).is_some_and(|text| is_date(&text))
}

/// RFC 3339 §5.7 knows them, and Pydantic does not. When there was one is left to the app.
fn without_leap_second(text: &str) -> Option<String> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = rest.split_once(':')?;
    Some(format!("{hour}:{minute}:59{}", second.strip_prefix("60")?))
}

/// Digits behind the microseconds are cut off.
fn times() -> TimeConfig {
    let behaviour = MicrosecondsPrecisionOverflowBehavior::Truncate;
    TimeConfig::builder().microseconds_precision_overflow_behavior(behaviour).build()
}

fn moments() -> DateTimeConfig {
    DateTimeConfig::builder().time_config(times()).build()
}

fn time(text: &str) -> bool {
    let is_time = |text: &str| Time::parse_bytes_with_config(text.as_bytes(), &times()).is_ok();
    let text = trimmed(text);
    is_number(text) || is_time(text) || without_leap_second(text).is_some_and(|text| is_time(&text))
}

fn duration(text: &str) -> bool {
    let text = trimmed(text);
    is_number(text) || Duration::parse_bytes_with_config(text.as_bytes(), &times()).is_ok()
}

fn uuid(text: &str) -> bool {
    Uuid::parse_str(trimmed(text)).is_ok()
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

fn uri(text: &str) -> bool {
    Url::parse(text).is_ok()
}

/// A scheme, whatever follows: several hosts are no URL by any standard.
fn multi_host_uri(text: &str) -> bool {
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
            (
                "time",
                &["25:00", "10:60:00", "10:61", "10:00:61", "x", ""],
                &["10:00", "10:00:01.5Z", "23:59:60Z", "3600"],
            ),
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
