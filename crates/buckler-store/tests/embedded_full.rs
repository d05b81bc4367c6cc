//! A bucket that more keys come to than it has cells for: whoever is limited exactly alone is so there.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use buckler_limits::{Allowance, Answer, Check, Limit, LimitId, Moment, Rate, State, StoreDown, Subject, Verdict};
use buckler_store::embedded::{Keep, Region, RegionSettings};
use buckler_store::{Counters, Reach};
use proptest::prelude::*;

const NOW: Moment = Moment(1_763_208_000_000_000);

/// A region of one bucket.
const KEYS: u64 = 8;

/// More than it has cells.
const CLIENTS: u64 = 60;

/// Limits of which a request takes half or more, and what it takes. Their keys are never forgotten while they owe anything.
const LARGE: [(&str, u32); 8] = [
    ("1/minute", 1),
    ("5/minute burst 1", 1),
    ("1/10s", 1),
    ("2/7s", 1),
    ("1/hour", 1),
    ("5/minute", 3),
    ("1/day", 1),
    ("10/month", 6),
];

/// Limits whose keys may be.
const SMALL: [(&str, u32); 3] = [("600/minute burst 100", 1), ("5/minute", 1), ("9/day", 2)];

fn check(client: u64, (limit, cost): (&str, u32)) -> Check {
    let mut subject = Subject::new(LimitId::of("full", limit));
    subject.push(&client.to_le_bytes());
    Check { subject, allowance: limit.parse::<Limit>().unwrap().allowance, cost, store_down: StoreDown::Closed }
}

/// Each client has one limit.
fn of_client(client: u64) -> Check {
    let kind = usize::try_from(client).unwrap() % (LARGE.len() + SMALL.len());
    check(client, LARGE.iter().chain(&SMALL).copied().nth(kind).unwrap())
}

fn is_large(check: &Check) -> bool {
    u64::from(check.cost) * 2 >= check.allowance.capacity()
}

/// What is said to each check; each is answered, so nobody tried without an end.
fn ask(region: &Region, batch: &[Check], now: Moment) -> Vec<Verdict> {
    let Reach::Now(answers) = region.count(batch, now) else { unreachable!("it answers at once") };
    assert_eq!(answers.len(), batch.len());
    let verdict = |answer: &Answer| match answer {
        Answer::Counted(standing) => standing.verdict,
        other => unreachable!("{other:?}"),
    };
    answers.iter().map(verdict).collect()
}

fn passes(region: &Region, batch: &[Check], now: Moment) -> bool {
    ask(region, batch, now).iter().all(|verdict| *verdict == Verdict::Allowed)
}

/// Holds a region against what each client of large steps would get alone.
fn hold(region: &Region, requests: &[(Vec<u64>, u64)]) -> Result<(), TestCaseError> {
    let (mut now, mut alone) = (NOW, BTreeMap::<u64, State>::new());
    for (clients, step) in requests {
        // Mostly moments, now and then seconds, and once in a while hours.
        let unit = if step % 7 > 0 {
            1_000
        } else if step % 3 > 0 {
            1_000_000
        } else {
            600_000_000
        };
        now = Moment(now.0 + step % 60 * unit);
        let clients: BTreeSet<u64> = clients.iter().copied().collect();
        let batch: Vec<Check> = clients.iter().map(|client| of_client(*client)).collect();
        if !passes(region, &batch, now) {
            continue;
        }
        for (client, check) in clients.iter().zip(&batch).filter(|(_, check)| is_large(check)) {
            let own = alone.get(client).copied().unwrap_or(State::EMPTY);
            let right = check.allowance.charge(own, now, check.cost);
            prop_assert_eq!(right.standing.verdict, Verdict::Allowed, "{:?} at {:?}", check, now);
            alone.insert(*client, right.state);
        }
    }
    Ok(())
}

fn requests() -> impl Strategy<Value = Vec<(Vec<u64>, u64)>> {
    prop::collection::vec((prop::collection::vec(0..CLIENTS, 1..4), any::<u64>()), 1..600)
}

