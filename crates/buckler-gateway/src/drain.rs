//! Stopping without losing a request.
//!
//! Two steps: *draining* (no new connections, no further request on the open ones, those in flight are answered)
//! and *cut* (the drain deadline has passed: what is still open is closed). Every connection looks at the step
//! each time it runs, which costs one load, and is woken once per step.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How far stopping has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Serving,
    Draining,
    Cut,
}

/// Tells every connection to stop.
#[derive(Debug, Clone)]
pub(crate) struct Drain(Arc<Steps>);

#[derive(Debug)]
struct Steps {
    step: AtomicU8,
    draining: CancellationToken,
    cut: CancellationToken,
}

impl Drain {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Steps {
            step: AtomicU8::new(Step::Serving as u8),
            draining: CancellationToken::new(),
            cut: CancellationToken::new(),
        }))
    }

    pub(crate) fn begin(&self) {
        self.0.step.fetch_max(Step::Draining as u8, Ordering::AcqRel);
        self.0.draining.cancel();
    }

    pub(crate) fn cut(&self) {
        self.0.step.fetch_max(Step::Cut as u8, Ordering::AcqRel);
        self.0.draining.cancel();
        self.0.cut.cancel();
    }

    /// Waits until draining begins.
    pub(crate) async fn begun(&self) {
        self.0.draining.cancelled().await;
    }

    pub(crate) fn watch(&self) -> DrainWatch {
        DrainWatch {
            steps: Arc::clone(&self.0),
            draining: Box::pin(self.0.draining.clone().cancelled_owned()),
            cut: Box::pin(self.0.cut.clone().cancelled_owned()),
            registered: None,
        }
    }
}

/// One connection's view of the steps.
#[derive(Debug)]
pub(crate) struct DrainWatch {
    steps: Arc<Steps>,
    draining: Pin<Box<WaitForCancellationFutureOwned>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Who is registered to be woken, and for which step. The two futures share locks with all connections, so
    /// they are polled only when this changes.
    registered: Option<(Waker, Step)>,
}

impl DrainWatch {
    /// The step, and makes sure that the task is woken for the next one.
    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Step {
        let step = self.step();
        if let Some((waker, at)) = &self.registered
            && *at == step
            && waker.will_wake(cx.waker())
        {
            return step;
        }
        let passed = match step {
            Step::Serving => self.draining.as_mut().poll(cx).is_ready(),
            Step::Draining => self.cut.as_mut().poll(cx).is_ready(),
            Step::Cut => false,
        };
        if passed {
            // Between the load and the registration the step was taken: look again next time.
            cx.waker().wake_by_ref();
        } else {
            self.registered = Some((cx.waker().clone(), step));
        }
        step
    }

    /// Waits until the drain deadline has passed.
    pub(crate) fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_step(cx) == Step::Cut { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether no further request is to be taken.
    pub(crate) fn is_draining(&self) -> bool {
        self.step() != Step::Serving
    }

    fn step(&self) -> Step {
        match self.steps.step.load(Ordering::Acquire) {
            0 => Step::Serving,
            1 => Step::Draining,
            _ => Step::Cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn reach(watch: &mut DrainWatch, wanted: Step) {
        poll_fn(|cx| if watch.poll_step(cx) >= wanted { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    #[tokio::test]
    async fn a_watch_is_woken_for_each_step() {
        // R09
        let drain = Drain::new();
        let mut watch = drain.watch();
        let waiting = tokio::spawn(async move {
            reach(&mut watch, Step::Draining).await;
            reach(&mut watch, Step::Cut).await;
        });
        tokio::task::yield_now().await;
        drain.begin();
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drain.cut();
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn a_cut_alone_is_seen_by_who_never_saw_the_drain() {
        let drain = Drain::new();
        let mut watch = drain.watch();
        let waiting = tokio::spawn(async move { reach(&mut watch, Step::Cut).await });
        tokio::task::yield_now().await;
        drain.cut();
        waiting.await.unwrap();
    }
}
