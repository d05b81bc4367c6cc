//! The request body on its way to the inner service: judged piece by piece, or held back until all of it has
//! passed.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use buckler_engine::BodyInspector;
use buckler_engine::stage::Finding;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{BoxError, Fault};

/// What the body's end tells the exchange.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    inner: Mutex<Watched>,
}

#[derive(Debug, Default)]
pub(crate) struct Watched {
    pub(crate) refused: Option<Box<Finding>>,
    pub(crate) fault: Option<Fault>,
    pub(crate) inspector: Option<BodyInspector>,
    pub(crate) seen: u64,
}

impl Watch {
    pub(crate) fn take(&self) -> Watched {
        std::mem::take(&mut *self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tell(&self, tell: impl FnOnce(&mut Watched)) {
        tell(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Bytes that may be held at the same time, over all exchanges of one layer.
#[derive(Debug)]
pub(crate) struct HoldBudget {
    left: AtomicUsize,
    /// What only small bodies may take.
    reserve: usize,
}

/// Bodies up to this size find room when the large ones have taken all of theirs: it is what ordinary calls of an
/// API send, and who fills the budget with a few large bodies must not shut out everybody else.
const SMALL_BODY: usize = 64 * 1024;

/// The part of the budget that is kept for small bodies: one in so many bytes.
const RESERVE: usize = 4;

impl HoldBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { left: AtomicUsize::new(bytes), reserve: bytes / RESERVE }
    }

    /// Takes `bytes` for a body that then holds `total`.
    fn take(&self, bytes: usize, total: usize) -> Result<(), Fault> {
        let floor = if total > SMALL_BODY { self.reserve } else { 0 };
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes).filter(|rest| *rest >= floor)
            })
            .map(|_| ())
            .map_err(|_| Fault::Overloaded)
    }

    fn give_back(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The error that a refused body ends in. The client has been, or will be, answered by the layer.
#[derive(Debug)]
pub struct BodyRefused(());

impl fmt::Display for BodyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body was refused")
    }
}

impl std::error::Error for BodyRefused {}

/// What judging an ordinary document takes: no more than the connection's own buffers, and so not counted.
const USUAL_MEMORY: usize = 8 * 1024;

/// Gives back what it holds, and tells what it saw, however the body ends.
#[derive(Debug)]
pub(crate) struct Judge {
    inspector: Option<BodyInspector>,
    watch: Arc<Watch>,
}

impl Judge {
    pub(crate) fn new(inspector: BodyInspector, watch: Arc<Watch>) -> Self {
        Self { inspector: Some(inspector), watch }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), BoxError> {
        self.ask(|inspector| inspector.push(piece))
    }

    /// Bytes that judging takes beside the body, beyond what every exchange takes.
    fn memory(&self) -> usize {
        self.inspector.as_ref().map_or(0, BodyInspector::memory).saturating_sub(USUAL_MEMORY)
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        self.ask(BodyInspector::finish)?;
        self.tell();
        Ok(())
    }

    fn ask(&mut self, ask: impl FnOnce(&mut BodyInspector) -> Result<(), Box<Finding>>) -> Result<(), BoxError> {
        let Some(inspector) = &mut self.inspector else { return Ok(()) };
        match catch_unwind(AssertUnwindSafe(|| ask(inspector))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(finding)) => {
                self.watch.tell(|watched| watched.refused = Some(finding));
                self.tell();
                Err(Box::new(BodyRefused(())))
            }
            Err(_panic) => Err(self.fail(Fault::Broken)),
        }
    }

    /// What the body's own error, or want of room, means to the exchange.
    fn fail(&mut self, fault: Fault) -> BoxError {
        self.watch.tell(|watched| watched.fault = Some(fault));
        self.tell();
        Box::new(fault)
    }

    /// The body's own error: a fault that the host knows, or a client that left or broke its framing.
    fn broke(&mut self, error: &BoxError) -> BoxError {
        self.fail(Fault::find(&**error).unwrap_or(Fault::BodyBroken))
    }

    fn tell(&mut self) {
        if let Some(inspector) = self.inspector.take() {
            self.watch.tell(|watched| {
                watched.seen = inspector.seen();
                watched.inspector = Some(inspector);
            });
        }
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        self.tell();
    }
}

/// Bytes taken from the budget, given back when whoever holds them is done.
#[derive(Debug)]
struct Lease {
    budget: Arc<HoldBudget>,
    bytes: usize,
}

