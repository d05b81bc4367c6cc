//! The one word that is kept of a key.
//!
//! It says of itself what it is, so that whoever needs room can tell, without knowing the limit, from when on it says
//! nothing any more:
//!
//! ```text
//! 0 ttt…t                     a rate: nanoseconds since the epoch at which all is free again (GCRA's TAT)
//! 1 ddd…d(20) uuu…u(43)       a quota: the day since the epoch at which its window ends, and what is used
//! ```

use std::time::Duration;

use crate::quota::Quota;
use crate::rate::{MOST_TOLERANCE, Rate};

/// Microseconds since the epoch, told by whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// The last one that is told from others, in the year 2252: what is added to it still fits beside the bit that tells
    /// quotas. Time stands still from there.
    pub const LAST: Self = Self((State::KIND - 1) / NANOS_PER_MICRO - MOST_TOLERANCE_MICROS);

    /// Microseconds since the epoch, [`Self::LAST`] at most.
    pub const fn micros(self) -> u64 {
        if self.0 > Self::LAST.0 { Self::LAST.0 } else { self.0 }
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> u64 {
        self.micros() * NANOS_PER_MICRO
    }

    /// Whole days since the epoch.
    pub const fn day(self) -> u64 {
        self.micros() / MICROS_PER_DAY
    }
}

const NANOS_PER_MICRO: u64 = 1_000;

const MOST_TOLERANCE_MICROS: u64 = MOST_TOLERANCE.as_secs() * 1_000_000;

/// Further ahead than that no window ends that a clock of today can have counted in: the next month's.
const FURTHEST_WINDOW: u64 = 62;

pub(crate) const MICROS_PER_DAY: u64 = 86_400_000_000;

/// What is known of one key under one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(pub u64);

impl State {
    /// Nothing was used.
    pub const EMPTY: Self = Self(0);
    /// The bit that tells a quota from a rate.
    pub(crate) const KIND: u64 = 1 << 63;
    /// Bits of what a quota has used.
    pub(crate) const USED_BITS: u32 = 43;
    /// Bits of the day at which the window of a quota ends.
    const DAY_BITS: u32 = u64::BITS - 1 - Self::USED_BITS;

    /// Of a rate that owes so many nanoseconds.
    pub fn rate(now: Moment, debt: u64) -> Self {
        Self(now.nanos() + debt.min(MOST_TOLERANCE_MICROS * NANOS_PER_MICRO))
    }

    /// Of a quota of whose window so many are used, which ends at that day since the epoch. Days and uses that nobody has
    /// are taken for the last ones that there is room for.
    pub const fn quota(window_end: u64, used: u64) -> Self {
        let (last, most) = ((1 << Self::DAY_BITS) - 1, (1 << Self::USED_BITS) - 1);
        let window_end = if window_end < last { window_end } else { last };
        Self(Self::KIND | window_end << Self::USED_BITS | if used < most { used } else { most })
    }

    /// What is left of it says nothing: all is free again, or the window is over, or is none that a clock of today can
    /// have counted in.
    pub const fn is_spent(self, now: Moment) -> bool {
        if self.0 & Self::KIND == 0 {
            self.0 <= now.nanos()
        } else {
            self.used() == 0 || now.day() >= self.window_end() || self.window_end() > now.day() + FURTHEST_WINDOW
        }
    }

    /// Of a quota: the day since the epoch at which its window ends.
    pub(crate) const fn window_end(self) -> u64 {
        (self.0 & !Self::KIND) >> Self::USED_BITS
    }

    /// Of a quota: what is used.
    pub(crate) const fn used(self) -> u64 {
        self.0 & ((1 << Self::USED_BITS) - 1)
    }

    /// What it holds back: nanoseconds of a rate until all is free, uses of a quota. Compare it with
    /// [`Allowance::scale`].
    pub const fn debt(self, now: Moment) -> u64 {
        if self.is_spent(now) {
            0
        } else if self.0 & Self::KIND == 0 {
            self.0 - now.nanos()
        } else {
            self.used()
        }
    }
}

/// What a limit allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "every store has to count both")]
pub enum Allowance {
    /// So many in any stretch of time.
    Rate(Rate),
    /// So many in each window of the calendar.
    Quota(Quota),
}

/// Whether a request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

/// How a key stands, to be told to its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether this request may pass.
    pub verdict: Verdict,
    /// Of cost one, so many could follow at once.
    pub remaining: u64,
    /// From when on the same request would pass; zero for one that passes, [`Standing::NEVER`] where none ever will.
    pub retry_after: Duration,
    /// Until nothing is used any more.
    pub reset_after: Duration,
}

impl Standing {
    /// Its cost is more than the limit ever has.
    pub const NEVER: Duration = Duration::MAX;
}

/// What a request makes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// To be kept. Where the request is refused it is what it was, but for one that only a clock which was set back can
    /// have left: that is mended ([`SET_BACK`](crate::rate::SET_BACK)).
    pub state: State,
    /// How the key stands then.
    pub standing: Standing,
}

impl Allowance {
    /// Takes `cost` from a key, if it has as much. A cost of nothing is how one looks at a key.
    #[inline]
    pub fn charge(&self, state: State, now: Moment, cost: u32) -> Charged {
        match self {
            Self::Rate(rate) => rate.charge(state, now, cost),
            Self::Quota(quota) => quota.charge(state, now, cost),
        }
    }

    /// Gives back what an earlier [`Self::charge`] took: where another limit of the same request refused it.
    #[must_use]
    pub fn refund(&self, state: State, now: Moment, cost: u32) -> State {
        match self {
            Self::Rate(rate) => rate.refund(state, cost),
            Self::Quota(quota) => quota.refund(state, now, cost),
        }
    }

    /// The most that [`State::debt`] can be: a key that has as much is refused everything.
    pub const fn scale(&self) -> u64 {
        match self {
            Self::Rate(rate) => rate.tolerance(),
            Self::Quota(quota) => quota.count(),
        }
    }

    /// The most that one request can take.
    pub const fn capacity(&self) -> u64 {
        match self {
            Self::Rate(rate) => rate.burst(),
            Self::Quota(quota) => quota.count(),
        }
    }

    /// Seconds of the window that clients are told (`w`). A month has no length that could be told.
    pub fn window_seconds(&self) -> Option<u64> {
        match self {
            Self::Rate(rate) => Some(whole_seconds(rate.period())),
            Self::Quota(quota) => quota.window().seconds(),
        }
    }

    /// What clients are told that there is in a window (`q`).
    pub const fn count(&self) -> u64 {
        match self {
            Self::Rate(rate) => rate.count(),
            Self::Quota(quota) => quota.count(),
        }
    }
}

/// Seconds until then, whole ones: a client that waits so long has waited long enough.
pub const fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(if time.subsec_nanos() > 0 { 1 } else { 0 })
}
