//! `host[:port]` as it stands in `Host`, in an absolute target and in `X-Forwarded-Host`.
//!
//! RFC 3986 §3.2 allows more than any client of a web service sends: user information, percent-encoded
//! names, an empty port. Each of them has been used to make two parsers disagree about where a request goes,
//! so each is an error here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest name that DNS can carry in text (RFC 1035 §2.3.4), without the trailing dot.
pub const MAX_HOST_BYTES: usize = 253;

/// A parsed authority. Borrowed, without user information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority<'a> {
    text: &'a [u8],
    host: &'a [u8],
    address: Option<IpAddr>,
    port: Option<u16>,
}

/// Why bytes are no authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// Nothing, or nothing before the port.
    #[error("the host is empty")]
    Empty,
    /// More than [`MAX_HOST_BYTES`].
    #[error("the host is longer than 253 bytes")]
    TooLong,
    /// `user@host`
    #[error("user information is not allowed in an authority")]
    UserInfo,
    /// A byte that is neither letter, digit, `-`, `.`, `_` nor part of an IPv6 address in brackets.
    #[error("the host contains a character that no host name has")]
    Character,
    /// Brackets without an IPv6 address in them, or an IPv6 address without brackets.
    #[error("an IPv6 address stands in brackets, as in [::1]:8443")]
    Ipv6,
    /// Not 1 to 65535 in decimal digits.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// `..`, or a dot in front.
    #[error("the host has an empty label")]
    EmptyLabel,
}

impl<'a> Authority<'a> {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
    ///
    /// A trailing dot is kept: `example.com.` is another name than `example.com` to everything that compares
    /// text, so it is let through here and matches no pattern.
    ///
    /// # Errors
    /// The first thing that is wrong, from left to right.
    pub fn parse(text: &'a [u8]) -> Result<Self, AuthorityError> {
        if text.first() == Some(&b'[') {
            refuse_user_information(text)?;
            let close = memchr::memchr(b']', text).ok_or(AuthorityError::Ipv6)?;
            let (host, rest) = text.split_at_checked(close + 1).ok_or(AuthorityError::Ipv6)?;
            let inner = text.get(1..close).ok_or(AuthorityError::Ipv6)?;
            let address = std::str::from_utf8(inner).ok().and_then(|t| t.parse::<Ipv6Addr>().ok());
            let address = address.ok_or(AuthorityError::Ipv6)?;
            let port = parse_port_suffix(rest)?;
            return Ok(Self { text, host, address: Some(IpAddr::V6(address)), port });
        }
        let length = name_length(text)?;
        let (host, rest) = text.split_at_checked(length).ok_or(AuthorityError::Empty)?;
        let port = parse_port_suffix(rest)?;
        let address = match host.first() {
            Some(b'0'..=b'9') => std::str::from_utf8(host).ok().and_then(|t| t.parse::<Ipv4Addr>().ok()),
            _ => None,
        };
        let address = address.map(IpAddr::V4);
        Ok(Self { text, host, address, port })
    }

    /// The bytes that were read, port included.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.text
    }

    /// The bytes before the port; an IPv6 address with its brackets. Case as received.
    pub fn host(&self) -> &'a [u8] {
        self.host
    }

    /// The address, where the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The port, where one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Same host (case aside) and same port, where an absent one means `default_port`.
    pub fn same_as(&self, other: &Authority<'_>, default_port: u16) -> bool {
        let hosts = match (self.address, other.address) {
            (Some(a), Some(b)) => a == b,
            (None, None) => self.host.eq_ignore_ascii_case(other.host),
            _ => false,
        };
        hosts && self.port.unwrap_or(default_port) == other.port.unwrap_or(default_port)
    }
}

fn refuse_user_information(text: &[u8]) -> Result<(), AuthorityError> {
    if text.contains(&b'@') { Err(AuthorityError::UserInfo) } else { Ok(()) }
}

