//! Leases, by a clock that the tests tell.

use buckler_limits::{LimitId, Quota, Rate, StoreDown, Subject, Window};

use super::*;

const SIZE: u32 = 10;

fn leases() -> Leases {
    let size = NonZeroU32::new(SIZE).unwrap();
    Leases::new(size, Duration::from_millis(50), HashKey::derive(b"a secret of some length"))
}

/// One in a second, a hundred at once.
fn rate() -> Allowance {
    Allowance::Rate(Rate::new(1, Duration::from_secs(1), 100).unwrap())
}

fn quota() -> Allowance {
    Allowance::Quota(Quota::new(100, Window::Day).unwrap())
}

fn check(key: u64, allowance: Allowance, cost: u32) -> Check {
    let mut subject = Subject::new(LimitId(1));
    subject.push(&key.to_le_bytes());
    Check { subject, allowance, cost, store_down: StoreDown::Closed }
}

fn found(taken: Taken, verdict: Verdict, wait: u64, reset: u64) -> Found {
    let (retry_after, reset_after) = (Duration::from_secs(wait), Duration::from_secs(reset));
    Found { taken, standing: Standing { verdict, remaining: 50, retry_after, reset_after } }
}

/// A lease of all ten, of which the asking request has taken its cost; all is free again after so many seconds.
fn lend(leases: &mut Leases, check: &Check, reset: u64, now: Instant) {
    let batch = std::slice::from_ref(check);
    let Step::Ask(wishes) = leases.step(batch, now) else { panic!("nothing is held yet") };
    assert_eq!(wishes[..], [Wish { cost: check.cost, lease: SIZE }]);
    leases.settle(batch, &wishes, &[found(Taken::Lease, Verdict::Allowed, 0, reset)], now);
}

fn is_spent(leases: &mut Leases, check: &Check, now: Instant) -> bool {
    matches!(leases.step(std::slice::from_ref(check), now), Step::Done(answers) if !answers[0].refuses())
}

// R13: a permit of a rate ends when it would have come back; those of a quota with its window
#[test]
fn leases_melt() {
    for (allowance, after, left) in
        [(rate(), 0, 9), (rate(), 1, 9), (rate(), 2, 8), (rate(), 5, 5), (rate(), 9, 1), (rate(), 10, 0)]
            .into_iter()
            .chain([(quota(), 0, 9), (quota(), 9, 9), (quota(), 10, 0)])
    {
        let (mut leases, begin) = (leases(), Instant::now());
        let one = check(1, allowance, 1);
        lend(&mut leases, &one, 10, begin);
        let now = begin + Duration::from_secs(after);
        let spent = (0..20).filter(|_| is_spent(&mut leases, &one, now)).count();
        assert_eq!(spent, left, "{allowance:?} after {after} seconds");
    }
}

// R13: of many at once one asks for a lease, and one that is dropped is forgotten
#[test]
fn one_asks() {
    let (mut leases, now) = (leases(), Instant::now());
    let batch = [check(1, rate(), 1)];
    let mut asked = |now| match leases.step(&batch, now) {
        Step::Ask(wishes) => wishes[0].lease,
        Step::Done(answers) => panic!("{answers:?}"),
    };
    assert_eq!([asked(now), asked(now), asked(now)], [SIZE, 1, 1]);
    let later = now + Duration::from_millis(50);
    assert_eq!([asked(later), asked(later)], [SIZE, 1]);
}

// R13: what is left of a quota's lease is added to the next one of its window, and to no other
#[test]
fn what_is_left_of_a_quota_stays() {
    for (later, left) in [(0, 8), (86_400, 6)] {
        let (mut leases, now) = (leases(), Instant::now());
        let dear = check(1, quota(), 4);
        lend(&mut leases, &dear, 1_000, now);
        assert!(is_spent(&mut leases, &dear, now));
        // Two are left, too few: another lease of ten, of which this request takes four.
        lend(&mut leases, &dear, 1_000 + later, now);
        let spent = (0..20).filter(|_| is_spent(&mut leases, &check(1, quota(), 1), now)).count();
        assert_eq!(spent, left);
    }
}

// R13: a refusal is remembered until one of the limits would not refuse, of the same request only, and not for long
#[test]
fn refusals_are_remembered() {
    for (waits, until) in [([3, 5], 3), ([5, 3], 3), ([60, 60], 10)] {
        let (mut leases, now) = (leases(), Instant::now());
        let batch = [check(1, rate(), 1), check(2, quota(), 1)];
        let Step::Ask(wishes) = leases.step(&batch, now) else { panic!("nothing is known yet") };
        let said = waits.map(|wait| found(Taken::Cost, Verdict::Refused, wait, 90));
        leases.settle(&batch, &wishes, &said, now);
        let last = now + Duration::from_secs(until).saturating_sub(Duration::from_nanos(1));
        let Step::Done(answers) = leases.step(&batch, last) else { panic!("it is remembered") };
        let left = answers[0].standing().unwrap().retry_after;
        assert_eq!(left, Duration::from_secs(waits[0] - until) + Duration::from_nanos(1));
        assert!(matches!(leases.step(&batch[..1], now), Step::Ask(_)));
        assert!(matches!(leases.step(&batch, now + Duration::from_secs(until)), Step::Ask(_)));
    }
}

// R13: a flood of keys takes no more room than there is, and is asked for exactly then
#[test]
fn the_table_is_bounded() {
    let (mut leases, now) = (leases(), Instant::now());
    for key in 0..MOST_KEYS as u64 * 5 / 2 {
        let batch = [check(key, rate(), 1)];
        let Step::Ask(wishes) = leases.step(&batch, now) else { panic!("{key} is new") };
        assert_eq!(wishes[0].lease, if key < MOST_KEYS as u64 { SIZE } else { 1 });
        let said = match wishes[0].lease {
            SIZE => found(Taken::Lease, Verdict::Allowed, 0, 10),
            _ => found(Taken::Cost, Verdict::Refused, 10, 10),
        };
        leases.settle(&batch, &wishes, &[said], now);
    }
    assert!(leases.slots.len() <= MOST_KEYS && leases.refusals.len() <= MOST_KEYS);
    // Where they have ended, there is room again.
    let batch = [check(u64::MAX, rate(), 1)];
    let Step::Ask(wishes) = leases.step(&batch, now + Duration::from_secs(11)) else { panic!("it is new") };
    assert_eq!(wishes[0].lease, SIZE);
    assert!(leases.slots.len() < 10);
}
