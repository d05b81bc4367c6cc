//! Every wait has an end. Deadlines here are short, and no test depends on how soon they fire.

use std::time::Duration;

use buckler_gateway::upstream::UpstreamSettings;
use buckler_policy::settings::Timeouts;
use tokio::io::AsyncWriteExt as _;

use crate::support::{Backend, Client, TIMEOUTS, gateway};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_head_that_does_not_end_is_answered_408() {
    // R08
    let (backend, requests) = Backend::fixed(HELLO).await;
    let gateway = gateway(backend.endpoints(UpstreamSettings::default()), |settings| {
        settings.timeouts = Timeouts { header: SHORT, ..TIMEOUTS };
    })
    .await;
    for sent in ["G", "GET / HTTP/1.1\r\nHost: x\r\n", "\r\n"] {
        let mut client = gateway.client().await;
        client.send(sent).await;
        let answer = client.answer("GET").await;
        assert_eq!(answer.status(), 408, "{sent:?}");
        assert!(answer.text().contains("\"code\":\"timeout\""), "{answer:?}");
        assert!(client.is_closed().await);
    }
    // The second head of a connection has the same deadline.
    let mut client = gateway.client().await;
    client.send(GET).await;
    assert_eq!(client.answer("GET").await.status(), 200);
    client.send("GET / HT").await;
    assert_eq!(client.answer("GET").await.status(), 408);
    assert_eq!(requests.all().len(), 1);
    assert!(gateway.events.any("deadline: Head"));
}

#[tokio::test]
async fn a_client_that_drips_its_head_is_cut_all_the_same() {
    // R08
    let (backend, _) = Backend::fixed(HELLO).await;
    let gateway = gateway(backend.endpoints(UpstreamSettings::default()), |settings| {
        settings.timeouts = Timeouts { header: SHORT, ..TIMEOUTS };
    })
    .await;
    let client = gateway.client().await;
    let (mut read, mut write) = client.stream.into_split();
    let drip = tokio::spawn(async move {
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut answer = Vec::new();
    let _reset = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    drop(read);
    drip.await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    // R08
    let (backend, _) = Backend::fixed(HELLO).await;
    let gateway = gateway(backend.endpoints(UpstreamSettings::default()), |settings| {
        settings.timeouts = Timeouts { idle: SHORT, ..TIMEOUTS };
    })
    .await;
    let mut fresh = gateway.client().await;
    assert!(fresh.is_closed().await);
    let mut used = gateway.client().await;
    used.send(GET).await;
    assert_eq!(used.answer("GET").await.status(), 200);
    assert!(used.is_closed().await);
}

#[tokio::test]
async fn an_app_may_be_slow_while_the_client_waits() {
    // R09: neither the idle nor the head's deadline runs while a request is in the app's hands.
    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        client.message(false).await;
        tokio::time::sleep(4 * SHORT).await;
        client.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nh").await;
        tokio::time::sleep(4 * SHORT).await;
        client.send("i").await;
        client.message(false).await;
    })
    .await;
    let settings = UpstreamSettings { first_byte: 10 * SHORT, ..UpstreamSettings::default() };
    let gateway = gateway(backend.endpoints(settings), |settings| {
        settings.timeouts = Timeouts { idle: SHORT, header: SHORT, body: SHORT, ..TIMEOUTS };
        settings.write_stall = SHORT;
    })
    .await;
    assert_eq!(gateway.ask(GET).await.text(), "hi");
}

#[tokio::test]
async fn a_body_that_drips_is_cut_and_the_app_is_left_alone() {
    // R08
    let (backend, requests) = Backend::fixed(HELLO).await;
    let gateway = gateway(backend.endpoints(UpstreamSettings::default()), |settings| {
        settings.timeouts = Timeouts { body: SHORT, ..TIMEOUTS };
    })
    .await;
    let mut client = gateway.client().await;
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx").await;
    let answer = client.answer("POST").await;
    assert_eq!(answer.status(), 408, "{answer:?}");
    client.stream.shutdown().await.unwrap();
    assert!(client.is_closed().await);
    assert!(requests.all().is_empty());
}

