//! A rate against two slow references: a leaky bucket whose level is a signed number of nanoseconds (the other form that
//! ITU-T I.371 gives the same algorithm), and one that counts in exact fractions of them.
#![expect(clippy::expect_used, reason = "helpers of tests may fail a test")]

use std::time::Duration;

use buckler_limits::rate::{MOST_TOLERANCE, SET_BACK};
use buckler_limits::{Allowance, Moment, Rate, Standing, State, Verdict};
use proptest::prelude::*;

/// Noon of a day in 2025.
const NOON: u64 = 1_763_208_000_000_000;

/// The continuous-state leaky bucket: how full it was when it was last looked at, in nanoseconds that it takes to drain.
struct Bucket {
    level: i128,
    at: i128,
    interval: i128,
    size: i128,
}

impl Bucket {
    fn new(rate: &Rate) -> Self {
        let interval = rate.period().as_nanos().div_ceil(u128::from(rate.count()));
        let interval = i128::try_from(interval).expect("a sane period");
        Self { level: 0, at: 0, interval, size: interval * i128::from(rate.burst()) }
    }

    /// Whether `cost` more fit in; they are then in.
    fn admits(&mut self, micros: u64, cost: u32) -> Verdict {
        let now = i128::from(micros) * 1000;
        let ahead = self.level + self.at - now;
        if ahead > self.size + i128::try_from(SET_BACK.as_nanos()).expect("a minute") {
            (self.level, self.at) = (self.size, now);
        }
        let level = ahead.clamp(0, self.size);
        let filled = level + self.interval * i128::from(cost);
        if filled > self.size {
            return Verdict::Refused;
        }
        if cost > 0 {
            (self.level, self.at) = (filled, now);
        }
        Verdict::Allowed
    }
}

fn rates() -> impl Strategy<Value = Rate> {
    let periods =
        prop_oneof![Just(1_u64), Just(1_000), Just(60_000), Just(3_600_000), Just(31_536_000_000), 1..100_000_u64];
    (prop_oneof![1..20_u64, 1..1_000_000_u64], periods, prop_oneof![Just(1_u64), 1..5_u64, 1..200_u64])
        .prop_filter_map("no such rate", |(count, period, burst)| {
            Rate::new(count, Duration::from_millis(period), burst).ok()
        })
}

/// How time goes between two requests, in parts of the interval and in microseconds.
#[derive(Debug, Clone)]
enum Step {
    Stands,
    Intervals(u64, u64),
    Runs(u64),
    JumpsBack(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Stands),
        4 => (0..5_u64, 1..5_u64).prop_map(|(n, of)| Step::Intervals(n, of)),
        2 => (0..2_000_000_u64).prop_map(Step::Runs),
        1 => (0..5_000_000_u64).prop_map(Step::JumpsBack),
        1 => (0..200_000_000_000_u64).prop_map(Step::JumpsBack),
    ]
}

fn stepped(now: u64, step: &Step, rate: &Rate) -> u64 {
    match step {
        Step::Stands => now,
        Step::Intervals(n, of) => now + rate.interval() / 1000 * n / of,
        Step::Runs(micros) => now + micros,
        Step::JumpsBack(micros) => now - micros,
    }
}

fn costs() -> impl Strategy<Value = u32> {
    prop_oneof![6 => Just(1_u32), 2 => 0..4_u32, 1 => 0..300_u32, 1 => Just(u32::MAX)]
}

