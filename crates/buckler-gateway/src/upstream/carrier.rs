//! One connection to the app, driven by whoever holds it.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep};

use super::upload::{Progress, Upload};
use super::{RESPONSE_HEAD, UpstreamError};
use crate::stream::Stream;
use crate::upstream::error::Kind;

mod heard;

use heard::Heard;

/// A connection between two requests, or in one.
pub(crate) struct Carrier {
    sender: SendRequest<Upload>,
    connection: Connection<TokioIo<Heard>, Upload>,
    /// The connection has come to its end: it may not be polled again.
    finished: bool,
    /// Whether the app has sent anything since the last request was begun.
    heard: Arc<AtomicBool>,
    /// Runs for the first byte. Kept with the connection: moving a deadline further out takes no lock.
    timer: Pin<Box<Sleep>>,
    /// The app speaks HTTP/1.0. It would not take a chunked body over this connection, so it gets no second
    /// request over it.
    http_10: bool,
    served: bool,
}

/// A request that got no answer, and what may be done about it.
pub(crate) struct Failure {
    pub(crate) error: UpstreamError,
    /// The app has seen nothing of the request.
    pub(crate) unsent: Option<Box<Request<Upload>>>,
    /// The connection had served before and ended without a single byte: the app may have closed it before the
    /// request was on its way.
    pub(crate) stale: bool,
}

impl Carrier {
    /// Takes a fresh connection into service.
    pub(crate) async fn new(stream: Stream) -> Result<Self, UpstreamError> {
        let heard = Arc::new(AtomicBool::new(false));
        let io = TokioIo::new(Heard::new(stream, Arc::clone(&heard)));
        let (sender, connection) = Builder::new()
            .max_header_size(RESPONSE_HEAD)
            .max_buf_size(RESPONSE_HEAD)
            .handshake(io)
            .await
            .map_err(|error| UpstreamError::new(Kind::Exchange(error)))?;
        let timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        Ok(Self { sender, connection, finished: false, heard, timer, http_10: false, served: false })
    }

    /// Lets the connection read and write.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.finished {
            // An error reaches the one who waits for the response, or its body.
            self.finished = Pin::new(&mut self.connection).poll_without_shutdown(cx).is_ready();
        }
    }

    /// Whether it has served a request before.
    pub(crate) fn is_used(&self) -> bool {
        self.served
    }

    /// Whether nothing more will come over this connection.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether the last exchange ended cleanly and another may begin.
    pub(crate) fn is_reusable(&self) -> bool {
        !self.finished && !self.http_10 && self.sender.is_ready()
    }

    /// Whether a connection from the pool is still good: not closed, and nothing came that nobody asked for.
    pub(crate) fn is_alive(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        self.is_reusable()
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Upload>,
        progress: Option<Arc<Progress>>,
        first_byte: Duration,
    ) -> Result<Response<Incoming>, Failure> {
        let reused = std::mem::replace(&mut self.served, true);
        self.heard.store(false, Ordering::Relaxed);
        let began = Instant::now();
        self.timer.as_mut().reset(began + first_byte);
        let mut answer = pin!(self.sender.try_send_request(request));

        let outcome = poll_fn(|cx| {
            if !self.finished {
                self.finished = Pin::new(&mut self.connection).poll_without_shutdown(cx).is_ready();
            }
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(Ok(answer));
            }
            if self.finished {
                return Poll::Ready(Err(Kind::Closed));
            }
            while self.timer.as_mut().poll(cx).is_ready() {
                let now = Instant::now();
                let owed_since = progress.as_ref().map_or(Some(began), |progress| progress.app_owes_since());
                let deadline = owed_since.unwrap_or(now) + first_byte;
                if deadline <= now {
                    return Poll::Ready(Err(Kind::Timeout));
                }
                self.timer.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await;

        let stale = reused && !self.heard.load(Ordering::Relaxed);
        match outcome {
            Ok(Ok(response)) => {
                self.http_10 = response.version() == Version::HTTP_10;
                Ok(response)
            }
            Ok(Err(mut failed)) => {
                let unsent = failed.take_message().map(Box::new);
                let error = failed.into_error();
                // hyper wraps what the client's body failed with; the fault inside decides what the client is told.
                let (kind, stale) = if error.is_user() {
                    (Kind::RequestBody(error.into()), false)
                } else {
                    (Kind::Exchange(error), stale)
                };
                Err(Failure { error: UpstreamError::new(kind), unsent, stale })
            }
            Err(kind) => {
                let stale = stale && matches!(kind, Kind::Closed);
                Err(Failure { error: UpstreamError::new(kind), unsent: None, stale })
            }
        }
    }

    /// The socket after `101 Switching Protocols`, and what was read from it beyond the answer's head. `None` if
    /// the connection has not come to that point.
    pub(crate) fn into_tunnel(self) -> Option<(Stream, Bytes)> {
        if !self.finished {
            return None;
        }
        let parts = self.connection.into_parts();
        Some((parts.io.into_inner().into_inner(), parts.read_buf))
    }
}
