//! What may not become an HTTP/1.1 request (RFC 9113 §8.2, §8.3, §8.1.1).

use buckler_gateway::upstream::UpstreamSettings;

use super::raw::{CONTINUATION, DATA, END_HEADERS, END_STREAM, GET, HEADERS, Outcome, Secure, block, with};
use crate::support::Backend;

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const PROTOCOL_ERROR: Option<Outcome> = Some(Outcome::Reset(1));
const REFUSED: Option<Outcome> = Some(Outcome::Status(400));
const MISDIRECTED: Option<Outcome> = Some(Outcome::Status(421));

#[tokio::test]
async fn a_request_that_http1_cannot_say_never_reaches_the_app() {
    // R08: downgrade without injection
    type Fields = &'static [(&'static str, &'static str)];
    let (backend, requests) = Backend::fixed(HELLO).await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let cases: &[(Fields, Option<Outcome>)] = &[
        (&[("x-a", "b\r\nx-injected: c")], PROTOCOL_ERROR),
        (&[("x-a", "b\nc")], PROTOCOL_ERROR),
        (&[("x-a", "b\0c")], PROTOCOL_ERROR),
        (&[("x-a\r\nx-injected", "c")], PROTOCOL_ERROR),
        (&[("x a", "c")], PROTOCOL_ERROR),
        (&[("x-a:", "c")], PROTOCOL_ERROR),
        (&[("", "c")], PROTOCOL_ERROR),
        (&[("X-Upper", "c")], PROTOCOL_ERROR),
        (&[("transfer-encoding", "chunked")], PROTOCOL_ERROR),
        (&[("connection", "close")], PROTOCOL_ERROR),
        (&[("keep-alive", "timeout=5")], PROTOCOL_ERROR),
        (&[("proxy-connection", "keep-alive")], PROTOCOL_ERROR),
        (&[("upgrade", "websocket")], PROTOCOL_ERROR),
        (&[("te", "gzip")], PROTOCOL_ERROR),
        (&[(":unknown", "c")], PROTOCOL_ERROR),
        (&[(":status", "200")], PROTOCOL_ERROR),
        (&[(":path", "")], PROTOCOL_ERROR),
        (&[(":path", "/a b")], PROTOCOL_ERROR),
        (&[(":path", "/ HTTP/1.1\r\nx-injected: c\r\n\r\n")], PROTOCOL_ERROR),
        (&[(":path", "relative")], PROTOCOL_ERROR),
        (&[(":path", "@evil.example/")], PROTOCOL_ERROR),
        (&[(":path", ":1@evil.example/")], PROTOCOL_ERROR),
        (&[(":path", "https://evil.example/")], PROTOCOL_ERROR),
        (&[(":method", "GET / HTTP/1.1\r\nx-injected: c")], PROTOCOL_ERROR),
        (&[(":method", "")], PROTOCOL_ERROR),
        (&[(":authority", "localhost\r\nx-injected: c")], PROTOCOL_ERROR),
        (&[(":authority", "localhost/path")], PROTOCOL_ERROR),
        (&[(":scheme", "https://localhost/?")], PROTOCOL_ERROR),
        (&[(":protocol", "websocket")], PROTOCOL_ERROR),
        (&[(":method", "CONNECT")], PROTOCOL_ERROR),
        (&[("content-length", "5")], PROTOCOL_ERROR),
        (&[("content-length", "-1")], PROTOCOL_ERROR),
        (&[(":path", "*")], REFUSED),
        (&[(":path", "?query")], REFUSED),
        (&[("x-a", " b")], REFUSED),
        (&[("x-a", "b\t")], REFUSED),
        (&[(":scheme", "http")], MISDIRECTED),
        (&[(":scheme", "ftp")], MISDIRECTED),
    ];
    for (fields, expected) in cases {
        let mut raw = secure.raw().await;
        raw.get(1, &with(fields)).await;
        let mut outcome = raw.outcome(1).await;
        if outcome == Some(Outcome::GoAway(1)) {
            // What the codec cannot take as a field at all ends the connection.
            outcome = PROTOCOL_ERROR;
            raw = secure.raw().await;
        }
        assert_eq!(outcome, *expected, "{fields:?}");
        raw.get(3, &GET).await;
        assert_eq!(raw.outcome(3).await, Some(Outcome::Status(200)), "behind {fields:?}");
    }
    let seen = requests.all();
    assert_eq!(seen.len(), cases.len(), "one request behind each");
    assert!(!seen.concat().contains("injected"));
    assert!(secure.running.events.any("PROTOCOL_ERROR"), "{:?}", secure.running.events.all());
}

#[tokio::test]
async fn pseudo_header_fields_stand_once_and_in_front() {
    // RFC 9113 §8.3
    let (backend, requests) = Backend::fixed(HELLO).await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let twice = |name| [GET.as_slice(), &[(name, "localhost")]].concat();
    let without = |name| GET.into_iter().filter(|(other, _)| *other != name).collect::<Vec<_>>();
    let behind = vec![(":method", "GET"), ("x-a", "b"), (":scheme", "https"), (":path", "/")];
    let mut cases: Vec<Vec<(&str, &str)>> = GET.into_iter().map(|(name, _)| twice(name)).collect();
    cases.extend([without(":method"), without(":scheme"), without(":path"), behind]);
    for fields in cases {
        let mut raw = secure.raw().await;
        raw.get(1, &fields).await;
        assert_eq!(raw.outcome(1).await, PROTOCOL_ERROR, "{fields:?}");
    }
    assert!(requests.all().is_empty());
}

#[tokio::test]
async fn a_length_that_the_body_does_not_have_is_the_end_of_the_request() {
    // RFC 9113 §8.1.1: to an HTTP/1.1 server the rest would be the next request
    let backend = Backend::new(|stream, _| async move {
        let mut client = crate::support::Client::new(stream);
        assert!(client.message(false).await.is_none(), "a whole request came");
    })
    .await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    for (length, body) in [("5", "hello GET /admin"), ("50", "hello")] {
        let mut raw = secure.raw().await;
        raw.send(HEADERS, END_HEADERS, 1, &block(&with(&[(":method", "POST"), ("content-length", length)]))).await;
        raw.send(DATA, END_STREAM, 1, body.as_bytes()).await;
        assert_eq!(raw.outcome(1).await, PROTOCOL_ERROR, "{length}");
    }
}

#[tokio::test]
async fn a_head_may_come_in_pieces_and_must_come_in_one_go() {
    let (backend, requests) = Backend::fixed(HELLO).await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let head = block(&GET);
    let mut raw = secure.raw().await;
    raw.send(HEADERS, END_STREAM, 1, &head[..7]).await;
    raw.send(CONTINUATION, 0, 1, &head[7..20]).await;
    raw.send(CONTINUATION, END_HEADERS, 1, &head[20..]).await;
    assert_eq!(raw.outcome(1).await, Some(Outcome::Status(200)));
    // Another stream's frame in between (RFC 9113 §4.3).
    raw.send(HEADERS, END_STREAM, 3, &head[..7]).await;
    raw.send(DATA, END_STREAM, 1, b"x").await;
    assert_eq!(raw.end().await, Some(1));
    assert_eq!(requests.all().len(), 1);
}
