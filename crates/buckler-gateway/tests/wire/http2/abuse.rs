//! Floods, bombs and stalls: bounded, recorded, and nobody else's trouble (R08).

use std::time::Duration;

use buckler_gateway::upstream::UpstreamSettings;
use buckler_policy::settings::Timeouts;

use super::raw::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GET, HEADERS, Outcome, PING, PRIORITY, RST_STREAM, SETTINGS, Secure,
    WINDOW_UPDATE, block, frame, with,
};
use crate::support::{Backend, Client, TIMEOUTS, until};

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const SHORT: Duration = Duration::from_millis(100);
const ENHANCE_YOUR_CALM: u32 = 0xb;

async fn secure(backend: &Backend) -> Secure {
    Secure::new(backend.endpoints(UpstreamSettings::default()), |_| {}).await
}

#[tokio::test]
async fn each_flood_closes_the_connection_and_is_written_down() {
    // CVE-2019-9512, -9513, -9515, -9518 and their like
    let (backend, _) = Backend::fixed(HELLO).await;
    let floods: [(&str, Vec<u8>); 5] = [
        ("Settings", frame(SETTINGS, 0, 0, &[])),
        ("Pings", frame(PING, 0, 0, &[0; 8])),
        ("Priorities", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])),
        ("WindowUpdates", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("EmptyData", frame(DATA, 0, 1, &[])),
    ];
    for (name, flood) in floods {
        let secure = secure(&backend).await;
        let mut raw = secure.raw().await;
        raw.send(HEADERS, END_HEADERS, 1, &block(&with(&[(":method", "POST")]))).await;
        let (mut read, mut write) = tokio::io::split(raw.stream);
        let sending = tokio::spawn(async move {
            let many = flood.repeat(100);
            for _ in 0..10_000 {
                if tokio::io::AsyncWriteExt::write_all(&mut write, &many).await.is_err() {
                    return true;
                }
            }
            false
        });
        let mut answers = Vec::new();
        let _reset = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut answers).await;
        assert!(sending.await.unwrap(), "{name}: a million frames were taken");
        // Of empty data the codec has enough sooner than we.
        let refused = secure.running.events.any(name) || secure.running.events.any("ENHANCE_YOUR_CALM");
        assert!(refused, "{name}: {:?}", secure.running.events.all());
        let mut other = secure.raw().await;
        other.get(1, &GET).await;
        assert_eq!(other.outcome(1).await, Some(Outcome::Status(200)), "behind {name}");
    }
}

#[tokio::test]
async fn requests_taken_back_at_once_are_a_flood() {
    // CVE-2023-44487, rapid reset
    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        while client.more().await {}
    })
    .await;
    let secure = secure(&backend).await;
    let mut raw = secure.raw().await;
    let head = block(&GET);
    for number in 0..2_000 {
        let stream = 2 * number + 1;
        let mut pair = frame(HEADERS, END_HEADERS | END_STREAM, stream, &head);
        pair.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
        raw.bytes(&pair).await;
    }
    raw.end().await;
    let events = secure.running.events.all();
    assert!(events.iter().any(|event| event.contains("Resets") || event.contains("ENHANCE_YOUR_CALM")), "{events:?}");
    assert!(backend.connections() < 1_000, "{} reached the app", backend.connections());
}

#[tokio::test]
async fn a_head_in_endless_pieces_is_a_flood() {
    // CVE-2024-27316
    let (backend, requests) = Backend::fixed(HELLO).await;
    for piece in [&b""[..], &[0x40; 1][..], &[0; 10_000][..]] {
        let secure = secure(&backend).await;
        let mut raw = secure.raw().await;
        raw.send(HEADERS, END_STREAM, 1, &block(&GET)).await;
        for _ in 0..2_000 {
            raw.send(CONTINUATION, 0, 1, piece).await;
        }
        raw.end().await;
        let events = secure.running.events.all();
        assert!(
            ["Continuations", "HeaderBlock", "ENHANCE_YOUR_CALM", "PROTOCOL_ERROR", "COMPRESSION_ERROR"]
                .iter()
                .any(|name| events.iter().any(|event| event.contains(name))),
            "{} bytes each: {events:?}",
            piece.len()
        );
    }
    assert!(requests.all().is_empty());
}

#[tokio::test]
async fn a_small_head_that_unpacks_to_a_large_one_is_refused() {
    // The HPACK bomb: one entry of four kilobytes in the table, named two thousand times in two kilobytes.
    let (backend, requests) = Backend::fixed(HELLO).await;
    let secure = secure(&backend).await;
    let mut raw = secure.raw().await;
    let mut bomb = block(&GET);
    bomb.push(0x40);
    bomb.extend(&block(&[("x-bomb", &"x".repeat(3_900))])[1..]);
    bomb.extend([0xbe; 2_000]);
    raw.send(HEADERS, END_HEADERS | END_STREAM, 1, &bomb).await;
    let outcome = raw.outcome(1).await;
    assert!(
        matches!(outcome, Some(Outcome::Status(431) | Outcome::Reset(_) | Outcome::GoAway(ENHANCE_YOUR_CALM))),
        "{outcome:?}"
    );
    assert!(requests.all().is_empty());
    assert!(secure.running.events.any("Http2Error"), "{:?}", secure.running.events.all());
}

