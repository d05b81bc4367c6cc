//! From an HTTP/2 request to one that can be judged, and said in HTTP/1.1.
//!
//! The codec has refused what RFC 9113 §8.2 and §8.3 forbid (unknown, repeated and misplaced pseudo-header fields,
//! upper-case names, fields of a connection, control characters in values). Left to be looked at here is what it
//! lets pass.

use std::fmt;

use buckler_http::connection::Scheme;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Method, Request};

use crate::early::HeadFault;

/// Why an HTTP/2 request is not handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestFault {
    /// `:path` is no path (RFC 9113 §8.3.1): joined with an authority it would be another authority.
    Path,
    /// A value has white space around it, which HTTP/1.1 would take away (RFC 9113 §8.2.1).
    Padding,
    /// `:scheme` is not what the connection speaks (RFC 9110 §7.4).
    Scheme,
}

impl RequestFault {
    /// What is wrong, in words that hold nothing of what was sent.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Path => "`:path` does not begin with a slash",
            Self::Padding => "the value of a header field begins or ends with white space",
            Self::Scheme => "`:scheme` is not that of the connection",
        }
    }
}

impl fmt::Display for RequestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for RequestFault {}

/// Makes the head what the service is to get.
pub(super) fn judge<B>(request: &mut Request<B>, scheme: Scheme) -> Result<(), HeadFault> {
    let uri = request.uri();
    // A tunnel has neither path nor scheme; the engine refuses it by its method.
    if request.method() != Method::CONNECT {
        if !uri.path_and_query().is_some_and(|path| path.as_str().starts_with('/')) {
            return Err(HeadFault::Http2(RequestFault::Path));
        }
        // Without an authority the codec drops the scheme, and the Host field is judged as in HTTP/1.1.
        if uri.scheme_str().is_some_and(|asked| asked != scheme.as_str()) {
            return Err(HeadFault::Http2(RequestFault::Scheme));
        }
    }
    let padded = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        [bytes.first(), bytes.last()].into_iter().flatten().any(|byte| matches!(byte, b' ' | b'\t'))
    };
    if request.headers().values().any(padded) {
        return Err(HeadFault::Http2(RequestFault::Padding));
    }
    join_cookies(request.headers_mut());
    Ok(())
}

/// HTTP/2 may split `Cookie` for the sake of compression; anywhere else it is one line (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else { return };
    let mut line = first.as_bytes().to_vec();
    for crumb in std::iter::once(second).chain(crumbs) {
        line.extend_from_slice(b"; ");
        line.extend_from_slice(crumb.as_bytes());
    }
    // Valid values joined by valid characters are one.
    if let Ok(line) = HeaderValue::from_bytes(&line) {
        headers.insert(COOKIE, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(uri: &str, fields: &[(&str, &str)]) -> Result<Request<()>, HeadFault> {
        let request = fields.iter().fold(Request::builder().uri(uri), |request, (name, value)| {
            request.header(*name, HeaderValue::from_str(value).unwrap())
        });
        let mut request = request.body(()).unwrap();
        judge(&mut request, Scheme::Https).map(|()| request)
    }

    #[test]
    fn what_http1_would_read_otherwise_is_refused() {
        // R08
        type Fields = &'static [(&'static str, &'static str)];
        let cases: &[(&str, Fields, RequestFault)] = &[
            ("*", &[], RequestFault::Path),
            ("https://x?q", &[], RequestFault::Path),
            ("http://x/", &[], RequestFault::Scheme),
            ("ftp://x/", &[], RequestFault::Scheme),
            ("https://x/", &[("x-a", " b")], RequestFault::Padding),
            ("https://x/", &[("x-a", "b\t")], RequestFault::Padding),
            ("https://x/", &[("x-a", "b"), ("x-a", " ")], RequestFault::Padding),
        ];
        for (uri, fields, fault) in cases {
            match judged(uri, fields) {
                Err(HeadFault::Http2(found)) => assert_eq!(found, *fault, "{uri} {fields:?}"),
                other => panic!("{uri} {fields:?}: {other:?}"),
            }
        }
        assert!(judged("/a?b", &[("host", "x")]).is_ok(), "a request without an authority");
        assert!(judged("https://x//a/../b;c?d", &[("x-a", "")]).is_ok(), "the engine's to judge");
    }

    #[test]
    fn cookies_are_one_line() {
        // RFC 9113 §8.2.3
        let request = judged("https://x/", &[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2; c=3"), ("cookie", "d")]);
        let request = request.unwrap();
        let cookies: Vec<_> = request.headers().get_all(COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3; d"]);
        assert_eq!(judged("https://x/", &[("cookie", "a=1")]).unwrap().headers()[COOKIE], "a=1");
    }
}
