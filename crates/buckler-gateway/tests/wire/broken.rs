//! Apps that fail in every way: the client is told, or cut off; nothing half is passed for whole.

use std::time::Duration;

use buckler_gateway::upstream::{RESPONSE_FIELDS, UpstreamSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Backend, Client, before, gateway, signal, until};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// What a broken app does with a request.
#[derive(Clone, Copy)]
enum Does {
    /// Closes without reading.
    CloseAtOnce,
    /// Closes after the request.
    Close,
    /// Sends this, then closes.
    Say(&'static str),
    /// Sends a head that never ends.
    EndlessHead,
    /// Sends a head with this many fields, its length among them.
    Fields(usize),
    /// Sends a head of this many bytes.
    LongHead(usize),
}

async fn act(does: Does, stream: TcpStream) {
    let mut client = Client::new(stream);
    if matches!(does, Does::CloseAtOnce) {
        return;
    }
    client.message(false).await;
    match does {
        Does::CloseAtOnce | Does::Close => {}
        Does::Say(text) => client.send(text).await,
        Does::EndlessHead => {
            client.send("HTTP/1.1 200 OK\r\n").await;
            let line = format!("x-long: {}\r\n", "a".repeat(4000));
            while client.stream.write_all(line.as_bytes()).await.is_ok() {}
        }
        Does::LongHead(bytes) => {
            client.send(format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "a".repeat(bytes))).await;
            client.message(false).await;
        }
        Does::Fields(count) => {
            let fields = "x: 1\r\n".repeat(count - 1);
            client.send(format!("HTTP/1.1 200 OK\r\n{fields}content-length: 0\r\n\r\n")).await;
            client.message(false).await;
        }
    }
}

#[tokio::test]
async fn an_answer_may_have_as_many_fields_as_are_promised() {
    let backend = Backend::new(|stream, _| act(Does::Fields(RESPONSE_FIELDS), stream)).await;
    let answer = before(&backend).await.ask(GET).await;
    assert_eq!((answer.status(), answer.fields("x").len()), (200, RESPONSE_FIELDS - 1));
}

