//! A store of many machines with one of this machine behind it.

use std::sync::Arc;

use buckler_limits::{Answer, Answers, Check, Moment, StoreDown};
use smallvec::SmallVec;

use crate::counters::{Counters, Reach};

/// Asks `shared`, and `local` for the limits that want it (`store_down = "local"`) where that does not answer.
#[derive(Debug)]
pub struct WithLocal<S, L> {
    shared: S,
    local: Arc<L>,
}

impl<S: Counters, L: Counters> WithLocal<S, L> {
    /// `local` has to answer at once.
    pub fn new(shared: S, local: Arc<L>) -> Self {
        Self { shared, local }
    }
}

impl<S: Counters, L: Counters> Counters for WithLocal<S, L> {
    fn count(&self, batch: &[Check], now: Moment) -> Reach {
        match self.shared.count(batch, now) {
            Reach::Now(answers) => Reach::Now(mended(&*self.local, batch, answers, now)),
            Reach::Later(later) => {
                let (local, batch): (_, SmallVec<[Check; 2]>) = (Arc::clone(&self.local), batch.into());
                Reach::Later(Box::pin(async move { mended(&*local, &batch, later.await, now) }))
            }
        }
    }
}

/// The answers with what can be counted here in place of what could not be asked.
fn mended<L: Counters>(local: &L, batch: &[Check], mut answers: Answers, now: Moment) -> Answers {
    let wanted: SmallVec<[usize; 2]> = (answers.iter().zip(batch).enumerate())
        .filter(|(_, (answer, check))| **answer == Answer::Unavailable && check.store_down == StoreDown::Local)
        .map(|(at, _)| at)
        .collect();
    if wanted.is_empty() {
        return answers;
    }
    let asked: SmallVec<[Check; 2]> = wanted.iter().filter_map(|at| batch.get(*at).cloned()).collect();
    let Reach::Now(counted) = local.count(&asked, now) else { return answers };
    for (at, answer) in wanted.into_iter().zip(counted) {
        if let (Some(place), Some(standing)) = (answers.get_mut(at), answer.standing()) {
            *place = Answer::Local(*standing);
        }
    }
    answers
}

/// A store that cannot be asked, for where none could be made: each limit says what becomes of that.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unreachable;

impl Counters for Unreachable {
    fn count(&self, batch: &[Check], _now: Moment) -> Reach {
        Reach::Now(buckler_limits::batch::unavailable(batch))
    }
}
