//! What holds for all bytes: heads are found where they are, reads may be cut anywhere, and another parser reads the
//! same.

use proptest::prelude::*;

use super::tests::follow;
use super::*;

/// A request that one reader after the other finds the same in: its bytes, and what comes behind its head.
#[derive(Debug, Clone)]
struct Valid {
    bytes: Vec<u8>,
    body: Vec<u8>,
}

fn valid() -> impl Strategy<Value = Valid> {
    let start = ("[A-Z]{1,7}", "/[!\"$-~]{0,40}", any::<bool>(), any::<bool>());
    let line = ("X-[a-zA-Z0-9!#$%&'*+.^_`|~-]{0,20}", "[ \t]{0,2}", "[\t -~\u{80}-\u{ff}]{0,60}");
    let lines = prop::collection::vec(line, 0..6);
    let chunks = prop::collection::vec((prop::collection::vec(any::<u8>(), 1..20), "(;[a-z]{0,9})?"), 0..4);
    (start, lines, chunks, 0..3_u8, any::<bool>()).prop_map(|(start, lines, chunks, framing, upper)| {
        let (method, target, old, blank) = start;
        let old = old && framing != 2;
        let mut bytes = if blank { b"\r\n".to_vec() } else { Vec::new() };
        bytes.extend(format!("{method} {target} HTTP/1.{}\r\nHost: x\r\n", u8::from(!old)).bytes());
        for (name, space, value) in lines {
            bytes.extend(format!("{name}:{space}{value}\r\n").bytes());
        }
        let data: Vec<u8> = chunks.iter().flat_map(|(data, _)| data.clone()).collect();
        let (name, body) = match framing {
            0 => (String::new(), Vec::new()),
            1 => (format!("Content-Length: {}\r\n", data.len()), data),
            _ => {
                let mut body = Vec::new();
                for (data, extension) in &chunks {
                    body.extend(format!("{:x}{extension}\r\n", data.len()).bytes());
                    body.extend(data);
                    body.extend(b"\r\n");
                }
                body.extend(if upper { b"0\r\nX: y\r\n\r\n".as_slice() } else { b"0\r\n\r\n" });
                ("Transfer-Encoding: chunked\r\n".to_owned(), body)
            }
        };
        bytes.extend(if upper { name.to_ascii_uppercase() } else { name }.bytes());
        bytes.extend(b"\r\n");
        bytes.extend(&body);
        Valid { bytes, body }
    })
}

const SCRAPS: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST / HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "Host: x\r\n",
    "X: y\r\n",
    "\r\n",
    "\r",
    "\n",
    " ",
    "\t",
    ":",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "Content-Length",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding",
    "chunked",
    "3",
    "0\r\n\r\n",
    "3\r\nabc\r\n",
    "abc",
    "f;x=y\r\n",
    ", ",
    "Upgrade: websocket\r\n",
    "HTTP/1.1",
    "\0",
    "\u{e9}",
];

fn scraps() -> impl Strategy<Value = Vec<u8>> {
    let scrap = prop::sample::select(SCRAPS).prop_map(|scrap| scrap.as_bytes().to_vec());
    let noise = prop::collection::vec(any::<u8>(), 0..4);
    prop::collection::vec(prop_oneof![19 => scrap, 1 => noise], 0..24).prop_map(|parts| parts.concat())
}

/// A pipeline that is valid but for one byte, now and then.
fn nearly_valid() -> impl Strategy<Value = Vec<u8>> {
    let pipeline = prop::collection::vec(valid(), 1..4);
    let change = prop::option::of((any::<prop::sample::Index>(), prop::sample::select(b"\r\n \t:\0;,0aZ\x7f\xff")));
    (pipeline, change).prop_map(|(pipeline, change)| {
        let mut bytes: Vec<u8> = pipeline.into_iter().flat_map(|request| request.bytes).collect();
        if let Some((at, byte)) = change {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

/// The heads that another parser finds, each followed by the body that its own fields announce; `None` if it
/// refuses a target for not being UTF-8, which it alone asks for.
fn heads_by_httparse(mut bytes: &[u8]) -> Option<usize> {
    let mut heads = 0;
    loop {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut fields);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Some(heads),
            Err(error) => {
                let line = bytes.trim_ascii_start().split(|byte| *byte == b'\r').next().unwrap();
                assert!(std::str::from_utf8(line).is_err(), "{error}");
                return None;
            }
        };
        heads += 1;
        let value = |name: &str| request.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        let chunked = value("transfer-encoding").is_some();
        let body = value("content-length").map_or(0, |f| std::str::from_utf8(f.value).unwrap().parse().unwrap());
        bytes = &bytes[length..];
        if chunked {
            let Some(after) = after_chunks(bytes) else { return Some(heads) };
            bytes = after;
        } else {
            let Some(after) = bytes.get(body..) else { return Some(heads) };
            bytes = after;
        }
    }
}

fn after_chunks(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let httparse::Status::Complete((at, size)) = httparse::parse_chunk_size(bytes).unwrap() else { return None };
        bytes = &bytes[at..];
        if size == 0 {
            let mut fields = [httparse::EMPTY_HEADER; 64];
            let httparse::Status::Complete((at, _)) = httparse::parse_headers(bytes, &mut fields).unwrap() else {
                return None;
            };
            return Some(&bytes[at..]);
        }
        bytes = bytes.get(usize::try_from(size).ok()?.checked_add(2)?..)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn heads_are_found_where_they_are(pipeline in prop::collection::vec(valid(), 0..5)) {
        let bytes: Vec<u8> = pipeline.iter().flat_map(|request| request.bytes.clone()).collect();
        prop_assert_eq!(follow(&[&bytes]), (pipeline.len(), None));
        let mut tracker = Tracker::new();
        let found: Vec<usize> =
            bytes.iter().enumerate().filter(|(_, byte)| tracker.feed(&[**byte]) == Ok(1)).map(|(at, _)| at + 1).collect();
        let mut at = 0;
        let mut expected = Vec::new();
        for request in &pipeline {
            at += request.bytes.len();
            expected.push(at - request.body.len());
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn however_reads_are_cut_the_verdict_is_the_same(
        bytes in prop_oneof![scraps(), nearly_valid()],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let whole = follow(&[&bytes]);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts {
            parts.push(&bytes[from..cut]);
            from = cut;
        }
        parts.push(&bytes[from..]);
        for other in [follow(&parts), follow(&single)] {
            prop_assert_eq!(other.1, whole.1);
            // A handshake with bytes behind it is not counted where it came along with them.
            let ahead = whole.1.is_some_and(|(fault, _)| fault == WireFault::AheadOfUpgrade);
            prop_assert!(other.0 == whole.0 || ahead && other.0 == whole.0 + 1);
        }
    }

    #[test]
    fn what_passes_is_read_the_same_by_another_parser(bytes in prop_oneof![scraps(), nearly_valid()]) {
        let clean = match Tracker::new().feed(&bytes) {
            Ok(heads) => (bytes.len(), heads),
            // A body's fault is found before its end, where the other still waits.
            Err(refusal) => (refusal.clean, refusal.heads),
        };
        if let Some(heads) = heads_by_httparse(&bytes[..clean.0]) {
            prop_assert_eq!(heads, clean.1);
        }
    }
}
