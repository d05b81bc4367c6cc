//! Requests and answers of clients that behave.

use std::time::Duration;

use buckler_gateway::upstream::UpstreamSettings;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use super::raw::{
    ACK, DATA, END_HEADERS, END_STREAM, GET, GOAWAY, HEADERS, Outcome, PING, RST_STREAM, Secure, block, with,
};
use crate::support::{Backend, Client, signal, until};

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

fn get(path: &str) -> Request<()> {
    Request::get(format!("https://localhost{path}")).body(()).unwrap()
}

async fn whole(response: Response<h2::RecvStream>) -> (http::response::Parts, Vec<u8>, Option<HeaderMap>) {
    let (head, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        bytes.extend_from_slice(&data);
    }
    let trailers = body.trailers().await.unwrap();
    (head, bytes, trailers)
}

#[tokio::test]
async fn a_request_comes_as_http1_would_have_brought_it() {
    // R01
    let (backend, requests) = Backend::fixed(HELLO).await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let mut client = secure.client().await;
    let request = Request::get("https://localhost/a//b;c/%7e?q=%20&&x")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    let (head, body, _) = whole(answer.await.unwrap()).await;
    assert_eq!((head.status.as_u16(), body.as_slice()), (200, b"hello".as_slice()));
    assert!(head.headers.contains_key("date"));
    let seen = requests.last();
    assert!(seen.starts_with("GET /a//b;c/%7e?q=%20&&x HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("host: localhost\r\n"), "{seen}");
    assert!(seen.contains("cookie: a=1; b=2\r\n"), "{seen}");
    assert!(!seen.contains("content-length") && !seen.contains("transfer-encoding"), "{seen}");
}

#[tokio::test]
async fn bodies_keep_their_length_and_get_chunks_without_one() {
    let (backend, requests) = Backend::fixed(HELLO).await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let mut client = secure.client().await;
    for (length, framing) in [(Some(5), "content-length: 5\r\n"), (None, "transfer-encoding: chunked\r\n")] {
        let mut request = Request::post("https://localhost/").body(()).unwrap();
        if let Some(length) = length {
            request.headers_mut().insert("content-length", http::HeaderValue::from(length));
        }
        let (answer, mut body) = client.send_request(request, false).unwrap();
        body.send_data(Bytes::from_static(b"12345"), true).unwrap();
        assert_eq!(answer.await.unwrap().status(), 200);
        let seen = requests.last();
        assert!(seen.contains(framing), "{seen}");
        assert_eq!(seen.matches("content-length").count() + seen.matches("transfer-encoding").count(), 1, "{seen}");
        assert!(seen.contains("12345"), "{seen}");
    }
}

#[tokio::test]
async fn a_length_of_zero_is_no_body_wherever_the_stream_ends() {
    // So do clients that learn only afterwards that there is nothing to send.
    let (backend, requests) = Backend::fixed(HELLO).await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let mut raw = secure.raw().await;
    let fields = with(&[(":method", "POST"), ("content-length", "0")]);
    raw.send(HEADERS, END_HEADERS, 1, &block(&fields)).await;
    assert_eq!(raw.outcome(1).await, Some(Outcome::Status(200)));
    raw.send(DATA, END_STREAM, 1, b"").await;
    raw.get(3, &GET).await;
    assert_eq!(raw.outcome(3).await, Some(Outcome::Status(200)));
    let seen = requests.all();
    assert!(seen[0].contains("content-length: 0\r\n") && !seen[0].contains("transfer-encoding"), "{seen:?}");
}

#[tokio::test]
async fn megabytes_pass_both_ways_byte_for_byte() {
    const SIZE: usize = 5 * 1024 * 1024;
    let sent: Vec<u8> = (0..SIZE).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let expected = sent.clone();
    let backend = Backend::new(move |stream, _| {
        let expected = expected.clone();
        async move {
            let mut client = Client::new(stream);
            client.head().await.unwrap();
            let body = client.exactly(SIZE).await.unwrap();
            assert!(body == expected);
            client.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n")).await;
            client.send(&body).await;
            client.more().await;
        }
    })
    .await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let mut client = secure.client().await;
    let request = Request::post("https://localhost/").header("content-length", SIZE).body(()).unwrap();
    let (answer, mut body) = client.send_request(request, false).unwrap();
    let mut rest = Bytes::from(sent.clone());
    while !rest.is_empty() {
        body.reserve_capacity(rest.len());
        let room = std::future::poll_fn(|cx| body.poll_capacity(cx)).await.unwrap().unwrap();
        let piece = rest.split_to(room.min(rest.len()));
        body.send_data(piece, rest.is_empty()).unwrap();
    }
    let (_, received, _) = whole(answer.await.unwrap()).await;
    assert!(received == sent);
}

#[tokio::test]
async fn heads_ranges_trailers_and_empty_answers_keep_their_meaning() {
    let (backend, _) = Backend::answering(|request| {
        match request.split(' ').nth(1).unwrap() {
            "/head" => "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n",
            "/range" => "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-4/9\r\ncontent-length: 5\r\n\r\nhello",
            "/trailers" => {
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n"
            }
            "/none" => "HTTP/1.1 204 No Content\r\nconnection: keep-alive\r\nkeep-alive: timeout=5\r\n\r\n",
            _ => HELLO,
        }
        .to_owned()
    })
    .await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let mut client = secure.client().await;
    let head = Request::head("https://localhost/head").body(()).unwrap();
    let (answer, _) = client.send_request(head, true).unwrap();
    let (head, body, _) = whole(answer.await.unwrap()).await;
    assert_eq!((head.headers["content-length"].as_bytes(), body.len()), (b"5000".as_slice(), 0));

    let (answer, _) = client.send_request(get("/range"), true).unwrap();
    let (head, body, _) = whole(answer.await.unwrap()).await;
    assert_eq!((head.status.as_u16(), body.as_slice()), (206, b"hello".as_slice()));
    assert_eq!(head.headers["content-range"], "bytes 0-4/9");

    let (answer, _) = client.send_request(get("/trailers"), true).unwrap();
    let (head, body, trailers) = whole(answer.await.unwrap()).await;
    assert_eq!(body, b"hello");
    assert_eq!(trailers.unwrap()["x-sum"], "7");
    assert!(!head.headers.contains_key("transfer-encoding"));

    let (answer, _) = client.send_request(get("/none"), true).unwrap();
    let (head, body, _) = whole(answer.await.unwrap()).await;
    assert_eq!((head.status.as_u16(), body.len()), (204, 0));
    for field in ["connection", "keep-alive", "content-length"] {
        assert!(!head.headers.contains_key(field), "{field}");
    }
}

#[tokio::test]
async fn a_client_that_waits_for_consent_gets_it_when_the_body_is_wanted() {
    // RFC 9110 §10.1.1
    let (backend, requests) = Backend::fixed(HELLO).await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let mut raw = secure.raw().await;
    let fields = with(&[(":method", "POST"), ("expect", "100-continue"), ("content-length", "4")]);
    raw.send(HEADERS, END_HEADERS, 1, &block(&fields)).await;
    assert_eq!(raw.outcome(1).await, Some(Outcome::Status(100)));
    raw.send(DATA, END_STREAM, 1, b"body").await;
    assert_eq!(raw.outcome(1).await, Some(Outcome::Status(200)));
    let seen = requests.last();
    assert!(seen.ends_with("body") && !seen.contains("expect"), "{seen}");
}

#[tokio::test]
async fn requests_on_one_connection_do_not_wait_for_each_other() {
    let (answer_first, first_may) = signal();
    let first_may = std::sync::Mutex::new(Some(first_may));
    let backend = Backend::new(move |stream, _| {
        let wait = first_may.lock().unwrap().take();
        async move {
            let mut client = Client::new(stream);
            client.message(false).await;
            if let Some(wait) = wait {
                wait.await.unwrap();
            }
            client.send(HELLO).await;
            client.more().await;
        }
    })
    .await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let mut client = secure.client().await;
    let (first, _) = client.send_request(get("/first"), true).unwrap();
    until(|| backend.connections() == 1).await;
    let (second, _) = client.send_request(get("/second"), true).unwrap();
    assert_eq!(second.await.unwrap().status(), 200);
    answer_first.send(()).unwrap();
    assert_eq!(first.await.unwrap().status(), 200);
}

#[tokio::test]
async fn who_takes_a_request_back_takes_it_from_the_app_too() {
    let (gone, is_gone) = signal();
    let gone = std::sync::Mutex::new(Some(gone));
    let backend = Backend::new(move |stream, _| {
        let gone = gone.lock().unwrap().take();
        async move {
            let mut client = Client::new(stream);
            client.message(false).await;
            while client.more().await {}
            if let Some(gone) = gone {
                gone.send(()).unwrap();
            }
        }
    })
    .await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let mut raw = secure.raw().await;
    raw.get(1, &GET).await;
    until(|| backend.connections() == 1).await;
    raw.send(RST_STREAM, 0, 1, &[0, 0, 0, 8]).await;
    is_gone.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_goes_takes_its_requests_with_it() {
    let (gone, is_gone) = signal();
    let gone = std::sync::Mutex::new(Some(gone));
    let backend = Backend::new(move |stream, _| {
        let gone = gone.lock().unwrap().take();
        async move {
            let mut client = Client::new(stream);
            client.message(false).await;
            while client.more().await {}
            gone.unwrap().send(()).unwrap();
        }
    })
    .await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let mut raw = secure.raw().await;
    raw.get(1, &GET).await;
    until(|| backend.connections() == 1).await;
    drop(raw);
    is_gone.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_whole_one() {
    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        client.message(false).await;
        client.send("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello").await;
    })
    .await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let mut client = secure.client().await;
    let (answer, _) = client.send_request(get("/"), true).unwrap();
    // It may be told before the client has looked at what there was.
    let error = match answer.await {
        Err(error) => error,
        Ok(answer) => {
            let mut body = answer.into_body();
            loop {
                match body.data().await {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break error,
                    None => panic!("taken for whole"),
                }
            }
        }
    };
    assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR));
}

