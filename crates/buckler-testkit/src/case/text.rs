//! Escapes: how bytes that no text file holds are written.
//!
//! | written | means |
//! |---|---|
//! | `\\` | a backslash |
//! | `\r` `\n` `\t` `\s` | carriage return, line feed, tab, a space where an editor would drop it |
//! | `\x00` | the byte of that number |
//! | `\(text*N)` | `text`, N times; `text` may hold other escapes |

use std::fmt::Write as _;

/// The most bytes that one repetition may make: more than any limit of the defaults.
const MOST: usize = 64 << 20;

/// Reads escapes.
///
/// # Errors
/// What is no escape, in words.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (plain, after) = rest.split_at_checked(at).ok_or("a broken escape")?;
        bytes.extend_from_slice(plain.as_bytes());
        let mut letters = after.chars();
        letters.next();
        let letter = letters.next().ok_or("a backslash stands at the end of the line")?;
        rest = letters.as_str();
        match letter {
            '\\' => bytes.push(b'\\'),
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            's' => bytes.push(b' '),
            'x' => {
                let (digits, after) = rest.split_at_checked(2).ok_or("`\\x` needs two digits")?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| format!("`\\x{digits}` is no byte"))?);
                rest = after;
            }
            '(' => {
                let (part, count, after) = repetition(rest)?;
                let part = unescape(part)?;
                if part.len().saturating_mul(count) > MOST {
                    return Err(format!("`\\(…*{count})` makes more than {MOST} bytes"));
                }
                bytes.extend_from_slice(&part.repeat(count));
                rest = after;
            }
            other => return Err(format!("`\\{other}` is no escape; a backslash is written `\\\\`")),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// `text*N)` and what follows; `text` may hold repetitions, too.
fn repetition(text: &str) -> Result<(&str, usize, &str), String> {
    let mut inner = 0_usize;
    for (at, _) in text.match_indices(['*', '(']) {
        let Some((part, rest)) = text.split_at_checked(at) else { continue };
        if rest.starts_with('(') {
            inner += usize::from(part.ends_with('\\'));
            continue;
        }
        let Some((count, after)) = rest.get(1..).and_then(|rest| rest.split_once(')')) else { continue };
        let Ok(count) = count.parse() else { continue };
        match inner.checked_sub(1) {
            Some(left) => inner = left,
            None => return Ok((part, count, after)),
        }
    }
    Err("a repetition is written `\\(text*N)`".to_owned())
}

/// Shows bytes as a case would write them; what is very long is cut.
pub fn escape(bytes: &[u8]) -> String {
    const SHOWN: usize = 2000;
    let mut text = String::new();
    for &byte in bytes.iter().take(SHOWN) {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b' '..=b'~' => text.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => _ = write!(text, "\\x{byte:02x}"),
        }
    }
    if bytes.len() > SHOWN {
        _ = write!(text, "… ({} bytes)", bytes.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_escape_is_a_mistake() {
        for text in ["\\", "\\u0000", "\\x", "\\xg0", "\\x1", "\\(a)", "\\(a*)", "\\(a*x)", "\\(a*99999999999)", "\\é"]
        {
            assert!(unescape(text).is_err(), "{text}");
        }
    }

    #[test]
    fn escapes_are_read() {
        for (text, bytes) in [
            ("plain", &b"plain"[..]),
            ("a\\x00b\\xff", b"a\0b\xff"),
            ("\\r\\n\\t\\s\\\\", b"\r\n\t \\"),
            ("\\(ab*3)c", b"abababc"),
            ("\\(X: 1\\r\\n*2)", b"X: 1\r\nX: 1\r\n"),
            ("\\(a*b*2)", b"a*ba*b"),
            ("\\(a*0)", b""),
            ("\\(a\\(b*2)c*2)", b"abbcabbc"),
        ] {
            assert_eq!(unescape(text).unwrap(), bytes, "{text}");
        }
    }
}
