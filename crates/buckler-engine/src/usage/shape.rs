//! What paths have in common that differ in what they name: `/users/{}/orders/{}`.

/// Segments that are told; what is below them is not.
const MOST_SEGMENTS: usize = 12;

/// A longer segment is a name that somebody gave, or a token.
const LONGEST_SEGMENT: usize = 32;

/// Digits of a segment that is a name with a version or a number in it (`oauth2`, `v1.2`, `s3-eu`), at most.
const MOST_DIGITS: usize = 2;

/// Stands for a value.
const VALUE: &str = "{}";

/// The shape of a path as it came. It holds nothing but letters, digits, `-`, `_`, `.`, `~` and what stands for the rest,
/// so nothing that a client sends writes a line of its own or asks a terminal for anything.
pub(super) fn of(path: &[u8]) -> String {
    let mut shape = String::new();
    for (at, segment) in path.split(|byte| *byte == b'/').skip(1).enumerate() {
        shape.push('/');
        if at == MOST_SEGMENTS {
            shape.push('…');
            break;
        }
        match std::str::from_utf8(segment) {
            Ok(name) if is_name(segment) => shape.push_str(name),
            _ => shape.push_str(VALUE),
        }
    }
    if shape.is_empty() { "/".to_owned() } else { shape }
}

/// Whether a segment is rather the name of a thing than a value.
fn is_name(segment: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let digits = segment.iter().filter(|byte| byte.is_ascii_digit()).count();
    segment.len() <= LONGEST_SEGMENT
        && segment.iter().all(is_plain)
        && digits <= MOST_DIGITS
        && (segment.is_empty() || digits < segment.len())
        && !crate::redact::looks_secret(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    // R07, R61
    #[test]
    fn what_paths_name_is_folded_and_what_they_are_stays() {
        for (path, shape) in [
            ("/", "/"),
            ("", "/"),
            ("/users/42", "/users/{}"),
            ("/users/0b6f4a1e-7c55-4b8e-9d7a-3f2f1c9e8d70/orders/7", "/users/{}/orders/{}"),
            ("/v1/oauth2/.well-known/openid-configuration", "/v1/oauth2/.well-known/openid-configuration"),
            ("/wp-login.php", "/wp-login.php"),
            ("/reset/kJ3v0x9Qm2ZpLw7RtYbN4sDfGhJk", "/reset/{}"),
            ("/key/ghp_abcdefghijklmnop", "/key/{}"),
            ("/a/me@example.com", "/a/{}"),
            ("/a%0d%0ab/\u{1b}[2J", "/{}/{}"),
            ("/a;jsessionid=CANARY", "/{}"),
            ("/a//b/", "/a//b/"),
            ("/caf\u{e9}", "/{}"),
        ] {
            assert_eq!(of(path.as_bytes()), shape, "{path}");
        }
        let long = of("/a".repeat(10_000).as_bytes());
        assert!(long.len() < 50 && long.ends_with("/…"), "{long}");
        assert_eq!(of(&[b'/', 0xff, b'/', b'"']), "/{}/{}");
    }
}
