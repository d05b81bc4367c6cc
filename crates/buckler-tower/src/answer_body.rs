//! The body of an answer on its way to the client; its end closes the exchange.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use buckler_engine::{Answering, Ending, Traffic, Unreadable};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::BoxError;
use crate::judge::Watch;
use crate::layer::Shared;
use buckler_engine::answer::Rewrite;

pin_project_lite::pin_project! {
    /// The body of every response of the layer.
    #[derive(Debug)]
    pub struct AnswerBody<B> {
        #[pin]
        source: Source<B>,
        closing: Closing,
    }
}

pin_project_lite::pin_project! {
    #[project = SourceProj]
    #[derive(Debug)]
    enum Source<B> {
        App { #[pin] body: B },
        Rewritten { #[pin] body: B, kept: BytesMut, rewrite: Option<Rewrite>, overflow: Overflow },
        Filtered { #[pin] body: B, after: After },
        Own { bytes: Option<Bytes>, trailers: Option<HeaderMap> },
        Broken { error: Option<BoxError> },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overflow {
    No,
    Yes,
}

/// What follows the last piece of a body that is filtered.
#[derive(Debug)]
enum After {
    /// It has not come yet.
    Pieces,
    /// These.
    Trailers(HeaderMap),
    /// Nothing.
    Nothing,
}

/// What is left to do when the body ends: once, and also if it is dropped before.
#[derive(Debug)]
pub(crate) struct Closing {
    pending: Option<Pending>,
    bytes_out: u64,
    ending: Ending,
}

#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) answering: Answering,
    pub(crate) shared: Arc<Shared>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) bytes_in: u64,
}

impl Closing {
    /// Of an answer that has not begun to leave.
    pub(crate) fn held(pending: Pending) -> Self {
        Self { pending: Some(pending), bytes_out: 0, ending: Ending::CutOff }
    }

    pub(crate) fn pending(&mut self) -> Option<&mut Pending> {
        self.pending.as_mut()
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let Some(mut pending) = self.pending.take() else { return };
        let watched = pending.watch.take();
        if let Some(inspector) = watched.inspector {
            pending.answering.learn(inspector);
        }
        if let Some(finding) = watched.refused {
            pending.answering.refuse(finding);
        }
        let traffic = Traffic { bytes_in: pending.bytes_in.max(watched.seen), bytes_out: self.bytes_out };
        let record = pending.answering.close(self.ending, traffic, pending.shared.now());
        pending.shared.observe(record);
    }
}

/// How a body ends that is never read: whole if there is nothing to read, or nobody to read it.
fn ending_before(empty: bool, pending: Option<&Pending>) -> Ending {
    let unread = pending.is_some_and(|pending| pending.answering.is_bodiless());
    if empty || unread { Ending::Complete } else { Ending::CutOff }
}

impl<B> AnswerBody<B> {
    pub(crate) fn own(bytes: Bytes, pending: Option<Pending>) -> Self {
        let ending = ending_before(bytes.is_empty(), pending.as_ref());
        let source = Source::Own { bytes: Some(bytes), trailers: None };
        Self { source, closing: Closing { pending, bytes_out: 0, ending } }
    }

    /// What was held, once it has been judged.
    pub(crate) fn judged(bytes: Bytes, trailers: Option<HeaderMap>, mut closing: Closing) -> Self {
        closing.ending = ending_before(bytes.is_empty() && trailers.is_none(), closing.pending.as_ref());
        Self { source: Source::Own { bytes: Some(bytes), trailers }, closing }
    }

    /// What was held and broke off: nothing of it leaves.
    pub(crate) fn broken(error: BoxError, closing: Closing) -> Self {
        Self { source: Source::Broken { error: Some(error) }, closing }
    }
}

impl<B: Body> AnswerBody<B> {
    pub(crate) fn app(body: B, pending: Pending) -> Self {
        let ending = ending_before(body.is_end_stream(), Some(&pending));
        Self { source: Source::App { body }, closing: Closing { pending: Some(pending), bytes_out: 0, ending } }
    }

    pub(crate) fn filtered(body: B, pending: Pending) -> Self {
        let ending = ending_before(false, Some(&pending));
        let source = Source::Filtered { body, after: After::Pieces };
        Self { source, closing: Closing { pending: Some(pending), bytes_out: 0, ending } }
    }

    pub(crate) fn rewritten(body: B, rewrite: Rewrite, pending: Pending) -> Self {
        let source = Source::Rewritten { body, kept: BytesMut::new(), rewrite: Some(rewrite), overflow: Overflow::No };
        let ending = ending_before(false, Some(&pending));
        Self { source, closing: Closing { pending: Some(pending), bytes_out: 0, ending } }
    }
}

impl<B> Body for AnswerBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        let (frame, over) = match this.source.project() {
            SourceProj::App { mut body } => {
                let frame = ready!(body.as_mut().poll_frame(cx)).map(|frame| frame.map_err(Into::into));
                if let (Some(Ok(frame)), Some(pending)) = (&frame, &mut this.closing.pending)
                    && let Some(piece) = frame.data_ref()
                {
                    pending.answering.saw(piece);
                }
                // A body of known length is not asked again behind its last piece.
                (frame, body.is_end_stream())
            }
            SourceProj::Own { bytes, trailers } => {
                let data = bytes.take().filter(|b| !b.is_empty()).map(Frame::data);
                let frame = data.or_else(|| trailers.take().map(Frame::trailers));
                (frame.map(Ok), trailers.is_none())
            }
            SourceProj::Broken { error } => (error.take().map(Err), false),
            SourceProj::Filtered { body, after } => {
                let Some(pending) = &mut this.closing.pending else { return Poll::Ready(None) };
                let frame = ready!(poll_filtered(body, after, &mut pending.answering, cx));
                (frame, matches!(after, After::Nothing))
            }
            SourceProj::Rewritten { body, kept, rewrite, overflow } => {
                let frame = ready!(poll_rewritten(body, kept, rewrite, overflow, cx));
                (frame, rewrite.is_none())
            }
        };
        match &frame {
            Some(Ok(frame)) => {
                this.closing.bytes_out += frame.data_ref().map_or(0, |data| data.len() as u64);
                if over {
                    this.closing.ending = Ending::Complete;
                }
            }
            Some(Err(_)) => this.closing.ending = Ending::CutOff,
            None => this.closing.ending = Ending::Complete,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::App { body } => body.is_end_stream(),
            Source::Own { bytes, trailers } => bytes.as_ref().is_none_or(Bytes::is_empty) && trailers.is_none(),
            Source::Rewritten { rewrite, .. } => rewrite.is_none(),
            Source::Filtered { after, .. } => matches!(after, After::Nothing),
            Source::Broken { error } => error.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::App { body } => body.size_hint(),
            Source::Own { bytes, .. } => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Source::Rewritten { .. } | Source::Filtered { .. } | Source::Broken { .. } => SizeHint::new(),
        }
    }
}

/// The next piece of what stays of a body.
fn poll_filtered<B>(
    mut body: Pin<&mut B>,
    after: &mut After,
    answering: &mut Answering,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    loop {
        match std::mem::replace(after, After::Nothing) {
            After::Trailers(trailers) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            After::Nothing => return Poll::Ready(None),
            After::Pieces => {}
        }
        *after = After::Pieces;
        let (filtered, then) = match ready!(body.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) => (judge(|| answering.filter(&piece)), After::Pieces),
                Err(frame) => {
                    let then = frame.into_trailers().map_or(After::Pieces, After::Trailers);
                    (judge(|| answering.filter_end()), then)
                }
            },
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => (judge(|| answering.filter_end()), After::Nothing),
        };
        *after = then;
        match filtered {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Err(error) => {
                *after = After::Nothing;
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

/// A panic of the engine ends an answer as what cannot be read does.
fn judge(judge: impl FnOnce() -> Result<Bytes, Unreadable>) -> Result<Bytes, BoxError> {
    catch_unwind(AssertUnwindSafe(judge)).unwrap_or(Err(Unreadable)).map_err(Into::into)
}

/// Keeps the whole body, up to what the rewrite takes, then gives out what it becomes.
fn poll_rewritten<B>(
    mut body: Pin<&mut B>,
    kept: &mut BytesMut,
    rewrite: &mut Option<Rewrite>,
    overflow: &mut Overflow,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let Some(max) = rewrite.as_ref().map(Rewrite::max_bytes) else { return Poll::Ready(None) };
    while *overflow == Overflow::No {
        match ready!(body.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                if kept.len() + data.len() > max {
                    *overflow = Overflow::Yes;
                } else {
                    kept.extend_from_slice(&data);
                }
            }
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => break,
        }
    }
    let whole = (*overflow == Overflow::No).then_some(&kept[..]);
    let rewritten = rewrite.take().map(|rewrite| rewrite.apply(whole));
    Poll::Ready(rewritten.map(|bytes| Ok(Frame::data(bytes))))
}
