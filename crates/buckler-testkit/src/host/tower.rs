//! A case through the layer, in memory.

use std::sync::{Arc, Mutex, PoisonError};

use buckler_engine::{Engine, Record};
use buckler_http::connection::{Connection, Peer};
use buckler_tower::{BucklerLayer, Settings};
use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};
use http_body_util::BodyExt as _;
use tower::{Layer as _, ServiceExt as _};

use super::{Observed, Told};
use crate::app::{MemoryApp, Pieces};
use crate::case::{Case, RequestSpec, load_policy};
use crate::message::{Answer, values};

/// The port of the client; any will do.
const PORT: u16 = 40_000;

/// Runs a case; `mode` replaces the policy's mode over all.
///
/// # Errors
/// What keeps the case from running: it is none for this host, or the policy does not load.
pub async fn run(case: &Case, mode: Option<&str>) -> Result<Observed, String> {
    let policy = load_policy(&case.policy, mode)?.policy;
    let records: Arc<Mutex<Vec<Told>>> = Arc::default();
    let written = Arc::clone(&records);
    let observer = move |record: Record| written.lock().unwrap_or_else(PoisonError::into_inner).push(Told::of(&record));
    let settings = Settings { observer: Arc::new(observer), ..Settings::default() };
    let app = MemoryApp::new(case.app.clone());
    let ledger = app.ledger();
    let service = BucklerLayer::with(Engine::new(&policy), settings).layer(app);

    for _ in 0..case.request.before {
        let Ok(response) = service.clone().oneshot(request(&case.request)?).await;
        let _ended = response.into_body().collect().await;
        records.lock().unwrap_or_else(PoisonError::into_inner).clear();
        ledger.clear();
    }
    let Ok(response) = service.oneshot(request(&case.request)?).await;
    let (parts, mut body) = response.into_parts();
    let mut answer = Answer {
        status: parts.status.as_u16(),
        lines: parts.headers.iter().map(|(n, v)| (n.as_str().to_owned(), v.as_bytes().to_vec())).collect(),
        body: Vec::new(),
        ended: false,
    };
    loop {
        match body.frame().await {
            None => {
                answer.ended = true;
                break;
            }
            Some(Ok(frame)) => answer.body.extend(frame.into_data().unwrap_or_default()),
            Some(Err(_)) => break,
        }
    }
    drop(body);
    let is_head = case.request.start.starts_with(b"HEAD ");
    if is_head {
        // The server leaves it away.
        answer.body.clear();
    } else if let Some(length) = values(&answer.lines, "content-length").first()
        && **length != *answer.body.len().to_string().as_bytes()
        && answer.ended
        && !matches!(answer.status, 204 | 304)
    {
        return Err(format!("the answer's length is a lie: {}", String::from_utf8_lossy(length)));
    }
    let mut records = std::mem::take(&mut *records.lock().unwrap_or_else(PoisonError::into_inner));
    match (records.pop(), records.is_empty()) {
        (Some(told), true) => Ok(Observed { received: ledger.read(), answer, told }),
        (None, _) => Err("the exchange left no record".to_owned()),
        (Some(_), false) => Err("the exchange left two records".to_owned()),
    }
}

fn request(spec: &RequestSpec) -> Result<Request<Pieces>, String> {
    let impossible = |what: &str| format!("the `http` crate cannot hold this {what}; write `Hosts: gateway`");
    let (method, target, version) = spec.method_and_target().ok_or_else(|| impossible("request line"))?;
    let sized = values(&spec.lines, "transfer-encoding").is_empty();
    let mut request = Request::new(Pieces::new(&spec.pieces, sized));
    *request.method_mut() = Method::from_bytes(method).map_err(|_| impossible("method"))?;
    *request.uri_mut() = Uri::try_from(target).map_err(|_| impossible("target"))?;
    *request.version_mut() = match version {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        _ => return Err(impossible("version")),
    };
    for (name, value) in &spec.lines {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| impossible("field name"))?;
        let value = HeaderValue::from_bytes(value).map_err(|_| impossible("field value"))?;
        request.headers_mut().append(name, value);
    }
    let peer = match spec.peer.as_str() {
        "local" => Peer::Local,
        text => Peer::Ip((text.parse::<std::net::IpAddr>().map_err(|e| e.to_string())?, PORT).into()),
    };
    request.extensions_mut().insert(Connection { peer, scheme: spec.scheme });
    Ok(request)
}