#[tokio::test]
async fn an_app_that_fails_before_its_answer_is_a_502_and_its_connection_is_gone() {
    // R11
    let cases = [
        ("closes without reading", Does::CloseAtOnce),
        ("closes after the request", Does::Close),
        ("half a status line", Does::Say("HTTP/1.1 20")),
        ("half a head", Does::Say("HTTP/1.1 200 OK\r\ncontent-le")),
        ("garbage", Does::Say("\x16\x03\x01\x02\x00\x01\x00\x01\u{0}\u{0}")),
        ("no HTTP", Does::Say("220 mail.example ESMTP\r\n\r\n")),
        ("a version of the future", Does::Say("HTTP/3.0 200 OK\r\n\r\n")),
        ("a status that is none", Does::Say("HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n")),
        ("a space before the colon", Does::Say("HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n")),
        ("a folded line", Does::Say("HTTP/1.1 200 OK\r\nx: 1\r\n 2\r\ncontent-length: 0\r\n\r\n")),
        ("a NUL in a value", Does::Say("HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n")),
        ("two lengths", Does::Say("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab")),
        ("a negative length", Does::Say("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n")),
        ("a length beyond all numbers", Does::Say("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n")),
        ("chunks in HTTP/1.0", Does::Say("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")),
        (
            "switches protocols unasked",
            Does::Say("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"),
        ),
        ("only interim answers", Does::Say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n")),
        ("a head without end", Does::EndlessHead),
        ("too many fields", Does::Fields(RESPONSE_FIELDS + 1)),
        ("a long head", Does::LongHead(100_000)),
    ];
    for (what, does) in cases {
        let backend = Backend::new(move |stream, _| act(does, stream)).await;
        let gateway = before(&backend).await;
        for turn in 1..=2 {
            let answer = gateway.ask(GET).await;
            assert_eq!((answer.status(), answer.whole), (502, true), "{what}: {answer:?}");
            assert_eq!(backend.connections(), turn, "{what}: the connection was used again");
        }
    }
}

#[tokio::test]
async fn nobody_there_is_a_502() {
    let backend = Backend::new(|_, _| async {}).await;
    let endpoints = backend.endpoints(UpstreamSettings::default());
    let address = backend.address;
    drop(backend);
    until(|| std::net::TcpStream::connect(address).is_err()).await;
    let gateway = gateway(endpoints, |_| {}).await;
    assert_eq!(gateway.ask(GET).await.status(), 502);
}

#[tokio::test]
async fn half_an_answer_never_looks_whole() {
    // R11
    let cases = [
        ("less than its length", GET, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"),
        ("nothing of its length", GET, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"),
        ("no last chunk", GET, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        ("half a chunk", GET, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhalf"),
        ("a chunk size that is none", GET, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n"),
        (
            "no last chunk, to HTTP/1.0",
            "GET / HTTP/1.0\r\nHost: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        ),
    ];
    for (what, request, says) in cases {
        let backend = Backend::new(move |stream, _| act(Does::Say(says), stream)).await;
        let gateway = before(&backend).await;
        let answer = gateway.ask(request).await;
        assert!(!answer.whole, "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn what_follows_an_answer_never_answers_the_next_request() {
    // R11
    let says = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrueHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfalse";
    for (status, says) in [
        (200, says),
        (204, "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfalse"),
        (304, "HTTP/1.1 304 Not Modified\r\n\r\nfalse"),
    ] {
        let backend = Backend::new(move |stream, number| async move {
            let mut client = Client::new(stream);
            client.message(false).await;
            client.send(if number == 0 { says } else { "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnext" }).await;
            client.message(false).await;
        })
        .await;
        let gateway = before(&backend).await;
        let mut client = gateway.client().await;
        client.send(GET).await;
        assert_eq!(client.answer("GET").await.status(), status);
        client.send(GET).await;
        assert_eq!(client.answer("GET").await.text(), "next", "{status}");
        assert_eq!(backend.connections(), 2, "{status}");
    }
}

#[tokio::test]
async fn an_answer_to_http_1_0_is_the_last_over_its_connection() {
    let says = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi";
    let (backend, _) = Backend::fixed(says).await;
    let gateway = before(&backend).await;
    assert_eq!(gateway.ask(GET).await.text(), "hi");
    assert_eq!(gateway.ask(GET).await.text(), "hi");
    assert_eq!(backend.connections(), 2);
}

/// A backend whose first connection answers once, and is closed when the second request has come over it.
async fn closing_on_the_second() -> Backend {
    Backend::new(|stream, number| async move {
        let mut client = Client::new(stream);
        while client.message(false).await.is_some() {
            client.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
            if number == 0 {
                client.message(false).await;
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_request_is_sent_again_only_if_the_app_cannot_have_acted_on_it() {
    // R09
    let cases = [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200, 2),
        ("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", 200, 2),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 502, 1),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", 502, 1),
        ("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", 502, 1),
        ("PATCH / HTTP/1.1\r\nHost: x\r\n\r\n", 502, 1),
    ];
    for (request, status, connections) in cases {
        let backend = closing_on_the_second().await;
        let gateway = before(&backend).await;
        assert_eq!(gateway.ask(GET).await.status(), 200);
        assert_eq!(gateway.ask(request).await.status(), status, "{request}");
        assert_eq!(backend.connections(), connections, "{request}");
    }
}

#[tokio::test]
async fn a_pooled_connection_that_the_app_closed_is_not_used() {
    // R09
    let (closed, when) = signal();
    let closed = std::sync::Mutex::new(Some(closed));
    let closed = std::sync::Arc::new(closed);
    let backend = Backend::new(move |stream, _| {
        let closed = closed.clone();
        async move {
            let mut client = Client::new(stream);
            client.message(false).await;
            client.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
            drop(client);
            if let Some(closed) = closed.lock().unwrap().take() {
                closed.send(()).unwrap();
            }
        }
    })
    .await;
    let gateway = before(&backend).await;
    assert_eq!(gateway.ask(GET).await.text(), "hi");
    when.await.unwrap();
    let answer = gateway.ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na").await;
    assert_eq!(answer.text(), "hi");
    assert_eq!(backend.connections(), 2);
}

#[tokio::test]
async fn an_early_answer_passes_and_ends_both_connections() {
    // R08
    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        client.head().await;
        client.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig").await;
        client.rest().await;
    })
    .await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nsome").await;
    let answer = client.answer("POST").await;
    assert_eq!((answer.status(), answer.text()), (413, "big"));
    // The rest of the upload still goes somewhere: no reset takes the answer away.
    client.send("more").await;
    client.stream.shutdown().await.unwrap();
    assert!(client.is_closed().await);
    assert_eq!(gateway.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.status(), 413);
    assert_eq!(backend.connections(), 2);
}

#[tokio::test]
async fn a_client_that_leaves_is_felt_by_the_app() {
    // R09
    for request in [GET, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"] {
        for answering in [false, true] {
            let (reached, when) = signal();
            let (left, gone) = signal();
            let signals = std::sync::Mutex::new(Some((reached, left)));
            let signals = std::sync::Arc::new(signals);
            let backend = Backend::new(move |stream, _| {
                let (reached, left) = signals.lock().unwrap().take().unwrap();
                async move {
                    let mut client = Client::new(stream);
                    client.head().await.unwrap();
                    if answering {
                        client.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n").await;
                    }
                    reached.send(()).unwrap();
                    let _rest = client.rest().await;
                    left.send(()).unwrap();
                }
            })
            .await;
            let gateway = before(&backend).await;
            let mut client = gateway.client().await;
            client.send(request).await;
            when.await.unwrap();
            if answering {
                client.head().await.unwrap();
            }
            drop(client);
            gone.await.expect("the app's connection ends");
        }
    }
}

#[tokio::test]
async fn events_arrive_one_by_one_in_their_order() {
    // R09
    let (next, mut wanted) = tokio::sync::mpsc::channel::<u32>(1);
    let wanted = std::sync::Arc::new(tokio::sync::Mutex::new(async move || wanted.recv().await));
    let backend = Backend::new(move |stream, _| {
        let wanted = wanted.clone();
        async move {
            let mut client = Client::new(stream);
            client.message(false).await;
            client
                .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
                .await;
            while let Some(event) = (wanted.lock().await)().await {
                let event = format!("data: {event}\n\n");
                client.send(format!("{:x}\r\n{event}\r\n", event.len())).await;
            }
        }
    })
    .await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    client.send(GET).await;
    client.head().await.expect("the head comes before the first event");
    for event in 1..=5 {
        // The next event is made only when this one has arrived: nothing may be waiting in a buffer.
        next.send(event).await.unwrap();
        let expected = format!("data: {event}\n\n");
        let chunk = format!("{:x}\r\n{expected}\r\n", expected.len());
        assert_eq!(client.exactly(chunk.len()).await.unwrap(), chunk.into_bytes());
    }
}

#[tokio::test]
async fn a_side_that_does_not_read_stops_the_other() {
    // R08
    const MORE_THAN_ALL_BUFFERS: usize = 64 * 1024 * 1024;
    let backend = Backend::new(|mut stream, _| async move {
        let mut head = [0; 16];
        stream.read_exact(&mut head).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    client.send(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {MORE_THAN_ALL_BUFFERS}\r\n\r\n")).await;
    let mut sent = 0;
    let chunk = vec![0; 64 * 1024];
    // A write that finds no room for this long finds none at all: the kernel's buffers are full.
    while let Ok(wrote) = tokio::time::timeout(Duration::from_millis(300), client.stream.write(&chunk)).await {
        sent += wrote.unwrap();
        assert!(sent < MORE_THAN_ALL_BUFFERS, "the gateway swallows what the app does not read");
    }
}
