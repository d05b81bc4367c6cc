//! A request body that must keep moving (R08).
//!
//! Rules, in order:
//! 1. The client has a grace of waiting, and using it up is the end. Only time spent *waiting for the client*
//!    counts: an app that reads slowly makes nobody late.
//! 2. Every `rate` bytes received give one second of it back, and never more than the whole grace. So a body may
//!    trickle at `rate` for ever; but no wait is longer than the grace, and nobody who sent a lot at first has
//!    bought hours of holding what was sent.
//!
//! What comes after an upgrade is no body, and has no pace.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use buckler_tower::Fault;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use crate::BoxError;
use crate::activity::Activity;
use crate::upstream::{PATIENCE, Place};

/// How slow a body may be.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Waiting that is free of charge.
    pub grace: Duration,
    /// Bytes that buy another second.
    pub rate: u64,
}

impl Pace {
    /// The waiting that `bytes` give back.
    fn earned(&self, bytes: usize) -> Duration {
        let micros = bytes as u128 * 1_000_000 / u128::from(self.rate.max(1));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

pin_project! {
    /// A body under a [`Pace`]. Its error is [`Fault::BodyTimeout`] when the pace is lost, otherwise that of the
    /// body inside.
    pub struct PacedBody<B>
    where
        B: Body,
    {
        #[pin]
        body: B,
        pace: Pace,
        left: Duration,
        waiting_since: Option<Instant>,
        // Made when the client keeps us waiting for the first time: most bodies come along with their head.
        timer: Option<Pin<Box<Sleep>>>,
        ended: bool,
        activity: Option<Arc<Activity>>,
        // Only where somebody counts: the place of the request, and the waiting that it includes.
        place: Option<Place>,
        patience: Option<Duration>,
    }

    impl<B: Body> PinnedDrop for PacedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(activity) = this.activity
                && !*this.ended
                && !this.body.is_end_stream()
            {
                activity.body_abandoned();
            }
        }
    }
}

impl<B> PacedBody<B>
where
    B: Body<Data = Bytes>,
{
    /// Watches over `body`.
    pub fn new(body: B, pace: Pace) -> Self {
        Self {
            body,
            pace,
            left: pace.grace,
            waiting_since: None,
            timer: None,
            ended: false,
            activity: None,
            place: None,
            patience: None,
        }
    }

    /// Reports to `activity` when the body is dropped before its end.
    pub(crate) fn reporting_to(mut self, activity: Arc<Activity>) -> Self {
        self.activity = Some(activity);
        self
    }

    /// Leaves that place while the client is waited for, and takes it again when the body has come.
    pub(crate) fn standing_at(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self.patience = Some(PATIENCE);
        self
    }
}

/// It is the worker's turn again.
fn resume(place: Option<&Place>) {
    if let Some(place) = place {
        place.resume();
    }
}

impl<B: Body> std::fmt::Debug for PacedBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PacedBody").field("pace", &self.pace).field("left", &self.left).finish_non_exhaustive()
    }
}

