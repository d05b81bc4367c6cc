//! An inner service that panics is answered for, as any that fails.

use std::sync::{Arc, Mutex};

use buckler_engine::record::Outcome;
use buckler_engine::{Engine, Reason, Record};
use buckler_policy::{Host, Sources};
use buckler_tower::{BoxError, BucklerLayer, Settings};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tower::{Layer, ServiceExt as _, service_fn};

// R11: held and streamed bodies take two ways to the app, and its panic is a 500 with our fields on both
#[tokio::test]
async fn a_panic_of_the_app_is_its_500() {
    for (media, body, at_once) in [
        ("application/json", "{}", false),
        ("application/json", "{}", true),
        ("text/plain", "a", false),
        ("text/plain", "a", true),
    ] {
        let text = "environment = \"development\"\n[server.tls]\nmode = \"off\"";
        let policy = Sources::new(Host::Gateway).file("test.toml", text).load().unwrap().policy;
        let records: Arc<Mutex<Vec<Record>>> = Arc::default();
        let sink = Arc::clone(&records);
        let observer = Arc::new(move |record| sink.lock().unwrap().push(record));
        let layer = BucklerLayer::with(Engine::new(&policy), Settings { observer, ..Settings::default() });
        let service = layer.layer(service_fn(move |_: Request<_>| {
            assert!(!at_once, "secret of the app");
            async move {
                assert!(at_once, "secret of the app");
                Ok::<Response<Full<Bytes>>, BoxError>(Response::default())
            }
        }));
        let request = Request::post("/").header("host", "localhost").header("content-type", media);
        let response = service.oneshot(request.body(Full::from(body)).unwrap()).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-frame-options"]),
            (500, &"DENY".parse().unwrap())
        );
        let answer = response.into_body().collect().await.unwrap().to_bytes();
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        assert!(answer.contains("internal_error") && !answer.contains("secret"), "{answer}");
        let records = records.lock().unwrap();
        assert!(
            matches!(&records[..], [Record { outcome: Outcome::Failed(Reason::InternalError), .. }]),
            "{records:?}"
        );
    }
}
