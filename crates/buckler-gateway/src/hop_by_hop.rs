//! Fields that belong to one connection and are not passed on (RFC 9110 §7.6.1).
//!
//! Rules, in order:
//! 1. What frames or manages a connection is removed: `Connection`, `Keep-Alive`, `Proxy-*`, `TE`,
//!    `Transfer-Encoding`, `Upgrade`, `HTTP2-Settings`. A request's `TE: trailers` and the `Upgrade` of an
//!    accepted WebSocket handshake are written anew.
//! 2. What `Connection` names is removed, too – unless it is a field that is meant for the recipient at the end.
//!    RFC 9110 forbids to name such a field, and obeying would let a client take away what was just judged or
//!    written for the app (`Connection: x-forwarded-for`, `Connection: authorization`).
//! 3. `Expect` has been answered by the gateway (`100 Continue` is sent when the body is first wanted).

use http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, DATE,
    EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN, RANGE, REFERER, SET_COOKIE, TE,
    UPGRADE, VARY, WWW_AUTHENTICATE,
};
use smallvec::SmallVec;

/// Fields for the recipient at the end, which no `Connection` field can take away.
const END_TO_END: [HeaderName; 19] = [
    ACCEPT,
    AUTHORIZATION,
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    COOKIE,
    DATE,
    FORWARDED,
    HOST,
    LOCATION,
    ORIGIN,
    RANGE,
    REFERER,
    SET_COOKIE,
    VARY,
    WWW_AUTHENTICATE,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-request-id"),
];

/// Families of such fields.
const END_TO_END_PREFIXES: [&str; 10] = [
    "access-control-",
    "buckler-",
    "content-",
    "cross-origin-",
    "if-",
    "permissions-",
    "sec-",
    "strict-",
    "x-content-type-",
    "x-forwarded-",
];

/// Takes the client's connection off a request. With `websocket` the handshake's own fields are written for the
/// app's connection.
pub(crate) fn request(headers: &mut HeaderMap, websocket: bool) {
    let found = Found::in_(headers);
    let trailers = found.te && has_token(headers, &TE, "trailers");
    found.remove_from(headers);
    if found.expect {
        headers.remove(EXPECT);
    }
    if websocket {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    } else if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
}

/// Takes the app's connection off an answer. With `upgrade` the answer speaks of a protocol (101 and 426), and
/// its `Upgrade` field is kept.
pub(crate) fn response(headers: &mut HeaderMap, upgrade: bool) {
    let found = Found::in_(headers);
    let protocols = if upgrade { headers.get(UPGRADE).cloned() } else { None };
    // Both framings together: the chunked one is what was read (RFC 9112 §6.3), and the length would now lie.
    if found.transfer_encoding {
        headers.remove(CONTENT_LENGTH);
    }
    found.remove_from(headers);
    if let Some(protocols) = protocols {
        headers.insert(UPGRADE, protocols);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    only_the_first(headers, &DATE);
}

/// What one pass over the names has found: most messages hold none of these fields, and hashing each of the names
/// to look for them would cost more than all the rest.
#[derive(Default)]
struct Found {
    known: SmallVec<[HeaderName; 4]>,
    connection: bool,
    te: bool,
    transfer_encoding: bool,
    expect: bool,
}

impl Found {
    fn in_(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for name in headers.keys() {
            match name.as_str() {
                "connection" => found.connection = true,
                "te" => found.te = true,
                "transfer-encoding" => found.transfer_encoding = true,
                "expect" => {
                    found.expect = true;
                    continue;
                }
                "keep-alive"
                | "proxy-authenticate"
                | "proxy-authentication-info"
                | "proxy-authorization"
                | "proxy-connection"
                | "upgrade"
                | "http2-settings" => {}
                _ => continue,
            }
            found.known.push(name.clone());
        }
        found
    }

    fn remove_from(&self, headers: &mut HeaderMap) {
        if self.connection {
            remove_named(headers);
        }
        for name in &self.known {
            headers.remove(name);
        }
    }
}

/// Whether a list field holds the token, in any case.
pub(crate) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

fn remove_named(headers: &mut HeaderMap) {
    let named: SmallVec<[HeaderName; 4]> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|option| !matches!(option.to_ascii_lowercase().as_slice(), b"close" | b"keep-alive" | b"upgrade"))
        .filter_map(|option| HeaderName::from_bytes(option).ok())
        .filter(|name| !is_end_to_end(name))
        .collect();
    for name in named {
        headers.remove(name);
    }
}

