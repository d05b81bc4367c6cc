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
