//! Clients that keep a worker waiting do not keep others out (R09).

use std::num::NonZeroU32;

use buckler_gateway::upstream::UpstreamSettings;

use crate::http2::raw::{DATA, END_HEADERS, END_STREAM, HEADERS, Outcome, Secure, block, with};
use crate::support::{Backend, Client, Running, fields, gateway, until};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn one_place() -> UpstreamSettings {
    UpstreamSettings { concurrency: NonZeroU32::new(1), ..UpstreamSettings::default() }
}

/// Sends as much as anybody takes for `/large`, and a word for anything else.
async fn backend() -> Backend {
    Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        while let Some(request) = client.message(true).await {
            if !request.starts_with("GET /large") {
                client.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
                continue;
            }
            client.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await;
            let chunk = vec![0; 100_000];
            while tokio::io::AsyncWriteExt::write_all(&mut client.stream, &chunk).await.is_ok() {}
        }
    })
    .await
}

/// Asks until there is a place.
async fn others_are_served(running: &Running) {
    loop {
        let answer = running.ask(GET).await;
        match answer.status() {
            200 => return,
            503 => {}
            other => panic!("{other}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn who_does_not_take_its_answer_does_not_keep_the_place() {
    let backend = backend().await;
    let running = gateway(backend.endpoints(one_place()), |_| {}).await;
    let mut slow = running.client().await;
    slow.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let head = slow.head().await.unwrap();
    assert_eq!(fields(&head, "content-length"), ["1000000000"]);
    others_are_served(&running).await;
    // It is slow, not refused.
    assert!(slow.more().await);
}

#[tokio::test]
async fn a_shut_window_does_not_keep_the_place() {
    let backend = backend().await;
    let secure = Secure::new(backend.endpoints(one_place()), |_| {}).await;
    let mut raw = secure.raw_with(&[(4, 1_000)]).await;
    raw.get(1, &with(&[(":path", "/large")])).await;
    assert_eq!(raw.outcome(1).await, Some(Outcome::Status(200)));
    loop {
        let mut other = secure.raw().await;
        other.get(1, &with(&[])).await;
        match other.outcome(1).await {
            Some(Outcome::Status(200)) => break,
            Some(Outcome::Status(503)) => {}
            outcome => panic!("{outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_body_that_trickles_does_not_keep_the_place() {
    let backend = backend().await;
    let running = gateway(backend.endpoints(one_place()), |_| {}).await;
    let mut slow = running.client().await;
    slow.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf").await;
    until(|| backend.connections() == 1).await;
    others_are_served(&running).await;
    slow.send("full").await;
    assert_eq!(slow.answer("POST").await.text(), "hello");

    let secure = Secure::new(backend.endpoints(one_place()), |_| {}).await;
    let mut raw = secure.raw().await;
    raw.send(HEADERS, END_HEADERS, 1, &block(&with(&[(":method", "POST"), ("content-length", "8")]))).await;
    raw.send(DATA, 0, 1, b"half").await;
    for stream in (3..).step_by(2) {
        raw.get(stream, &with(&[])).await;
        match raw.outcome(stream).await {
            Some(Outcome::Status(200)) => break,
            Some(Outcome::Status(503)) => {}
            outcome => panic!("{outcome:?}"),
        }
    }
    raw.send(DATA, END_STREAM, 1, b"full").await;
    assert_eq!(raw.outcome(1).await, Some(Outcome::Status(200)));
}
