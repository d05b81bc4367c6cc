//! Long sequences of requests, against the reference.

use std::time::Duration;

use buckler_limits::{Allowance, Check, Moment, Quota, Rate, Window};

use super::{Clock, Reference, Stand, ask, assert_same, beginning, check, quota, rate, subject};

/// Each from a fresh store.
const SEQUENCES: u64 = 24;

/// Requests of each.
const REQUESTS: u64 = 150;

/// A generator whose numbers are the same in each run (`SplitMix64`, Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One of `0..below`.
    pub(super) const fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % below
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let at = self.below(u64::try_from(choices.len()).unwrap_or(1));
        usize::try_from(at).ok().and_then(|at| choices.get(at)).copied()
    }
}

/// Limits whose counts come back while a test tells the time: odd intervals, long ones, and both windows.
fn told() -> Vec<Allowance> {
    let rates = [
        (1, Duration::from_secs(1), 1),
        (3, Duration::from_secs(1), 3),
        (7, Duration::from_millis(11), 40),
        (100, Duration::from_hours(1), 20),
        (1_000_000, Duration::from_secs(1), 9),
        (1_000_000_000, Duration::from_secs(1), 12),
        (11, Duration::from_hours(24 * 365), 100),
    ];
    let quotas = [(4, Window::Day), (30, Window::Month), (1_000_000_000_000, Window::Day)];
    let rates = rates.iter().filter_map(|(count, period, burst)| Rate::new(*count, *period, *burst).ok());
    let quotas = quotas.iter().filter_map(|(count, window)| Quota::new(*count, *window));
    rates.map(Allowance::Rate).chain(quotas.map(Allowance::Quota)).collect()
}

/// Steps of time, in microseconds: none, near, and over the borders of days and months; and back, as a clock that is
/// set.
const STEPS: &[i64] =
    &[0, 0, 0, 0, 1, 100, 1_500, 11_000, 333_334, 1_000_000, 36_000_000, DAY, 8 * DAY, -5_000_000, -DAY];

const DAY: i64 = 86_400_000_000;

/// Whatever is asked, and whenever: the answers are those of the reference.
pub fn counts_as_the_reference<S: Stand>(stand: &S) {
    let clock = stand.clock();
    let allowances = match clock {
        Clock::Told => told(),
        Clock::Own => vec![rate(1), rate(3), rate(40), quota(2), quota(50)],
    };
    for seed in 0..SEQUENCES {
        let (store, mut reference, mut dice) = (stand.fresh(), Reference::default(), Dice::new(seed));
        let mut now = beginning(clock);
        for request in 0..REQUESTS {
            if clock == Clock::Told {
                now = Moment(now.0.saturating_add_signed(dice.of(STEPS).unwrap_or_default()));
            }
            let batch = batch(&mut dice, &allowances, seed);
            let (said, right) = (ask(stand, &store, &batch, now), reference.count(&batch, now));
            assert_same(clock, &said, &right, &format!("sequence {seed}, request {request}, {now:?}: {batch:?}"));
        }
    }
}

/// One to three limits, of different subjects, each of which has always the same limit.
fn batch(dice: &mut Dice, allowances: &[Allowance], seed: u64) -> Vec<Check> {
    let first = dice.below(1000);
    let each = 0..=dice.below(3);
    let of = |step: u64, dice: &mut Dice| {
        let kinds = u64::try_from(allowances.len()).unwrap_or(1);
        let key = (first + step) % (2 * kinds);
        let allowance = allowances.get(usize::try_from(key % kinds).ok()?)?;
        let cost = dice.of(&[1, 1, 1, 1, 1, 0, 2, 3, 20, u32::MAX])?;
        Some(check(subject("sequence", seed * 1000 + key), *allowance, cost))
    };
    each.filter_map(|step| of(step, dice)).collect()
}
