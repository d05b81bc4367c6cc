//! Clients that try to be read in two ways. Whatever they send: one request is one request to the app, or none.

use std::time::Duration;

use crate::support::{Backend, Client, before, fields, gateway};

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn what_is_not_http_is_refused_without_the_app() {
    // R11
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000));
    let long_field = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(140_000));
    let many_fields = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(1000));
    let endless = "GET / HTTP/1.1\r\nHost: x\r\nX: ".to_owned() + &"a".repeat(1_000_000);
    let cases: &[(&str, &[u8], u16)] = &[
        ("no HTTP at all", b"hello\r\n\r\n", 400),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        ("HTTP/0.9", b"GET /\r\n\r\n", 400),
        ("a version of the future", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
        ("a space in the target", b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("a NUL in the target", b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("a space before the colon", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello", 400),
        ("a folded line", b"GET / HTTP/1.1\r\nHost: x\r\nX: 1\r\n 2\r\n\r\n", 400),
        ("no colon", b"GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400),
        ("a bare CR in a value", b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb: c\r\n\r\n", 400),
        ("a NUL in a value", b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", 400),
        ("two lengths", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
        ("a list of lengths", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello", 400),
        ("a signed length", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello", 400),
        ("a hexadecimal length", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello", 400),
        (
            "a length beyond all numbers",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
            400,
        ),
        ("an unknown transfer coding", b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: cow\r\n\r\n", 400),
        (
            "chunked not last",
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("a disguised coding", b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        ("chunks in HTTP/1.0", b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (
            "a length beside chunks",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "a length said twice",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            400,
        ),
        (
            "chunked said twice",
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("two hosts", b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        ("lines that end with LF", b"GET / HTTP/1.1\nHost: x\n\n", 400),
        ("one line that ends with LF", b"GET / HTTP/1.1\r\nHost: x\nX: 1\r\n\r\n", 400),
        ("empty lines before", b"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("a field name before its head ends", b"GET / HTTP/1.1\r\n\x01", 400),
        ("a long target", long_target.as_bytes(), 414),
        ("a long field", long_field.as_bytes(), 431),
        ("many fields", many_fields.as_bytes(), 431),
        ("a head without end", endless.as_bytes(), 431),
    ];
    let (backend, requests) = Backend::fixed(HELLO).await;
    let gateway = gateway(backend.endpoints(buckler_gateway::upstream::UpstreamSettings::default()), |settings| {
        settings.max_head = 64 * 1024;
    })
    .await;
    for (what, bytes, status) in cases {
        let mut client = gateway.client().await;
        // What is sent after the refusal may find the connection closed.
        let _refused_while_sending = tokio::io::AsyncWriteExt::write_all(&mut client.stream, bytes).await;
        let answer = client.answer("GET").await;
        assert_eq!(answer.status(), *status, "{what}: {answer:?}");
        assert_eq!(answer.fields("content-type"), ["application/problem+json"], "{what}");
        assert_eq!(answer.fields("connection"), ["close"], "{what}");
        assert!(answer.whole && answer.text().contains("\"code\":"), "{what}: {answer:?}");
    }
    assert!(requests.all().is_empty(), "{:?}", requests.all());
}

#[tokio::test]
async fn a_refusal_comes_after_the_answers_before_it() {
    let (backend, _) = Backend::fixed(HELLO).await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n").await;
    assert_eq!(client.answer("GET").await.text(), "hello");
    assert_eq!(client.answer("GET").await.status(), 400);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn what_came_before_a_faulty_head_is_answered_and_nothing_behind_it_is_read() {
    // R01
    let good = "POST /good HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
    let bad = "POST /bad HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let behind = "GET /behind HTTP/1.1\r\nHost: x\r\n\r\n";
    let sent = format!("{good}{good}{good}{bad}{behind}");
    for piece in [sent.len(), good.len(), 7, 1] {
        let (backend, requests) = Backend::fixed(HELLO).await;
        let gateway = before(&backend).await;
        let mut client = gateway.client().await;
        client.stream.set_nodelay(true).unwrap();
        for part in sent.as_bytes().chunks(piece) {
            // What is sent after the refusal may find the connection closed.
            let _refused_while_sending = tokio::io::AsyncWriteExt::write_all(&mut client.stream, part).await;
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            assert_eq!(client.answer("POST").await.text(), "hello", "in pieces of {piece}");
        }
        let answer = client.answer("POST").await;
        assert_eq!(answer.status(), 400, "in pieces of {piece}");
        assert!(answer.text().contains("a length and a transfer coding"), "{answer:?}");
        assert!(client.is_closed().await);
        assert_eq!(requests.all().len(), 3, "in pieces of {piece}");
        assert!(requests.all().iter().all(|request| request.starts_with("POST /good ")));
    }
}

#[tokio::test]
async fn a_faulty_head_waits_for_the_answer_under_way() {
    // R01
    let (go, going) = tokio::sync::watch::channel(false);
    let backend = Backend::new(move |stream, _| {
        let mut going = going.clone();
        async move {
            let mut client = Client::new(stream);
            client.head().await.unwrap();
            client.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe").await;
            going.wait_for(|going| *going).await.unwrap();
            client.send("llo").await;
            client.more().await;
        }
    })
    .await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    client.head().await.unwrap();
    assert_eq!(client.exactly(2).await.unwrap(), b"he");
    client.send("GET / HTTP/1.1\r\nHost : x\r\n\r\n").await;
    // The faulty head has to be there before the answer goes on.
    tokio::time::sleep(Duration::from_millis(200)).await;
    go.send(true).unwrap();
    assert_eq!(client.exactly(3).await.unwrap(), b"llo");
    assert_eq!(client.answer("GET").await.status(), 400);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_client_that_said_close_is_not_answered_further() {
    let (backend, requests) = Backend::fixed(HELLO).await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nnonsense\r\n\r\n").await;
    assert_eq!(client.answer("GET").await.text(), "hello");
    assert!(client.is_closed().await);
    assert_eq!(requests.all().len(), 1);
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_never_reaches_the_app() {
    // R02
    struct Case {
        what: &'static str,
        sent: &'static str,
        received: &'static [&'static str],
    }
    let cases = [
        Case {
            what: "CL.TE",
            sent: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\nHost: x\r\nX: 1\r\n\r\n",
            received: &[],
        },
        Case {
            what: "TE.CL",
            sent: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /admin HTTP/1.1\r\nHost: x\r\n\r\n",
            received: &[],
        },
        Case {
            what: "a length that lies in a chunked body",
            sent: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
            received: &[],
        },
        Case {
            what: "a body that looks like a request",
            sent: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 35\r\n\r\nGET /admin HTTP/1.1\r\nHost: evil\r\n\r\n",
            received: &[
                "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 35\r\n\r\nGET /admin HTTP/1.1\r\nHost: evil\r\n\r\n",
            ],
        },
        Case {
            what: "one length said twice",
            sent: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
            received: &[],
        },
        Case {
            what: "a body of GET",
            sent: "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 32\r\n\r\nGET /admin HTTP/1.1\r\nHost: x\r\n\r\n",
            received: &[
                "GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 32\r\n\r\nGET /admin HTTP/1.1\r\nHost: x\r\n\r\n",
            ],
        },
    ];
    for case in cases {
        let (backend, requests) = Backend::fixed(HELLO).await;
        let gateway = before(&backend).await;
        let mut client = gateway.client().await;
        client.send(case.sent).await;
        client.answer("GET").await;
        // Whatever is left over of what was sent would be read before this.
        let after = "GET /after HTTP/1.1\r\nHost: x\r\n\r\n";
        let _closed = tokio::io::AsyncWriteExt::write_all(&mut client.stream, after.as_bytes()).await;
        client.answer("GET").await;
        let mut received = requests.all();
        received.retain(|request| !request.starts_with("GET /after "));
        assert_eq!(received, case.received, "{}", case.what);
    }
}

#[tokio::test]
async fn chunks_that_lie_break_the_request_and_nothing_else() {
    // R02
    let cases = [
        "5\r\nhelloGET /admin HTTP/1.1\r\nHost: x\r\n\r\n",
        "zz\r\nhello\r\n0\r\n\r\n",
        "-1\r\nhello\r\n0\r\n\r\n",
        "5 \n hello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5;\nhello\r\n0\r\n\r\n",
    ];
    for body in cases {
        let (backend, requests) = Backend::fixed(HELLO).await;
        let gateway = before(&backend).await;
        let mut client = gateway.client().await;
        client.send(format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{body}")).await;
        let answer = client.answer("POST").await;
        assert!(answer.head.is_empty() || answer.status() == 400, "{body}: {answer:?}");
        assert!(requests.all().is_empty(), "{body}: {:?}", requests.all());
    }
}

#[tokio::test]
async fn a_client_cannot_take_judged_fields_away() {
    // R03
    let (backend, requests) = Backend::fixed(HELLO).await;
    let gateway = before(&backend).await;
    let request = "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\nX-Forwarded-For: 192.0.2.1\r\nOrigin: https://x\r\n\
         Connection: host, content-length, authorization, x-forwarded-for, origin\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(gateway.ask(request).await.status(), 200);
    let received = requests.last();
    for name in ["host", "content-length", "authorization", "x-forwarded-for", "origin"] {
        assert_eq!(fields(&received, name).len(), 1, "{name}");
    }
    assert!(fields(&received, "connection").is_empty(), "{received}");
}
