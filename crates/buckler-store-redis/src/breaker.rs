//! Leaves a store alone that does not answer, so that its silence does not cost every request its timeout.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A single slow answer is no outage; three in a row, with none between them, are.
pub(crate) const FAILURES: u32 = 3;

/// Longer than a stall in which Redis forks or a switch forgets a route, and short against what a user notices.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Nobody waits longer than that for limits to be shared again.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Whether a request may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    /// It is the one that tries.
    Trial,
    Closed,
}

/// What an outcome changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    None,
    /// It answers again.
    Up,
    /// It is left alone from now on.
    Down,
}

#[derive(Debug, Default)]
struct Row {
    failures: u32,
    /// When the next one may try, and the pause before it; none while all may ask.
    pause: Option<(Instant, Duration)>,
}

#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<Row>);

impl Breaker {
    /// One request in each pause is let through as a trial. One that is dropped has used it up, and the next pause
    /// brings the next.
    pub(crate) fn ask(&self, now: Instant) -> Gate {
        let mut row = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut row.pause {
            None => Gate::Open,
            Some((at, pause)) if *at <= now => {
                *at = now + *pause;
                Gate::Trial
            }
            Some(_) => Gate::Closed,
        }
    }

    pub(crate) fn answered(&self) -> Turn {
        let mut row = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        row.failures = 0;
        if row.pause.take().is_some() { Turn::Up } else { Turn::None }
    }

    pub(crate) fn failed(&self, gate: Gate, now: Instant) -> Turn {
        let mut row = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        row.failures = row.failures.saturating_add(1);
        match (row.pause, gate) {
            (None, _) if row.failures >= FAILURES => {
                row.pause = Some((now + FIRST_PAUSE, FIRST_PAUSE));
                Turn::Down
            }
            (Some((_, pause)), Gate::Trial) => {
                let longer = (pause * 2).min(LONGEST_PAUSE);
                row.pause = Some((now + longer, longer));
                Turn::None
            }
            _ => Turn::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R13
    #[test]
    fn pauses_grow_and_end() {
        let (breaker, begin) = (Breaker::default(), Instant::now());
        let mut now = begin;
        for _ in 1..FAILURES {
            assert_eq!(breaker.ask(now), Gate::Open);
            assert_eq!(breaker.failed(Gate::Open, now), Turn::None);
        }
        assert_eq!(breaker.failed(Gate::Open, now), Turn::Down);
        // Those that were asked before tell nothing new.
        assert_eq!(breaker.failed(Gate::Open, now), Turn::None);
        let mut pause = FIRST_PAUSE;
        for _ in 0..12 {
            assert_eq!(breaker.ask(now + pause / 2), Gate::Closed);
            now += pause;
            assert_eq!(breaker.ask(now), Gate::Trial);
            assert_eq!(breaker.ask(now), Gate::Closed, "one at a time");
            assert_eq!(breaker.failed(Gate::Trial, now), Turn::None);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        assert_eq!(pause, LONGEST_PAUSE);
        // A trial that nobody waited for is followed by another one.
        now += pause;
        assert_eq!(breaker.ask(now), Gate::Trial);
        now += pause;
        assert_eq!(breaker.ask(now), Gate::Trial);
        assert_eq!(breaker.answered(), Turn::Up);
        assert_eq!(breaker.answered(), Turn::None);
        assert_eq!(breaker.ask(now), Gate::Open);
    }

    // R13
    #[test]
    fn failures_in_a_row_are_what_counts() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..100 {
            for _ in 1..FAILURES {
                assert_eq!(breaker.failed(Gate::Open, now), Turn::None);
            }
            assert_eq!(breaker.answered(), Turn::None);
        }
        assert_eq!(breaker.ask(now), Gate::Open);
    }
}
