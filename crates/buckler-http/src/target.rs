//! The request target: its form, and what its path would mean to whoever decodes it.
//!
//! The path is judged, never rewritten: the bytes that pass are the bytes that are forwarded. What different
//! parsers are known to read differently (dot segments, encoded separators, backslashes, NUL, overlong
//! encodings) is a fault. What frameworks route on (`//`, a trailing `/`, `;`) is left alone.

use crate::authority::{Authority, AuthorityError};
use crate::connection::Scheme;

/// The four forms of RFC 9112 §3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// `/path?query`
    Origin {
        /// Up to the first `?`.
        path: &'a [u8],
        /// After it, if there is one.
        query: Option<&'a [u8]>,
    },
    /// `https://host/path?query`
    Absolute {
        /// Of the URI, where it is one that we serve.
        scheme: Scheme,
        /// Of the URI.
        authority: Authority<'a>,
        /// Up to the first `?`; `/` where the URI has none.
        path: &'a [u8],
        /// After it, if there is one.
        query: Option<&'a [u8]>,
    },
    /// `host:port`, with `CONNECT` only.
    Authority,
    /// `*`, with `OPTIONS` only.
    Asterisk,
}

/// Why a target is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// None of the four forms.
    #[error("the request target has no form that HTTP knows")]
    Form,
    /// The authority of an absolute target.
    #[error("the authority of the request target is malformed: {0}")]
    Authority(#[from] AuthorityError),
    /// A control character, a space, a raw byte above 0x7f or `#`.
    #[error("the request target contains a byte that a URI cannot hold")]
    Byte,
}

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// `.` or `..` as a segment, plain or encoded, with or without path parameters.
    #[error("the path contains a dot segment")]
    DotSegment,
    /// `%2f`
    #[error("the path contains an encoded slash")]
    EncodedSlash,
    /// `\` or `%5c`
    #[error("the path contains a backslash")]
    Backslash,
    /// A NUL, plain or encoded.
    #[error("the path contains a NUL")]
    Nul,
    /// `%` that is not followed by two hexadecimal digits.
    #[error("the path contains a broken percent-encoding")]
    BrokenEncoding,
    /// 0xC0 or 0xC1, which UTF-8 never contains and lenient decoders read as `.`, `/` or `\`.
    #[error("the path contains an overlong encoding")]
    Overlong,
}

impl<'a> Target<'a> {
    /// Reads a target of any method.
    ///
    /// # Errors
    /// A form that HTTP does not have, or bytes that a URI cannot hold (RFC 3986 §2).
    pub fn parse(target: &'a [u8]) -> Result<Self, TargetError> {
        if target.iter().any(|&b| b <= 0x20 || b >= 0x7f || b == b'#') {
            return Err(TargetError::Byte);
        }
        match target {
            b"*" => Ok(Self::Asterisk),
            [b'/', ..] => {
                let (path, query) = split_query(target);
                Ok(Self::Origin { path, query })
            }
            _ => Self::parse_absolute(target),
        }
    }

    fn parse_absolute(target: &'a [u8]) -> Result<Self, TargetError> {
        let Some((scheme, rest)) = strip_scheme(target) else {
            return match Authority::parse(target) {
                Ok(authority) if authority.port().is_some() => Ok(Self::Authority),
                _ => Err(TargetError::Form),
            };
        };
        let end = rest.iter().position(|&b| b == b'/' || b == b'?').unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).ok_or(TargetError::Form)?;
        let authority = Authority::parse(authority)?;
        let (path, query) = split_query(rest);
        let path = if path.is_empty() { &b"/"[..] } else { path };
        Ok(Self::Absolute { scheme, authority, path, query })
    }

    /// The path, where the form has one.
    pub fn path(&self) -> Option<&'a [u8]> {
        match self {
            Self::Origin { path, .. } | Self::Absolute { path, .. } => Some(path),
            Self::Authority | Self::Asterisk => None,
        }
    }

    /// The query without its `?`, where there is one.
    pub fn query(&self) -> Option<&'a [u8]> {
        match self {
            Self::Origin { query, .. } | Self::Absolute { query, .. } => *query,
            Self::Authority | Self::Asterisk => None,
        }
    }
}

fn strip_scheme(target: &[u8]) -> Option<(Scheme, &[u8])> {
    for (prefix, scheme) in [(&b"http://"[..], Scheme::Http), (&b"https://"[..], Scheme::Https)] {
        if let Some((head, rest)) = target.split_at_checked(prefix.len())
            && head.eq_ignore_ascii_case(prefix)
        {
            return Some((scheme, rest));
        }
    }
    None
}

fn split_query(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'?', target) {
        Some(at) => (target.get(..at).unwrap_or(target), target.get(at + 1..)),
        None => (target, None),
    }
}

/// Judges a path as whoever decodes it once will read it.
///
/// ```
/// use buckler_http::target::{PathFault, judge_path};
/// assert_eq!(judge_path(b"/a//b;v=1/"), Ok(()));
/// assert_eq!(judge_path(b"/files/%2e%2E/secret"), Err(PathFault::DotSegment));
/// ```
///
/// # Errors
/// The first fault from left to right.
pub fn judge_path(path: &[u8]) -> Result<(), PathFault> {
    // Nearly every path holds neither of the three bytes that could make it faulty.
    if memchr::memchr3(b'%', b'\\', b'.', path).is_none() && memchr::memchr(0, path).is_none() {
        return Ok(());
    }
    for segment in path.split(|&b| b == b'/') {
        judge_segment(segment)?;
    }
    Ok(())
}

