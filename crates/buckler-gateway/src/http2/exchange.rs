//! One request on an HTTP/2 connection, and its answer.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use buckler_http::connection::Connection;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, EXPECT, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::Full;
use tokio::time::{Instant, timeout};
use tower_service::Service;

use super::body::{Http2Body, Reader, linger};
use super::request::judge;
use super::traffic::Traffic;
use crate::BoxError;
use crate::connection::{ClientBody, LocalAddress, Rules};
use crate::event::{Event, Expired};
use crate::paced::PacedBody;
use crate::received::Received;
use crate::tls::clients::ClientCertificate;
use crate::upstream::{PATIENCE, Place};

/// Fields of a connection, which HTTP/2 has none of (RFC 9113 §8.2.2).
const OF_A_CONNECTION: [HeaderName; 6] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    TE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// What each exchange of a connection needs.
#[derive(Clone)]
pub(super) struct Exchange<'a, S> {
    pub(super) service: S,
    pub(super) common: Common<'a>,
}

/// The part of it that all of them share.
#[derive(Clone, Copy)]
pub(super) struct Common<'a> {
    pub(super) facts: Connection,
    pub(super) local: LocalAddress,
    pub(super) certificate: Option<&'a ClientCertificate>,
    pub(super) rules: &'a Rules,
    pub(super) traffic: &'a Traffic,
    pub(super) peer: SocketAddr,
}

/// Nobody is there any more to be answered.
struct Gone;

impl<S, R> Exchange<'_, S>
where
    S: Service<Request<ClientBody>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    /// Answers the request; whatever comes of it, the stream is over afterwards.
    pub(super) async fn answer(self, mut request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let Self { mut service, common } = self;
        let _open = common.traffic.open();
        if let Err(fault) = judge(&mut request, common.facts.scheme) {
            let answer = common.rules.early.answer(fault, common.facts).map(Full::new);
            if common.send(answer, respond, &Place::default()).await.is_ok() {
                linger(request.into_body()).await;
            }
            return;
        }
        let mut waits = waits_for_consent(request.headers());
        let reader = (!request.body().is_end_stream()).then(Reader::default);
        let place = Place::default();
        let request = common.received(request, reader.clone(), &place);
        let answer = {
            let service = &mut service;
            let mut answer = pin!(async move {
                poll_fn(|cx| service.poll_ready(cx)).await?;
                service.call(request).await
            });
            poll_fn(|cx| {
                if respond.poll_reset(cx).is_ready() {
                    return Poll::Ready(None);
                }
                // What an error would say is nothing for the client.
                let answer = answer.as_mut().poll(cx).map(|answer| Some(answer.ok()));
                if waits && answer.is_pending() && reader.as_ref().is_some_and(Reader::wants) {
                    waits = false;
                    // Who is gone is noticed by the next poll.
                    let _gone = respond.send_informational(informational());
                }
                answer
            })
            .await
        };
        match answer {
            Some(Some(answer)) => {
                let sent = common.send(answer, respond, &place).await;
                if let (Ok(()), Some(unread)) = (sent, reader.and_then(|reader| reader.take_unread())) {
                    linger(unread).await;
                }
            }
            Some(None) => respond.send_reset(Reason::INTERNAL_ERROR),
            None => {}
        }
    }
}

