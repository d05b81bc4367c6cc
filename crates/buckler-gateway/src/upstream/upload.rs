//! A request's body on its way to the app.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use crate::BoxError;

type Boxed = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// The body of a request, whatever it was before. One allocation where there is a body, none per chunk.
pub(crate) enum Upload {
    Empty,
    Stream { body: Boxed, progress: Arc<Progress> },
}

/// Whose turn it is: the app's, to take what it was sent and to answer, or the client's, to send more.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    /// Microseconds from `started` to the last frame handed over.
    last: AtomicU64,
    waiting_for_client: AtomicBool,
}

impl Progress {
    fn new() -> Self {
        Self { started: Instant::now(), last: AtomicU64::new(0), waiting_for_client: AtomicBool::new(false) }
    }

    /// Since when the app has been the one to act; `None` while it is the client.
    pub(crate) fn app_owes_since(&self) -> Option<Instant> {
        if self.waiting_for_client.load(Ordering::Relaxed) {
            return None;
        }
        Some(self.started + std::time::Duration::from_micros(self.last.load(Ordering::Relaxed)))
    }

    fn handed_over(&self) {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.store(micros, Ordering::Relaxed);
        self.waiting_for_client.store(false, Ordering::Relaxed);
    }
}

impl Upload {
    /// Wraps `body`; the second value tells how sending it proceeds, where there is anything to send.
    pub(crate) fn new<B>(body: B) -> (Self, Option<Arc<Progress>>)
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return (Self::Empty, None);
        }
        let progress = Arc::new(Progress::new());
        let body = Box::pin(Boxing { body });
        (Self::Stream { body, progress: Arc::clone(&progress) }, Some(progress))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Stream { body, progress } => match body.as_mut().poll_frame(cx) {
                Poll::Ready(frame) => {
                    progress.handed_over();
                    // Trailers go no further (RFC 9110 §6.5.1 lets them be discarded): ASGI has no place for them,
                    // and uvicorn appends them to the header fields, behind every judgement.
                    Poll::Ready(frame.filter(|frame| frame.as_ref().map_or(true, |frame| !frame.is_trailers())))
                }
                Poll::Pending => {
                    progress.waiting_for_client.store(true, Ordering::Relaxed);
                    Poll::Pending
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Stream { body, .. } => body.size_hint(),
        }
    }
}

pin_project_lite::pin_project! {
    /// Gives every body the same error.
    struct Boxing<B> {
        #[pin]
        body: B,
    }
}

impl<B> Body for Boxing<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().body.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[tokio::test]
    async fn trailers_go_no_further() {
        // R03
        let trailers =
            HeaderMap::from_iter([(http::HeaderName::from_static("x-role"), "admin".parse().expect("plain"))]);
        let body = Full::new(Bytes::from_static(b"body")).with_trailers(std::future::ready(Some(Ok(trailers))));
        let collected = Upload::new(body).0.collect().await.expect("nothing fails");
        assert!(collected.trailers().is_none());
        assert_eq!(collected.to_bytes(), "body");
    }
}