/// Cells and claims as bytes: noise, noise that tells little, and words that others would have written.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        any::<u64>(),
        (any::<u64>(), any::<u64>()).prop_map(|(one, other)| one & other),
        Just(0),
        Just(u64::MAX),
        // What is owed at that moment, in nanoseconds.
        (0_u64..100_000_000_000).prop_map(|debt| NOW.nanos() + debt),
        // Claims that wait, of any cell.
        any::<u64>().prop_map(|rest| 1 << 63 | rest),
    ];
    prop::collection::vec(word, 64).prop_map(|words| words.into_iter().flat_map(u64::to_le_bytes).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    // R13: of large steps not one more passes than alone, however many come, whatever their limits
    #[test]
    fn whoever_is_exact_alone_is_so_in_a_crowd(requests in requests()) {
        hold(&Region::private(KEYS).unwrap(), &requests)?;
    }

    // R13: nor does it, whatever stood in the cells before; nothing panics or tries without an end
    #[test]
    fn garbage_admits_no_more(garbage in garbage(), requests in requests()) {
        let folder = tempfile::tempdir().unwrap();
        let settings = RegionSettings { path: folder.path().join("limits"), keys: KEYS, keep: Keep::Always };
        drop(Region::open(&settings).unwrap());
        OpenOptions::new().write(true).open(&settings.path).unwrap().write_all_at(&garbage, 4096).unwrap();
        hold(&Region::open(&settings).unwrap(), &requests)?;
    }
}

// R13: nor does anybody panic, or try without an end, while somebody else writes what he likes
#[test]
fn who_writes_into_it_ends_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let settings = RegionSettings { path: folder.path().join("limits"), keys: KEYS, keep: Keep::Always };
    let region = Region::open(&settings).unwrap();
    let file = OpenOptions::new().write(true).open(&settings.path).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seed = 1_u64;
            while !is_over.load(Ordering::Relaxed) {
                let noise: Vec<u8> = (0..64)
                    .flat_map(|_| {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        seed.rotate_left(31).to_le_bytes()
                    })
                    .collect();
                file.write_all_at(&noise, 4096).unwrap();
            }
        });
        for at in 0..20_000 {
            let batch = [of_client(at % CLIENTS), of_client((at + 1) % CLIENTS)];
            assert!(matches!(region.count(&batch, NOW), Reach::Now(answers) if answers.len() == 2));
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

// R13: where every key of a bucket owes, newcomers are refused and nobody is forgotten; of other limits, one's worth passes
#[test]
fn newcomers_wait_where_everybody_owes() {
    let region = Region::private(KEYS).unwrap();
    let crowd: Vec<Check> = (0..CLIENTS).map(|client| check(client, ("1/hour", 1))).collect();
    let passed = crowd.iter().filter(|one| passes(&region, std::slice::from_ref(*one), NOW)).count();
    // One for each cell, and one for the account.
    assert_eq!(passed, 30);
    let soon = Moment(NOW.0 + 3_599_000_000);
    assert!(!crowd.iter().any(|one| passes(&region, std::slice::from_ref(one), soon)));
    // A limit that comes back sooner has an account that nobody of them uses: together they have what one would.
    let quick = |client| check(client, ("5/minute", 1));
    let passed = (0..CLIENTS).filter(|client| passes(&region, &[quick(*client)], NOW)).count();
    assert_eq!(passed, 5);
    assert!(passes(&region, &[quick(0)], Moment(NOW.0 + 12_000_000)));
    // By then all have come back, and there is room for all that there are cells for.
    let later = Moment(NOW.0 + 2 * 3_600_000_000);
    let passed = crowd.iter().filter(|one| passes(&region, std::slice::from_ref(*one), later)).count();
    assert_eq!(passed, 30);
}

// R13: at the same time, with keys that come and go between them, and batches that give back what they took
#[test]
fn threads_admit_each_key_once() {
    const THREADS: u64 = 8;
    let yearly = |count| Allowance::Rate(Rate::new(count, Duration::from_hours(24 * 365), count).unwrap());
    let once = |key| Check { allowance: yearly(1), ..check(key, ("1/hour", 1)) };
    let often = |key| Check { allowance: yearly(8), ..check(key, ("9/day", 1)) };
    for round in 0..40 {
        let region = Region::private(KEYS).unwrap();
        let admitted: Vec<AtomicU64> = (0..CLIENTS).map(|_| AtomicU64::new(0)).collect();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (region, admitted) = (&region, &admitted);
                scope.spawn(move || {
                    for at in 0..CLIENTS * 4 {
                        // In turns of all threads, so that they meet.
                        let (key, other) = ((at + round) % CLIENTS, (at * 7 + thread) % CLIENTS);
                        let batch = match (at + thread) % 3 {
                            0 => vec![once(key)],
                            1 if key != other => vec![once(key), once(other)],
                            _ => vec![once(key), often(at / 2)],
                        };
                        if passes(region, &batch, NOW) {
                            admitted[usize::try_from(key).unwrap()].fetch_add(1, Ordering::Relaxed);
                            if batch.len() == 2 && batch[1].allowance == yearly(1) {
                                admitted[usize::try_from(other).unwrap()].fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                });
            }
        });
        let most = admitted.iter().map(|passed| passed.load(Ordering::Relaxed)).max();
        assert!(most == Some(1), "round {round}: {admitted:?}");
    }
}

/// Cells of a bucket.
const CELLS: u64 = 29;

fn yearly(key: u64, count: u64, cost: u32) -> Check {
    let rate = Rate::new(count, Duration::from_hours(24 * 365), count).unwrap();
    Check { allowance: Allowance::Rate(rate), cost, ..check(key, ("1/hour", 1)) }
}

/// What two threads say that begin at the same moment.
fn at_once<A: Send, B: Send>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B + Send) -> (A, B) {
    let ready = AtomicU64::new(0);
    let wait = || {
        ready.fetch_add(1, Ordering::SeqCst);
        while ready.load(Ordering::SeqCst) < 2 {
            std::hint::spin_loop();
        }
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            wait();
            one()
        });
        wait();
        let second = other();
        (first.join().unwrap(), second)
    })
}

