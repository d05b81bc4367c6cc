//! The body of an HTTP/2 request.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use buckler_tower::Fault;
use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body, Frame, SizeHint};
use tokio::time::timeout;

use crate::BoxError;
use crate::linger::{LINGER, LINGER_BYTES};

/// Data and trailers of a stream. The client's window opens again as data is taken, so who reads slowly is sent
/// slowly.
#[derive(Debug)]
pub struct Http2Body {
    /// Gone when it has been left unread.
    stream: Option<RecvStream>,
    /// What the client announced and has not sent; the codec holds it to it.
    left: Option<u64>,
    phase: Phase,
    reader: Option<Reader>,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Data,
    Trailers,
    Ended,
}

/// What the exchange knows of the one who reads its body: whether anybody does, and what was left unread.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader(Arc<State>);

#[derive(Debug, Default)]
struct State {
    wanted: AtomicBool,
    unread: Mutex<Option<RecvStream>>,
}

impl Reader {
    /// Whether the body has been asked for since the last time: a client that waits for that may send it
    /// (RFC 9110 §10.1.1).
    pub(super) fn wants(&self) -> bool {
        self.0.wanted.swap(false, Ordering::Relaxed)
    }

    /// What was left unread.
    pub(super) fn take_unread(&self) -> Option<RecvStream> {
        self.unread().take()
    }

    fn unread(&self) -> MutexGuard<'_, Option<RecvStream>> {
        self.0.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what nobody wants and throws it away, so that the client, which is still sending, gets round to reading its
/// answer: some take a stream that is reset under their hands for a failure, although its answer is whole
/// (RFC 9113 §8.1). As bounded as over HTTP/1 ([`crate::linger`]).
pub(super) async fn linger(mut stream: RecvStream) {
    let discard = async {
        let mut left = LINGER_BYTES;
        while let Some(Ok(data)) = stream.data().await {
            // Fails on a stream that has ended, whose window nobody needs.
            let _ended = stream.flow_control().release_capacity(data.len());
            left = left.saturating_sub(data.len());
            if left == 0 {
                return;
            }
        }
    };
    let _given_up = timeout(LINGER, discard).await;
}

impl Http2Body {
    /// `reader` hears of it; a stream that has ended has none.
    pub(super) fn new(stream: RecvStream, length: Option<u64>, reader: Option<Reader>) -> Self {
        // A length of zero is no body, whether the stream ends with its head or with an empty frame behind it.
        let phase = if stream.is_end_stream() || length == Some(0) { Phase::Ended } else { Phase::Data };
        Self { stream: Some(stream), left: length, phase, reader }
    }
}

impl Drop for Http2Body {
    fn drop(&mut self) {
        if let (Some(reader), Some(stream)) = (&self.reader, self.stream.take())
            && !stream.is_end_stream()
        {
            *reader.unread() = Some(stream);
        }
    }
}

impl Body for Http2Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Some(stream) = &mut this.stream else { return Poll::Ready(None) };
        if let Some(reader) = &this.reader {
            reader.0.wanted.store(true, Ordering::Relaxed);
        }
        if this.phase == Phase::Data {
            match ready!(stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    // Fails on a stream that has ended, whose window nobody needs.
                    let _ended = stream.flow_control().release_capacity(data.len());
                    this.left = this.left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(this.broken(error)))),
                None => this.phase = Phase::Trailers,
            }
        }
        if this.phase == Phase::Trailers {
            let trailers = ready!(stream.poll_trailers(cx));
            this.phase = Phase::Ended;
            return match trailers {
                Ok(Some(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Ok(None) => Poll::Ready(None),
                Err(error) => Poll::Ready(Some(Err(this.broken(error)))),
            };
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.phase == Phase::Ended || self.stream.as_ref().is_none_or(RecvStream::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match (self.is_end_stream(), self.left) {
            (true, _) => SizeHint::with_exact(0),
            (false, Some(left)) => SizeHint::with_exact(left),
            (false, None) => SizeHint::default(),
        }
    }
}

impl Http2Body {
    /// What the codec refused is the client's fault; anything else is its leaving.
    fn broken(&mut self, error: h2::Error) -> BoxError {
        self.phase = Phase::Ended;
        if error.is_library() { Fault::BodyBroken.into() } else { error.into() }
    }
}