fn judge_segment(segment: &[u8]) -> Result<(), PathFault> {
    // Whether all that was decoded up to the end, or to the first `;`, is dots, and how many.
    let mut dots = 0_usize;
    let mut only_dots = true;
    let mut in_parameters = false;
    let mut rest = segment;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after, encoded) = match first {
            b'%' => {
                let [high, low, after @ ..] = after else { return Err(PathFault::BrokenEncoding) };
                let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
                    return Err(PathFault::BrokenEncoding);
                };
                (high << 4 | low, after, true)
            }
            byte => (byte, after, false),
        };
        match byte {
            0 => return Err(PathFault::Nul),
            b'\\' => return Err(PathFault::Backslash),
            b'/' => return Err(PathFault::EncodedSlash),
            0xc0 | 0xc1 if encoded => return Err(PathFault::Overlong),
            b';' => in_parameters = true,
            b'.' if !in_parameters => dots += 1,
            _ if !in_parameters => only_dots = false,
            _ => {}
        }
        rest = after;
    }
    if only_dots && (dots == 1 || dots == 2) { Err(PathFault::DotSegment) } else { Ok(()) }
}

/// The bytes that a path stands for, decoded once; a broken encoding stands for itself.
///
/// ```
/// use buckler_http::target::decoded;
/// assert!(decoded(b"/%61%2e%zz").eq(b"/a.%zz".iter().copied()));
/// ```
pub fn decoded(path: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut rest = path;
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        rest = after;
        if let (b'%', [high, low, behind @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            rest = behind;
            return Some(high << 4 | low);
        }
        Some(first)
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    // R42
    #[test]
    fn paths_with_two_readings_are_faults() {
        use PathFault as F;
        for (path, expected) in [
            ("/..", F::DotSegment),
            ("/../etc/passwd", F::DotSegment),
            ("/a/./b", F::DotSegment),
            ("/a/.", F::DotSegment),
            ("/a/%2e%2e/b", F::DotSegment),
            ("/a/.%2E/b", F::DotSegment),
            ("/a/%2e", F::DotSegment),
            ("/a/..;/b", F::DotSegment),
            ("/a/..;x=1/b", F::DotSegment),
            ("/a/..%3b/b", F::DotSegment),
            ("/a%2fb", F::EncodedSlash),
            ("/a%2Fb", F::EncodedSlash),
            ("/..%2fb", F::EncodedSlash),
            ("/a\\b", F::Backslash),
            ("/a%5cb", F::Backslash),
            ("/a%5Cb", F::Backslash),
            ("/..\\b", F::Backslash),
            ("/a%00b", F::Nul),
            ("/a\0b", F::Nul),
            ("/%", F::BrokenEncoding),
            ("/%4", F::BrokenEncoding),
            ("/%zz", F::BrokenEncoding),
            ("/%u002e", F::BrokenEncoding),
            ("/%c0%ae%c0%ae/", F::Overlong),
            ("/%c0%af", F::Overlong),
            ("/%c1%9c", F::Overlong),
        ] {
            assert_eq!(judge_path(path.as_bytes()), Err(expected), "{path}");
        }
    }

    #[test]
    fn paths_that_frameworks_route_on_pass() {
        for path in [
            "/",
            "//",
            "/a//b",
            "/a/",
            "/a;v=1/b",
            "/.well-known/x",
            "/a.b/c..d",
            "/...",
            "/..a",
            "/a%20b",
            "/%252e%252e/",
            "/%e2%82%ac",
            "/%ff",
            "/a.%2e.b",
            "/;..",
            "/*",
            "/~user/@me/+1",
        ] {
            assert_eq!(judge_path(path.as_bytes()), Ok(()), "{path}");
        }
    }

    #[test]
    fn forms_are_told_apart() {
        let absolute = Target::parse(b"HTTPS://a.example:1/p?q=/..").unwrap();
        assert!(matches!(absolute, Target::Absolute { scheme: Scheme::Https, path: b"/p", query: Some(b"q=/.."), .. }));
        let bare = Target::parse(b"http://a.example?q").unwrap();
        assert!(matches!(bare, Target::Absolute { path: b"/", query: Some(b"q"), .. }));
        assert_eq!(Target::parse(b"*"), Ok(Target::Asterisk));
        assert_eq!(Target::parse(b"a.example:443"), Ok(Target::Authority));
        assert_eq!(Target::parse(b"/?"), Ok(Target::Origin { path: b"/", query: Some(b"") }));
    }

    #[test]
    fn targets_without_a_form_are_refused() {
        for target in ["", "a", "?q", "ftp://a/", "file:///etc/passwd", "http:/a", "javascript:alert"] {
            assert!(Target::parse(target.as_bytes()).is_err(), "{target}");
        }
        for target in [&b"/a b"[..], b"/\r\n", b"/a#b", "/\u{fc}".as_bytes(), b"/\x7f"] {
            assert_eq!(Target::parse(target), Err(TargetError::Byte), "{target:?}");
        }
        assert!(matches!(Target::parse(b"http://u@h/"), Err(TargetError::Authority(AuthorityError::UserInfo))));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_readers_panic(bytes: Vec<u8>) {
            let _target = Target::parse(&bytes);
            let _path = judge_path(&bytes);
        }
    }
}