impl Common<'_> {
    /// The request with what the connection knows.
    fn received(&self, request: Request<RecvStream>, reader: Option<Reader>, place: &Place) -> Request<ClientBody> {
        let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let mut request = request.map(|stream| {
            PacedBody::new(Received::Http2(Http2Body::new(stream, length, reader)), self.rules.pace).standing_at(place)
        });
        let extensions = request.extensions_mut();
        extensions.insert(self.facts);
        extensions.insert(self.local);
        extensions.insert(place.clone());
        if let Some(certificate) = self.certificate {
            extensions.insert(certificate.clone());
        }
        request
    }

    async fn send<B>(&self, answer: Response<B>, mut respond: SendResponse<Bytes>, place: &Place) -> Result<(), Gone>
    where
        B: Body<Data = Bytes>,
    {
        let (mut head, body) = answer.into_parts();
        head.version = Version::HTTP_2;
        for name in &OF_A_CONNECTION {
            head.headers.remove(name);
        }
        if !head.headers.contains_key(DATE)
            && let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(SystemTime::now()))
        {
            head.headers.insert(DATE, date);
        }
        let ended = body.is_end_stream();
        let stream = respond.send_response(Response::from_parts(head, ()), ended).map_err(|_| Gone)?;
        if ended { Ok(()) } else { self.stream(body, stream, place).await }
    }

    async fn stream<B>(&self, body: B, mut stream: SendStream<Bytes>, place: &Place) -> Result<(), Gone>
    where
        B: Body<Data = Bytes>,
    {
        let mut body = pin!(body);
        let mut waits = Waits { place, left: Some(PATIENCE) };
        loop {
            let frame = poll_fn(|cx| {
                if stream.poll_reset(cx).is_ready() {
                    return Poll::Ready(Err(Gone));
                }
                body.as_mut().poll_frame(cx).map(|frame| Ok(frame.map(Result::ok)))
            })
            .await?;
            match frame {
                None => return stream.send_data(Bytes::new(), true).map_err(|_| Gone),
                Some(None) => {
                    stream.send_reset(Reason::INTERNAL_ERROR);
                    return Ok(());
                }
                Some(Some(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let last = body.is_end_stream();
                        self.send_data(&mut stream, data, last, &mut waits).await?;
                        if last {
                            return Ok(());
                        }
                    }
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            return stream.send_trailers(trailers).map_err(|_| Gone);
                        }
                    }
                },
            }
        }
    }

    /// Sends as the client's windows open.
    async fn send_data(
        &self,
        stream: &mut SendStream<Bytes>,
        mut data: Bytes,
        last: bool,
        waits: &mut Waits<'_>,
    ) -> Result<(), Gone> {
        if data.is_empty() && last {
            return stream.send_data(data, true).map_err(|_| Gone);
        }
        while !data.is_empty() {
            stream.reserve_capacity(data.len());
            let room = match stream.capacity() {
                0 => self.room(stream, waits).await?,
                room => room,
            };
            let piece = data.split_to(room.min(data.len()));
            let end = last && data.is_empty();
            stream.send_data(piece, end).map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// Waits for room, but not for ever.
    async fn room(&self, stream: &mut SendStream<Bytes>, waits: &mut Waits<'_>) -> Result<usize, Gone> {
        let room = poll_fn(|cx| {
            if stream.poll_reset(cx).is_ready() {
                return Poll::Ready(Err(Gone));
            }
            match stream.poll_capacity(cx) {
                Poll::Ready(Some(Ok(0))) | Poll::Pending => Poll::Pending,
                Poll::Ready(Some(Ok(room))) => Poll::Ready(Ok(room)),
                Poll::Ready(Some(Err(_)) | None) => Poll::Ready(Err(Gone)),
            }
        });
        if let Ok(room) = timeout(self.rules.deadlines.write_stall, waits.during(room)).await {
            return room;
        }
        self.rules.observer.observe(&Event::Expired { peer: self.peer, deadline: Expired::WriteStall });
        stream.send_reset(Reason::CANCEL);
        Err(Gone)
    }
}

/// What an answer has waited for its client, all pauses together.
struct Waits<'a> {
    place: &'a Place,
    /// What is left of [`PATIENCE`].
    left: Option<Duration>,
}

impl Waits<'_> {
    /// Counts the waiting for `room`, and leaves the place when it becomes too much.
    async fn during<F: Future>(&mut self, room: F) -> F::Output {
        let mut room = pin!(room);
        let Some(left) = self.left else { return room.await };
        let began = Instant::now();
        if let Ok(room) = timeout(left, room.as_mut()).await {
            self.left = Some(left.saturating_sub(began.elapsed()));
            return room;
        }
        self.left = None;
        self.place.leave();
        room.await
    }
}

/// Whether the client sends its body only when it is asked to.
fn waits_for_consent(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn informational() -> Response<()> {
    let mut informational = Response::new(());
    *informational.status_mut() = StatusCode::CONTINUE;
    informational
}
