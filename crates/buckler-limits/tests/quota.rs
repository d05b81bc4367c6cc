//! A quota against a map from civil windows to counts.

use std::collections::BTreeMap;
use std::time::Duration;

use buckler_limits::quota::MOST_COUNT;
use buckler_limits::{Allowance, Moment, Quota, State, Verdict, Window};
use proptest::prelude::*;

const DAY: u64 = 86_400_000_000;

/// Year, month and day, by counting: slow, and nothing of the crate's own way.
fn civil(micros: u64) -> (u64, u64, u64) {
    let (mut days, mut year, mut month) = (micros / DAY, 1970, 1);
    while days >= length(year, month) {
        days -= length(year, month);
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    }
    (year, month, days + 1)
}

fn length(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Midnight of a date, the same way.
fn midnight(date: (u64, u64, u64)) -> u64 {
    let mut days = 0;
    for year in 1970..date.0 {
        days += (1..=12).map(|month| length(year, month)).sum::<u64>();
    }
    days += (1..date.1).map(|month| length(date.0, month)).sum::<u64>();
    (days + date.2 - 1) * DAY
}

/// The window that a moment lies in: a date, or its month.
fn window(of: Window, micros: u64) -> (u64, u64, u64) {
    let (year, month, day) = civil(micros);
    match of {
        Window::Day => (year, month, day),
        Window::Month => (year, month, 1),
    }
}

/// Where the window ends that begins there.
fn end(of: Window, (year, month, day): (u64, u64, u64)) -> u64 {
    match of {
        Window::Day => midnight((year, month, day)) + DAY,
        Window::Month => midnight((year, month, 1)) + length(year, month) * DAY,
    }
}

fn windows() -> impl Strategy<Value = Window> {
    prop_oneof![Just(Window::Day), Just(Window::Month)]
}

/// Steps forward in microseconds: none, some, over midnight, over months and years.
fn steps() -> impl Strategy<Value = u64> {
    prop_oneof![4 => Just(0), 4 => 0..DAY / 8, 2 => 0..3 * DAY, 1 => 0..500 * DAY]
}

fn costs() -> impl Strategy<Value = u32> {
    prop_oneof![6 => Just(1_u32), 2 => 0..4_u32, 1 => Just(u32::MAX)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    // R12
    #[test]
    fn counts_as_a_map_of_windows(
        count in 1..8_u64,
        of in windows(),
        begin in 0..70_000_u64,
        trace in prop::collection::vec((steps(), costs()), 1..60),
    ) {
        let limit = Allowance::Quota(Quota::new(count, of).expect("a quota"));
        let (mut state, mut now) = (State::EMPTY, begin * DAY + 5);
        let mut used: BTreeMap<(u64, u64, u64), u64> = BTreeMap::new();
        for (step, cost) in trace {
            now += step;
            let charged = limit.charge(state, Moment(now), cost);
            let here = window(of, now);
            let count_here = used.entry(here).or_default();
            let fits = *count_here + u64::from(cost) <= count;
            prop_assert_eq!(charged.standing.verdict == Verdict::Allowed, fits);
            if fits { *count_here += u64::from(cost); }
            prop_assert_eq!(charged.standing.remaining, count - *count_here);
            let until = if *count_here == 0 { 0 } else { end(of, here) - now };
            prop_assert_eq!(charged.standing.reset_after, Duration::from_micros(until));
            prop_assert_eq!(charged.state.debt(Moment(now)), *count_here);
            prop_assert_eq!(charged.state.is_spent(Moment(now)), *count_here == 0);
            prop_assert!(charged.state.is_spent(Moment(end(of, here))));
            state = charged.state;
        }
    }

    // R12
    #[test]
    fn refund_undoes_charge(count in 1..50_u64, of in windows(), used in 0..50_u32, cost in 0..50_u32, now in 0..70_000 * DAY) {
        let limit = Allowance::Quota(Quota::new(count, of).expect("a quota"));
        let state = limit.charge(State::EMPTY, Moment(now), used).state;
        let charged = limit.charge(state, Moment(now), cost);
        if charged.standing.verdict == Verdict::Allowed {
            let refunded = limit.refund(charged.state, Moment(now), cost);
            prop_assert_eq!(limit.charge(refunded, Moment(now), 1), limit.charge(state, Moment(now), 1));
        } else {
            prop_assert_eq!(charged.state, state);
        }
    }

    // R12: whoever read the clock before midnight and asks after it gives nobody back what was used since
    #[test]
    fn a_step_back_over_the_border_forgets_nothing(of in windows(), day in 1..70_000_u64, back in 1..DAY) {
        let limit = Allowance::Quota(Quota::new(3, of).expect("a quota"));
        let border = end(of, window(of, day * DAY));
        let state = limit.charge(State::EMPTY, Moment(border), 2).state;
        let late = limit.charge(state, Moment(border - back), 1);
        prop_assert_eq!((late.standing.verdict, late.standing.remaining), (Verdict::Allowed, 0));
        prop_assert_eq!(limit.charge(late.state, Moment(border + 1), 1).standing.verdict, Verdict::Refused);
        // It is still the same window that is over when it is over.
        let next = end(of, window(of, border));
        prop_assert_eq!(limit.charge(late.state, Moment(next), 1).standing.verdict, Verdict::Allowed);
    }

    // R12: any word, any clock, any cost: an answer
    #[test]
    fn nothing_overflows(
        word in any::<u64>(),
        now in prop_oneof![any::<u64>(), Just(u64::MAX), Just(0), Just(Moment::LAST.0)],
        cost in any::<u32>(),
        of in windows(),
    ) {
        for count in [1, MOST_COUNT] {
            let quota = Quota::new(count, of).expect("a quota");
            let (limit, now) = (Allowance::Quota(quota), Moment(now));
            for state in [State(word), State(word | 1 << 63), State::EMPTY] {
                let charged = limit.charge(state, now, cost);
                prop_assert!(charged.standing.remaining <= count);
                let _ = limit.refund(state, now, cost);
                let again = limit.charge(charged.state, now, 0).standing;
                prop_assert_eq!(again.remaining, charged.standing.remaining);
            }
            for state in [State::quota(word, count), State::quota(now.day() + 1, word)] {
                prop_assert!(limit.charge(state, now, cost).standing.remaining <= count);
            }
        }
    }
}

// R12
#[test]
fn months_end_where_the_calendar_says() {
    for (date, next) in [
        ((1970, 1, 1), (1970, 2, 1)),
        ((2024, 2, 29), (2024, 3, 1)),
        ((2025, 2, 28), (2025, 3, 1)),
        ((2000, 2, 29), (2000, 3, 1)),
        ((2100, 2, 28), (2100, 3, 1)),
        ((2025, 4, 30), (2025, 5, 1)),
        ((2025, 12, 31), (2026, 1, 1)),
    ] {
        let limit = Allowance::Quota(Quota::new(1, Window::Month).expect("a quota"));
        let last = midnight(date) + DAY - 1;
        let used = limit.charge(State::EMPTY, Moment(last), 1);
        assert_eq!(used.standing.reset_after, Duration::from_micros(midnight(next) - last), "{date:?}");
        assert_eq!(limit.charge(used.state, Moment(midnight(next)), 1).standing.verdict, Verdict::Allowed, "{date:?}");
    }
}

// R12: a window that no clock of today can have counted in holds nobody back
#[test]
fn a_clock_that_is_set_back_by_years_begins_anew() {
    for of in [Window::Day, Window::Month] {
        let limit = Allowance::Quota(Quota::new(1, of).expect("a quota"));
        let (wrong, right) = (Moment(midnight((2030, 5, 5))), Moment(midnight((2025, 5, 5))));
        let state = limit.charge(State::EMPTY, wrong, 1).state;
        assert!(state.is_spent(right));
        assert_eq!(limit.charge(state, right, 1).standing.verdict, Verdict::Allowed);
    }
}

#[test]
fn quotas_that_there_are_not() {
    for count in [0, MOST_COUNT + 1, u64::MAX] {
        assert_eq!(Quota::new(count, Window::Day), None, "{count}");
    }
}
