//! A limit as clients are told of it, and as a refusal names it.

use buckler_limits::{Allowance, Limit};
use http::HeaderValue;

use super::fields;

/// What is the same of a limit for all requests that are asked by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Terms {
    pub(crate) allowance: Allowance,
    /// The policy key that it stands in; `None` of one that stands in an app.
    pub(crate) key: Option<&'static str>,
    /// As it is written, in its usual spelling.
    pub(crate) text: String,
    /// Its name in `RateLimit` and `RateLimit-Policy`, in quotes.
    pub(crate) name: String,
    /// Its item of `RateLimit-Policy`: the whole field, where no other limit is told.
    pub(crate) item: HeaderValue,
}

impl Terms {
    /// Of a limit that stands in an app. A name that is none, or that a field cannot hold, gives way to the limit's text.
    pub fn of_app(limit: &Limit, name: Option<&str>) -> Self {
        let text = limit.to_string();
        let name = name.filter(|name| is_plain(name)).map_or_else(|| text.clone(), str::to_owned);
        Self::new(limit.allowance, None, text, &name)
    }

    /// Of a limit of the policy.
    pub(super) fn of_policy(limit: &Limit, key: &'static str, name: &str) -> Self {
        Self::new(limit.allowance, Some(key), limit.to_string(), name)
    }

    fn new(allowance: Allowance, key: Option<&'static str>, text: String, name: &str) -> Self {
        let name = format!("\"{name}\"");
        let item = fields::policy_item(&name, &allowance);
        Self { allowance, key, text, name, item }
    }

    /// As it is written, in its usual spelling.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Whether it stands in a string of a structured field as it is (RFC 9651 §3.3.3).
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    // R12, hostile: whatever an app calls its limit, the fields can be read
    #[test]
    fn names_that_no_field_can_hold_give_way() {
        let limit: Limit = "5/minute".parse().unwrap();
        for bad in ["a\"b", "a\\b", "a\nb", "a\0b", "\u{e9}", "\u{7f}", "a\r\nSet-Cookie: x"] {
            let terms = Terms::of_app(&limit, Some(bad));
            assert_eq!(
                (&*terms.name, &terms.item),
                ("\"5/minute\"", &HeaderValue::from_static("\"5/minute\";q=5;w=60"))
            );
        }
        for (name, told) in [(None, "\"5/minute\""), (Some("log in"), "\"log in\""), (Some(""), "\"\"")] {
            assert_eq!(Terms::of_app(&limit, name).name, told);
        }
    }
}
