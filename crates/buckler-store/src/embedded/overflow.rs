//! What newcomers use together while their bucket has no cell for them.
//!
//! Whoever finds no cell is counted in an account that all such keys of its bucket share, and so they have together what
//! one of them would have. It is kept in absolute terms (when all is free again, how many are used), and whatever passes
//! raises it by at least as much as it would raise the key's own count. So it never stands below what any of those keys
//! would owe by itself, however different their limits are: nobody gets more by it than its own limit says. Whoever is
//! given a cell begins with what the account owes, or else it would have both.
//!
//! Which errs towards refusing: a limit of a second waits for one of a minute that shares its account. Thus there are
//! several: one for rates that come back within minutes, one for slower ones, one for each window of quotas.

use buckler_limits::rate::{MOST_TOLERANCE, SET_BACK};
use buckler_limits::{Allowance, Moment, Standing, State, Verdict, Window};
use portable_atomic::{AtomicU128, Ordering};

use super::bucket::MOST_TRIES;
use super::word::{halves, joined};

/// Two accounts each.
pub(super) const WORDS: usize = 2;

/// Slower rates have another account: 275 seconds, so that a flood of what comes back in an hour leaves limits of a minute
/// alone.
const FAST: u64 = 1 << 38;

/// Which half of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    High,
    Low,
}

/// One account of a bucket, for one limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account<'b> {
    at: &'b AtomicU128,
    half: Half,
    allowance: &'b Allowance,
}

impl<'b> Account<'b> {
    pub(super) fn of([rates, quotas]: &'b [AtomicU128; WORDS], allowance: &'b Allowance) -> Self {
        let (at, half) = match allowance {
            Allowance::Rate(rate) if rate.tolerance() <= FAST => (rates, Half::High),
            Allowance::Rate(_) => (rates, Half::Low),
            Allowance::Quota(quota) => match quota.window() {
                Window::Day => (quotas, Half::High),
                Window::Month => (quotas, Half::Low),
            },
        };
        Self { at, half, allowance }
    }

    /// What a key owes that comes in now: what the account does, and no more than all that it can.
    pub(super) fn owed(&self, now: Moment) -> State {
        // In one order with claims: see `Bucket::has_come_in`.
        let state = self.read(self.at.load(Ordering::SeqCst), now);
        match self.allowance {
            Allowance::Rate(rate) if state != State::EMPTY => State::rate(now, state.debt(now).min(rate.tolerance())),
            // Uses beyond the count are taken for all of it.
            Allowance::Rate(_) | Allowance::Quota(_) => state,
        }
    }

    /// Takes `cost`, where there is as much. `None` where others were faster each time.
    pub(super) fn charge(&self, cost: u32, now: Moment) -> Option<Standing> {
        for _ in 0..MOST_TRIES {
            let word = self.at.load(Ordering::Acquire);
            let charged = self.allowance.charge(self.read(word, now), now, cost);
            // A state that lies far ahead of this limit is a slower one's, and not for it to mend.
            let is_left = cost == 0 || charged.standing.verdict == Verdict::Refused;
            if is_left || self.replace(word, charged.state) {
                return Some(charged.standing);
            }
            std::hint::spin_loop();
        }
        None
    }

    /// Gives back what was taken.
    pub(super) fn refund(&self, cost: u32, now: Moment) {
        for _ in 0..MOST_TRIES {
            let word = self.at.load(Ordering::Acquire);
            if self.replace(word, self.allowance.refund(self.read(word, now), now, cost)) {
                return;
            }
            std::hint::spin_loop();
        }
    }

    fn read(&self, word: u128, now: Moment) -> State {
        let (high, low) = halves(word);
        let (state, most) = match self.half {
            Half::High => (State(high), u128::from(FAST)),
            Half::Low => (State(low), MOST_TOLERANCE.as_nanos()),
        };
        // More than anybody can owe: a clock was set back since, or nobody of us wrote it.
        let is_of_no_clock =
            matches!(self.allowance, Allowance::Rate(_)) && u128::from(state.debt(now)) > most + SET_BACK.as_nanos();
        if state.is_spent(now) || is_of_no_clock { State::EMPTY } else { state }
    }

