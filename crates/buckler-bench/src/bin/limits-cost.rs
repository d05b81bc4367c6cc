//! `limits-cost` prints nanoseconds of one check against a limit: in the embedded store, and beside it in
//! `governor`, which counts in a map of one process.
//!
//! Both are told the time and make the key from a number, so what differs is the count. Of each row the fastest of a few
//! rounds counts: the others were disturbed by the machine.

use std::cell::Cell;
use std::hint::black_box;
use std::io::Write;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use buckler_limits::{Allowance, Check, LimitId, Moment, Rate, StoreDown, Subject};
use buckler_store::Counters;
use buckler_store::embedded::{Keep, Region, RegionSettings};
use governor::clock::FakeRelativeClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

/// Many and short: some of them run while the machine does nothing else.
const ROUNDS: u32 = 40;

/// Of one round.
const CHECKS: u64 = 250_000;

/// Live keys of the large store.
const LIVE: u64 = 1_000_000;

/// Keys of the row that says a few.
const FEW: u64 = 64;

/// Uses that nobody comes to the end of, and which take longer to come back than this runs.
const PLENTY: u32 = 1_000_000_000;

const NOW: Moment = Moment(1_763_208_000_000_000);

type Name = [u8; 16];

type Governor = RateLimiter<Name, DashMapStateStore<Name>, FakeRelativeClock, NoOpMiddleware<governor::nanos::Nanos>>;

/// Visits the numbers below `of` in an order that no cache foresees (the multiplier is prime, and larger).
const fn shuffled(at: u64, of: u64) -> u64 {
    at.wrapping_mul(2_654_435_761) % of
}

fn check(limit: u64, key: u64, allowance: Allowance) -> Check {
    let mut subject = Subject::new(LimitId(limit));
    subject.push(&key.to_le_bytes());
    Check { subject, allowance, cost: 1, store_down: StoreDown::Closed }
}

fn name(limit: u64, key: u64) -> Name {
    let mut name = [0; 16];
    let (first, second) = name.split_at_mut(8);
    first.copy_from_slice(&limit.to_le_bytes());
    second.copy_from_slice(&key.to_le_bytes());
    name
}

/// Nanoseconds of one of `CHECKS`, in the fastest round.
fn fastest(each: impl Fn(u64)) -> f64 {
    let round = |_| {
        let start = Instant::now();
        (0..CHECKS).for_each(&each);
        start.elapsed()
    };
    per_check((0..ROUNDS).map(round).min().unwrap_or_default())
}

/// The same by two threads at once: of one thread.
fn fastest_of_two(each: impl Fn(u64) + Sync) -> f64 {
    let round = |_| {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..CHECKS).for_each(&each));
            }
        });
        start.elapsed()
    };
    per_check((0..ROUNDS).map(round).min().unwrap_or_default())
}

#[expect(clippy::cast_precision_loss, reason = "digits that nobody reads")]
fn per_check(time: Duration) -> f64 {
    time.as_nanos() as f64 / CHECKS as f64
}

fn region(folder: &std::path::Path, keys: u64) -> Result<Region, String> {
    let path = folder.join(format!("limits-cost-{}-{keys}", std::process::id()));
    let region = Region::open(&RegionSettings { path: path.clone(), keys, keep: Keep::WhileUsed });
    // Nobody else needs its name.
    let _removed = std::fs::remove_file(&path);
    region.map_err(|error| error.to_string())
}

fn governor(count: u32) -> Result<Governor, String> {
    let count = NonZeroU32::new(count).ok_or("a limit of nothing")?;
    Ok(RateLimiter::new(Quota::per_hour(count), DashMapStateStore::default(), FakeRelativeClock::default()))
}

fn rate(count: u32) -> Result<Allowance, String> {
    let (count, period) = (u64::from(count), Duration::from_hours(1));
    Rate::new(count, period, count).map(Allowance::Rate).map_err(|error| error.to_string())
}

fn run(out: &mut impl Write) -> Result<(), String> {
    let folder = std::path::Path::new("/dev/shm");
    let folder = if folder.is_dir() { folder.to_owned() } else { std::env::temp_dir() };
    let (ours, large) = (region(&folder, 100_000)?, region(&folder, LIVE)?);
    let (theirs, their_large, few) = (governor(PLENTY)?, governor(PLENTY)?, governor(5)?);
    let (plenty, tight) = (rate(PLENTY)?, rate(5)?);
    let count = |region: &Region, check: &Check| {
        black_box(region.count(std::slice::from_ref(check), NOW));
    };
    for key in 0..LIVE {
        count(&large, &check(1, key, plenty));
        black_box(their_large.check_key(&name(1, key)).is_ok());
    }
    let mut row = |what: &str, ours: f64, theirs: f64| {
        writeln!(out, "| {what} | {ours:.0} ns | {theirs:.0} ns | {:.2} |", ours / theirs)
            .map_err(|error| error.to_string())
    };
    row(
        "one key",
        fastest(|_| count(&ours, &check(1, 0, plenty))),
        fastest(|_| drop(black_box(theirs.check_key(&name(1, 0))))),
    )?;
    row(
        "64 keys in turn",
        fastest(|at| count(&ours, &check(1, at % FEW, plenty))),
        fastest(|at| drop(black_box(theirs.check_key(&name(1, at % FEW))))),
    )?;
    row(
        "1,000,000 live keys, in no order",
        fastest(|at| count(&large, &check(1, shuffled(at, LIVE), plenty))),
        fastest(|at| drop(black_box(their_large.check_key(&name(1, shuffled(at, LIVE)))))),
    )?;
    row(
        "refused",
        fastest(|_| count(&ours, &check(2, 0, tight))),
        fastest(|_| drop(black_box(few.check_key(&name(2, 0))))),
    )?;
    row(
        "two limits of one request",
        fastest(|at| {
            let batch = [check(3, at % FEW, plenty), check(4, 0, plenty)];
            black_box(ours.count(&batch, NOW));
        }),
        fastest(|at| {
            drop(black_box(theirs.check_key(&name(3, at % FEW))));
            drop(black_box(theirs.check_key(&name(4, 0))));
        }),
    )?;
    row(
        "one key, two threads at once",
        fastest_of_two(|_| count(&ours, &check(1, 0, plenty))),
        fastest_of_two(|_| drop(black_box(theirs.check_key(&name(1, 0))))),
    )?;
    // Every one of them is new, to a store that has room, and to one that has none left.
    let empty = fastest_fresh(|region, at| count(region, &check(5, at, plenty)), &folder)?;
    let (full, next) = (region(&folder, 10_000)?, Cell::new(0));
    let fresh = |_| {
        next.set(next.get() + 1);
        count(&full, &check(6, next.get(), plenty));
    };
    (0..CHECKS).for_each(fresh);
    writeln!(out, "\na key that is new: {empty:.0} ns; where all buckets are full: {:.0} ns", fastest(fresh))
        .map_err(|error| error.to_string())
}

/// The fastest of rounds that each begin with an empty store.
fn fastest_fresh(each: impl Fn(&Region, u64), folder: &std::path::Path) -> Result<f64, String> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let region = region(folder, LIVE)?;
        let start = Instant::now();
        (0..CHECKS).for_each(|at| each(&region, at));
        best = best.min(start.elapsed());
    }
    Ok(per_check(best))
}

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    match run(&mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _closed = writeln!(out, "{message}");
            ExitCode::from(2)
        }
    }
}