impl<B> Body for PacedBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let frame = match this.body.as_mut().poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let now = Instant::now();
                let since = *this.waiting_since.get_or_insert(now);
                let deadline = since + *this.left;
                loop {
                    let next = this.patience.map_or(deadline, |patience| deadline.min(since + patience));
                    let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
                    // Moving the deadline further out costs nothing worth avoiding; the timer fires early at worst
                    // once per body and is then set anew.
                    if timer.deadline() != next {
                        timer.as_mut().reset(next);
                    }
                    ready!(timer.as_mut().poll(cx));
                    if next == deadline {
                        break;
                    }
                    *this.patience = None;
                    if let Some(place) = this.place {
                        place.leave();
                    }
                }
                *this.ended = true;
                if let Some(activity) = this.activity {
                    activity.body_abandoned();
                }
                return Poll::Ready(Some(Err(Fault::BodyTimeout.into())));
            }
        };
        if let Some(since) = this.waiting_since.take() {
            let waited = since.elapsed();
            *this.left = this.left.saturating_sub(waited);
            *this.patience = this.patience.map(|patience| patience.saturating_sub(waited));
        }
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                *this.left = this.left.saturating_add(this.pace.earned(bytes)).min(this.pace.grace);
                if this.body.is_end_stream() {
                    resume(this.place.as_ref());
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                *this.ended = true;
                Some(Err(error.into()))
            }
            None => {
                *this.ended = true;
                resume(this.place.as_ref());
                None
            }
        })
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
    use std::convert::Infallible;

    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::sync::mpsc;

    use super::*;

    const PACE: Pace = Pace { grace: Duration::from_secs(10), rate: 1024 };

    /// A body that sends `chunk` bytes after each of the pauses, then ends.
    fn dripping(pauses: Vec<(u64, usize)>) -> PacedBody<impl Body<Data = Bytes, Error = Infallible>> {
        let (sender, mut receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            for (seconds, chunk) in pauses {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                if sender.send(Bytes::from(vec![0; chunk])).await.is_err() {
                    return;
                }
            }
        });
        let stream = futures_util::stream::poll_fn(move |cx| {
            receiver.poll_recv(cx).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
        });
        PacedBody::new(StreamBody::new(stream), PACE)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_keeps_its_pace_or_is_cut() {
        // R08
        struct Case {
            what: &'static str,
            pauses: Vec<(u64, usize)>,
            cut_after: Option<u64>,
        }
        let cases = [
            Case { what: "a byte a second", pauses: vec![(1, 1); 100], cut_after: Some(10) },
            Case { what: "nothing at all", pauses: vec![(100, 1)], cut_after: Some(10) },
            Case { what: "half the rate", pauses: vec![(1, 512); 100], cut_after: Some(19) },
            Case { what: "a stall after a lot", pauses: vec![(0, 1 << 20), (100, 1)], cut_after: Some(10) },
            // Sixty-four seconds' worth at once, then a byte every three.
            Case {
                what: "a lot, then a drip",
                pauses: std::iter::once((0, 1 << 16)).chain(std::iter::repeat_n((3, 1), 100)).collect(),
                cut_after: Some(10),
            },
            Case { what: "the rate", pauses: vec![(1, 1024); 100], cut_after: None },
            Case { what: "a stall shorter than the grace", pauses: vec![(0, 1 << 20), (9, 1)], cut_after: None },
            Case { what: "all at once", pauses: vec![(0, 1 << 20); 10], cut_after: None },
            Case { what: "no body", pauses: vec![], cut_after: None },
        ];
        for case in cases {
            let began = Instant::now();
            let outcome = dripping(case.pauses).collect().await;
            match case.cut_after {
                None => assert!(outcome.is_ok(), "{}", case.what),
                Some(seconds) => {
                    let error = outcome.map(drop).expect_err(case.what);
                    assert_eq!(Fault::find(error.as_ref()), Some(Fault::BodyTimeout), "{}", case.what);
                    assert_eq!(began.elapsed().as_secs(), seconds, "{}", case.what);
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_not_the_clients_fault() {
        // R08
        let mut body = dripping(vec![(1, 10); 30]);
        for _ in 0..9 {
            tokio::time::sleep(Duration::from_mins(1)).await;
            assert!(body.frame().await.expect("more").is_ok());
        }
    }

    #[tokio::test]
    async fn a_body_given_up_is_reported() {
        let activity = Arc::new(Activity::new());
        let mut body = dripping(vec![(0, 1), (0, 1)]).reporting_to(Arc::clone(&activity));
        assert!(body.frame().await.is_some());
        drop(body);
        assert!(activity.has_unread_body());

        let activity = Arc::new(Activity::new());
        let body = dripping(vec![(0, 1)]).reporting_to(Arc::clone(&activity));
        assert!(body.collect().await.is_ok());
        assert!(!activity.has_unread_body());
    }
}
