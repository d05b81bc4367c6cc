//! The request body on its way to the inner service: judged piece by piece, or held back until all of it has
//! passed.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use buckler_engine::EditedBody;
use buckler_http::connection::Client;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::BoxError;
use crate::judge::{BodyRefused, Judge};
use crate::room::{HoldBudget, Lease};

pin_project_lite::pin_project! {
    /// Reads a body whole before anybody else sees it.
    #[derive(Debug)]
    pub(crate) struct Holding<B> {
        #[pin]
        body: B,
        judge: Judge,
        // The piece that is being judged, and how far it has been.
        piece: Option<(Bytes, usize)>,
        ended: Ended,
        held: Option<Held>,
    }
}

/// A body that has passed, and what it became.
pub(crate) type Passed<B> = (RequestBody<B>, Option<EditedBody>);

/// How far a piece has been judged that has been judged.
const JUDGED: usize = usize::MAX;

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

    /// Keeps this and nothing else.
    fn replace(&mut self, text: Bytes) {
        (self.bytes, self.pieces, self.trailers) = (text.len(), VecDeque::from([text]), None);
    }

    /// Ends the run of small pieces.
    fn seal(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push_back(Bytes::from(std::mem::take(&mut self.small)));
        }
    }
}

impl<B> Holding<B> {
    pub(crate) fn new(body: B, judge: Judge, budget: &Arc<HoldBudget>, client: Client) -> Self {
        let lease = budget.lease(client);
        let held = Held { pieces: VecDeque::new(), small: Vec::new(), bytes: 0, trailers: None, lease };
        Self { body, judge, piece: None, ended: Ended::No, held: Some(held) }
    }
}

impl<B> Holding<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// The body, once its end has passed; with what it became, where the app is to get another one than came.
    pub(crate) fn poll_held(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Passed<B>, BoxError>> {
        let mut this = self.project();
        loop {
            let Some(held) = this.held.as_mut() else { return Poll::Ready(Err(Box::new(BodyRefused(())))) };
            if let Some((piece, at)) = this.piece {
                ready!(this.judge.poll_push(piece, at, cx))?;
                held.keep(std::mem::take(piece));
                *this.piece = None;
                if let Err(fault) = held.lease.hold(held.bytes + this.judge.memory()) {
                    return Poll::Ready(Err(this.judge.fail(fault)));
                }
            }
            if *this.ended == Ended::Yes {
                ready!(this.judge.poll_finish(cx))?;
                let edited = this.judge.take_edited();
                let held = this.held.take().map(|mut held| {
                    held.seal();
                    if let Some(edited) = &edited {
                        held.replace(edited.text().clone());
                    }
                    // Less than before: the judge is done with its part.
                    let _always = held.lease.hold(held.bytes);
                    (RequestBody { kind: Kind::Held { held } }, edited)
                });
                return Poll::Ready(held.ok_or_else(|| Box::new(BodyRefused(())).into()));
            }
            match ready!(this.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => *this.piece = Some((piece, 0)),
                    Err(frame) => held.trailers = frame.into_trailers().ok(),
                },
                Some(Err(error)) => return Poll::Ready(Err(this.judge.broke(&error.into()))),
                None => *this.ended = Ended::Yes,
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
        Stream { #[pin] body: B, judge: Judge, frame: Option<(Frame<Bytes>, usize)>, ended: Ended },
        Held { held: Held },
    }
}

/// Whether anything more is to come; a refused body gives nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

impl<B> RequestBody<B> {
    pub(crate) fn stream(body: B, judge: Judge) -> Self {
        Self { kind: Kind::Stream { body, judge, frame: None, ended: Ended::No } }
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
        let (mut body, judge, judged, ended) = match self.project().kind.project() {
            KindProj::Held { held } => {
                let frame = held.pieces.pop_front().map(Frame::data);
                return Poll::Ready(frame.or_else(|| held.trailers.take().map(Frame::trailers)).map(Ok));
            }
            KindProj::Stream { body, judge, frame, ended } => (body, judge, frame, ended),
        };
        if *ended == Ended::Yes {
            return Poll::Ready(None);
        }
        if judged.is_none() {
            match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => *judged = Some((frame, 0)),
                Some(Err(error)) => {
                    *ended = Ended::Yes;
                    return Poll::Ready(Some(Err(judge.broke(&error.into()))));
                }
                None => {
                    let passed = ready!(judge.poll_finish(cx));
                    *ended = Ended::Yes;
                    return Poll::Ready(passed.err().map(Err));
                }
            }
        }
        let mut passed = Ok(());
        if let Some((frame, at)) = judged
            && let Some(piece) = frame.data_ref()
            && *at != JUDGED
        {
            passed = ready!(judge.poll_push(piece, at, cx));
            *at = JUDGED;
        }
        // Who knows the length does not ask again behind the last piece, so the end is judged with it.
        if passed.is_ok() && body.is_end_stream() {
            passed = ready!(judge.poll_finish(cx));
        }
        if passed.is_err() {
            *ended = Ended::Yes;
        }
        let frame = judged.take().map(|(frame, _)| frame);
        Poll::Ready(passed.map_or_else(|error| Some(Err(error)), |()| frame.map(Ok)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            // Nothing is left to judge but an end that has passed by its head already.
            Kind::Stream { body, frame, ended, .. } => *ended == Ended::Yes || frame.is_none() && body.is_end_stream(),
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
        let lease = Arc::new(HoldBudget::new(0)).lease(Client::LOCAL);
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