#[tokio::test]
async fn an_app_that_never_answers_is_a_504() {
    // R11
    let silent = |stream, _| async move {
        let mut client = Client::new(stream);
        client.rest().await;
    };
    let half = |stream, _| async move {
        let mut client = Client::new(stream);
        client.head().await;
        client.send("HTTP/1.1 200 O").await;
        client.rest().await;
    };
    let requests = [GET, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"];
    for backend in [Backend::new(silent).await, Backend::new(half).await] {
        let settings = UpstreamSettings { first_byte: SHORT, ..UpstreamSettings::default() };
        let gateway = gateway(backend.endpoints(settings), |_| {}).await;
        for (turn, request) in requests.iter().enumerate() {
            assert_eq!(gateway.ask(request).await.status(), 504, "{request}");
            assert_eq!(backend.connections(), turn + 1, "the connection is not used again");
        }
    }
}

#[tokio::test]
async fn an_app_is_not_blamed_for_a_client_that_is_still_sending() {
    // R08: the client takes several times the app's deadline, and no single pause is longer than the grace.
    let (backend, requests) = Backend::fixed(HELLO).await;
    let settings = UpstreamSettings { first_byte: SHORT, ..UpstreamSettings::default() };
    let gateway = gateway(backend.endpoints(settings), |_| {}).await;
    let mut client = gateway.client().await;
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n").await;
    for _ in 0..5 {
        tokio::time::sleep(SHORT).await;
        client.send("x").await;
    }
    assert_eq!(client.answer("POST").await.status(), 200);
    assert!(requests.last().ends_with("xxxxx"));
}

#[tokio::test]
async fn an_app_that_stops_reading_is_a_504() {
    // R11
    let backend = Backend::new(|stream, _| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let settings = UpstreamSettings { first_byte: SHORT, ..UpstreamSettings::default() };
    let gateway = gateway(backend.endpoints(settings), |_| {}).await;
    let client = gateway.client().await;
    let (read, mut write) = client.stream.into_split();
    let sending = tokio::spawn(async move {
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", u32::MAX);
        write.write_all(head.as_bytes()).await.unwrap();
        while write.write_all(&[0; 4 * 1024]).await.is_ok() {}
    });
    let mut answer = Vec::new();
    let mut read = read;
    let _reset = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 504"), "{}", String::from_utf8_lossy(&answer));
    drop(read);
    sending.await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    // R08
    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        client.head().await;
        client.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", u32::MAX)).await;
        while client.stream.write_all(&[0; 4 * 1024]).await.is_ok() {}
    })
    .await;
    let gateway =
        gateway(backend.endpoints(UpstreamSettings::default()), |settings| settings.write_stall = SHORT).await;
    let mut client = gateway.client().await;
    client.send(GET).await;
    crate::support::until(|| gateway.events.any("deadline: WriteStall")).await;
    client.rest().await;
}

#[tokio::test]
async fn a_silent_stream_is_no_stall() {
    // R08
    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        client.head().await;
        client.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n").await;
        tokio::time::sleep(5 * SHORT).await;
        client.send("1\r\nb\r\n0\r\n\r\n").await;
        client.message(false).await;
    })
    .await;
    let settings = UpstreamSettings { first_byte: SHORT, ..UpstreamSettings::default() };
    let gateway = gateway(backend.endpoints(settings), |settings| {
        settings.write_stall = SHORT;
        settings.timeouts = Timeouts { idle: SHORT, header: SHORT, ..TIMEOUTS };
    })
    .await;
    let answer = gateway.ask(GET).await;
    assert_eq!((answer.text(), answer.whole), ("ab", true));
}

#[tokio::test]
async fn no_more_than_so_many_are_let_in_and_the_next_waits() {
    // R08
    let (backend, _) = Backend::fixed(HELLO).await;
    let gateway =
        gateway(backend.endpoints(UpstreamSettings::default()), |settings| settings.max_connections = 2).await;
    let mut one = gateway.client().await;
    let mut two = gateway.client().await;
    for client in [&mut one, &mut two] {
        client.send(GET).await;
        assert_eq!(client.answer("GET").await.status(), 200);
    }
    let mut three = gateway.client().await;
    three.send(GET).await;
    crate::support::until(|| gateway.events.any("Full")).await;
    drop(one);
    assert_eq!(three.answer("GET").await.status(), 200);
}

#[tokio::test]
async fn idle_connections_to_the_app_are_closed() {
    // R09
    let (ended, mut when) = tokio::sync::mpsc::unbounded_channel();
    let backend = Backend::new(move |stream, _| {
        let ended = ended.clone();
        async move {
            let mut client = Client::new(stream);
            while client.message(false).await.is_some() {
                client.send(HELLO).await;
            }
            ended.send(()).unwrap();
        }
    })
    .await;
    let settings = UpstreamSettings { pool_idle: SHORT, ..UpstreamSettings::default() };
    let gateway = gateway(backend.endpoints(settings), |_| {}).await;
    assert_eq!(gateway.ask(GET).await.status(), 200);
    when.recv().await.unwrap();
    assert_eq!(gateway.ask(GET).await.status(), 200);
    assert_eq!(backend.connections(), 2);
}