#[tokio::test]
async fn draining_answers_what_was_begun_and_says_goodbye() {
    // R09
    let (answer, may) = signal();
    let may = std::sync::Mutex::new(Some(may));
    let backend = Backend::new(move |stream, _| {
        let may = may.lock().unwrap().take();
        async move {
            let mut client = Client::new(stream);
            client.message(false).await;
            may.unwrap().await.unwrap();
            client.send(HELLO).await;
            client.more().await;
        }
    })
    .await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    let mut raw = secure.raw().await;
    raw.get(1, &GET).await;
    until(|| backend.connections() == 1).await;
    let mut idle = secure.raw().await;
    secure.running.stop();
    let goodbye = raw.wait_for(&[GOAWAY]).await.unwrap();
    assert_eq!(goodbye.payload[4..8], [0, 0, 0, 0]);
    // The gateway asks with a ping whether more requests are under way (RFC 9113 §6.8).
    let ping = raw.wait_for(&[PING]).await.unwrap();
    raw.send(PING, ACK, 0, &ping.payload).await;
    let ping = idle.wait_for(&[PING]).await.unwrap();
    idle.send(PING, ACK, 0, &ping.payload).await;
    assert_eq!(idle.end().await, Some(0));
    answer.send(()).unwrap();
    assert_eq!(raw.wait_for(&[HEADERS]).await.unwrap().stream, 1);
    assert_eq!(raw.wait_for(&[DATA]).await.unwrap().payload, b"hello");
    raw.end().await;
    secure.running.ended().await;
}

