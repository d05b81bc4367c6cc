//! `Origin` as browsers send it (Fetch §3.2, RFC 6454) and patterns of origins for the policy.

use std::fmt;

use crate::authority::{Authority, AuthorityError};

/// What an `Origin` field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// `null`: a sandboxed frame, a `data:` page, a redirect across sites. Nobody in particular.
    Null,
    /// `scheme://host[:port]`
    Tuple {
        /// As written; browsers write it in lower case.
        scheme: &'a [u8],
        /// Host and port, default port left away.
        authority: Authority<'a>,
    },
}

/// Why text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// No `scheme://`.
    #[error("an origin is written `scheme://host[:port]`")]
    Form,
    /// A path, a query or a slash at the end.
    #[error("an origin ends after the port: no path and no slash")]
    Path,
    /// The host or the port.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// `null` as a pattern.
    #[error("`null` is the origin of every sandboxed frame, so allowing it allows everybody")]
    Null,
    /// `*` elsewhere than as the first label.
    #[error("`*` stands alone, or as the first label: `https://*.example.com`")]
    Wildcard,
}

impl<'a> Origin<'a> {
    /// Reads one origin; a list is an error, as in Fetch.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'a [u8]) -> Result<Self, OriginError> {
        if text == b"null" {
            return Ok(Self::Null);
        }
        let colon = text.iter().position(|&b| b == b':').ok_or(OriginError::Form)?;
        let (scheme, rest) = text.split_at_checked(colon).ok_or(OriginError::Form)?;
        let rest = rest.strip_prefix(b"://").ok_or(OriginError::Form)?;
        let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !is_scheme {
            return Err(OriginError::Form);
        }
        if rest.iter().any(|b| matches!(b, b'/' | b'?' | b'#')) {
            return Err(OriginError::Path);
        }
        Ok(Self::Tuple { scheme, authority: Authority::parse(rest)? })
    }
}

fn default_port(scheme: &[u8]) -> Option<u16> {
    match scheme {
        b"http" | b"ws" => Some(80),
        b"https" | b"wss" => Some(443),
        _ => None,
    }
}

/// One entry of `cors.origins`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Any,
    Exact { scheme: String, host: String, port: Option<u16> },
    Subdomains { scheme: String, parent: String, port: Option<u16> },
}

impl OriginPattern {
    /// Reads `https://app.example.com`, `https://*.example.com:8443` or `*`.
    ///
    /// # Errors
    /// What is wrong with it, in words for the policy's author.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        if text == "*" {
            return Ok(Self { kind: Kind::Any });
        }
        if text == "null" {
            return Err(OriginError::Null);
        }
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::Form)?;
        let below = rest.strip_prefix("*.");
        if below.unwrap_or(rest).contains('*') {
            return Err(OriginError::Wildcard);
        }
        let concrete = format!("{scheme}://{}", below.unwrap_or(rest)).to_ascii_lowercase();
        let Origin::Tuple { scheme, authority } = Origin::parse(concrete.as_bytes())? else {
            return Err(OriginError::Null);
        };
        let port = authority.port().filter(|&port| default_port(scheme) != Some(port));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (scheme, name) = (text(scheme), text(authority.host()));
        let kind = match below {
            Some(_) if authority.address().is_some() => return Err(OriginError::Wildcard),
            Some(_) => Kind::Subdomains { scheme, parent: name, port },
            None => Kind::Exact { scheme, host: name, port },
        };
        Ok(Self { kind })
    }

    /// Whether this is `*`.
    pub fn is_any(&self) -> bool {
        self.kind == Kind::Any
    }

    /// Whether the origin is covered. `null` is covered by nothing, not even `*`.
    ///
    /// ```
    /// use buckler_http::origin::{Origin, OriginPattern};
    /// let pattern = OriginPattern::parse("https://*.example.com").unwrap();
    /// assert!(pattern.covers(&Origin::parse(b"https://app.example.com").unwrap()));
    /// assert!(!pattern.covers(&Origin::parse(b"https://example.com").unwrap()));
    /// assert!(!pattern.covers(&Origin::parse(b"https://evilexample.com").unwrap()));
    /// ```
    pub fn covers(&self, origin: &Origin<'_>) -> bool {
        let Origin::Tuple { scheme, authority } = origin else { return false };
        let given = authority.port().filter(|&port| default_port(scheme) != Some(port));
        match &self.kind {
            Kind::Any => true,
            Kind::Exact { scheme: s, host, port } => {
                s.as_bytes() == *scheme && host.as_bytes() == authority.host() && *port == given
            }
            Kind::Subdomains { scheme: s, parent, port } => {
                let label = authority.host().strip_suffix(parent.as_bytes()).and_then(|l| l.strip_suffix(b"."));
                s.as_bytes() == *scheme && *port == given && label.is_some_and(|l| !l.is_empty())
            }
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, star, host, port) = match &self.kind {
            Kind::Any => return f.write_str("*"),
            Kind::Exact { scheme, host, port } => (scheme, "", host, port),
            Kind::Subdomains { scheme, parent, port } => (scheme, "*.", parent, port),
        };
        write!(f, "{scheme}://{star}{host}")?;
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R05
    #[test]
    fn foreign_origins_are_not_covered() {
        for (pattern, origin) in [
            ("https://app.example.com", "http://app.example.com"),
            ("https://app.example.com", "https://app.example.com.evil.net"),
            ("https://app.example.com", "https://app.example.com:8443"),
            ("https://app.example.com", "https://xapp.example.com"),
            ("https://app.example.com", "HTTPS://APP.EXAMPLE.COM"),
            ("https://app.example.com", "null"),
            ("*", "null"),
            ("https://*.example.com", "https://example.com"),
            ("https://*.example.com", "https://.example.com"),
            ("https://*.example.com", "https://evil-example.com"),
            ("https://*.example.com", "http://a.example.com"),
            ("https://*.example.com:8443", "https://a.example.com"),
        ] {
            let pattern = OriginPattern::parse(pattern).unwrap();
            let covered = Origin::parse(origin.as_bytes()).is_ok_and(|o| pattern.covers(&o));
            assert!(!covered, "{pattern} {origin}");
        }
    }

    #[test]
    fn covered_origins() {
        for (pattern, origin) in [
            ("https://app.example.com", "https://app.example.com"),
            ("https://APP.example.com:443", "https://app.example.com"),
            ("https://app.example.com", "https://app.example.com:443"),
            ("https://*.example.com", "https://a.b.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("*", "https://anybody.example"),
        ] {
            let pattern = OriginPattern::parse(pattern).unwrap();
            assert!(pattern.covers(&Origin::parse(origin.as_bytes()).unwrap()), "{pattern} {origin}");
        }
    }

    #[test]
    fn wrong_patterns_say_why() {
        for (text, expected) in [
            ("null", OriginError::Null),
            ("app.example.com", OriginError::Form),
            ("https://app.example.com/", OriginError::Path),
            ("https://app.*.com", OriginError::Wildcard),
            ("https://*", OriginError::Wildcard),
            ("https://*.127.0.0.1", OriginError::Wildcard),
            ("https://u@app.example.com", OriginError::Authority(AuthorityError::UserInfo)),
        ] {
            assert_eq!(OriginPattern::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn lists_and_scraps_are_no_origin() {
        for text in
            ["", "https://a https://b", "https://a, https://b", "https://", "//a", "https:/a", "https://a/p", "NULL"]
        {
            assert!(Origin::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
