//! What every store has to hold, as functions that its tests call (feature `conformance`).
//!
//! A store is held against [`Reference`], which is slow and plainly right. Each function takes a [`Stand`], which makes
//! fresh stores, waits for what comes later, and says whose clock the store goes by.
//!
//! What a batch answers, in words: each check is judged by itself. Where all pass, each tells how it stands after it was
//! charged. Where one refuses, none is charged: those that refuse say so, and the others tell how they stand uncharged,
//! with [`Verdict::Allowed`](buckler_limits::Verdict::Allowed).

mod rules;
mod sequences;
mod traffic;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use buckler_limits::{
    Allowance, Answer, Answers, Charged, Check, LimitId, Moment, Quota, Rate, Standing, State, StoreDown, Subject,
    Verdict, Window,
};

pub use rules::{
    all_or_nothing, beyond_capacity_never_passes, keys_are_independent, kinds_do_not_mix, looks_take_nothing,
};
pub use sequences::counts_as_the_reference;
pub use traffic::{hammered_by_threads, hammered_in_batches};

use crate::counters::{Counters, Later, Reach};

/// Whose clock a store goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Clock {
    /// The one that [`Counters::count`] is told: everything is compared exactly.
    Told,
    /// One of its own, near to this machine's: limits are used that give nothing back within a test, and times are
    /// compared within [`SLACK`].
    Own,
}

/// How far two clocks, and the time that a test takes, may be apart under [`Clock::Own`].
pub const SLACK: Duration = Duration::from_mins(5);

/// What the tests of a store bring.
pub trait Stand: Sync {
    /// What is tested.
    type Store: Counters;

    /// A store that has counted nothing.
    fn fresh(&self) -> Self::Store;

    /// Waits for an answer, on the thread that asks. Called by several threads at once.
    fn wait(&self, later: Later) -> Answers;

    /// Whose clock the store goes by.
    fn clock(&self) -> Clock;
}

/// Everything that is here.
pub fn all<S: Stand>(stand: &S) {
    beyond_capacity_never_passes(stand);
    all_or_nothing(stand);
    looks_take_nothing(stand);
    keys_are_independent(stand);
    kinds_do_not_mix(stand);
    counts_as_the_reference(stand);
    hammered_by_threads(stand);
    hammered_in_batches(stand);
}

/// Counts in a map, one request after the other.
#[derive(Debug, Default)]
pub struct Reference {
    states: BTreeMap<Vec<u8>, State>,
}

impl Reference {
    /// As [`Counters::count`] must answer.
    pub fn count(&mut self, batch: &[Check], now: Moment) -> Vec<Standing> {
        let state = |subject: &Subject| self.states.get(subject.as_bytes()).copied().unwrap_or(State::EMPTY);
        let charged: Vec<_> =
            batch.iter().map(|check| check.allowance.charge(state(&check.subject), now, check.cost)).collect();
        if charged.iter().any(|charged| charged.standing.verdict == Verdict::Refused) {
            return (batch.iter().zip(&charged).map(|(check, charged)| self.looked(check, charged, now))).collect();
        }
        for (check, charged) in batch.iter().zip(&charged) {
            self.states.insert(check.subject.as_bytes().to_vec(), charged.state);
        }
        charged.into_iter().map(|charged| charged.standing).collect()
    }

    /// Of a batch that is refused: what a look tells, and mends after a clock was set back.
    fn looked(&mut self, check: &Check, charged: &Charged, now: Moment) -> Standing {
        let state = self.states.get(check.subject.as_bytes()).copied().unwrap_or(State::EMPTY);
        let looked = check.allowance.charge(state, now, 0);
        self.states.insert(check.subject.as_bytes().to_vec(), looked.state);
        match charged.standing.verdict {
            Verdict::Refused => charged.standing,
            Verdict::Allowed => looked.standing,
        }
    }
}

/// Asks a store, waits where it has to, and holds the answer to its form.
pub fn ask<S: Stand>(stand: &S, store: &S::Store, batch: &[Check], now: Moment) -> Vec<Standing> {
    let answers = match store.count(batch, now) {
        Reach::Now(answers) => answers,
        Reach::Later(later) => stand.wait(later),
    };
    assert_eq!(answers.len(), batch.len(), "one answer to each check");
    let mut standings = Vec::new();
    for answer in answers {
        assert!(matches!(answer, Answer::Counted(_)), "the store is there and must count: {answer:?}");
        standings.extend(answer.standing().copied());
    }
    standings
}

/// Holds what a store says against what is right.
fn assert_same(clock: Clock, said: &[Standing], right: &[Standing], what: &str) {
    if clock == Clock::Told {
        assert_eq!(said, right, "{what}");
        return;
    }
    assert_eq!(said.len(), right.len(), "{what}");
    for (said, right) in said.iter().zip(right) {
        assert_eq!((said.verdict, said.remaining), (right.verdict, right.remaining), "{what}: {said:?}, not {right:?}");
        for (said, right) in [(said.retry_after, right.retry_after), (said.reset_after, right.reset_after)] {
            let same = said == right || (right != Duration::ZERO && right != Standing::NEVER && near(said, right));
            assert!(same, "{what}: {said:?}, not {right:?}");
        }
    }
}

fn near(said: Duration, right: Duration) -> bool {
    said != Standing::NEVER && said.abs_diff(right) <= SLACK
}

/// A moment of this machine's clock.
fn wall() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Moment(u64::try_from(since.as_micros()).unwrap_or_default())
}

/// Some moment to begin with: noon of a day in the middle of a month, where the store is told.
fn beginning(clock: Clock) -> Moment {
    match clock {
        Clock::Told => Moment(1_763_208_000_000_000),
        Clock::Own => wall(),
    }
}

/// Of the checks of one function, so that stores which outlive it see others.
fn subject(place: &str, key: u64) -> Subject {
    let mut subject = Subject::new(LimitId::of("conformance", place));
    subject.push(&key.to_le_bytes());
    subject
}

fn check(subject: Subject, allowance: Allowance, cost: u32) -> Check {
    Check { subject, allowance, cost, store_down: StoreDown::Closed }
}

/// `count` a year, all at once: nothing of it comes back within a test as long as `count` is some hundreds at most.
fn rate(count: u64) -> Allowance {
    Rate::new(count, Duration::from_hours(24 * 365), count)
        .map_or_else(|error| unreachable!("{error}"), Allowance::Rate)
}

/// `count` a month.
fn quota(count: u64) -> Allowance {
    Quota::new(count, Window::Month).map_or_else(|| unreachable!("{count} is a count"), Allowance::Quota)
}
