//! One request body's inspector, and what it tells the exchange.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use buckler_engine::stage::Finding;
use buckler_engine::{BodyInspector, BodyPlan, EditedBody, Judged};

use crate::room::Lease;
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

/// The error that a refused body ends in. The client has been, or will be, answered by the layer.
#[derive(Debug)]
pub struct BodyRefused(pub(crate) ());

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
    /// The body in place of the one that came.
    edited: Option<EditedBody>,
    watch: Arc<Watch>,
    /// What its decoders take.
    expanding: Lease,
}

impl Judge {
    pub(crate) fn new(inspector: BodyInspector, watch: Arc<Watch>, expanding: Lease) -> Self {
        Self { inspector: Some(inspector), edited: None, watch, expanding }
    }

    /// Judges a piece from `at` on. Pending where it expands to much: others have their turn, then this one again.
    pub(crate) fn poll_push(
        &mut self,
        piece: &[u8],
        at: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), BoxError>> {
        let rest = piece.get(*at..).unwrap_or_default();
        match self.ask(|inspector| inspector.push(rest)) {
            Ok(Judged::Whole) => Poll::Ready(Ok(())),
            Ok(Judged::Part(taken)) => {
                *at += taken;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Bytes that judging takes beside the body, beyond what every exchange takes.
    pub(crate) fn memory(&self) -> usize {
        self.inspector.as_ref().map_or(0, BodyInspector::memory).saturating_sub(USUAL_MEMORY)
    }

    /// Judges the end, as [`Self::poll_push`] a piece.
    pub(crate) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.ask(BodyInspector::finish) {
            Ok(Judged::Whole) => {
                self.edited = self.inspector.as_mut().and_then(BodyInspector::take_edited);
                self.tell();
                Poll::Ready(Ok(()))
            }
            Ok(Judged::Part(_)) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// The body in place of the one that came, once its end has passed.
    pub(crate) fn take_edited(&mut self) -> Option<EditedBody> {
        self.edited.take()
    }

    fn ask(
        &mut self,
        ask: impl FnOnce(&mut BodyInspector) -> Result<Judged, Box<Finding>>,
    ) -> Result<Judged, BoxError> {
        let Some(inspector) = &mut self.inspector else { return Ok(Judged::Whole) };
        match catch_unwind(AssertUnwindSafe(|| ask(inspector))) {
            Ok(Ok(judged)) => match self.expanding.hold(inspector.expanding_memory()) {
                Ok(()) => Ok(judged),
                Err(_) if inspector.plan() == BodyPlan::Stream => {
                    inspector.give_up();
                    let _always = self.expanding.hold(0);
                    Ok(Judged::Whole)
                }
                Err(fault) => Err(self.fail(fault)),
            },
            Ok(Err(finding)) => {
                self.watch.tell(|watched| watched.refused = Some(finding));
                self.tell();
                Err(Box::new(BodyRefused(())))
            }
            Err(_panic) => Err(self.fail(Fault::Broken)),
        }
    }

    /// What the body's own error, or want of room, means to the exchange.
    pub(crate) fn fail(&mut self, fault: Fault) -> BoxError {
        self.watch.tell(|watched| watched.fault = Some(fault));
        self.tell();
        Box::new(fault)
    }

    /// The body's own error: a fault that the host knows, or a client that left or broke its framing.
    pub(crate) fn broke(&mut self, error: &BoxError) -> BoxError {
        self.fail(Fault::find(&**error).unwrap_or(Fault::BodyBroken))
    }

    fn tell(&mut self) {
        if let Some(inspector) = self.inspector.take() {
            let _always = self.expanding.hold(0);
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