    fn replace(&self, word: u128, State(state): State) -> bool {
        let (high, low) = halves(word);
        let next = match self.half {
            Half::High => joined(state, low),
            Half::Low => joined(high, state),
        };
        next == word || self.at.compare_exchange(word, next, Ordering::SeqCst, Ordering::Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buckler_limits::{Quota, Rate};
    use proptest::prelude::*;

    use super::*;

    const NOW: Moment = Moment(1_763_208_000_000_000);

    fn accounts() -> [AtomicU128; WORDS] {
        [const { AtomicU128::new(0) }; WORDS]
    }

    fn rate(count: u64, seconds: u64, burst: u64) -> Allowance {
        Allowance::Rate(Rate::new(count, Duration::from_secs(seconds), burst).unwrap())
    }

    fn quota(count: u64, window: Window) -> Allowance {
        Allowance::Quota(Quota::new(count, window).unwrap())
    }

    fn all() -> [Allowance; 9] {
        [
            rate(1, 1, 1),
            rate(600, 60, 100),
            rate(5, 60, 5),
            rate(1, 60, 1),
            rate(1, 3600, 1),
            rate(100, 3600, 20),
            quota(2, Window::Day),
            quota(50, Window::Day),
            quota(3, Window::Month),
        ]
    }

    proptest! {
        // R12, R13: whoever shares an account gets no more than alone, whatever the limits of the others
        #[test]
        fn nobody_gets_more_than_alone(
            requests in prop::collection::vec((0_usize..9, 0_u64..3, 0_u32..4, 0_u64..40_000_000_000), 1..200),
            garbage in any::<[u128; WORDS]>(),
            is_fresh in any::<bool>(),
        ) {
            let (limits, mut now) = (all(), NOW);
            let words = if is_fresh { accounts() } else { garbage.map(AtomicU128::new) };
            let mut own = vec![[State::EMPTY; 3]; limits.len()];
            for (limit, key, cost, step) in requests {
                // Mostly moments, now and then hours.
                now = Moment(now.0 + if step % 3 == 0 { step } else { step % 1_000_000 });
                let (allowance, key) = (&limits[limit], usize::try_from(key).unwrap());
                let account = Account::of(&words, allowance);
                let owed = allowance.charge(account.owed(now), now, cost).standing;
                let said = account.charge(cost, now).unwrap();
                prop_assert_eq!(owed.verdict, said.verdict, "it judges as its debt does whoever is given a cell");
                let alone = allowance.charge(own[limit][key], now, cost);
                if said.verdict == Verdict::Allowed {
                    prop_assert_eq!(alone.standing.verdict, Verdict::Allowed);
                    own[limit][key] = alone.state;
                }
            }
        }
    }

    // R13: a flood of slow limits leaves the fast ones alone, and one of days those of months
    #[test]
    fn accounts_are_apart() {
        let words = accounts();
        for allowance in [rate(1, 3600, 1), quota(2, Window::Day)] {
            while Account::of(&words, &allowance).charge(1, NOW).unwrap().verdict == Verdict::Allowed {}
        }
        for allowance in [rate(1, 60, 1), quota(1, Window::Month)] {
            assert_eq!(Account::of(&words, &allowance).owed(NOW), State::EMPTY);
            assert_eq!(Account::of(&words, &allowance).charge(1, NOW).unwrap().verdict, Verdict::Allowed);
        }
    }

    // R13: the quick limit neither mends what the slow one owes nor takes over more than it can owe by itself
    #[test]
    fn what_others_owe_is_left_alone() {
        let (words, slow, quick) = (accounts(), rate(1, 240, 1), rate(2, 1, 2));
        assert_eq!(Account::of(&words, &slow).charge(1, NOW).unwrap().verdict, Verdict::Allowed);
        let account = Account::of(&words, &quick);
        for cost in [0, 1, 2, u32::MAX] {
            let said = account.charge(cost, NOW).unwrap();
            assert_eq!(said.verdict, if cost == 0 { Verdict::Allowed } else { Verdict::Refused });
        }
        assert_eq!(Account::of(&words, &slow).owed(NOW).debt(NOW), slow.scale());
        assert_eq!(account.owed(NOW).debt(NOW), quick.scale());
    }

    // R13: what is given back is what was taken
    #[test]
    fn a_refund_leaves_the_others_debt() {
        let (words, limit, other) = (accounts(), rate(5, 60, 5), rate(100, 60, 100));
        Account::of(&words, &limit).charge(2, NOW).unwrap();
        let before = Account::of(&words, &limit).owed(NOW);
        Account::of(&words, &other).charge(7, NOW).unwrap();
        Account::of(&words, &other).refund(7, NOW);
        assert_eq!(Account::of(&words, &limit).owed(NOW), before);
    }

    // R13: a clock that was set back
    #[test]
    fn what_a_wrong_clock_has_left_counts_as_nothing() {
        let (words, limit) = (accounts(), rate(1, 60, 1));
        let ahead = Moment(NOW.0 + 365 * 86_400_000_000);
        Account::of(&words, &limit).charge(1, ahead).unwrap();
        assert_eq!(Account::of(&words, &limit).owed(NOW), State::EMPTY);
        assert_eq!(Account::of(&words, &limit).charge(1, NOW).unwrap().verdict, Verdict::Allowed);
        assert_eq!(Account::of(&words, &limit).charge(1, NOW).unwrap().verdict, Verdict::Refused);
    }
}
