//! What a scope says of its request.

use buckler_http::asgi;
use buckler_http::target::decoded;

/// `path`, `raw_path` and the query, each on a line of its own: what is judged decodes to the path that the app routes by.
///
/// # Panics
/// It does not.
pub fn scope(data: &[u8]) {
    let mut parts = data.splitn(3, |&byte| byte == b'\n');
    let path = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let (raw, query) = (parts.next(), parts.next().unwrap_or_default());
    let _peer = asgi::peer(&path, 1);
    let whole = asgi::target(&path, raw, query);
    let alone = asgi::target(&path, raw, b"");
    assert!(whole.starts_with(&alone), "the query changed the path");
    assert_eq!(String::from_utf8_lossy(&decoded(&alone).collect::<Vec<_>>()), path, "another path is judged");
    assert!(!alone.contains(&b'?'), "the path has a query");
}
