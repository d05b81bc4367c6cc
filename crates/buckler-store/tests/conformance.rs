//! The suite itself: what is right passes, and each way to be wrong that it is for does not.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use buckler_limits::{Answer, Answers, Check, Moment};
use buckler_store::conformance::{self, Clock, Reference, Stand};
use buckler_store::{Counters, Later, Reach};

/// A way to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// Charges one limit after the other.
    Piecemeal,
    /// Takes something for a look.
    DearLooks,
    /// Knows one key.
    OneKey,
    /// Goes by another time.
    Late,
    /// Forgets between reading and writing.
    Torn,
}

#[derive(Debug)]
struct Stored(Mutex<Reference>, Flaw);

impl Counters for Stored {
    fn count(&self, batch: &[Check], now: Moment) -> Reach {
        let mut batch = batch.to_vec();
        let mut now = now;
        match self.1 {
            Flaw::DearLooks => batch.iter_mut().for_each(|check| check.cost = check.cost.max(1)),
            Flaw::OneKey => batch
                .iter_mut()
                .for_each(|check| check.subject = buckler_limits::Subject::new(buckler_limits::LimitId(0))),
            Flaw::Late => now = Moment(now.0 + 1),
            Flaw::None | Flaw::Piecemeal | Flaw::Torn => {}
        }
        let mut reference = self.0.lock().unwrap();
        let standings = match self.1 {
            Flaw::Piecemeal => {
                batch.iter().flat_map(|check| reference.count(std::slice::from_ref(check), now)).collect()
            }
            Flaw::Torn => {
                let before = std::mem::take(&mut *reference);
                drop(reference);
                std::thread::yield_now();
                let mut mine = before;
                let standings = mine.count(&batch, now);
                *self.0.lock().unwrap() = mine;
                standings
            }
            _ => reference.count(&batch, now),
        };
        Reach::Now(standings.into_iter().map(Answer::Counted).collect::<Answers>())
    }
}

struct Here(Flaw, Clock);

impl Stand for Here {
    type Store = Stored;

    fn fresh(&self) -> Stored {
        Stored(Mutex::default(), self.0)
    }

    fn wait(&self, _: Later) -> Answers {
        unreachable!("it answers at once")
    }

    fn clock(&self) -> Clock {
        self.1
    }
}

// R13
#[test]
fn what_is_right_passes() {
    for clock in [Clock::Told, Clock::Own] {
        conformance::all(&Here(Flaw::None, clock));
    }
}

// R13
#[test]
fn what_is_wrong_does_not() {
    type Rule = fn(&Here);
    let rules: [(Flaw, Rule); 7] = [
        (Flaw::Piecemeal, conformance::all_or_nothing),
        (Flaw::Piecemeal, conformance::counts_as_the_reference),
        (Flaw::Piecemeal, conformance::hammered_in_batches),
        (Flaw::DearLooks, conformance::looks_take_nothing),
        (Flaw::OneKey, conformance::keys_are_independent),
        (Flaw::Late, conformance::counts_as_the_reference),
        (Flaw::Torn, conformance::hammered_by_threads),
    ];
    for (flaw, rule) in rules {
        let found = catch_unwind(AssertUnwindSafe(|| rule(&Here(flaw, Clock::Told))));
        assert!(found.is_err(), "{flaw:?} was not found");
    }
}
