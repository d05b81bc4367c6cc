//! An answer's body on its way to the client.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::UpstreamError;
use super::carrier::Carrier;
use super::endpoint::InFlight;
use super::error::Kind;

/// The body of the app's answer. It drives the connection that it comes over, and returns it to the pool at its
/// end; dropped before, it takes the connection with it.
pub struct Download {
    incoming: Incoming,
    /// Gone once the body has ended, or failed.
    link: Option<(Box<Carrier>, InFlight)>,
}

impl Download {
    pub(crate) fn new(incoming: Incoming, carrier: Box<Carrier>, lease: InFlight) -> Self {
        Self { incoming, link: Some((carrier, lease)) }
    }

    /// The body of an answer whose connection is somebody else's now.
    pub(crate) fn ended(incoming: Incoming) -> Self {
        Self { incoming, link: None }
    }

    /// Parts from the connection after a clean end.
    fn settle(&mut self) {
        if let Some((carrier, lease)) = self.link.take()
            && carrier.is_reusable()
        {
            lease.give_back(carrier);
        }
    }

    fn fail(&mut self, cause: Option<hyper::Error>) -> UpstreamError {
        self.link = None;
        UpstreamError::new(Kind::Truncated(cause))
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        let this = self.get_mut();
        let finished = match &mut this.link {
            Some((carrier, _)) => {
                carrier.drive(cx);
                carrier.is_finished()
            }
            None => true,
        };
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(this.fail(Some(error))))),
            Poll::Ready(None) => {
                this.settle();
                Poll::Ready(None)
            }
            // A connection that has ended sends nothing more, and this body has not ended.
            Poll::Pending if finished => Poll::Ready(Some(Err(this.fail(None)))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // hyper does not ask a body for its end when its length has told it.
        if self.incoming.is_end_stream() {
            self.settle();
        }
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("size_hint", &self.size_hint()).finish_non_exhaustive()
    }
}
