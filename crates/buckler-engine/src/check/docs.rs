//! The interactive docs and the `OpenAPI` document are not there for clients (R10).
//!
//! A path is matched as the app's router would match it, since what differs would be a way round:
//! 1. decoded once, as servers hand it to apps; the query is no part of it;
//! 2. slashes at the end fall away: Starlette redirects `/docs/` to `/docs`, which tells that it is there;
//! 3. so does a line feed: `$` in Starlette's patterns matches before one, and `/docs%0a` is `/docs`;
//! 4. a segment with a parameter (`/{tenant}/docs`, of an app that is mounted so) stands for any;
//! 5. an app that stands below a path (`root_path`) has its docs there, and a router looks for them behind that path as
//!    well as without it.

use std::borrow::Cow;

use buckler_http::target::{Target, decoded};
use buckler_policy::settings::{Contract, Docs};

use crate::reason::Reason;
use crate::stage::Violation;

/// Where `FastAPI` has them unless told otherwise.
pub(crate) const USUAL: &[&str] = &["/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect"];

/// The compiled part of `[contract]`.
#[derive(Debug)]
pub(crate) struct DocsRules {
    closed: Vec<Pattern>,
}

/// A path, or one with parameters.
#[derive(Debug)]
enum Pattern {
    Plain(Vec<u8>),
    /// `None` is a parameter.
    Segments(Vec<Option<Vec<u8>>>),
    /// A parameter that takes slashes, and what stands around it.
    Around(Vec<u8>, Vec<u8>),
}

/// How Starlette writes a parameter that takes slashes.
const TAKES_SLASHES: &str = ":path}";

impl DocsRules {
    pub(crate) fn compile(contract: &Contract) -> Self {
        let closed = match contract.docs {
            Docs::Open => Vec::new(),
            Docs::Closed => paths(contract).iter().map(|path| Pattern::compile(path)).collect(),
        };
        Self { closed }
    }
}

/// The paths that are closed where the docs are.
pub(crate) fn paths(contract: &Contract) -> Vec<&str> {
    contract.docs_paths.as_ref().map_or(USUAL.to_vec(), |paths| paths.iter().map(String::as_str).collect())
}

impl Pattern {
    fn compile(path: &str) -> Self {
        if let Some((before, rest)) = path.split_once('{').filter(|_| path.contains(TAKES_SLASHES)) {
            let after = rest.rsplit_once('}').map_or("", |(_, after)| after);
            return Self::Around(before.into(), without_end(after.as_bytes()).into());
        }
        let path = without_end(path.as_bytes());
        if !path.contains(&b'{') {
            return Self::Plain(path.into());
        }
        let segments = path.split(|&b| b == b'/');
        Self::Segments(segments.map(|segment| (!segment.contains(&b'{')).then(|| segment.into())).collect())
    }

    fn is(&self, path: &[u8]) -> bool {
        match self {
            Self::Plain(plain) => plain == path,
            Self::Segments(segments) => {
                let mut asked = path.split(|&b| b == b'/');
                let same = segments.iter().all(|known| match (known, asked.next()) {
                    (Some(known), Some(asked)) => known == asked,
                    (None, Some(asked)) => !asked.is_empty(),
                    (_, None) => false,
                });
                same && asked.next().is_none()
            }
            Self::Around(before, after) => {
                path.strip_prefix(before.as_slice()).is_some_and(|rest| rest.ends_with(after))
            }
        }
    }
}

pub(crate) fn check(rules: &DocsRules, target: &Target<'_>, root_path: &[u8]) -> Result<(), Violation> {
    let Some(path) = target.path().filter(|_| !rules.closed.is_empty()) else { return Ok(()) };
    let read = match memchr::memchr(b'%', path) {
        None => Cow::Borrowed(path),
        Some(_) => Cow::Owned(decoded(path).collect()),
    };
    let path = without_end(&read);
    let below = (!root_path.is_empty()).then(|| read.strip_prefix(root_path)).flatten();
    let below = below.filter(|rest| rest.starts_with(b"/")).map(without_end);
    if rules.closed.iter().any(|pattern| pattern.is(path) || below.is_some_and(|below| pattern.is(below))) {
        return Err(Violation::of("contract.docs", Reason::NotFound, "there is nothing at this path"));
    }
    Ok(())
}

