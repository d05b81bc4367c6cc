//! What a host asks of a store.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use buckler_limits::{Answers, Check, Moment};

/// Answers that come later.
pub type Later = Pin<Box<dyn Future<Output = Answers> + Send + 'static>>;

/// How a store answers.
#[expect(clippy::exhaustive_enums, reason = "every host has to wait for the one and not for the other")]
pub enum Reach {
    /// At once: nothing was waited for.
    Now(Answers),
    /// After something that must be waited for.
    Later(Later),
}

impl Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Now(answers) => f.debug_tuple("Now").field(answers).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// Keeps counts. Never blocks, never panics, and gives one answer to each check.
pub trait Counters: Debug + Send + Sync + 'static {
    /// Charges all limits of one request, or none of them if one refuses. A check whose cost is 0 only looks.
    ///
    /// `now` is the host's clock; a store that machines share goes by its own.
    fn count(&self, batch: &[Check], now: Moment) -> Reach;
}

impl<C: Counters + ?Sized> Counters for std::sync::Arc<C> {
    fn count(&self, batch: &[Check], now: Moment) -> Reach {
        (**self).count(batch, now)
    }
}
