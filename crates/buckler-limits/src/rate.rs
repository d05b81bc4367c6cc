//! A rate, counted by the generic cell rate algorithm (ITU-T I.371 §A, the virtual scheduling algorithm).
//!
//! One number is kept of a key: the time at which all is free again (the theoretical arrival time). A request of cost
//! `c` moves it by `c` intervals, and passes if it does not get further from now than the burst allows. Nothing has to
//! be swept, nothing is reset at the border of a window, and so nobody gets twice the count around it.
//!
//! Times are whole nanoseconds. An interval that is none is rounded up, so a limit never admits more than it says, and
//! falls behind by less than a nanosecond for each request.

use std::time::Duration;

use crate::state::{Charged, Moment, Standing, State, Verdict};

/// Longest time from all used to all free. Nobody waits that long, and what adds up to no more cannot overflow.
pub const MOST_TOLERANCE: Duration = Duration::from_hours(24 * 366 * 10);

/// Ahead of what a limit can owe by more than that, a state is of a clock that was set back since, and counts from now on
/// as all used. Less is what threads and processes differ by that ask with a time which they read a while ago: it is left
/// alone, since taking it back would admit more.
pub const SET_BACK: Duration = Duration::from_mins(1);

/// So many in each period, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    count: u64,
    period: Duration,
    burst: u64,
    /// Nanoseconds that one use takes to come back.
    interval: u64,
    /// Nanoseconds that `burst` uses take.
    tolerance: u64,
}

/// Why there is no such rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// Nothing would ever pass.
    #[error("a limit of 0 lets nothing pass")]
    Nothing,
    /// A period of no time.
    #[error("the period is no time at all")]
    NoTime,
    /// An interval of less than a nanosecond.
    #[error("more than one in a nanosecond cannot be counted")]
    TooFast,
    /// See [`MOST_TOLERANCE`].
    #[error("what is used up would come back after more than ten years")]
    TooSlow,
}

impl Rate {
    /// `count` in each `period`, `burst` at once.
    ///
    /// # Errors
    /// There is no such rate.
    pub fn new(count: u64, period: Duration, burst: u64) -> Result<Self, RateError> {
        if count == 0 || burst == 0 {
            return Err(RateError::Nothing);
        }
        let nanos = period.as_nanos();
        if nanos == 0 {
            return Err(RateError::NoTime);
        }
        if u128::from(count) > nanos {
            return Err(RateError::TooFast);
        }
        let interval = nanos.div_ceil(u128::from(count));
        let tolerance = interval.checked_mul(u128::from(burst)).filter(|all| *all <= MOST_TOLERANCE.as_nanos());
        match (u64::try_from(interval), tolerance.map(u64::try_from)) {
            (Ok(interval), Some(Ok(tolerance))) => Ok(Self { count, period, burst, interval, tolerance }),
            _ => Err(RateError::TooSlow),
        }
    }

    /// In each period.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Of the count.
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// At once.
    pub const fn burst(&self) -> u64 {
        self.burst
    }

    /// Nanoseconds that one use takes to come back.
    pub const fn interval(&self) -> u64 {
        self.interval
    }

    /// Nanoseconds that the whole burst takes to come back.
    pub const fn tolerance(&self) -> u64 {
        self.tolerance
    }

    /// Nanoseconds until all is free, and the state that says so. A clock that was set back leaves a state that lies too
    /// far ahead: it counts as all used, and where it is far beyond that it comes back from there.
    fn read(&self, state: State, now: Moment) -> (u64, State) {
        if state.0 & State::KIND != 0 {
            return (0, state);
        }
        let ahead = state.0.saturating_sub(now.nanos());
        let is_set_back = u128::from(ahead) > u128::from(self.tolerance) + SET_BACK.as_nanos();
        let kept = if is_set_back { State::rate(now, self.tolerance) } else { state };
        (ahead.min(self.tolerance), kept)
    }

    #[inline]
    pub(crate) fn charge(&self, state: State, now: Moment, cost: u32) -> Charged {
        let (debt, state) = self.read(state, now);
        let price = self.interval.saturating_mul(u64::from(cost));
        let wanted = debt.saturating_add(price);
        if wanted <= self.tolerance {
            let kept = if cost == 0 { state } else { State::rate(now, wanted) };
            return Charged { state: kept, standing: self.standing(Verdict::Allowed, wanted, Duration::ZERO) };
        }
        let retry_after =
            if price <= self.tolerance { Duration::from_nanos(wanted - self.tolerance) } else { Standing::NEVER };
        Charged { state, standing: self.standing(Verdict::Refused, debt, retry_after) }
    }

    fn standing(&self, verdict: Verdict, debt: u64, retry_after: Duration) -> Standing {
        let remaining = (self.tolerance - debt) / self.interval;
        Standing { verdict, remaining, retry_after, reset_after: Duration::from_nanos(debt) }
    }

    pub(crate) fn refund(&self, state: State, cost: u32) -> State {
        if state.0 & State::KIND != 0 {
            return state;
        }
        State(state.0.saturating_sub(self.interval.saturating_mul(u64::from(cost))))
    }
}
