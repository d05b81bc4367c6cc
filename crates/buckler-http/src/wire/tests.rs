//! Hostile bytes first.

use super::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n";
const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What a connection came to: heads, and the fault with the place where it lies.
pub(super) fn follow(parts: &[&[u8]]) -> (usize, Option<(WireFault, bool)>) {
    let mut tracker = Tracker::new();
    let mut heads = 0;
    for part in parts {
        match tracker.feed(part) {
            Ok(more) => heads += more,
            Err(refusal) => {
                assert_eq!(tracker.feed(b"GET"), Err(Refusal { clean: 0, heads: 0, in_body: false, ..refusal }));
                return (heads + refusal.heads, Some((refusal.fault, refusal.in_body)));
            }
        }
    }
    (heads, None)
}

#[test]
fn what_rfc_9112_does_not_write_is_no_head() {
    // R01
    let cases: &[(&str, WireFault)] = &[
        ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", WireFault::EmptyLines),
        ("\nGET / HTTP/1.1\r\n\r\n", WireFault::BareLineFeed),
        ("\rGET / HTTP/1.1\r\n\r\n", WireFault::BareCarriageReturn),
        (" GET / HTTP/1.1\r\n\r\n", WireFault::Method),
        ("hello\r\n\r\n", WireFault::Method),
        ("\x16\x03\x01\x02", WireFault::Method),
        ("GE\0T / HTTP/1.1\r\n\r\n", WireFault::Method),
        ("GET\t/ HTTP/1.1\r\n\r\n", WireFault::Method),
        ("GET /\r\n\r\n", WireFault::NoVersion),
        ("GET / \r\n\r\n", WireFault::NoVersion),
        ("GET  / HTTP/1.1\r\n\r\n", WireFault::Spaces),
        ("GET /  HTTP/1.1\r\n\r\n", WireFault::Spaces),
        ("GET /a b HTTP/1.1\r\n\r\n", WireFault::Version),
        ("GET /\0 HTTP/1.1\r\n\r\n", WireFault::Target),
        ("GET /\tHTTP/1.1\r\n\r\n", WireFault::Target),
        ("GET /\x7f HTTP/1.1\r\n\r\n", WireFault::Target),
        ("GET / HTTP/1.1 \r\n\r\n", WireFault::Version),
        ("GET / HTTP/1.10\r\n\r\n", WireFault::Version),
        ("GET / HTTP/1.2\r\n\r\n", WireFault::Version),
        ("GET / HTTP/2.0\r\n\r\n", WireFault::Version),
        ("GET / HTTP/01.1\r\n\r\n", WireFault::Version),
        ("GET / http/1.1\r\n\r\n", WireFault::Version),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", WireFault::Version),
        ("GET / HTTP/1.1\n\r\n", WireFault::BareLineFeed),
        ("GET / HTTP/1.1\rHost: x\r\n\r\n", WireFault::BareCarriageReturn),
        ("GET / HTTP/1.1\r\n Host: x\r\n\r\n", WireFault::Folded),
        ("GET / HTTP/1.1\r\nX: 1\r\n 2\r\n\r\n", WireFault::Folded),
        ("GET / HTTP/1.1\r\nX: 1\r\n\t2\r\n\r\n", WireFault::Folded),
        ("GET / HTTP/1.1\r\nX: 1\n\r\n", WireFault::BareLineFeed),
        ("GET / HTTP/1.1\r\nX: 1\r\n\n", WireFault::BareLineFeed),
        ("GET / HTTP/1.1\r\nX: a\rb: c\r\n\r\n", WireFault::BareCarriageReturn),
        ("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", WireFault::Value),
        ("GET / HTTP/1.1\r\nX: a\x7fb\r\n\r\n", WireFault::Value),
        ("GET / HTTP/1.1\r\nX: a\x1bb\r\n\r\n", WireFault::Value),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", WireFault::SpaceBeforeColon),
        ("GET / HTTP/1.1\r\nnonsense\r\n\r\n", WireFault::NoColon),
        ("GET / HTTP/1.1\r\n: x\r\n\r\n", WireFault::Name),
        ("GET / HTTP/1.1\r\nX\u{e9}: x\r\n\r\n", WireFault::Name),
        ("GET / HTTP/1.1\r\nX\0: x\r\n\r\n", WireFault::Name),
        ("GET / HTTP/1.1\r\nX(y): x\r\n\r\n", WireFault::Name),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", WireFault::SpaceBeforeColon),
        ("GET / HTTP/1.1\r\nHost\t: x\r\n\r\n", WireFault::SpaceBeforeColon),
        ("GET / HTTP/1.1\r\nTransfer-Encoding\x0b: chunked\r\n\r\n", WireFault::Name),
    ];
    for (bytes, fault) in cases {
        assert_eq!(follow(&[bytes.as_bytes()]), (0, Some((*fault, false))), "{bytes:?}");
    }
}

