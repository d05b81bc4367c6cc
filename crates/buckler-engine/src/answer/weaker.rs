//! Whether the app's own value of a security field protects less than it should. It is kept (the app knows
//! its pages) and noted (its author may not know the field).

use buckler_http::token::trim_ows;

/// Half a year: below it, a browser that is used now and then forgets (the bound of common graders).
const MIN_HSTS_SECONDS: u64 = 15_552_000;

/// Judges one field by its lower-case name; fields that are not known are never weak.
pub(crate) fn is_weaker(name: &str, value: &[u8]) -> bool {
    let value = trim_ows(value).to_ascii_lowercase();
    let holds = |part: &[u8]| memchr::memmem::find(&value, part).is_some();
    match name {
        "x-content-type-options" => value != b"nosniff",
        "x-frame-options" => value != b"deny" && value != b"sameorigin",
        "strict-transport-security" => max_age(&value).is_none_or(|seconds| seconds < MIN_HSTS_SECONDS),
        "referrer-policy" => holds(b"unsafe-url") || holds(b"no-referrer-when-downgrade"),
        "x-xss-protection" => value.first() != Some(&b'0'),
        "cross-origin-opener-policy" => value == b"unsafe-none",
        "cross-origin-resource-policy" => value == b"cross-origin",
        "content-security-policy" => {
            let open = |directive: &[u8]| {
                holds(directive)
                    && value.split(|&b| b == b';').map(trim_ows).any(|d| d.starts_with(directive) && d.ends_with(b" *"))
            };
            holds(b"'unsafe-inline'") || holds(b"'unsafe-eval'") || open(b"default-src") || open(b"script-src")
        }
        _ => false,
    }
}

fn max_age(value: &[u8]) -> Option<u64> {
    let directive = value.split(|&b| b == b';').map(trim_ows).find_map(|d| d.strip_prefix(b"max-age="))?;
    std::str::from_utf8(directive).ok()?.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // R04
    #[test]
    fn weak_values_are_told_from_strong_ones() {
        for (name, value, weak) in [
            ("x-content-type-options", "nosniff", false),
            ("x-content-type-options", "sniff", true),
            ("x-frame-options", "SAMEORIGIN", false),
            ("x-frame-options", "ALLOW-FROM https://a", true),
            ("strict-transport-security", "max-age=31536000", false),
            ("strict-transport-security", "max-age=300", true),
            ("strict-transport-security", "includeSubDomains", true),
            ("referrer-policy", "unsafe-url", true),
            ("referrer-policy", "same-origin", false),
            ("x-xss-protection", "1; mode=block", true),
            ("x-xss-protection", "0", false),
            ("content-security-policy", "default-src 'self'", false),
            ("content-security-policy", "script-src 'unsafe-inline'", true),
            ("content-security-policy", "default-src *", true),
            ("content-security-policy", "img-src *", false),
            ("x-custom", "anything", false),
        ] {
            assert_eq!(is_weaker(name, value.as_bytes()), weak, "{name}: {value}");
        }
    }
}