#[tokio::test]
async fn what_does_not_end_with_the_drain_is_cut() {
    // R09
    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        while client.more().await {}
    })
    .await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |settings| {
        settings.timeouts.drain = Duration::from_millis(50);
    })
    .await;
    let mut raw = secure.raw().await;
    raw.get(1, &GET).await;
    until(|| backend.connections() == 1).await;
    let silent = secure.connect().await;
    secure.running.stop();
    raw.end().await;
    assert!(secure.running.events.any("Cut"));
    drop(silent);
    secure.running.ended().await;
}

#[tokio::test]
async fn what_is_switched_off_is_not_offered() {
    // R01: `server.http2`
    let (backend, _) = Backend::fixed(HELLO).await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |settings| {
        let tls = settings.listen[0].tls.take().unwrap();
        settings.listen[0].tls = Some(tls.without_http2());
    })
    .await;
    assert!(secure.dial().await.is_err(), "this client takes nothing else");
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_body_resets_nobody_who_goes_on_sending() {
    // RFC 9113 §8.1; the app answers at the head, and reads nothing
    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        client.head().await;
        client.send("HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbig").await;
    })
    .await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await;
    for fault in [None, Some(("x-a", " padded"))] {
        let mut raw = secure.raw().await;
        let mut fields = with(&[(":method", "POST"), ("content-length", "400000")]);
        fields.extend(fault);
        raw.send(HEADERS, END_HEADERS, 1, &block(&fields)).await;
        let status = if fault.is_some() { 400 } else { 413 };
        assert_eq!(raw.outcome(1).await, Some(Outcome::Status(status)));
        for sent in 1..=40 {
            raw.send(DATA, if sent == 40 { END_STREAM } else { 0 }, 1, &[0; 10_000]).await;
        }
        raw.send(PING, 0, 0, &[7; 8]).await;
        while let Some(frame) = raw.next().await {
            assert_ne!(frame.kind, RST_STREAM);
            if frame.kind == PING {
                break;
            }
        }
    }
}
