//! What a log may see of a request target.
//!
//! A query is where tokens, keys and mail addresses end up, and no list of names is complete. So names are
//! shown and values are not. In a path, what looks like a token or a card number is masked, and so is the value of a
//! path parameter (`;jsessionid=…`).

use std::fmt;

mod text;

pub use text::text;

/// Longest target that is kept for the log; the rest is cut off and said to be.
pub const MAX_LOGGED_TARGET: usize = 1024;

/// What stands in place of a value.
pub const MASK: &str = "***";

/// A request target that prints itself without its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    bytes: Box<[u8]>,
    cut: bool,
}

impl Target {
    /// Keeps at most [`MAX_LOGGED_TARGET`] bytes.
    pub fn new(target: &[u8]) -> Self {
        let kept = target.get(..MAX_LOGGED_TARGET).unwrap_or(target);
        Self { bytes: kept.into(), cut: kept.len() < target.len() }
    }

    /// The path alone, as received; for matching, not for printing.
    pub(crate) fn path(&self) -> &[u8] {
        let end = memchr::memchr(b'?', &self.bytes).unwrap_or(self.bytes.len());
        let path = self.bytes.get(..end).unwrap_or_default();
        // An absolute target is judged, but its path begins behind the authority.
        match memchr::memmem::find(path, b"://") {
            Some(at) if path.first() != Some(&b'/') => {
                let rest = path.get(at + 3..).unwrap_or_default();
                memchr::memchr(b'/', rest).and_then(|slash| rest.get(slash..)).unwrap_or(b"/")
            }
            _ => path,
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.bytes.splitn(2, |&b| b == b'?');
        let path = parts.next().unwrap_or_default();
        if let Some(path) = harmless(path) {
            f.write_str(path)?;
        } else {
            write_path(f, path)?;
        }
        if let Some(query) = parts.next() {
            f.write_str("?")?;
            for (index, pair) in query.split(|&b| b == b'&').enumerate() {
                if index > 0 {
                    f.write_str("&")?;
                }
                write_pair(f, pair)?;
            }
        }
        if self.cut { f.write_str("…") } else { Ok(()) }
    }
}

/// A path in which nothing is long enough to be a secret, and nothing has to be written otherwise: most are.
fn harmless(path: &[u8]) -> Option<&str> {
    let mut length = 0;
    for &byte in path {
        length = if byte == b'/' { 0 } else { length + 1 };
        if length >= SHORTEST_SECRET || !is_plain(byte) || matches!(byte, b';' | b'@') {
            return None;
        }
    }
    std::str::from_utf8(path).ok()
}

fn write_path(f: &mut fmt::Formatter<'_>, path: &[u8]) -> fmt::Result {
    for (index, segment) in path.split(|&b| b == b'/').enumerate() {
        if index > 0 {
            f.write_str("/")?;
        }
        // User information of an absolute target.
        if looks_secret(segment) || segment.contains(&b'@') {
            f.write_str(MASK)?;
        } else {
            write_segment(f, segment)?;
        }
    }
    Ok(())
}

/// A segment with its parameters (RFC 3986 §3.3), whose values are as secret as those of a query.
fn write_segment(f: &mut fmt::Formatter<'_>, segment: &[u8]) -> fmt::Result {
    for (index, part) in segment.split(|&b| b == b';').enumerate() {
        if index == 0 {
            write_escaped(f, part)?;
        } else {
            f.write_str(";")?;
            write_pair(f, part)?;
        }
    }
    Ok(())
}

/// `name=value` without the value. A bare word is a name or a value, nobody knows; and what ends in `=` may be
/// base64 with its padding.
fn write_pair(f: &mut fmt::Formatter<'_>, pair: &[u8]) -> fmt::Result {
    match memchr::memchr(b'=', pair).and_then(|equals| pair.split_at_checked(equals)) {
        Some((name, value)) if !(looks_secret(name) || is_padding(value) && name.len() >= MIN_SECRET) => {
            write_escaped(f, name)?;
            write!(f, "={MASK}")
        }
        None if pair.is_empty() => Ok(()),
        _ => f.write_str(MASK),
    }
}

fn is_padding(text: &[u8]) -> bool {
    text.iter().all(|&b| b == b'=')
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\')
}

/// Prints what is printable ASCII and escapes the rest, so that no request writes its own log line.
pub(crate) fn write_escaped(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for run in bytes.chunk_by(|a, b| is_plain(*a) == is_plain(*b)) {
        match std::str::from_utf8(run) {
            Ok(text) if run.first().is_some_and(|byte| is_plain(*byte)) => f.write_str(text)?,
            _ => run.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?,
        }
    }
    Ok(())
}

/// Prefixes of keys that well-known issuers give out, and of a JSON object in base64url.
const SECRET_PREFIXES: &[&[u8]] =
    &[b"eyJ", b"sk_", b"sk-", b"ghp_", b"gho_", b"github_pat_", b"glpat-", b"xox", b"AKIA", b"AIza"];

/// Shortest word that [`looks_secret`] takes for one: a card number.
const SHORTEST_SECRET: usize = 13;

/// Shortest secret that such a prefix begins; shorter words may begin so by chance.
const MIN_SECRET: usize = 16;

/// From here on a word of capitals, small letters and digits is a random token (`secrets.token_urlsafe(24)` has 32):
/// identifiers as long (UUID, ULID, hashes in hexadecimal) have letters of one case.
const MIN_RANDOM: usize = 32;

pub(crate) fn looks_secret(segment: &[u8]) -> bool {
    (segment.len() >= MIN_SECRET && SECRET_PREFIXES.iter().any(|prefix| segment.starts_with(prefix)))
        || is_card_number(segment)
        || is_random(segment)
}

/// Base64url as a generator of tokens writes it; a dot or more (a file, a domain) is something else.
fn is_random(segment: &[u8]) -> bool {
    let any = |is: fn(&u8) -> bool| segment.iter().any(is);
    segment.len() >= MIN_RANDOM
        && segment.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && any(u8::is_ascii_uppercase)
        && any(u8::is_ascii_lowercase)
        && any(u8::is_ascii_digit)
}

/// 13 to 19 digits with a valid check digit (ISO/IEC 7812-1, annex B).
fn is_card_number(segment: &[u8]) -> bool {
    if !(SHORTEST_SECRET..=19).contains(&segment.len()) || !segment.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = segment
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let value = u32::from(digit - b'0');
            if at % 2 == 0 { value } else { value * 2 / 10 + value * 2 % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Path<'a>(&'a [u8]);

    impl fmt::Display for Path<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_path(f, self.0)
        }
    }

    proptest::proptest! {
        // R61
        #[test]
        fn what_is_called_harmless_would_be_printed_as_it_is(path in "[/a-c0-9_.;@\\\\%A]{0,30}|(?s).{0,6}") {
            if let Some(text) = harmless(path.as_bytes()) {
                proptest::prop_assert_eq!(text, Path(path.as_bytes()).to_string());
            }
        }
    }

    // R61
    #[test]
    fn secrets_in_a_target_are_not_printed() {
        for target in [
            "/a?token=CANARY",
            "/a?x=1&CANARY",
            "/a?CANARY",
            "/a?q=a?b=CANARY",
            "/verify/eyJhbGciOiJCANARYIsInR5cCI",
            "/cards/4111111111111111",
            "/a?YmFzZTY0CANARYpadding=",
            "/a?YmFzZTY0CANARYpadding==&b=1",
            "/a?eyJhbGciOiJCANARYIsInR5cCI=1",
            "/a;jsessionid=CANARY/b",
            "/a;CANARY",
            "/reset/kJ3v0CANARYx9Qm2ZpLw7RtYbN4sDfGhJkUiOpAsDfG",
            "https://user:CANARY@host/a",
        ] {
            let printed = Target::new(target.as_bytes()).to_string();
            assert!(!printed.contains("CANARY") && !printed.contains("4111"), "{printed}");
        }
    }

    #[test]
    fn what_helps_is_printed() {
        for (target, printed) in [
            ("/users/42?page=2&q=shoe", "/users/42?page=***&q=***"),
            ("/orders/4111111111111112", "/orders/4111111111111112"),
            ("/", "/"),
            ("/a?", "/a?"),
            ("/a?q=&page=", "/a?q=***&page=***"),
            ("/a;v=1/b", "/a;v=***/b"),
            ("/users/0b6f4a1e-7c55-4b8e-9d7a-3f2f1c9e8d70", "/users/0b6f4a1e-7c55-4b8e-9d7a-3f2f1c9e8d70"),
            (
                "/static/a-rather-long-name-of-a-page-in-the-manual-2",
                "/static/a-rather-long-name-of-a-page-in-the-manual-2",
            ),
        ] {
            assert_eq!(Target::new(target.as_bytes()).to_string(), printed);
        }
    }

    #[test]
    fn no_target_forges_a_line() {
        let printed = Target::new(b"/a\r\n{\"status\":200}\x1b[2J\xff").to_string();
        assert!(printed.bytes().all(|b| b.is_ascii_graphic()) && !printed.contains('"'), "{printed}");
    }

    #[test]
    fn long_targets_are_cut() {
        let long = "/".to_owned() + &"a".repeat(5000);
        let printed = Target::new(long.as_bytes()).to_string();
        assert!(printed.len() < 1100 && printed.ends_with('…'));
    }
}