#[test]
fn a_body_has_one_length_said_once() {
    // R01
    let cases: &[(&str, WireFault)] = &[
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", WireFault::LengthAndCoding),
        ("Transfer-Encoding: chunked\r\ncontent-length: 3", WireFault::LengthAndCoding),
        ("Transfer-Encoding: identity\r\nContent-Length: 3", WireFault::Coding),
        ("Content-Length: 3\r\nContent-Length: 3", WireFault::LengthTwice),
        ("Content-Length: 3\r\nX: 1\r\nCONTENT-LENGTH: 4", WireFault::LengthTwice),
        ("Content-Length: 3, 3", WireFault::Length),
        ("Content-Length: +3", WireFault::Length),
        ("Content-Length: -3", WireFault::Length),
        ("Content-Length: 0x3", WireFault::Length),
        ("Content-Length: 3 3", WireFault::Length),
        ("Content-Length: 3_0", WireFault::Length),
        ("Content-Length: 3\u{a0}", WireFault::Length),
        ("Content-Length:", WireFault::Length),
        ("Content-Length: \t", WireFault::Length),
        ("Content-Length: 1000000000000000000", WireFault::Length),
        ("Content-Length: 0000000000000000003", WireFault::Length),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", WireFault::CodingTwice),
        ("Transfer-Encoding: chunked\r\ntransfer-encoding: identity", WireFault::CodingTwice),
        ("Transfer-Encoding: identity", WireFault::Coding),
        ("Transfer-Encoding: gzip, chunked", WireFault::Coding),
        ("Transfer-Encoding: chunked, identity", WireFault::Coding),
        ("Transfer-Encoding: chunked,", WireFault::Coding),
        ("Transfer-Encoding: ,chunked", WireFault::Coding),
        ("Transfer-Encoding: chunked chunked", WireFault::Coding),
        ("Transfer-Encoding: chunked;q=1", WireFault::Coding),
        ("Transfer-Encoding: \"chunked\"", WireFault::Coding),
        ("Transfer-Encoding: xchunked", WireFault::Coding),
        ("Transfer-Encoding: chunke", WireFault::Coding),
        ("Transfer-Encoding: chun ked", WireFault::Coding),
        ("Transfer-Encoding: chunk\u{212a}ed", WireFault::Coding),
        ("Transfer-Encoding:", WireFault::Coding),
        ("Transfer-Encoding: \x0bchunked", WireFault::Value),
        ("Host: x", WireFault::HostTwice),
        ("host: evil.example", WireFault::HostTwice),
    ];
    for (lines, fault) in cases {
        let bytes = format!("{GET}{lines}\r\n\r\nabc");
        assert_eq!(follow(&[bytes.as_bytes()]), (0, Some((*fault, false))), "{lines:?}");
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(follow(&[old.as_bytes()]), (0, Some((WireFault::CodingInHttp10, false))));
}

#[test]
fn chunks_have_one_spelling() {
    // R01
    let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(MAX_EXTENSION + 1));
    let trailers = format!("0\r\n{}\r\n", "x: y\r\n".repeat(MAX_TRAILERS / 6 + 1));
    let cases: &[(&str, WireFault)] = &[
        ("\r\n", WireFault::ChunkSize),
        ("x\r\n", WireFault::ChunkSize),
        (" 1\r\na\r\n", WireFault::ChunkSize),
        ("+1\r\na\r\n", WireFault::ChunkSize),
        ("-1\r\na\r\n", WireFault::ChunkSize),
        ("0x1\r\na\r\n", WireFault::ChunkSize),
        ("1_0\r\na\r\n", WireFault::ChunkSize),
        ("1 \r\na\r\n", WireFault::ChunkSize),
        ("1 ;x\r\na\r\n", WireFault::ChunkSize),
        (";x\r\n", WireFault::ChunkSize),
        ("10000000000000000\r\n", WireFault::ChunkSize),
        ("00000000000000001\r\n", WireFault::ChunkSize),
        ("1\na\r\n", WireFault::BareLineFeed),
        ("1\ra\r\n", WireFault::BareCarriageReturn),
        ("1;x\na\r\n", WireFault::BareLineFeed),
        ("1;x\ry\r\na\r\n", WireFault::BareCarriageReturn),
        ("1;\0\r\na\r\n", WireFault::ChunkExtension),
        (&long, WireFault::ChunkExtension),
        ("1\r\nab\r\n", WireFault::ChunkEnd),
        ("1\r\na\n0\r\n\r\n", WireFault::ChunkEnd),
        ("1\r\na\r0\r\n\r\n", WireFault::ChunkEnd),
        ("1\r\na0\r\n\r\n", WireFault::ChunkEnd),
        ("0\r\n\n", WireFault::BareLineFeed),
        ("0\r\n\rX", WireFault::BareCarriageReturn),
        ("0\r\nGET / HTTP/1.1\r\n\r\n", WireFault::SpaceBeforeColon),
        ("0\r\nx : y\r\n\r\n", WireFault::SpaceBeforeColon),
        ("0\r\nx: 1\r\n 2\r\n\r\n", WireFault::Folded),
        (&trailers, WireFault::Trailers),
        ("0\r\nContent-Length: 5\r\n\r\n", WireFault::TrailerOfFraming),
        ("0\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n", WireFault::TrailerOfFraming),
        ("0\r\nHost: evil\r\n\r\n", WireFault::TrailerOfFraming),
    ];
    for (body, fault) in cases {
        let bytes = format!("{CHUNKED}{body}");
        assert_eq!(follow(&[bytes.as_bytes()]), (1, Some((*fault, true))), "{body:.40}");
    }
}