/// How long the name in front of the port is; what is wrong with it otherwise.
fn name_length(text: &[u8]) -> Result<usize, AuthorityError> {
    let mut label_is_empty = true;
    let mut length = text.len();
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'.' if label_is_empty => return Err(AuthorityError::EmptyLabel),
            b'.' => label_is_empty = true,
            // The underscore is in no RFC and in many container networks.
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => label_is_empty = false,
            b':' => {
                length = at;
                break;
            }
            _ => {
                refuse_user_information(text)?;
                return Err(AuthorityError::Character);
            }
        }
    }
    let port = text.get(length..).unwrap_or_default();
    if !port.is_empty() {
        refuse_user_information(text)?;
        if port.get(1..).is_some_and(|digits| digits.contains(&b':')) {
            return Err(AuthorityError::Ipv6);
        }
    }
    match length {
        0 => Err(AuthorityError::Empty),
        // One more for the trailing dot of a fully qualified name.
        _ if length > MAX_HOST_BYTES + 1 => Err(AuthorityError::TooLong),
        _ => Ok(length),
    }
}

fn parse_port_suffix(rest: &[u8]) -> Result<Option<u16>, AuthorityError> {
    let Some((&b':', digits)) = rest.split_first() else {
        return if rest.is_empty() { Ok(None) } else { Err(AuthorityError::Character) };
    };
    parse_port(digits).map(Some).ok_or(AuthorityError::Port)
}

/// One to five decimal digits that make 1 to 65535.
pub(crate) fn parse_port(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let mut port: u32 = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        port = port * 10 + u32::from(digit - b'0');
    }
    u16::try_from(port).ok().filter(|&p| p != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // R02
    #[test]
    fn host_header_injection_is_an_error() {
        use AuthorityError as E;
        for (text, expected) in [
            ("", E::Empty),
            (":8443", E::Empty),
            ("evil@example.com", E::UserInfo),
            ("example.com@evil", E::UserInfo),
            ("example.com:evil", E::Port),
            ("example.com:", E::Port),
            ("example.com:0", E::Port),
            ("example.com:65536", E::Port),
            ("example.com:+80", E::Port),
            ("example.com/evil", E::Character),
            ("example.com, evil.com", E::Character),
            ("example.com evil.com", E::Character),
            ("example.com\\evil", E::Character),
            ("exa%6dple.com", E::Character),
            ("example.com#", E::Character),
            ("example.com?", E::Character),
            ("\u{ff45}xample.com", E::Character),
            ("a..b", E::EmptyLabel),
            (".example.com", E::EmptyLabel),
            ("::1", E::Ipv6),
            ("[::1", E::Ipv6),
            ("[127.0.0.1]", E::Ipv6),
            ("[fe80::1%25eth0]", E::Ipv6),
            ("[::1]evil", E::Character),
            ("[::1]:", E::Port),
        ] {
            assert_eq!(Authority::parse(text.as_bytes()), Err(expected), "{text}");
        }
        let long = "a".repeat(255);
        assert_eq!(Authority::parse(long.as_bytes()), Err(E::TooLong));
    }

    #[test]
    fn plain_authorities_are_read() {
        for (text, host, port) in [
            ("example.com", "example.com", None),
            ("EXAMPLE.com:8443", "EXAMPLE.com", Some(8443)),
            ("example.com.", "example.com.", None),
            ("my_service", "my_service", None),
            ("127.0.0.1:1", "127.0.0.1", Some(1)),
            ("example.com:00080", "example.com", Some(80)),
            ("[::1]", "[::1]", None),
            ("[2001:db8::1]:65535", "[2001:db8::1]", Some(65535)),
        ] {
            let read = Authority::parse(text.as_bytes()).unwrap();
            assert_eq!((read.host(), read.port()), (host.as_bytes(), port), "{text}");
        }
    }

    #[test]
    fn sameness_folds_case_and_default_port() {
        let same = |a: &str, b: &str| {
            Authority::parse(a.as_bytes()).unwrap().same_as(&Authority::parse(b.as_bytes()).unwrap(), 443)
        };
        assert!(same("a.example", "A.EXAMPLE:443"));
        assert!(same("[::1]", "[0:0::1]:443"));
        assert!(!same("a.example", "a.example:80"));
        assert!(!same("a.example", "a.example."));
        assert!(!same("127.0.0.1", "[::ffff:127.0.0.1]"));
    }
}
