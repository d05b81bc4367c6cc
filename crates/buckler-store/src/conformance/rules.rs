//! Rules that a few requests show.

use std::time::Duration;

use buckler_limits::{Standing, Verdict};

use super::{Clock, Reference, Stand, ask, assert_same, beginning, check, quota, rate, subject};

const COUNT: u64 = 5;

/// A cost that the limit never has is refused for good, and takes nothing.
pub fn beyond_capacity_never_passes<S: Stand>(stand: &S) {
    let (store, now) = (stand.fresh(), beginning(stand.clock()));
    for (key, allowance) in (0..).zip([rate(COUNT), quota(COUNT)]) {
        let asked = |cost| ask(stand, &store, &[check(subject("beyond", key), allowance, cost)], now);
        for cost in [6, 7, u32::MAX] {
            let said = asked(cost);
            let right = Standing {
                verdict: Verdict::Refused,
                remaining: COUNT,
                retry_after: Standing::NEVER,
                reset_after: Duration::ZERO,
            };
            assert_eq!(said, [right], "{allowance:?} asked for {cost}");
        }
        let all = asked(5);
        assert!(all.iter().all(|all| all.verdict == Verdict::Allowed && all.remaining == 0), "{all:?}");
        let more = asked(u32::MAX);
        assert!(more.iter().all(|more| more.retry_after == Standing::NEVER), "{more:?}");
    }
}

/// Where one limit refuses, the others are not charged, wherever it stands.
pub fn all_or_nothing<S: Stand>(stand: &S) {
    let (store, now) = (stand.fresh(), beginning(stand.clock()));
    let small = |key| check(subject("small", key), rate(1), 1);
    let wide = |key| check(subject("wide", key), rate(COUNT), 1);
    let monthly = |key| check(subject("monthly", key), quota(COUNT), 1);
    for (key, batch) in (0..).zip([
        vec![small(0), wide(0), monthly(0)],
        vec![wide(1), small(1), monthly(1)],
        vec![monthly(2), wide(2), small(2)],
    ]) {
        let mut reference = Reference::default();
        for round in 0..8 {
            let (said, right) = (ask(stand, &store, &batch, now), reference.count(&batch, now));
            assert_same(stand.clock(), &said, &right, &format!("round {round}"));
            let refused = said.iter().filter(|said| said.verdict == Verdict::Refused).count();
            assert_eq!(refused, usize::from(round > 0), "round {round}: {said:?}");
        }
        // Seven refusals left what one request took.
        for other in [wide(key), monthly(key)] {
            let said = ask(stand, &store, &[other], now);
            assert!(said.iter().all(|said| said.remaining == COUNT - 2), "{said:?}");
        }
    }
}

/// A cost of nothing tells how a key stands, and leaves it so.
pub fn looks_take_nothing<S: Stand>(stand: &S) {
    let (store, now) = (stand.fresh(), beginning(stand.clock()));
    for (key, allowance) in (0..).zip([rate(COUNT), quota(COUNT)]) {
        let mut reference = Reference::default();
        for cost in [0, 0, 2, 0, 0, 3, 0, 0, 1, 0] {
            let batch = [check(subject("look", key), allowance, cost)];
            let (said, right) = (ask(stand, &store, &batch, now), reference.count(&batch, now));
            assert_same(stand.clock(), &said, &right, &format!("{allowance:?} asked for {cost}"));
        }
    }
}

/// What one key uses no other has used.
pub fn keys_are_independent<S: Stand>(stand: &S) {
    let (store, now) = (stand.fresh(), beginning(stand.clock()));
    for key in 0..40 {
        for used in 1..=COUNT {
            let said = ask(stand, &store, &[check(subject("apart", key), rate(COUNT), 1)], now);
            assert!(said.iter().all(|said| said.remaining == COUNT - used), "key {key}: {said:?}");
        }
    }
    for key in 0..40 {
        let said = ask(stand, &store, &[check(subject("apart", key), rate(COUNT), 1)], now);
        assert!(said.iter().all(|said| said.verdict == Verdict::Refused), "key {key}: {said:?}");
    }
}

/// What a quota has counted says nothing to a rate of the same subject, nor the other way round.
pub fn kinds_do_not_mix<S: Stand>(stand: &S) {
    let now = beginning(stand.clock());
    for (first, second) in [(rate(COUNT), quota(COUNT)), (quota(COUNT), rate(COUNT))] {
        let store = stand.fresh();
        let asked = |allowance, cost| ask(stand, &store, &[check(subject("kinds", 0), allowance, cost)], now);
        assert!(asked(first, 5).iter().all(|said| said.remaining == 0));
        let said = asked(second, 1);
        assert!(said.iter().all(|said| said.verdict == Verdict::Allowed), "{said:?}");
        assert!(said.iter().all(|said| said.remaining == COUNT - 1), "{said:?}");
    }
    // Two stores that are told the same are two stores.
    if stand.clock() == Clock::Told {
        let said = ask(stand, &stand.fresh(), &[check(subject("kinds", 0), rate(COUNT), 0)], now);
        assert!(said.iter().all(|said| said.remaining == COUNT), "{said:?}");
    }
}
