//! What the gateway itself reads.

use buckler_gateway::fuzzed;
use buckler_gateway::upstream::Address;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

/// An address of an app reads the same again, and never has user information.
pub fn upstream_address(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(address) = text.parse::<Address>() else { return };
    let shown = address.to_string();
    assert!(shown.parse::<Address>().is_ok_and(|again| again == address), "{shown}");
    assert!(shown.starts_with("unix:/") || !shown.contains('@'), "{shown}");
}

/// Lines of fields, as of a request and as of an answer: what belongs to one connection stays on it, and only a
/// handshake for one protocol is a handshake.
pub fn connection_fields(data: &[u8]) {
    let mut fields = HeaderMap::new();
    for line in data.split(|b| *b == b'\n') {
        let mut parts = line.splitn(2, |b| *b == b':');
        let name = parts.next().and_then(|name| HeaderName::from_bytes(name).ok());
        let value = parts.next().and_then(|value| HeaderValue::from_bytes(value.trim_ascii()).ok());
        if let (Some(name), Some(value)) = (name, value) {
            fields.append(name, value);
        }
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    *request.headers_mut() = fields.clone();
    let handshake = fuzzed::is_handshake(&request.into_parts().0);
    assert!(!handshake || fields.get_all("upgrade").iter().count() == 1);

    let kept = |fields: &HeaderMap, name: &str| fields.contains_key(name);
    let mut sent = fields.clone();
    fuzzed::request_fields(&mut sent, handshake);
    for name in ["keep-alive", "proxy-authorization", "proxy-connection", "transfer-encoding", "http2-settings"] {
        assert!(!kept(&sent, name), "{name}");
    }
    assert!(handshake || !kept(&sent, "upgrade"));
    // Whatever `Connection` names, what we or the app judge by is not taken off.
    for name in ["authorization", "cookie", "host", "origin", "x-forwarded-for", "x-request-id", "content-type"] {
        assert_eq!(kept(&sent, name), kept(&fields, name), "{name}");
    }
    let mut answered = fields;
    fuzzed::response_fields(&mut answered);
    for name in ["connection", "keep-alive", "proxy-authenticate", "transfer-encoding", "upgrade"] {
        assert!(!kept(&answered, name), "{name}");
    }
}
