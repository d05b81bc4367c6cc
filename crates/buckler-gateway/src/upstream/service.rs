//! The innermost service: a judged request in, the app's answer out.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use buckler_http::connection::{Client, Peer};
use buckler_tower::Admitted;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, request};
use http_body::Body;
use tower_service::Service;

use super::carrier::Carrier;
use super::download::Download;
use super::endpoint::{Endpoint, InFlight};
use super::error::Kind;
use super::upload::{Progress, Upload};
use super::{Endpoints, Place, UpstreamError};
use crate::websocket::{self, Tunnel, UpgradeSlot};
use crate::{BoxError, hop_by_hop};

/// Forwards requests to [`Endpoints`].
///
/// Rules, in order:
/// 1. `CONNECT` is refused.
/// 2. What belongs to the client's connection is taken off ([`crate::hop_by_hop`]). An upgrade is passed on only
///    if it is a WebSocket handshake and the host left an [`UpgradeSlot`] for it.
/// 3. The request goes out as HTTP/1.1 in origin form, framed by its length, or chunked where it has none.
/// 4. It is sent once. A second time only where the app cannot have acted on it: nothing of it was sent; or it
///    has no body, its method is idempotent (RFC 9110 §9.2.2), and the connection, used before, was closed
///    without a byte. The second time is over a new connection.
/// 5. A request has a place with a worker until its answer has ended. A WebSocket has it for the handshake, a
///    `text/event-stream` until its head has come: both go on as tunnels, which are counted apart.
/// 6. An answer passes as it comes. After an answer to HTTP/1.0, after one that came before the request was
///    sent, and after anything unclean the connection is closed.
#[derive(Debug, Clone)]
pub struct UpstreamService {
    endpoints: Endpoints,
}

impl UpstreamService {
    /// Forwards to `endpoints`.
    pub fn new(endpoints: Endpoints) -> Self {
        Self { endpoints }
    }
}

impl<B> Service<Request<B>> for UpstreamService
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Download>;
    type Error = UpstreamError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Download>, UpstreamError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), UpstreamError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match Outgoing::new(request) {
            Ok(outgoing) => Box::pin(forward(self.endpoints.clone(), outgoing)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

/// A request as the app is to get it.
struct Outgoing {
    request: Request<Upload>,
    progress: Option<Arc<Progress>>,
    slot: Option<UpgradeSlot>,
    place: Option<Place>,
    /// Who stands in line for it.
    client: Client,
    /// The app may get it twice (rule 4).
    repeatable: bool,
}

impl Outgoing {
    fn new<B>(request: Request<B>) -> Result<Self, UpstreamError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if request.method() == Method::CONNECT {
            return Err(UpstreamError::new(Kind::Tunnel));
        }
        let (mut head, body) = request.into_parts();
        let peer = head.extensions.get::<Admitted>().map_or(Peer::Local, |admitted| admitted.peer);
        let slot = head.extensions.remove::<UpgradeSlot>();
        let place = head.extensions.remove::<Place>();
        let slot = slot.filter(|_| body.is_end_stream() && websocket::is_handshake(&head));
        hop_by_hop::request(&mut head.headers, slot.is_some());
        host_of_authority(&mut head);
        frame(&mut head.headers, &body);
        if let Some(uri) = origin_form(&head.uri) {
            head.uri = uri;
        }
        head.version = Version::HTTP_11;
        head.extensions.clear();
        let repeatable = body.is_end_stream() && head.method.is_idempotent();
        let (upload, progress) = Upload::new(body);
        let request = Request::from_parts(head, upload);
        Ok(Self { request, progress, slot, place, client: peer.into(), repeatable })
    }
}

/// The parts of this that hardly ever run are boxed: they would make the future of every request larger.
async fn forward(endpoints: Endpoints, outgoing: Outgoing) -> Result<Response<Download>, UpstreamError> {
    let Outgoing { mut request, progress, slot, place, client, repeatable } = outgoing;
    let (mut carrier, mut lease) = match endpoints.pooled().await {
        Some(connection) => connection,
        None => Box::pin(endpoints.connection(false, client)).await?,
    };
    if let Some(place) = &place {
        lease.stands_at(place);
    }
    lease.endpoint().count();
    name_host(request.headers_mut(), lease.endpoint());
    let spare = (repeatable && carrier.is_used()).then(|| copy(&request));
    let first_byte = lease.endpoint().settings().first_byte;

    let response = match carrier.exchange(request, progress.clone(), first_byte).await {
        Ok(response) => response,
        Err(failure) => {
            let again = failure.unsent.map(|request| *request).or_else(|| spare.filter(|_| failure.stale));
            let Some(request) = again else { return Err(failure.error) };
            drop(lease);
            (carrier, lease) = Box::pin(endpoints.connection(true, client)).await?;
            if let Some(place) = &place {
                lease.stands_at(place);
            }
            lease.endpoint().count();
            Box::pin(carrier.exchange(request, progress, first_byte)).await.map_err(|failure| failure.error)?
        }
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Box::pin(switch(response, slot, carrier, lease)).await;
    }
    let (mut head, body) = response.into_parts();
    hop_by_hop::response(&mut head.headers, head.status == StatusCode::UPGRADE_REQUIRED);
    measure(&mut head.headers, &body, head.status);
    if body.size_hint().exact().is_none() && is_event_stream(&head.headers) {
        lease.make_tunnel();
    }
    // The version is that of the connection to the client, which hyper knows.
    head.version = Version::HTTP_11;
    Ok(Response::from_parts(head, Download::new(body, carrier, lease)))
}

/// Framing of the request: the length that the client gave and hyper holds it to, or chunks.
fn frame<B: Body>(headers: &mut HeaderMap, body: &B) {
    if !body.is_end_stream() && !headers.contains_key(CONTENT_LENGTH) {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

/// Framing of the answer: one length, the one that is really read. `5, 5` and repetitions are legal to receive
/// and not to send (RFC 9110 §8.6).
fn measure<B: Body>(headers: &mut HeaderMap, body: &B, status: StatusCode) {
    if body.is_end_stream() && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        // No body, or the answer to HEAD, whose length tells of what GET would give.
        let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
        let listed = headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes().contains(&b','));
        if lengths > 1 || listed {
            headers.remove(CONTENT_LENGTH);
        }
    } else if let Some(length) = body.size_hint().exact()
        && headers.contains_key(CONTENT_LENGTH)
        && !body.is_end_stream()
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Whether an answer is a stream of events (HTML Living Standard, 9.2), which is open for hours and mostly silent.
fn is_event_stream(headers: &HeaderMap) -> bool {
    const TYPE: &[u8] = b"text/event-stream";
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        essence.trim_ascii().eq_ignore_ascii_case(TYPE)
    })
}