fn without_end(mut path: &[u8]) -> &[u8] {
    while let [rest @ .., b'/' | b'\n'] = path {
        path = rest;
    }
    path
}

#[cfg(test)]
mod tests {
    use buckler_policy::{Host, Sources};

    use super::*;

    fn closes(paths: Option<&[&str]>, target: &str) -> bool {
        closes_below("", paths, target)
    }

    fn closes_below(root_path: &str, paths: Option<&[&str]>, target: &str) -> bool {
        let docs_paths = paths.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect());
        let text = "environment = \"development\"";
        let loaded = Sources::new(Host::Gateway).file("buckler.toml", text).load().unwrap();
        let rules = DocsRules::compile(&Contract { docs: Docs::Closed, docs_paths, ..loaded.policy.contract });
        check(&rules, &Target::parse(target.as_bytes()).unwrap(), root_path.as_bytes()).is_err()
    }

    // R10
    #[test]
    fn docs_are_closed_however_their_path_is_written() {
        for target in [
            "/docs",
            "/docs/",
            "/docs//",
            "/docs?x=1",
            "/docs?/other",
            "/docs/?",
            "/%64ocs",
            "/%64%6F%63%73",
            "/docs%0a",
            "/docs%0A/",
            "/docs%0a%0a",
            "/redoc",
            "/openapi.json",
            "/openapi%2ejson",
            "/docs/oauth2-redirect",
            "https://a.example/docs",
        ] {
            assert!(closes(None, target), "{target}");
        }
    }

    #[test]
    fn what_is_not_the_docs_stays_open() {
        for target in [
            "/",
            "/doc",
            "/docsy",
            "/Docs",
            "//docs",
            "/a/docs",
            "/docs/a",
            "/docs%20",
            "/%2564ocs",
            "/a?/docs",
            "/docs;a",
            "/openapi",
            "/%0adocs",
            "*",
        ] {
            assert!(!closes(None, target), "{target}");
            assert!(!closes(Some(&[]), target), "{target}");
        }
        assert!(!closes(Some(&["/help"]), "/docs") && closes(Some(&["/help/"]), "/help"));
        assert!(closes(Some(&["/"]), "/") && !closes(Some(&["/"]), "/a"));
    }

    #[test]
    fn docs_of_an_app_that_stands_below_a_path_are_closed() {
        for (target, closed) in [
            ("/api/docs", true),
            ("/api/docs/", true),
            ("/%61pi/%64ocs%0a", true),
            ("/docs", true),
            ("/api/api/docs", false),
            ("/apidocs", false),
            ("/api", false),
            ("/other/docs", false),
        ] {
            assert_eq!(closes_below("/api", None, target), closed, "{target}");
            assert!(!closes_below("/api", Some(&[]), target), "{target}");
        }
        assert!(closes_below("/\u{fc}", None, "/%C3%BC/docs") && !closes_below("/a/", None, "/a/docs"));
    }

    #[test]
    fn docs_below_a_parameter_are_closed_for_each_of_its_values() {
        let paths: &[&str] = &["/{tenant}/docs", "/files/{p:path}/redoc"];
        for (target, closed) in [
            ("/a/docs", true),
            ("/%C3%BC/docs/", true),
            ("//docs", false),
            ("/a/b/docs", false),
            ("/docs", false),
            ("/files/a/redoc", true),
            ("/files/a/b/redoc", true),
            ("/files/a/redoc/b", false),
            ("/other/a/redoc", false),
        ] {
            assert_eq!(closes(Some(paths), target), closed, "{target}");
        }
    }
}