fn traces() -> impl Strategy<Value = Vec<(Step, u32)>> {
    prop::collection::vec((steps(), costs()), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    // R12
    #[test]
    fn admits_what_the_leaky_bucket_admits(rate in rates(), trace in traces()) {
        let (limit, mut bucket) = (Allowance::Rate(rate), Bucket::new(&rate));
        let (mut state, mut now) = (State::EMPTY, NOON);
        for (step, cost) in &trace {
            now = stepped(now, step, &rate);
            let charged = limit.charge(state, Moment(now), *cost);
            prop_assert_eq!(charged.standing.verdict, bucket.admits(now, *cost), "cost {} at {}", cost, now);
            let left = (bucket.size - (bucket.level + bucket.at - i128::from(now) * 1000).clamp(0, bucket.size)) / bucket.interval;
            prop_assert_eq!(i128::from(charged.standing.remaining), left);
            state = charged.state;
        }
    }

    // R12: with intervals that are no whole nanoseconds, never more than it says, and less by no more than they are rounded
    #[test]
    fn rounding_never_admits_more(rate in rates(), trace in traces()) {
        let limit = Allowance::Rate(rate);
        // In parts of `1/count` of a nanosecond, so nothing is rounded.
        let (count, period) = (u128::from(rate.count()), rate.period().as_nanos());
        let size = period * u128::from(rate.burst());
        let (mut level, mut at, mut used) = (0_u128, NOON, 0_u128);
        let (mut state, mut now) = (State::EMPTY, NOON);
        for (step, cost) in &trace {
            let next = stepped(now, step, &rate);
            now = next.max(now);
            level = level.saturating_sub(u128::from(now - at) * 1000 * count);
            at = now;
            let charged = limit.charge(state, Moment(now), *cost);
            let wanted = level + period * u128::from(*cost);
            if charged.standing.verdict == Verdict::Allowed {
                prop_assert!(wanted <= size, "one more than {rate:?}");
                (level, used) = (wanted, used + u128::from(*cost));
            } else {
                let rounded = (used + u128::from(*cost)) * count;
                prop_assert!(wanted + rounded > size, "one less than {rate:?}");
            }
            state = charged.state;
        }
    }

    // R12: what is told to clients is true
    #[test]
    fn retry_and_reset_are_the_first_moments(rate in rates(), trace in traces(), wanted in 1..5_u32) {
        let limit = Allowance::Rate(rate);
        let (mut state, mut now) = (State::EMPTY, NOON);
        for (step, cost) in &trace {
            now = stepped(now, step, &rate).max(now);
            state = limit.charge(state, Moment(now), *cost).state;
        }
        let standing = limit.charge(state, Moment(now), wanted).standing;
        if standing.verdict == Verdict::Refused && standing.retry_after != Standing::NEVER {
            let micros = u64::try_from(standing.retry_after.as_nanos().div_ceil(1000)).expect("a sane time");
            let before = limit.charge(state, Moment(now + micros - 1), wanted).standing;
            prop_assert_eq!(before.verdict, Verdict::Refused);
            let then = limit.charge(state, Moment(now + micros), wanted).standing;
            prop_assert_eq!(then.verdict, Verdict::Allowed);
        }
        let looked = limit.charge(state, Moment(now), 0).standing;
        let micros = u64::try_from(looked.reset_after.as_nanos().div_ceil(1000)).expect("a sane time");
        prop_assert!(state.is_spent(Moment(now + micros)));
        prop_assert_eq!(limit.charge(state, Moment(now + micros), 0).standing.remaining, rate.burst());
    }

    // R12
    #[test]
    fn refund_undoes_charge(rate in rates(), trace in traces(), cost in costs()) {
        let limit = Allowance::Rate(rate);
        let (mut state, mut now) = (State::EMPTY, NOON);
        for (step, cost) in &trace {
            now = stepped(now, step, &rate).max(now);
            state = limit.charge(state, Moment(now), *cost).state;
        }
        let now = Moment(now);
        let charged = limit.charge(state, now, cost);
        if charged.standing.verdict == Verdict::Allowed {
            let refunded = limit.refund(charged.state, now, cost);
            prop_assert_eq!(refunded.debt(now), state.debt(now));
            prop_assert_eq!(limit.charge(refunded, now, 1), limit.charge(state, now, 1));
        } else {
            prop_assert_eq!(charged.state, state);
        }
    }

    // R12: what a store reads of a state without knowing its limit is what the limit says
    #[test]
    fn debt_and_spent_say_what_charge_says(rate in rates(), trace in traces()) {
        let limit = Allowance::Rate(rate);
        let (mut state, mut now) = (State::EMPTY, NOON);
        for (step, cost) in &trace {
            now = stepped(now, step, &rate).max(now);
            let at = Moment(now);
            state = limit.charge(state, at, *cost).state;
            let free = (limit.scale() - state.debt(at)) / rate.interval();
            prop_assert_eq!(limit.charge(state, at, 0).standing.remaining, free);
            prop_assert_eq!(state.is_spent(at), state.debt(at) == 0);
            prop_assert!(state.debt(at) <= limit.scale());
        }
    }

    // R12: any word, any clock, any cost: an answer, and a state of the same kind
    #[test]
    fn nothing_overflows(
        word in any::<u64>(),
        now in prop_oneof![any::<u64>(), Just(u64::MAX), Just(0), Just(Moment::LAST.0)],
        cost in any::<u32>(),
    ) {
        for rate in [
            Rate::new(1, MOST_TOLERANCE, 1),
            Rate::new(1_000_000_000_000, Duration::from_secs(1000), 1_000_000_000_000),
            Rate::new(1, Duration::from_millis(1), 1),
            Rate::new(1_000_000, Duration::from_millis(1), 1_000_000_000_000),
        ] {
            let Ok(rate) = rate else { panic!("{rate:?}") };
            let (limit, now, state) = (Allowance::Rate(rate), Moment(now), State(word));
            let charged = limit.charge(state, now, cost);
            prop_assert!(charged.standing.remaining <= rate.burst());
            prop_assert!(cost == 0 || charged.standing.verdict == Verdict::Refused || charged.state.0 >> 63 == 0);
            let _ = limit.refund(state, now, cost);
        }
    }
}

// R12: a clock that ran a year ahead and is set right refuses nobody for a year
#[test]
fn a_clock_that_is_set_back_is_recovered_from() {
    let limit = Allowance::Rate(Rate::new(2, Duration::from_mins(1), 2).expect("a rate"));
    let wrong = Moment(NOON + 365 * 86_400_000_000);
    let ahead = limit.charge(State::EMPTY, wrong, 2).state;
    let refused = limit.charge(ahead, Moment(NOON), 1);
    assert_eq!((refused.standing.verdict, refused.standing.remaining), (Verdict::Refused, 0));
    let later = limit.charge(refused.state, Moment(NOON + 30_000_000), 1);
    assert_eq!(later.standing.verdict, Verdict::Allowed);
}

#[test]
fn rates_that_there_are_not() {
    use buckler_limits::rate::RateError::{NoTime, Nothing, TooFast, TooSlow};
    let second = Duration::from_secs(1);
    for (count, period, burst, wrong) in [
        (0, second, 1, Nothing),
        (1, second, 0, Nothing),
        (1, Duration::ZERO, 1, NoTime),
        (1_000_000_001, second, 1, TooFast),
        (u64::MAX, second, u64::MAX, TooFast),
        (1, second, u64::MAX, TooSlow),
        (1, Duration::MAX, 1, TooSlow),
        (1, Duration::MAX, u64::MAX, TooSlow),
        (1, MOST_TOLERANCE, 2, TooSlow),
    ] {
        assert_eq!(Rate::new(count, period, burst), Err(wrong), "{count} {period:?} {burst}");
    }
    assert!(Rate::new(1_000_000_000, second, 1).is_ok());
    assert!(Rate::new(1, MOST_TOLERANCE, 1).is_ok());
}
