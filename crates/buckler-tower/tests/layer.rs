//! The layer's own duties: what is held, what is recorded, what happens when something breaks. What is judged,
//! and how, the literate cases show.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use buckler_engine::record::Outcome;
use buckler_engine::{Engine, Reason, Record, Timestamp};
use buckler_http::connection::{Connection, Peer};
use buckler_limits::{Check, Moment};
use buckler_policy::{Host, Sources};
use buckler_store::{Counters, Reach};
use buckler_tower::{BucklerLayer, Fault, Settings, Time};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};

const POLICY: &str = "environment = \"development\"\n[server.tls]\nmode = \"off\"\n[content]\nmax_body = 100\n";

type Records = Arc<Mutex<Vec<Record>>>;

fn engine(policy: &str) -> Engine {
    Engine::new(&Sources::new(Host::Gateway).file("test.toml", policy).load().unwrap().policy)
}

fn layer(held_bytes: usize) -> (BucklerLayer, Records) {
    let records = Records::default();
    let sink = Arc::clone(&records);
    let observer = Arc::new(move |record| sink.lock().unwrap().push(record));
    (BucklerLayer::with(engine(POLICY), Settings { held_bytes, observer, ..Settings::default() }), records)
}

fn post(body: &'static str, media: &str) -> Request<Full<Bytes>> {
    Request::post("/")
        .header("host", "localhost")
        .header("content-type", media)
        .header("content-length", body.len())
        .body(body.into())
        .unwrap()
}

async fn echo<B: Body<Data = Bytes>>(request: Request<B>) -> Result<Response<Full<Bytes>>, Fault>
where
    B::Error: std::fmt::Debug,
{
    match request.into_body().collect().await {
        Ok(body) => Ok(Response::new(Full::new(body.to_bytes()))),
        Err(_) => Err(Fault::UpstreamFailed),
    }
}

