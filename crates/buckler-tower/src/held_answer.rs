//! An answer that is held until it has been judged: nothing of it has left, so it can still become another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use buckler_engine::answer::Changed;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, response};
use http_body::Body;

use crate::BoxError;
use crate::answer_body::{AnswerBody, Closing};
use crate::fault::Fault;

pin_project_lite::pin_project! {
    /// The head of an answer, and what has come of its body.
    #[derive(Debug)]
    pub(crate) struct HeldAnswer<R> {
        #[pin]
        body: R,
        // Taken once, with the end of the body.
        head: Option<(response::Parts, Closing)>,
        kept: BytesMut,
        trailers: Option<HeaderMap>,
        max: usize,
    }
}

impl<R> HeldAnswer<R> {
    pub(crate) fn new(body: R, parts: response::Parts, closing: Closing, max: usize) -> Self {
        Self { body, head: Some((parts, closing)), kept: BytesMut::new(), trailers: None, max }
    }
}

impl<R> HeldAnswer<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    /// The answer, once it is known what it becomes.
    pub(crate) fn poll_judged(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<AnswerBody<R>>> {
        let mut this = self.project();
        let whole = loop {
            match ready!(this.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) if this.kept.len() + piece.len() > *this.max => break Ok(false),
                    Ok(piece) => this.kept.extend_from_slice(&piece),
                    Err(frame) => *this.trailers = frame.into_trailers().ok(),
                },
                Some(Err(error)) => break Err(error.into()),
                None => break Ok(true),
            }
        };
        let Some((mut parts, mut closing)) = this.head.take() else { return Poll::Pending };
        let kept = this.kept.split().freeze();
        let (bytes, trailers) = match whole {
            Err(error) => return Poll::Ready(Response::from_parts(parts, AnswerBody::broken(error, closing))),
            Ok(is_whole) => match judge(&mut closing, is_whole.then_some(&kept)) {
                Ok(None) => (kept, this.trailers.take()),
                Ok(Some(changed)) => (change(&mut parts, changed), None),
                Err(fault) => {
                    return Poll::Ready(Response::from_parts(parts, AnswerBody::broken(fault.into(), closing)));
                }
            },
        };
        Poll::Ready(Response::from_parts(parts, AnswerBody::judged(bytes, trailers, closing)))
    }
}

/// What the answer becomes; a panic of the engine lets nothing pass.
fn judge(closing: &mut Closing, body: Option<&Bytes>) -> Result<Option<Changed>, Fault> {
    let Some(pending) = closing.pending() else { return Err(Fault::Broken) };
    let judge = || pending.answering.judge(body.map(|body| &body[..]));
    catch_unwind(AssertUnwindSafe(judge)).map_err(|_panic| Fault::Broken)
}

fn change(parts: &mut response::Parts, changed: Changed) -> Bytes {
    parts.status = changed.status;
    for name in changed.remove {
        parts.headers.remove(name);
    }
    for (name, value) in changed.add {
        parts.headers.append(name, value);
    }
    changed.body
}