impl Lease {
    /// Takes what is missing, or gives back what is too much.
    fn hold(&mut self, bytes: usize) -> Result<(), Fault> {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.budget.take(more, bytes)?,
            None => self.budget.give_back(self.bytes - bytes),
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

pin_project_lite::pin_project! {
    /// Reads a body whole before anybody else sees it.
    #[derive(Debug)]
    pub(crate) struct Holding<B> {
        #[pin]
        body: B,
        judge: Judge,
        held: Option<Held>,
    }
}

/// A body that has passed.
#[derive(Debug)]
struct Held {
    pieces: VecDeque<Bytes>,
    /// What has come in pieces too small to be kept one by one.
    small: Vec<u8>,
    /// Of all pieces together.
    bytes: usize,
    trailers: Option<http::HeaderMap>,
    lease: Lease,
}

/// A smaller piece is copied to its neighbours. Each one kept costs a handle and pins the buffer that it was read
/// into: a body in chunks of one byte would take forty times the room that it was charged for.
const SMALL_PIECE: usize = 4 * 1024;

impl Held {
    fn keep(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        let first = self.pieces.is_empty() && self.small.is_empty();
        if first || piece.len() >= SMALL_PIECE {
            self.seal();
            self.pieces.push_back(piece);
        } else {
            self.small.extend_from_slice(&piece);
            if self.small.len() >= SMALL_PIECE {
                self.seal();
            }
        }
    }

    /// Ends the run of small pieces.
    fn seal(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push_back(Bytes::from(std::mem::take(&mut self.small)));
        }
    }
}

impl<B> Holding<B> {
    pub(crate) fn new(body: B, judge: Judge, budget: Arc<HoldBudget>) -> Self {
        let lease = Lease { budget, bytes: 0 };
        let held = Held { pieces: VecDeque::new(), small: Vec::new(), bytes: 0, trailers: None, lease };
        Self { body, judge, held: Some(held) }
    }
}

impl<B> Holding<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// The body, once its end has passed.
    pub(crate) fn poll_held(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<RequestBody<B>, BoxError>> {
        let mut this = self.project();
        loop {
            let frame = ready!(this.body.as_mut().poll_frame(cx));
            let Some(held) = this.held.as_mut() else { return Poll::Ready(Err(Box::new(BodyRefused(())))) };
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => {
                        if let Err(error) = this.judge.push(&piece) {
                            return Poll::Ready(Err(error));
                        }
                        held.keep(piece);
                        if let Err(fault) = held.lease.hold(held.bytes + this.judge.memory()) {
                            return Poll::Ready(Err(this.judge.fail(fault)));
                        }
                    }
                    Err(frame) => held.trailers = frame.into_trailers().ok(),
                },
                Some(Err(error)) => return Poll::Ready(Err(this.judge.broke(&error.into()))),
                None => {
                    if let Err(error) = this.judge.finish() {
                        return Poll::Ready(Err(error));
                    }
                    let held = this.held.take().map(|mut held| {
                        held.seal();
                        // Less than before: the judge is done with its part.
                        let _always = held.lease.hold(held.bytes);
                        RequestBody { kind: Kind::Held { held } }
                    });
                    return Poll::Ready(held.ok_or_else(|| Box::new(BodyRefused(())).into()));
                }
            }
        }
    }
}

pin_project_lite::pin_project! {
    /// A request body as the inner service reads it.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project_lite::pin_project! {
    #[project = KindProj]
    #[derive(Debug)]
    enum Kind<B> {
        Stream { #[pin] body: B, judge: Judge, refused: Ended },
        Held { held: Held },
    }
}

/// A refused body gives nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

impl<B> RequestBody<B> {
    pub(crate) fn stream(body: B, judge: Judge) -> Self {
        Self { kind: Kind::Stream { body, judge, refused: Ended::No } }
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let (mut body, judge, ended) = match self.project().kind.project() {
            KindProj::Held { held } => {
                let frame = held.pieces.pop_front().map(Frame::data);
                return Poll::Ready(frame.or_else(|| held.trailers.take().map(Frame::trailers)).map(Ok));
            }
            KindProj::Stream { body, judge, refused } => (body, judge, refused),
        };
        if *ended == Ended::Yes {
            return Poll::Ready(None);
        }
        let frame = match ready!(body.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => {
                let mut passed = frame.data_ref().map_or(Ok(()), |piece| judge.push(piece));
                // Who knows the length does not ask again behind the last piece, so the end is judged with it.
                if passed.is_ok() && body.is_end_stream() {
                    passed = judge.finish();
                }
                match passed {
                    Ok(()) => return Poll::Ready(Some(Ok(frame))),
                    Err(error) => Some(Err(error)),
                }
            }
            Some(Err(error)) => Some(Err(judge.broke(&error.into()))),
            None => judge.finish().err().map(Err),
        };
        *ended = Ended::Yes;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            // Nothing is left to judge but an end that has passed by its head already.
            Kind::Stream { body, refused, .. } => *refused == Ended::Yes || body.is_end_stream(),
            Kind::Held { held } => held.pieces.is_empty() && held.trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Stream { body, .. } => body.size_hint(),
            Kind::Held { held } => SizeHint::with_exact(held.pieces.iter().map(|piece| piece.len() as u64).sum()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(pieces: impl IntoIterator<Item = Bytes>) -> Held {
        let lease = Lease { budget: Arc::new(HoldBudget::new(0)), bytes: 0 };
        let mut held = Held { pieces: VecDeque::new(), small: Vec::new(), bytes: 0, trailers: None, lease };
        pieces.into_iter().for_each(|piece| held.keep(piece));
        held.seal();
        held
    }

    // R08: what a held body takes is in proportion to what it is charged
    #[test]
    fn a_body_in_single_bytes_is_not_kept_in_single_pieces() {
        let dripped = held((0..100_000_u32).map(|at| Bytes::from(vec![at.to_le_bytes()[0]])));
        assert!(dripped.pieces.len() <= 100_000 / SMALL_PIECE + 2, "{}", dripped.pieces.len());
        assert!(dripped.pieces.iter().skip(1).all(|piece| piece.len() <= 2 * SMALL_PIECE));
    }

    #[test]
    fn pieces_of_any_size_keep_their_order() {
        let sizes = [1, 5000, 1, 1, 4096, 4095, 4095, 1, 0, 9000, 2];
        let pieces = || sizes.iter().enumerate().map(|(at, size)| Bytes::from(vec![u8::try_from(at).unwrap(); *size]));
        let sent: Vec<u8> = pieces().flatten().collect();
        let kept: Vec<u8> = held(pieces()).pieces.into_iter().flatten().collect();
        assert_eq!(kept, sent);
        assert_eq!(held([Bytes::from_static(b"whole")]).pieces.len(), 1);
    }
}