// R13: one finds no cell and counts with the others, the other finds one at that moment: they pass once
#[test]
fn who_gets_a_cell_meanwhile_is_counted_once() {
    for _ in 0..1_000 {
        let region = Region::private(KEYS).unwrap();
        for key in 1..CELLS {
            assert!(passes(&region, &[yearly(key, 1, 1)], NOW));
        }
        assert!(passes(&region, &[check(CELLS, ("1/second", 1))], NOW));
        let (asked, later) = ([yearly(100, 1, 1)], Moment(NOW.0 + 1_000_000));
        let (one, other) = at_once(|| passes(&region, &asked, NOW), || passes(&region, &asked, later));
        assert!(u8::from(one) + u8::from(other) < 2);
    }
}

// R13: a newcomer is given the cell of a key that owes nothing, and is charged at that moment: that is not lost
#[test]
fn who_uses_much_meanwhile_is_not_forgotten() {
    for _ in 0..1_000 {
        let region = Region::private(KEYS).unwrap();
        let (newcomer, asked) = ([yearly(101, 1, 1)], [check(100, ("1/second", 1))]);
        // In the first cell: whoever looks through all of them has chosen it long before the end.
        assert!(passes(&region, &asked, NOW));
        for key in 1..CELLS {
            assert!(passes(&region, &[yearly(key, 1, 1)], NOW));
        }
        let later = Moment(NOW.0 + 1_000_000);
        let (_, passed) = at_once(|| passes(&region, &newcomer, later), || passes(&region, &asked, later));
        // Wherever it is counted by now.
        assert!(passed && !passes(&region, &asked, later));
    }
}
