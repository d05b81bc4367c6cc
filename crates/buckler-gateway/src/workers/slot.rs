//! One slot: a worker, the next one when it dies, and the next one before it has to go.
//!
//! Rules, in order:
//! 1. A worker that dies is followed by another after a pause, which grows with each death in a row ([`Restart`]).
//! 2. A worker that is to be replaced stays in service until the next one is ready; only then is it withdrawn, drained
//!    and stopped. One slot at a time does that, so there is at most one process more than wanted.
//! 3. A replacement that does not get ready changes nothing. It is tried again after a pause as in 1; only a whole
//!    rollout whose very first replacement fails is given up, because the app is what fails then.
//! 4. A rollout that was asked for during a rollout begins when its turn comes. In development it does not wait for a
//!    replacement of an app that has changed again.
//!
//! [`Restart`]: super::Restart

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::fault::Fault;
use super::life::{End, Life};
use super::notice::{Notice, Reason, WorkerId};
use super::recycle;
use super::restart::Backoff;
use super::status::State;
use super::supervisor::{Shared, Wanted};

/// What all slots are told, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Nobody is ready yet: who fails waits, because the whole start may be a failure.
    Begin,
    /// Keep a worker alive.
    Run,
    /// Let it end.
    Stop,
    /// End it now.
    Kill,
}

/// How the first attempt of a slot went.
pub(crate) type Settled = Result<(), Fault>;

/// Which rollouts are known to work, and which not.
#[derive(Debug, Default)]
pub(crate) struct Rollouts(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    proven: u64,
    given_up: u64,
}

impl Rollouts {
    fn prove(&self, revision: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.proven = known.proven.max(revision);
    }

    /// Gives a rollout up, unless a worker got ready with it.
    fn fail(&self, revision: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.proven < revision {
            known.given_up = known.given_up.max(revision);
        }
    }

    fn is_given_up(&self, revision: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).given_up >= revision
    }
}

/// What a slot needs.
pub(crate) struct Slot {
    pub(crate) number: u16,
    pub(crate) shared: Arc<Shared>,
    pub(crate) orders: watch::Receiver<Order>,
    pub(crate) wanted: watch::Receiver<Wanted>,
    pub(crate) settled: Option<mpsc::Sender<Settled>>,
    pub(crate) generation: u32,
}

/// What comes next in a life.
enum Next {
    /// The slot is not wanted any more.
    Leave,
    Died(Fault),
    Replace(Reason),
}

/// Between two attempts of a replacement. Another app is tried at once.
#[derive(Clone, Copy)]
struct Pause {
    until: Instant,
    revision: u64,
}

/// What became of a replacement.
enum Replacement {
    Done,
    /// The next worker failed: why, and whether it is tried again.
    Failed(Fault, Again),
    /// Something else came first.
    Interrupted,
}

enum Again {
    Later,
    Never,
}

impl Slot {
    /// Until the order to end has been carried out.
    pub(crate) async fn run(mut self) {
        while self.is_wanted().await {
            self.keep().await;
            self.shared.board.set(self.number, |entry| {
                entry.shown = None;
                entry.without = State::Stopped;
            });
        }
    }

    /// Keeps a worker alive for as long as one is wanted here.
    async fn keep(&mut self) {
        let mut deaths = Backoff::new(self.shared.config.restart);
        let mut failures = Backoff::new(self.shared.config.restart);
        let mut pause_until = None;
        let mut life = self.begin();
        self.show(&life);
        loop {
            match self.next(&life, pause_until).await {
                Next::Leave => {
                    life.stop();
                    life.ended().await;
                    return;
                }
                Next::Died(fault) => {
                    let served = life.facts.age().unwrap_or_default();
                    if !self.mourn(&life, &fault, deaths.pause(served)).await {
                        return;
                    }
                    life = self.begin();
                    self.show(&life);
                }
                Next::Replace(reason) => match self.replace(&mut life, &reason).await {
                    Replacement::Done => (failures, pause_until) = (Backoff::new(self.shared.config.restart), None),
                    Replacement::Interrupted => {}
                    Replacement::Failed(fault, again) => {
                        let pause = match again {
                            Again::Later => Some(failures.pause(Duration::ZERO)),
                            Again::Never => None,
                        };
                        let id = life.facts.id;
                        (self.shared.notices)(&Notice::NotReplaced {
                            id,
                            reason: &reason,
                            fault: &fault,
                            again_in: pause,
                        });
                        let revision = self.wanted.borrow().revision;
                        pause_until = pause.map(|pause| Pause { until: Instant::now() + pause, revision });
                    }
                },
            }
        }
    }

    /// The next life, of the app as it is now.
    fn begin(&mut self) -> Life {
        self.generation = self.generation.wrapping_add(1);
        let id = WorkerId { slot: self.number, generation: self.generation };
        let revision = self.wanted.borrow().revision;
        Life::begin(&self.shared, id, revision)
    }

    fn show(&self, life: &Life) {
        self.shared.board.set(self.number, |entry| entry.shown = Some(Arc::clone(&life.facts)));
    }

    async fn next(&mut self, life: &Life, pause: Option<Pause>) -> Next {
        loop {
            let wanted = self.wanted.borrow_and_update().clone();
            if self.leaves() {
                return Next::Leave;
            }
            let mut orders = self.orders.clone();
            tokio::select! {
                biased;
                _ = orders.wait_for(|given| *given >= Order::Stop) => return Next::Leave,
                end = life.ended() => return match end {
                    End::Stopped => Next::Leave,
                    End::Died(fault) => Next::Died(fault),
                },
                Ok(()) = life.ready(), if self.settled.is_some() => self.settle(Ok(())),
                reason = self.due(life, &wanted, pause) => return Next::Replace(reason),
                // What is wanted has changed: look again.
                () = changed(&self.wanted) => {}
            }
        }
    }

