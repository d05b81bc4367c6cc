//! A quota: so many in each day or month of the calendar, in UTC, as contracts with customers say it.

use std::time::Duration;

use jiff::civil::{Date, date};

use crate::state::{Charged, MICROS_PER_DAY, Moment, Standing, State, Verdict};

/// A window of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

/// The day that days are counted from.
const EPOCH: Date = date(1970, 1, 1);

impl Window {
    /// The day since the epoch at which the window ends that `day` lies in.
    pub(crate) fn end(self, day: u64) -> u64 {
        let next = match self {
            Self::Day => None,
            Self::Month => first_of_next_month(day),
        };
        next.unwrap_or(day + 1)
    }

    /// How long each is, where all are as long.
    pub const fn seconds(self) -> Option<u64> {
        match self {
            Self::Day => Some(24 * 60 * 60),
            Self::Month => None,
        }
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

fn civil(day: u64) -> Option<Date> {
    EPOCH.checked_add(jiff::Span::new().try_days(i64::try_from(day).ok()?).ok()?).ok()
}

fn first_of_next_month(day: u64) -> Option<u64> {
    let next = civil(day)?.last_of_month().tomorrow().ok()?;
    u64::try_from(next.since(EPOCH).ok()?.get_days()).ok()
}

/// So many in each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quota {
    count: u64,
    window: Window,
}

/// More than that is no limit: a million million uses.
pub const MOST_COUNT: u64 = 1_000_000_000_000;

impl Quota {
    /// `count` in each `window`; `None` of nothing, and of more than [`MOST_COUNT`].
    pub fn new(count: u64, window: Window) -> Option<Self> {
        (1..=MOST_COUNT).contains(&count).then_some(Self { count, window })
    }

    /// In each window.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Of the count.
    pub const fn window(&self) -> Window {
        self.window
    }

    /// What is used in the window that counts, and the day at which that ends: the one that `now` lies in, or the one
    /// after it where somebody has counted there before. So whoever read the clock just before midnight and asks just
    /// after it takes nothing back, nor does a clock that is set back a little.
    fn read(&self, state: State, now: Moment) -> (u64, u64) {
        let end = self.window.end(now.day());
        if state.0 & State::KIND == 0 {
            return (0, end);
        }
        let counted = state.window_end();
        let is_next = counted > end && counted == self.window.end(end);
        if counted == end || is_next { (state.used().min(self.count), counted) } else { (0, end) }
    }

    pub(crate) fn charge(&self, state: State, now: Moment, cost: u32) -> Charged {
        let (used, end) = self.read(state, now);
        let cost = u64::from(cost);
        let until = Duration::from_micros((end * MICROS_PER_DAY).saturating_sub(now.micros()));
        let of = |verdict, used: u64, retry_after| Standing {
            verdict,
            remaining: self.count - used,
            retry_after,
            reset_after: if used == 0 { Duration::ZERO } else { until },
        };
        let wanted = used + cost;
        if wanted <= self.count {
            let kept = if cost == 0 { state } else { State::quota(end, wanted) };
            return Charged { state: kept, standing: of(Verdict::Allowed, wanted, Duration::ZERO) };
        }
        let retry_after = if cost <= self.count { until } else { Standing::NEVER };
        Charged { state, standing: of(Verdict::Refused, used, retry_after) }
    }

    pub(crate) fn refund(&self, state: State, now: Moment, cost: u32) -> State {
        let (used, end) = self.read(state, now);
        if used == 0 { state } else { State::quota(end, used.saturating_sub(u64::from(cost))) }
    }
}