async fn text<B: Body<Data = Bytes>>(response: Response<B>) -> (StatusCode, String)
where
    B::Error: std::fmt::Debug,
{
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

// R08
#[tokio::test]
async fn a_refused_json_body_never_calls_the_inner_service() {
    let (layer, records) = layer(1000);
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let service = layer.layer(service_fn(move |request| {
        counter.fetch_add(1, Ordering::SeqCst);
        echo(request)
    }));
    let refused = service.clone().oneshot(post(r#"{"a":1,"a":2}"#, "application/json")).await.unwrap();
    let (status, body) = text(refused).await;
    assert_eq!(status, 422);
    assert!(body.contains("json_duplicate_member") && body.contains("contract_violation"), "{body}");
    assert_eq!(calls.load(Ordering::SeqCst), 0);

    let passed = service.oneshot(post(r#"{"a":1}"#, "application/json")).await.unwrap();
    assert_eq!(text(passed).await, (StatusCode::OK, r#"{"a":1}"#.to_owned()));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    let outcomes: Vec<_> = records.lock().unwrap().iter().map(|r| (r.status, r.bytes_in)).collect();
    assert_eq!(outcomes, [(StatusCode::UNPROCESSABLE_ENTITY, 13), (StatusCode::OK, 7)]);
}

// R08, R61: an app that answers while it reads does not hide that the rest was refused
#[tokio::test]
async fn a_body_refused_behind_the_beginning_of_its_answer_is_written_down() {
    let (layer, records) = layer(1000);
    let service =
        layer.layer(service_fn(async |request: Request<_>| Ok::<_, Infallible>(Response::new(request.into_body()))));
    let piece = || Ok(Frame::data(Bytes::from_static(&[b'a'; 80])));
    let answer = service.oneshot(chunked(vec![piece(), piece()])).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.into_body().collect().await.is_err());
    let records = records.lock().unwrap();
    let [record] = &records[..] else { panic!("one exchange, {} records", records.len()) };
    assert!(matches!(&record.outcome, Outcome::Refused(finding) if finding.violation.reason == Reason::BodyTooLarge));
    assert_eq!((record.status, record.bytes_in), (StatusCode::OK, 160));
}

// R02, R08: in HTTP/2 no field announces the body, and `:authority` stands for the host
#[tokio::test]
async fn a_body_that_only_its_stream_announces_is_judged() {
    let (layer, _) = layer(1000);
    let service = layer.layer(service_fn(async |request: Request<_>| {
        assert_eq!(request.headers()["host"], "localhost");
        echo(request).await
    }));
    let post = |uri: &str, media: Option<&str>, body: &'static str| {
        let request = Request::post(uri).version(Version::HTTP_2);
        let request = media.into_iter().fold(request, |request, media| request.header("content-type", media));
        service.clone().oneshot(request.body(Full::from(body)).unwrap())
    };
    for (uri, media, body, status) in [
        ("http://localhost/", Some("application/json"), r#"{"a":1,"a":2}"#, 422),
        ("http://localhost/", None, "a", 415),
        ("http://evil.example/", Some("application/json"), "{}", 400),
        ("http://localhost/", Some("application/json"), "{}", 200),
        ("http://localhost/", None, "", 200),
    ] {
        assert_eq!(post(uri, media, body).await.unwrap().status(), status, "{uri} {media:?} {body}");
    }
}

// R08
#[tokio::test]
async fn bodies_that_no_room_is_left_for_are_refused_and_the_room_comes_back() {
    let (layer, _) = layer(10);
    let service = layer.layer(service_fn(echo));
    let too_much = service.clone().oneshot(post(r#"{"a":12345}"#, "application/json")).await.unwrap();
    let (status, body) = text(too_much).await;
    assert!(status == 503 && body.contains("overloaded"), "{status} {body}");
    for _ in 0..10 {
        let fits = service.clone().oneshot(post(r#"{"a":1}"#, "application/json")).await.unwrap();
        assert_eq!(fits.status(), 200);
    }
}

/// A body that tells no length and yields its pieces one by one.
struct Pieces(Vec<Result<Frame<Bytes>, Fault>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if self.0.is_empty() { Poll::Ready(None) } else { Poll::Ready(Some(self.0.remove(0))) }
    }
}

fn chunked(pieces: Vec<Result<Frame<Bytes>, Fault>>) -> Request<Pieces> {
    Request::post("/")
        .header("host", "localhost")
        .header("transfer-encoding", "chunked")
        .header("content-type", "application/octet-stream")
        .body(Pieces(pieces))
        .unwrap()
}

fn piece(bytes: &'static [u8]) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(bytes))
}

// R08
#[tokio::test]
async fn a_stream_past_its_limit_breaks_off_and_is_answered() {
    let (layer, records) = layer(1000);
    let service = layer.layer(service_fn(echo));
    let (status, body) =
        text(service.oneshot(chunked(vec![Ok(piece(&[0; 99])), Ok(piece(&[0; 2]))])).await.unwrap()).await;
    assert!(status == 413 && body.contains("body_too_large"), "{status} {body}");
    let records = records.lock().unwrap();
    let Outcome::Refused(finding) = &records[0].outcome else { panic!("{:?}", records[0]) };
    assert_eq!(finding.violation.key, Some("content.max_body"));
    assert_eq!(records[0].bytes_in, 101);
}

// R08
#[tokio::test]
async fn a_body_at_its_limit_passes() {
    let (layer, _) = layer(1000);
    let service = layer.layer(service_fn(echo));
    let response = service.oneshot(chunked(vec![Ok(piece(&[0; 99])), Ok(piece(&[0; 1]))])).await.unwrap();
    assert_eq!(response.status(), 200);
}

// R11
#[tokio::test]
async fn every_fault_is_answered_by_its_code() {
    for (fault, status, code) in [
        (Fault::UpstreamFailed, 502, "upstream_failed"),
        (Fault::UpstreamTimeout, 504, "upstream_timeout"),
        (Fault::Overloaded, 503, "overloaded"),
        (Fault::Broken, 500, "internal_error"),
    ] {
        let (layer, records) = layer(1000);
        let service = layer.layer(service_fn(move |_| async move { Err::<Response<Full<Bytes>>, _>(fault) }));
        let response = service.oneshot(post("x", "text/plain")).await.unwrap();
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let (answered, body) = text(response).await;
        assert!(answered == status && body.contains(code), "{fault:?}: {answered} {body}");
        assert_eq!(records.lock().unwrap().len(), 1);
    }
}

// R08
#[tokio::test]
async fn a_body_that_comes_too_slowly_is_a_timeout() {
    let (layer, _) = layer(1000);
    let service = layer.layer(service_fn(echo));
    let slow = chunked(vec![Ok(piece(b"a")), Err(Fault::BodyTimeout)]);
    let (status, body) = text(service.oneshot(slow).await.unwrap()).await;
    assert!(status == 408 && body.contains("timeout"), "{status} {body}");
}

#[tokio::test]
async fn an_exchange_that_nobody_waits_for_is_written_down_as_aborted() {
    let (layer, records) = layer(1000);
    let service = layer.layer(service_fn(|_| std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()));
    let mut future = Box::pin(service.oneshot(post("x", "text/plain")));
    let polled = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await;
    assert!(polled);
    drop(future);
    assert!(matches!(records.lock().unwrap()[0].outcome, Outcome::Aborted));
}

/// A store that never answers.
#[derive(Debug)]
struct Mute;

impl Counters for Mute {
    fn count(&self, _batch: &[Check], _now: Moment) -> Reach {
        Reach::Later(Box::pin(std::future::pending()))
    }
}

// R61
#[tokio::test]
async fn who_leaves_while_a_store_is_asked_is_written_down() {
    let records = Records::default();
    let sink = Arc::clone(&records);
    let observer = Arc::new(move |record| sink.lock().unwrap().push(record));
    let settings = Settings { observer, counters: Arc::new(Mute), ..Settings::default() };
    let service = BucklerLayer::with(engine(POLICY), settings).layer(service_fn(echo));
    let mut request = post("x", "text/plain");
    request.extensions_mut().insert(Connection { peer: Peer::Ip("192.0.2.1:7".parse().unwrap()), ..Connection::LOCAL });
    let mut future = Box::pin(service.oneshot(request));
    assert!(std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await);
    assert!(records.lock().unwrap().is_empty());
    drop(future);
    let records = records.lock().unwrap();
    let [record] = &records[..] else { panic!("one exchange, {} records", records.len()) };
    assert!(matches!(record.outcome, Outcome::Aborted));
    assert_eq!((record.status.as_u16(), record.target.to_string()), (499, "/".to_owned()));
}

#[tokio::test]
async fn an_answer_cut_off_is_written_down_as_aborted_and_a_whole_one_is_not() {
    for (read, expected) in [(true, Outcome::Answered), (false, Outcome::Aborted)] {
        let (layer, records) = layer(1000);
        let service = layer.layer(service_fn(echo));
        let response = service.oneshot(post("hello", "text/plain")).await.unwrap();
        if read {
            text(response).await;
        } else {
            drop(response);
        }
        assert_eq!(records.lock().unwrap()[0].outcome, expected);
    }
}

struct Broken;

impl Time for Broken {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

#[tokio::test]
async fn an_observer_that_panics_loses_its_record_and_nothing_else() {
    let observer = Arc::new(|_: Record| panic!("the disk is full"));
    let settings = Settings { observer, time: Arc::new(Broken), ..Settings::default() };
    let service = BucklerLayer::with(engine(POLICY), settings).layer(service_fn(echo));
    let response = service.oneshot(post("x", "text/plain")).await.unwrap();
    assert_eq!(text(response).await.0, 200);
}

#[test]
fn what_never_became_a_request_is_written_down_with_its_reason() {
    // R11
    let (layer, records) = layer(1000);
    let response = layer.unread(Reason::MalformedRequest, "a line ends with LF alone", Connection::LOCAL);
    assert_eq!(response.status(), 400);
    assert!(response.body().windows(7).any(|part| part == b"LF alon"), "{response:?}");
    let records = records.lock().unwrap();
    let [Record { outcome: Outcome::Refused(finding), .. }] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(
        (finding.violation.reason, &*finding.violation.detail),
        (Reason::MalformedRequest, "a line ends with LF alone")
    );
}

#[tokio::test]
async fn a_reload_judges_the_next_request_by_the_new_policy() {
    let (layer, _) = layer(1000);
    let mut service = layer.layer(service_fn(echo));
    assert_eq!(service.ready().await.unwrap().call(post("x", "text/plain")).await.unwrap().status(), 200);
    layer.reload(engine(&format!("{POLICY}types = [\"application/json\"]\n")));
    assert_eq!(service.ready().await.unwrap().call(post("x", "text/plain")).await.unwrap().status(), 415);
}

#[tokio::test]
async fn request_ids_differ_and_reach_the_app() {
    let (layer, _) = layer(1000);
    let service = layer.layer(service_fn(async |request: Request<_>| {
        let id = request.headers()["x-request-id"].to_str().unwrap().to_owned();
        drop(request);
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(id))))
    }));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1000 {
        let response = service.clone().oneshot(post("x", "text/plain")).await.unwrap();
        let told = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(text(response).await.1, told);
        assert!(seen.insert(told));
    }
}

// R04: over HTTP/2 the host stands in `:authority`, which is the URI's
#[tokio::test]
async fn an_http2_request_has_one_host_however_it_is_said() {
    let policy = "environment = \"development\"\n[server]\nhosts = [\"a.test\"]\n[server.tls]\nmode = \"off\"\n";
    let layer = BucklerLayer::with(engine(policy), Settings::default());
    for (uri, host, expected) in [
        ("http://a.test/", None, 200),
        ("http://a.test/", Some("A.test:80"), 200),
        ("http://a.test/", Some("b.test"), 421),
        ("http://b.test/", Some("a.test"), 421),
        ("http://b.test/", None, 400),
        ("/", Some("a.test"), 200),
        ("/", None, 400),
        ("http://user@a.test/", None, 400),
    ] {
        let mut request = Request::get(uri).version(Version::HTTP_2);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let service = layer.layer(service_fn(echo));
        let answer = service.oneshot(request.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), expected, "{uri} {host:?}");
    }
}