#[test]
fn one_way_to_say_it_is_taken() {
    let longest = format!("{CHUNKED}1;{}\r\na\r\n0\r\n\r\n", "x".repeat(MAX_EXTENSION));
    let cases: &[(&str, usize)] = &[
        ("GET / HTTP/1.1\r\n\r\n", 1),
        ("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n", 2),
        ("\r\nGET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n\r\nM-SEARCH * HTTP/1.1\r\n\r\n", 2),
        ("GET /\u{fc} HTTP/1.1\r\nX:\t\u{fc} \t\r\nY:\r\n\r\n", 1),
        ("POST / HTTP/1.1\r\nContent-Length:\t 3 \t\r\n\r\nabcGET / HTTP/1.1\r\n\r\n", 2),
        ("POST / HTTP/1.1\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", 2),
        ("POST / HTTP/1.1\r\nContent-Length: 999999999999999999\r\n\r\nGET / HTTP/1.1\r\n\r\n", 1),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: \tCHUNKED\t\r\n\r\n00\r\n\r\nGET / HTTP/1.1\r\n\r\n", 2),
        ("POST / HTTP/1.1\r\nTransfer-Encodings: x\r\nContent-Lengt: y\r\nHosts: z\r\n\r\n", 1),
        (&longest, 1),
        (&format!("{CHUNKED}A\r\n0123456789\r\n1;a=\"b\"\r\n\n\r\n0\r\nX: y\r\nHosts: 5\r\n\r\n{GET}\r\n"), 2),
    ];
    for (bytes, heads) in cases {
        assert_eq!(follow(&[bytes.as_bytes()]), (*heads, None), "{bytes:?}");
    }
}

#[test]
fn what_is_clean_ends_where_the_faulty_head_begins() {
    let good = format!("{GET}\r\n");
    let mut tracker = Tracker::new();
    let refusal = tracker.feed(format!("{good}{good}GET / HTTP/1.1\r\nX : 1\r\n\r\n").as_bytes()).unwrap_err();
    assert_eq!((refusal.clean, refusal.heads, refusal.in_body), (2 * good.len(), 2, false));

    // It began in bytes that are gone: none of these is clean.
    let mut tracker = Tracker::new();
    tracker.feed(b"GET / HT").unwrap();
    let refusal = tracker.feed(b"TP/1.1\r\nX : 1\r\n\r\n").unwrap_err();
    assert_eq!((refusal.clean, refusal.heads), (0, 0));

    let mut tracker = Tracker::new();
    let refusal = tracker.feed(format!("{CHUNKED}1\r\nab").as_bytes()).unwrap_err();
    assert_eq!((refusal.clean, refusal.heads, refusal.in_body), (CHUNKED.len() + 4, 1, true));
}

#[test]
fn nothing_is_sent_ahead_of_an_upgrade() {
    // R01
    let asking = format!("{GET}Connection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n");
    let ahead = WireFault::AheadOfUpgrade;

    // In one read the app is not even asked.
    let mut tracker = Tracker::new();
    let refusal = tracker.feed(format!("{GET}\r\n{asking}\x01").as_bytes()).unwrap_err();
    assert_eq!((refusal.fault, refusal.clean, refusal.heads), (ahead, GET.len() + 2, 1));

    let asked = || {
        let mut tracker = Tracker::new();
        assert_eq!(tracker.feed(asking.as_bytes()), Ok(1));
        assert!(tracker.is_asked());
        tracker
    };
    let refusal = asked().feed(GET.as_bytes()).unwrap_err();
    assert_eq!((refusal.fault, refusal.clean, refusal.heads), (ahead, 0, 0));

    let mut tracker = asked();
    tracker.declined();
    assert_eq!(tracker.feed(asking.as_bytes()), Ok(1));

    // What cannot become a tunnel is an ordinary request.
    for upgrade in ["h2c", "websocket, h2c", "TLS/1.0", "websockets"] {
        let mut tracker = Tracker::new();
        tracker.feed(format!("{GET}Upgrade: {upgrade}\r\n\r\n").as_bytes()).unwrap();
        assert!(!tracker.is_asked());
        assert_eq!(tracker.feed(format!("{GET}\r\n").as_bytes()), Ok(1), "{upgrade}");
    }
}

#[test]
fn faults_are_told_apart() {
    for (at, fault) in WireFault::ALL.iter().enumerate() {
        assert!(WireFault::ALL.iter().skip(at + 1).all(|other| other.text() != fault.text()), "{fault:?}");
        assert!(fault.source_section().starts_with("RFC "), "{fault:?}");
        assert_eq!(fault.to_string(), fault.text());
    }
}
