//! The characters of names and values (RFC 9110 §5.5, §5.6.2).

/// Whether a byte may stand in a token: field names, methods, parameter names.
pub const fn is_tchar(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
}

/// Whether the bytes are a token: at least one `tchar` and nothing else.
///
/// ```
/// use buckler_http::token::is_token;
/// assert!(is_token(b"Content-Type"));
/// assert!(!is_token(b"Content Type") && !is_token(b""));
/// ```
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is_tchar(b))
}

/// Whether the bytes may be a field value: no CR, LF, NUL nor other control character but the tab.
pub fn is_field_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|&b| b == b'\t' || (b >= 0x20 && b != 0x7f))
}

/// Without the optional white space (space and tab) at both ends.
pub fn trim_ows(bytes: &[u8]) -> &[u8] {
    let is_ows = |b: &u8| *b == b' ' || *b == b'\t';
    let Some(start) = bytes.iter().position(|b| !is_ows(b)) else { return &[] };
    let end = bytes.iter().rposition(|b| !is_ows(b)).map_or(start, |at| at + 1);
    bytes.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_splitting_bytes_are_no_field_value() {
        for bad in [&b"a\r\nb"[..], b"a\nb", b"a\rb", b"a\0b", b"\x7f", b"\x1b[0m"] {
            assert!(!is_field_value(bad), "{bad:?}");
        }
        for good in [&b""[..], b"text/html; charset=utf-8", b"\ttab", "ü".as_bytes()] {
            assert!(is_field_value(good), "{good:?}");
        }
    }

    #[test]
    fn white_space_is_trimmed_at_both_ends_only() {
        for (given, expected) in [(&b" a b\t"[..], &b"a b"[..]), (b"", b""), (b" \t ", b""), (b"a", b"a")] {
            assert_eq!(trim_ows(given), expected);
        }
    }
}
