//! A WebSocket passes, and nothing else that calls itself an upgrade.

use std::time::Duration;

use buckler_gateway::upstream::UpstreamSettings;
use buckler_policy::settings::Timeouts;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::support::{Backend, Client, TIMEOUTS, before, fields, gateway};

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A backend that agrees, with its first bytes right behind, and then echoes until the client ends.
async fn echo() -> Backend {
    Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        let Some(head) = client.head().await else { return };
        assert_eq!(fields(&head, "upgrade"), ["websocket"]);
        assert_eq!(fields(&head, "connection"), ["upgrade"]);
        client.send(format!("{SWITCH}welcome")).await;
        loop {
            let bytes = std::mem::take(&mut client.buffer);
            if !bytes.is_empty() {
                client.send(bytes).await;
            }
            if !client.more().await {
                break;
            }
        }
        client.send("goodbye").await;
    })
    .await
}

#[tokio::test]
async fn bytes_pass_both_ways_and_ends_are_passed_on() {
    let backend = echo().await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    client.send(HANDSHAKE).await;
    let answer = client.answer("GET").await;
    assert_eq!(answer.status(), 101);
    assert_eq!(answer.fields("upgrade"), ["websocket"]);
    assert_eq!(answer.fields("connection"), ["upgrade"]);
    assert_eq!(answer.fields("sec-websocket-accept").len(), 1);
    assert!(answer.fields("content-length").is_empty() && answer.fields("transfer-encoding").is_empty());
    assert_eq!(client.exactly(7).await.unwrap(), b"welcome");
    for size in [1, 100, 100_000] {
        let message = vec![b'm'; size];
        let (mut read, mut write) = tokio::io::split(client.stream);
        let (sent, received) = tokio::join!(write.write_all(&message), async {
            let mut received = vec![0; size];
            tokio::io::AsyncReadExt::read_exact(&mut read, &mut received).await.map(|_| received)
        });
        sent.unwrap();
        assert_eq!(received.unwrap(), message);
        client.stream = read.unsplit(write);
    }
    // One direction ends, the other goes on.
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.rest().await, "goodbye");
}

#[tokio::test]
async fn nothing_is_sent_ahead_of_the_apps_consent() {
    // R01
    let (heard, mut what) = mpsc::unbounded_channel();
    let (agree, agreed) = tokio::sync::watch::channel(false);
    let backend = Backend::new(move |stream, _| {
        let (heard, mut agreed) = (heard.clone(), agreed.clone());
        async move {
            let mut client = Client::new(stream);
            client.head().await.unwrap();
            heard.send("a handshake".to_owned()).unwrap();
            agreed.wait_for(|agreed| *agreed).await.unwrap();
            client.send(SWITCH).await;
            heard.send(client.rest().await).unwrap();
        }
    })
    .await;
    let gateway = before(&backend).await;

    // In one piece, the app is not even asked.
    let mut client = gateway.client().await;
    client.send(format!("{HANDSHAKE}ahead")).await;
    let answer = client.answer("GET").await;
    assert_eq!(answer.status(), 400);
    assert!(answer.text().contains("before the upgrade was agreed"), "{answer:?}");
    assert!(client.is_closed().await);
    assert_eq!(backend.connections(), 0);

    // Sent later, the app's consent comes too late.
    let mut client = gateway.client().await;
    client.send(HANDSHAKE).await;
    assert_eq!(what.recv().await.unwrap(), "a handshake");
    client.send("ahead").await;
    // The bytes have to be there before the consent is.
    tokio::time::sleep(Duration::from_millis(200)).await;
    agree.send(true).unwrap();
    assert_eq!(client.answer("GET").await.status(), 400);
    assert!(client.is_closed().await);
    assert_eq!(what.recv().await.unwrap(), "", "the app got what was sent ahead");
}

#[tokio::test]
async fn a_refused_handshake_is_an_ordinary_answer_and_what_follows_an_ordinary_request() {
    let (backend, requests) = Backend::answering(|request| {
        let status =
            if request.starts_with("GET /chat") { "426 Upgrade Required\r\nupgrade: websocket" } else { "200 OK" };
        format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nno")
    })
    .await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    client.send(HANDSHAKE).await;
    let answer = client.answer("GET").await;
    assert_eq!((answer.status(), answer.text()), (426, "no"));
    assert_eq!(answer.fields("upgrade"), ["websocket"]);
    client.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(client.answer("GET").await.status(), 200);
    assert!(requests.last().starts_with("GET /next HTTP/1.1\r\n"));
    assert_eq!(backend.connections(), 1, "a refused handshake spoils no connection");
}

#[tokio::test]
async fn other_upgrades_reach_the_app_as_ordinary_requests() {
    let (backend, requests) = Backend::fixed("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let gateway = before(&backend).await;
    let cases = [
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket, h2c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nhi",
        "GET / HTTP/1.0\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ];
    for request in cases {
        assert_eq!(gateway.ask(request).await.status(), 200, "{request}");
        let received = requests.last();
        assert!(fields(&received, "upgrade").is_empty(), "{received}");
        assert!(fields(&received, "connection").is_empty(), "{received}");
    }
}

#[tokio::test]
async fn an_app_that_switches_to_something_else_has_failed() {
    for says in [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ] {
        let (backend, _) = Backend::fixed(says).await;
        let gateway = before(&backend).await;
        assert_eq!(gateway.ask(HANDSHAKE).await.status(), 502);
    }
}

#[tokio::test]
async fn a_side_that_vanishes_takes_the_other_along() {
    let (ended, mut when) = mpsc::unbounded_channel();
    let backend = Backend::new(move |stream, _| {
        let ended = ended.clone();
        async move {
            let mut client = Client::new(stream);
            client.head().await.unwrap();
            client.send(SWITCH).await;
            client.rest().await;
            ended.send(()).unwrap();
        }
    })
    .await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    client.send(HANDSHAKE).await;
    assert_eq!(client.answer("GET").await.status(), 101);
    drop(client);
    when.recv().await.unwrap();

    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        client.head().await.unwrap();
        client.send(SWITCH).await;
    })
    .await;
    let gateway = before(&backend).await;
    let mut client = gateway.client().await;
    client.send(HANDSHAKE).await;
    assert_eq!(client.answer("GET").await.status(), 101);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn silence_does_not_end_a_websocket_and_the_drain_deadline_does() {
    // R09
    let backend = echo().await;
    let endpoint = backend.endpoint(UpstreamSettings::default());
    let endpoints = buckler_gateway::upstream::Endpoints::fixed(vec![endpoint.clone()]);
    let gateway = gateway(endpoints, |settings| {
        let short = Duration::from_millis(50);
        settings.timeouts = Timeouts { idle: short, header: short, drain: short, ..TIMEOUTS };
        settings.write_stall = short;
    })
    .await;
    let mut client = gateway.client().await;
    client.send(HANDSHAKE).await;
    assert_eq!(client.answer("GET").await.status(), 101);
    tokio::time::sleep(Duration::from_millis(300)).await;
    client.send("x").await;
    assert_eq!(client.exactly(8).await.unwrap(), b"welcomex");
    assert_eq!(endpoint.in_flight(), 1);
    gateway.stop();
    assert!(client.is_closed().await);
    let events = gateway.events.clone();
    gateway.ended().await;
    assert!(events.any("Cut"), "{:?}", events.all());
    endpoint.drained().await;
}