/// HTTP/2 names the host in `:authority` alone, usually; HTTP/1.1 has a field for it (RFC 9113 §8.3.1).
fn host_of_authority(head: &mut request::Parts) {
    if head.version == Version::HTTP_2
        && !head.headers.contains_key(HOST)
        && let Some(authority) = head.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        head.headers.insert(HOST, host);
    }
}

/// Path and query alone, if there is more: the authority was judged, and stands in `Host`.
fn origin_form(uri: &Uri) -> Option<Uri> {
    if uri.authority().is_none() && uri.scheme().is_none() {
        return None;
    }
    Some(Uri::from(uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))))
}

/// HTTP/1.1 does not go without (RFC 9112 §3.2), HTTP/1.0 clients may.
fn name_host(headers: &mut HeaderMap, endpoint: &Endpoint) {
    if !headers.contains_key(HOST)
        && let Ok(host) = HeaderValue::from_str(&endpoint.address().host())
    {
        headers.insert(HOST, host);
    }
}

/// The same request once more; only for requests without a body.
fn copy(request: &Request<Upload>) -> Request<Upload> {
    let mut copy = Request::new(Upload::Empty);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Hands the app's half of a WebSocket over to the client's connection, which carries it after the 101.
async fn switch(
    response: Response<hyper::body::Incoming>,
    slot: Option<UpgradeSlot>,
    mut carrier: Box<Carrier>,
    mut lease: InFlight,
) -> Result<Response<Download>, UpstreamError> {
    let unexpected = || UpstreamError::new(Kind::UnexpectedUpgrade);
    let slot = slot.ok_or_else(unexpected)?;
    let (mut head, body) = response.into_parts();
    if !websocket::is_acceptance(&head.headers) {
        return Err(unexpected());
    }
    hop_by_hop::response(&mut head.headers, true);
    head.headers.remove(CONTENT_LENGTH);
    head.extensions.clear();
    head.version = Version::HTTP_11;
    poll_fn(|cx| {
        carrier.drive(cx);
        if carrier.is_finished() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let (stream, read) = carrier.into_tunnel().ok_or_else(unexpected)?;
    lease.make_tunnel();
    slot.fill(Tunnel::new(stream, read, lease));
    Ok(Response::from_parts(head, Download::ended(body)))
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};

    use super::*;

    #[test]
    fn the_target_is_sent_in_origin_form_byte_for_byte() {
        let cases = [
            ("/a//b;c/%7e?q=%20&&x", "/a//b;c/%7e?q=%20&&x"),
            ("http://evil.example/a?b", "/a?b"),
            ("http://host", "/"),
            ("http://host?q", "/?q"),
            ("*", "*"),
            ("/", "/"),
        ];
        for (target, expected) in cases {
            let uri: Uri = target.parse().unwrap();
            assert_eq!(origin_form(&uri).unwrap_or(uri).to_string(), expected, "{target}");
        }
    }

    #[test]
    fn what_an_event_stream_is() {
        for (value, is_one) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            (" text/event-stream ;x", true),
            ("text/event-streams", false),
            ("application/json", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
            assert_eq!(is_event_stream(&headers), is_one, "{value}");
        }
        assert!(!is_event_stream(&HeaderMap::new()));
    }

    #[test]
    fn the_length_of_an_answer_is_the_one_that_was_read() {
        let full = Full::new(Bytes::from_static(b"12345"));
        let empty = Empty::<Bytes>::new();
        let lengths = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_LENGTH, HeaderValue::from_static(value));
            }
            headers
        };
        let told = |headers: &HeaderMap| -> Vec<String> {
            headers.get_all(CONTENT_LENGTH).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
        };
        for given in [&["5, 5"][..], &["5", "5"], &["5"], &["05"]] {
            let mut headers = lengths(given);
            measure(&mut headers, &full, StatusCode::OK);
            assert_eq!(told(&headers), ["5"], "{given:?}");
        }
        let mut headers = lengths(&["7, 7"]);
        measure(&mut headers, &empty, StatusCode::OK);
        assert!(told(&headers).is_empty());
        let mut headers = lengths(&["7"]);
        measure(&mut headers, &empty, StatusCode::OK);
        assert_eq!(told(&headers), ["7"], "the answer to HEAD");
    }
}