#[tokio::test]
async fn no_more_requests_than_agreed_are_open_at_once() {
    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        while client.more().await {}
    })
    .await;
    let secure =
        Secure::new(backend.endpoints(UpstreamSettings::default()), |settings| settings.max_streams = 10).await;
    let mut raw = secure.raw().await;
    for number in 0..11 {
        raw.get(2 * number + 1, &GET).await;
    }
    // REFUSED_STREAM: it was not looked at, and may be sent again (RFC 9113 §8.7).
    assert_eq!(raw.outcome(21).await, Some(Outcome::Reset(7)));
    until(|| backend.connections() == 10).await;
}

#[tokio::test]
async fn a_window_that_stays_shut_stalls_one_stream_and_not_for_ever() {
    let (backend, _) = Backend::answering(|request| {
        if request.starts_with("GET /large") {
            format!("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{}", "x".repeat(1_000_000))
        } else {
            HELLO.to_owned()
        }
    })
    .await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |settings| {
        settings.write_stall = 5 * SHORT;
    })
    .await;
    // SETTINGS_INITIAL_WINDOW_SIZE
    let mut raw = secure.raw_with(&[(4, 100)]).await;
    raw.get(1, &with(&[(":path", "/large")])).await;
    assert_eq!(raw.outcome(1).await, Some(Outcome::Status(200)));
    raw.get(3, &GET).await;
    assert_eq!(raw.outcome(3).await, Some(Outcome::Status(200)), "a stalled stream stalls no other");
    // CANCEL
    assert_eq!(raw.outcome(1).await, Some(Outcome::Reset(8)));
    assert!(secure.running.events.any("WriteStall"));
    raw.get(5, &GET).await;
    assert_eq!(raw.outcome(5).await, Some(Outcome::Status(200)));
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_given_up() {
    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        client.message(false).await;
        client.send("HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n").await;
        let chunk = vec![0; 100_000];
        for _ in 0..1_000 {
            if tokio::io::AsyncWriteExt::write_all(&mut client.stream, &chunk).await.is_err() {
                return;
            }
        }
    })
    .await;
    let secure = Secure::new(backend.endpoints(UpstreamSettings::default()), |settings| {
        settings.write_stall = SHORT;
    })
    .await;
    let mut raw = secure.raw_with(&[(4, 0x7fff_ffff)]).await;
    raw.send(WINDOW_UPDATE, 0, 0, &0x7fff_0000_u32.to_be_bytes()).await;
    raw.get(1, &GET).await;
    until(|| secure.running.events.any("WriteStall")).await;
}

#[tokio::test]
async fn heads_and_idle_connections_have_their_deadlines() {
    let (backend, requests) = Backend::fixed(HELLO).await;
    let short = |change: fn(&mut Timeouts)| {
        let endpoints = backend.endpoints(UpstreamSettings::default());
        Secure::new(endpoints, move |settings| {
            settings.timeouts = TIMEOUTS;
            change(&mut settings.timeouts);
        })
    };
    let secure = short(|timeouts| timeouts.header = SHORT).await;
    let mut raw = secure.raw().await;
    raw.send(HEADERS, END_STREAM, 1, &block(&GET)).await;
    assert_eq!(raw.end().await, Some(ENHANCE_YOUR_CALM), "a head without an end");
    let mut stream = secure.connect().await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"PRI * HT").await.unwrap();
    let mut rest = Vec::new();
    let _reset = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
    assert!(secure.running.events.any("deadline: Head"));

    let secure = short(|timeouts| timeouts.idle = SHORT).await;
    let mut raw = secure.raw().await;
    assert_eq!(raw.end().await, Some(0), "nobody asked for anything");
    let mut raw = secure.raw().await;
    raw.get(1, &GET).await;
    assert_eq!(raw.outcome(1).await, Some(Outcome::Status(200)));
    assert_eq!(raw.end().await, Some(0));
    assert!(secure.running.events.any("deadline: Idle"));

    let secure = short(|timeouts| timeouts.body = SHORT).await;
    let mut raw = secure.raw().await;
    raw.send(HEADERS, END_HEADERS, 1, &block(&with(&[(":method", "POST")]))).await;
    raw.send(DATA, 0, 1, b"a bit").await;
    assert_eq!(raw.outcome(1).await, Some(Outcome::Status(408)), "a body that does not come");
    assert_eq!(requests.all().len(), 1);
}

#[tokio::test]
async fn who_errs_again_and_again_is_given_up() {
    let (backend, requests) = Backend::fixed(HELLO).await;
    let secure = secure(&backend).await;
    let mut raw = secure.raw().await;
    for number in 0..200 {
        raw.get(2 * number + 1, &with(&[("connection", "close")])).await;
    }
    assert_eq!(raw.end().await, Some(ENHANCE_YOUR_CALM));
    assert!(requests.all().is_empty());
}