    /// Waits until this life is to be replaced.
    async fn due(&self, life: &Life, wanted: &Wanted, pause: Option<Pause>) -> Reason {
        if life.ready().await.is_err() {
            // Its end is told elsewhere.
            return std::future::pending().await;
        }
        if let Some(pause) = pause.filter(|pause| pause.revision == wanted.revision) {
            sleep_until(pause.until).await;
        }
        if wanted.revision > life.facts.revision && !self.shared.rollouts.is_given_up(wanted.revision) {
            return wanted.cause.clone();
        }
        recycle::due(&life.facts, wanted.plan.recycle, self.shared.config.seed).await
    }

    /// Replaces a worker that serves, when it is this slot's turn.
    async fn replace(&mut self, life: &mut Life, reason: &Reason) -> Replacement {
        let turn = tokio::select! {
            biased;
            () = self.left() => return Replacement::Interrupted,
            _ = life.ended() => return Replacement::Interrupted,
            turn = Arc::clone(&self.shared.turn).acquire_owned() => turn,
        };
        // It is never closed.
        let Ok(turn) = turn else { return Replacement::Interrupted };
        let revision = self.wanted.borrow().revision;
        if reason.is_rollout() && self.shared.rollouts.is_given_up(revision) {
            return Replacement::Interrupted;
        }
        let next = self.begin();
        let outcome = tokio::select! {
            biased;
            () = self.left() => None,
            () = self.outdated(revision) => None,
            outcome = next.ready() => Some(outcome),
        };
        match outcome {
            None => {
                next.kill();
                next.ended().await;
                Replacement::Interrupted
            }
            Some(Err(fault)) => {
                if reason.is_rollout() {
                    self.shared.rollouts.fail(revision);
                    if self.shared.rollouts.is_given_up(revision) {
                        return Replacement::Failed(fault, Again::Never);
                    }
                }
                Replacement::Failed(fault, Again::Later)
            }
            Some(Ok(())) => {
                self.shared.rollouts.prove(revision);
                self.shared.board.set(self.number, |entry| {
                    entry.shown = Some(Arc::clone(&next.facts));
                    entry.replacements = entry.replacements.saturating_add(1);
                });
                let old = std::mem::replace(life, next);
                (self.shared.notices)(&Notice::Replaced {
                    id: old.facts.id,
                    reason,
                    requests: old.facts.endpoint.served(),
                    age: old.facts.age().unwrap_or_default(),
                });
                old.stop();
                // The turn is over when the old process is gone.
                drop(self.shared.tasks.spawn(async move {
                    old.ended().await;
                    drop(turn);
                }));
                Replacement::Done
            }
        }
    }

    /// After a death: `false` if nobody is to follow.
    async fn mourn(&mut self, life: &Life, fault: &Fault, pause: Duration) -> bool {
        self.settle(Err(fault.clone()));
        self.shared.board.set(self.number, |entry| {
            entry.shown = None;
            entry.without = State::Waiting;
        });
        // With nobody ready there is nothing to replace: either another slot makes it, or the start has failed.
        let mut orders = self.orders.clone();
        if !orders.wait_for(|given| *given >= Order::Run).await.is_ok_and(|given| *given < Order::Stop) {
            return false;
        }
        (self.shared.notices)(&Notice::Died { id: life.facts.id, fault, again_in: pause });
        tokio::select! {
            biased;
            () = self.left() => return false,
            () = sleep(pause) => {}
            // Another app need not wait for the failures of this one.
            () = self.outdated(life.facts.revision) => {}
        }
        self.shared.board.set(self.number, |entry| entry.restarts = entry.restarts.saturating_add(1));
        true
    }

    /// Waits until a worker is wanted here; `false` if none ever will be.
    async fn is_wanted(&mut self) -> bool {
        loop {
            self.wanted.borrow_and_update();
            if !self.leaves() {
                return true;
            }
            let mut orders = self.orders.clone();
            tokio::select! {
                biased;
                _ = orders.wait_for(|given| *given >= Order::Stop) => return false,
                changed = self.wanted.changed() => if changed.is_err() { return false },
            }
        }
    }

    /// Whether nobody is wanted here now.
    fn leaves(&self) -> bool {
        self.number > self.wanted.borrow().plan.workers.get() || *self.orders.borrow() >= Order::Stop
    }

    async fn left(&self) {
        let (mut orders, mut wanted) = (self.orders.clone(), self.wanted.clone());
        tokio::select! {
            _ = orders.wait_for(|given| *given >= Order::Stop) => {}
            _ = wanted.wait_for(|wanted| self.number > wanted.plan.workers.get()) => {}
        }
    }

    /// Waits until the app has changed again: what was begun at that revision need not be waited for.
    async fn outdated(&self, revision: u64) {
        let mut wanted = self.wanted.clone();
        let newer = |wanted: &Wanted| wanted.revision > revision && matches!(wanted.cause, Reason::Changed(_));
        if wanted.wait_for(newer).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Tells how the first attempt went, once.
    fn settle(&mut self, how: Settled) {
        if let Some(first) = self.settled.take() {
            // Nobody listens any more once the start is decided.
            first.try_send(how).ok();
        }
    }
}

async fn changed(wanted: &watch::Receiver<Wanted>) {
    let mut wanted = wanted.clone();
    if wanted.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
