//! Names that a service answers to.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;

use crate::authority::{Authority, AuthorityError, MAX_HOST_BYTES};

/// One entry of `server.hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This name, case aside.
    Exact(String),
    /// Every name below this one, at any depth, and not the name itself; kept without `*.`, lower case.
    Subdomains(String),
    /// This address, however it is written.
    Address(IpAddr),
}

/// Why text is no pattern of hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostPatternError {
    /// A scheme, a path or a port is written, too.
    #[error("a host is a name alone: no scheme, no port, no path")]
    NotAlone,
    /// `*` elsewhere than as the first label.
    #[error("`*` stands only in front, as in `*.example.com`")]
    Wildcard,
    /// The name itself is wrong.
    #[error(transparent)]
    Name(#[from] AuthorityError),
    /// A name that ends in a dot never equals what clients send.
    #[error("leave the dot at the end away")]
    TrailingDot,
}

impl HostPattern {
    /// Reads `api.example.com`, `*.example.com`, `127.0.0.1` or `[::1]`.
    ///
    /// # Errors
    /// What is wrong with it, in words for the policy's author.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        if text.contains("://") || text.contains('/') {
            return Err(HostPatternError::NotAlone);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address));
        }
        let (name, subdomains) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name.contains('*') {
            return Err(HostPatternError::Wildcard);
        }
        let authority = Authority::parse(name.as_bytes())?;
        if authority.port().is_some() {
            return Err(HostPatternError::NotAlone);
        }
        if name.ends_with('.') {
            return Err(HostPatternError::TrailingDot);
        }
        match (authority.address(), subdomains) {
            (Some(_), true) => Err(HostPatternError::Wildcard),
            (Some(address), false) => Ok(Self::Address(address)),
            (None, true) => Ok(Self::Subdomains(name.to_ascii_lowercase())),
            (None, false) => Ok(Self::Exact(name.to_ascii_lowercase())),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Subdomains(name) => write!(f, "*.{name}"),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Patterns compiled for look-up: as many probes as the name has labels, whatever the number of patterns.
#[derive(Debug, Clone, Default)]
pub struct HostSet {
    exact: HashSet<Box<[u8]>>,
    parents: HashSet<Box<[u8]>>,
    addresses: HashSet<IpAddr>,
}

impl HostSet {
    /// Compiles patterns.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p HostPattern>) -> Self {
        let mut set = Self::default();
        for pattern in patterns {
            match pattern {
                HostPattern::Exact(name) => _ = set.exact.insert(name.as_bytes().into()),
                HostPattern::Subdomains(name) => _ = set.parents.insert(name.as_bytes().into()),
                HostPattern::Address(address) => _ = set.addresses.insert(*address),
            }
        }
        set
    }

    /// Whether no pattern was given.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.parents.is_empty() && self.addresses.is_empty()
    }

    /// Whether some pattern covers the authority's host; its port does not count.
    pub fn contains(&self, authority: &Authority<'_>) -> bool {
        if let Some(address) = authority.address() {
            return self.addresses.contains(&address);
        }
        let mut buffer = [0_u8; MAX_HOST_BYTES + 1];
        let Some(lower) = buffer.get_mut(..authority.host().len()) else { return false };
        lower.copy_from_slice(authority.host());
        lower.make_ascii_lowercase();
        let lower: &[u8] = lower;
        if self.exact.contains(lower) {
            return true;
        }
        if self.parents.is_empty() {
            return false;
        }
        memchr::memchr_iter(b'.', lower).any(|dot| lower.get(dot + 1..).is_some_and(|p| self.parents.contains(p)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(patterns: &[&str], host: &str) -> bool {
        let patterns: Vec<_> = patterns.iter().map(|p| HostPattern::parse(p).unwrap()).collect();
        HostSet::new(&patterns).contains(&Authority::parse(host.as_bytes()).unwrap())
    }

    // R02
    #[test]
    fn look_alikes_are_not_covered() {
        for (pattern, host) in [
            ("api.example.com", "api.example.com."),
            ("api.example.com", "xapi.example.com"),
            ("api.example.com", "api.example.com.evil.net"),
            ("*.example.com", "example.com"),
            ("*.example.com", "evilexample.com"),
            ("*.example.com", "a.example.com.evil"),
            ("*.example.com", "a.example.com."),
            ("127.0.0.1", "[::ffff:127.0.0.1]"),
            ("localhost", "127.0.0.1"),
        ] {
            assert!(!matches(&[pattern], host), "{pattern} {host}");
        }
    }

    #[test]
    fn covered_hosts() {
        for (pattern, host) in [
            ("api.example.com", "API.Example.COM:8443"),
            ("*.example.com", "a.b.example.com"),
            ("*.Example.com", "a.example.com"),
            ("127.0.0.1", "127.0.0.1:80"),
            ("::1", "[::1]:80"),
            ("[::1]", "[0::1]"),
        ] {
            assert!(matches(&[pattern], host), "{pattern} {host}");
        }
    }

    #[test]
    fn wrong_patterns_say_why() {
        for (text, expected) in [
            ("https://example.com", HostPatternError::NotAlone),
            ("example.com:443", HostPatternError::NotAlone),
            ("example.com/a", HostPatternError::NotAlone),
            ("a.*.com", HostPatternError::Wildcard),
            ("*", HostPatternError::Wildcard),
            ("*.127.0.0.1", HostPatternError::Wildcard),
            ("example.com.", HostPatternError::TrailingDot),
            ("", HostPatternError::Name(AuthorityError::Empty)),
        ] {
            assert_eq!(HostPattern::parse(text), Err(expected), "{text}");
        }
    }
}
