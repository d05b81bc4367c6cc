//! Room for held bodies counts what judging them takes, too.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use buckler_engine::Engine;
use buckler_policy::{Host, Sources};
use buckler_tower::{BucklerLayer, Settings};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use tower::{Layer, ServiceExt as _, service_fn};

/// A body that comes in two pieces, the last of one byte: between them everything is open.
struct Halves(Vec<Bytes>);

impl Halves {
    fn of(body: &str) -> Self {
        let mut front = Bytes::from(body.to_owned());
        let last = front.split_off(body.len() - 1);
        Self(vec![last, front])
    }
}

impl Body for Halves {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop().map(|piece| Ok(Frame::data(piece))))
    }
}

// R08: ten thousand members take more room than the hundred kilobytes that name them
#[tokio::test]
async fn a_body_of_many_members_is_charged_for_them() {
    let text = "environment = \"development\"\n[server.tls]\nmode = \"off\"";
    let policy = Sources::new(Host::Gateway).file("test.toml", text).load().unwrap().policy;
    let mut body = String::from("{\"first\":0");
    for member in 0..10_000 {
        write!(body, ",\"{member}\":0").unwrap();
    }
    body.push('}');
    let flat = format!("[{}0]", "0,".repeat(body.len() / 2));
    for (room, body, status) in
        [(body.len() * 2, &body, 503), (body.len() * 2, &flat, 200), (body.len() + 10_000 * 256, &body, 200)]
    {
        let settings = Settings { held_bytes: room, ..Settings::default() };
        let app = service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())));
        let service = BucklerLayer::with(Engine::new(&policy), settings).layer(app);
        for _ in 0..3 {
            let request = Request::post("/").header("host", "localhost").header("content-type", "application/json");
            let request = request.body(Halves::of(body)).unwrap();
            assert_eq!(service.clone().oneshot(request).await.unwrap().status(), status, "{room}");
        }
    }
}

/// A body whose first piece is all but its end, which never comes.
struct Stalled(Option<Bytes>);

impl Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(Frame::data(piece)))))
    }
}

// R08
#[tokio::test]
async fn large_bodies_that_stall_leave_room_for_small_ones() {
    let text = "environment = \"development\"\n[server.tls]\nmode = \"off\"";
    let policy = Sources::new(Host::Gateway).file("test.toml", text).load().unwrap().policy;
    let settings = Settings { held_bytes: 1024 * 1024, ..Settings::default() };
    let app = service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())));
    let service = BucklerLayer::with(Engine::new(&policy), settings).layer(app);
    let post = || Request::post("/").header("host", "localhost").header("content-type", "application/json");

    let mut stalled = Vec::new();
    let large = Bytes::from(format!("\"{}", "x".repeat(200 * 1024)));
    for _ in 0..8 {
        let request = post().body(http_body_util::Either::Left(Stalled(Some(large.clone())))).unwrap();
        let mut call = Box::pin(service.clone().oneshot(request));
        let refused = std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await;
        stalled.push((call, refused));
    }
    assert!(stalled.iter().any(|(_, refused)| *refused), "the large ones must have met their bound");
    for _ in 0..10 {
        let request = post().body(http_body_util::Either::Right(Full::from("{\"a\":1}"))).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 200);
    }
}

/// A zstd frame that is not at its end and makes its decoder keep a window of 8 MiB: 64 blocks of one repeated byte, and
/// as many bytes as it takes to stay within the ratio.
fn hungry() -> Bytes {
    let mut frame = b"\x28\xb5\x2f\xfd\x00\x68".to_vec();
    let header = |size: u32, kind: u32| (size << 3 | kind << 1).to_le_bytes().into_iter().take(3);
    let mut first = b"\"".to_vec();
    first.resize(64 * 1024, b'x');
    frame.extend(header(64 * 1024, 0));
    frame.extend(first);
    for _ in 0..64 {
        frame.extend(header(128 * 1024, 1));
        frame.push(b' ');
    }
    // What has come of the next block pushes the others into the decoder.
    frame.extend(header(8 * 1024, 0));
    frame.resize(frame.len() + 8 * 1024 - 1, b'x');
    Bytes::from(frame)
}

// R08: a thousand streams whose windows would take 8 GiB
#[tokio::test]
async fn a_thousand_compressed_bodies_that_stall_take_their_share_and_no_more() {
    let text = "environment = \"development\"\n[server.tls]\nmode = \"off\"";
    let policy = Sources::new(Host::Gateway).file("test.toml", text).load().unwrap().policy;
    // Twice two windows, and nearly nothing beside them.
    let settings = Settings { held_bytes: 36 * 1024 * 1024, ..Settings::default() };
    let app = service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())));
    let service = BucklerLayer::with(Engine::new(&policy), settings).layer(app);
    let post = || Request::post("/").header("host", "localhost").header("content-type", "application/json");

    let hungry = hungry();
    let mut stalled = Vec::new();
    let mut refused = 0;
    for _ in 0..1000 {
        let request = post().header("content-encoding", "zstd");
        let request = request.body(http_body_util::Either::Left(Stalled(Some(hungry.clone())))).unwrap();
        let mut call = Box::pin(service.clone().oneshot(request));
        // Pieces that expand far are judged in several turns.
        let mut answered = None;
        for _ in 0..100 {
            answered = std::future::poll_fn(|cx| Poll::Ready(Some(call.as_mut().poll(cx)))).await;
            if answered.as_ref().is_some_and(Poll::is_ready) {
                break;
            }
        }
        match answered {
            Some(Poll::Ready(answer)) => {
                assert_eq!(answer.unwrap().status(), 503);
                refused += 1;
            }
            _ => stalled.push(call),
        }
    }
    // Half of the room, eight MiB and more for each.
    assert!((1..=2).contains(&stalled.len()), "{} hold their windows, {refused} were refused", stalled.len());
    // Who sends no such thing is served on.
    for _ in 0..10 {
        let request = post().body(http_body_util::Either::Right(Full::from("{\"a\":1}"))).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 200);
    }
    stalled.clear();
    let gzip =
        Bytes::from_static(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x8b\x8e\x05\x00\x29\xbb\x4c\x0d\x02\x00\x00\x00");
    let request = post().header("content-encoding", "gzip").body(http_body_util::Either::Right(Full::from(gzip)));
    assert_eq!(service.clone().oneshot(request.unwrap()).await.unwrap().status(), 200);
}