fn is_end_to_end(name: &HeaderName) -> bool {
    END_TO_END.contains(name) || END_TO_END_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
}

fn only_the_first(headers: &mut HeaderMap, name: &HeaderName) {
    let mut values = headers.get_all(name).iter();
    if let (Some(first), Some(_)) = (values.next(), values.next()) {
        let first = first.clone();
        headers.insert(name, first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).fold(
            HeaderMap::new(),
            |mut map, (name, value)| {
                map.append(name, value);
                map
            },
        )
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    type Lines = &'static [(&'static str, &'static str)];

    #[test]
    fn of_a_request_only_what_concerns_the_app_is_left() {
        // R03
        let cases: &[(Lines, &[&str])] = &[
            (&[("connection", "x-forwarded-for"), ("x-forwarded-for", "1.2.3.4")], &["x-forwarded-for"]),
            (
                &[("connection", "Authorization, COOKIE"), ("authorization", "b"), ("cookie", "c")],
                &["authorization", "cookie"],
            ),
            (&[("connection", "close, x-hop"), ("x-hop", "1"), ("x-end", "2")], &["x-end"]),
            (&[("connection", "x-a"), ("connection", "x-b"), ("x-a", "1"), ("x-b", "2")], &[]),
            (
                &[
                    ("connection", "content-type, origin, sec-fetch-site"),
                    ("content-type", "a/b"),
                    ("origin", "null"),
                    ("sec-fetch-site", "none"),
                ],
                &["content-type", "origin", "sec-fetch-site"],
            ),
            (&[("connection", "in valid,,\"q\"")], &[]),
            (
                &[
                    ("keep-alive", "timeout=5"),
                    ("proxy-authorization", "x"),
                    ("proxy-connection", "x"),
                    ("te", "gzip"),
                    ("transfer-encoding", "chunked"),
                ],
                &[],
            ),
            (&[("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQ"), ("connection", "Upgrade, HTTP2-Settings")], &[]),
            (&[("te", "gzip, Trailers")], &["connection", "te"]),
            (&[("expect", "100-continue")], &[]),
        ];
        for (lines, left) in cases {
            let mut headers = fields(lines);
            request(&mut headers, false);
            assert_eq!(names(&headers), *left, "{lines:?}");
        }
    }

    #[test]
    fn a_websocket_handshake_is_written_anew() {
        let mut headers =
            fields(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "x")]);
        request(&mut headers, true);
        assert_eq!(headers[CONNECTION], "upgrade");
        assert_eq!(headers[UPGRADE], "websocket");
        assert!(headers.contains_key("sec-websocket-key"));
    }

    #[test]
    fn of_an_answer_only_what_concerns_the_client_is_left() {
        let cases: &[(Lines, bool, &[&str])] = &[
            (&[("connection", "set-cookie, close"), ("set-cookie", "a=b")], false, &["set-cookie"]),
            (
                &[
                    ("connection", "x-content-type-options, strict-transport-security"),
                    ("x-content-type-options", "nosniff"),
                    ("strict-transport-security", "max-age=1"),
                ],
                false,
                &["strict-transport-security", "x-content-type-options"],
            ),
            (&[("transfer-encoding", "chunked"), ("content-length", "5")], false, &[]),
            (&[("content-length", "5")], false, &["content-length"]),
            (&[("upgrade", "h2c"), ("connection", "upgrade")], false, &[]),
            (&[("upgrade", "websocket"), ("connection", "upgrade")], true, &["connection", "upgrade"]),
            (&[("proxy-authenticate", "x"), ("keep-alive", "x")], false, &[]),
        ];
        for (lines, upgrade, left) in cases {
            let mut headers = fields(lines);
            response(&mut headers, *upgrade);
            assert_eq!(names(&headers), *left, "{lines:?}");
        }
        let mut headers = fields(&[("date", "one"), ("date", "two"), ("set-cookie", "a"), ("set-cookie", "b")]);
        response(&mut headers, false);
        assert_eq!(headers.get_all(DATE).iter().collect::<Vec<_>>(), ["one"]);
        assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 2);
    }
}
