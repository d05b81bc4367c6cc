//! Outages and losses in the middle of load.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use buckler_limits::{Answer, Verdict};
use buckler_store_redis::{Redis, RedisSettings};

use crate::server::{Server, ask, check, name, rate, store, until_counted};

const THREADS: u64 = 6;

/// What became of the requests of all threads.
#[derive(Default)]
struct Outcome {
    allowed: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
}

/// Threads ask for one key until the disturbance is over, each for some requests more after it.
fn under_load(store: &Redis, limit: u64, disturb: impl FnOnce()) -> Outcome {
    let (outcome, is_over) = (Outcome::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut more = 50;
                while more > 0 {
                    more -= u64::from(is_over.load(Ordering::Relaxed));
                    let said = ask(store, &[check(1, rate(limit))])[0];
                    let counter = match said {
                        Answer::Counted(standing) if standing.verdict == Verdict::Allowed => &outcome.allowed,
                        Answer::Counted(_) => &outcome.refused,
                        _ => &outcome.lost,
                    };
                    counter.fetch_add(1, Ordering::Relaxed);
                    // A closed gate answers at once: a disturbed server needs the processor.
                    std::thread::sleep(Duration::from_micros(200));
                }
            });
        }
        disturb();
        is_over.store(true, Ordering::Relaxed);
    });
    outcome
}

// R13: the script goes away again and again; nobody is told otherwise than before
#[test]
fn scripts_are_flushed_under_load() {
    let Some(server) = Server::start(&[]) else { return };
    let store = store(server.url());
    let limit = 200;
    let outcome = under_load(&store, limit, || {
        for _ in 0..100 {
            server.command(&["SCRIPT", "FLUSH"]);
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    assert_eq!(outcome.lost.into_inner(), 0);
    assert_eq!(outcome.allowed.into_inner(), limit);
}

// R13: paused for a while: what was asked then may have been counted, and never is more admitted than the limit says
#[test]
fn paused_under_load() {
    let Some(server) = Server::start(&[]) else { return };
    let settings = RedisSettings { timeout: Duration::from_millis(400), ..RedisSettings::new(server.url(), name()) };
    let store = Redis::new(settings).unwrap();
    until_counted(&store, &[check(2, rate(1_000))]);
    let before = store.tally();
    let limit = 100_000;
    let outcome = under_load(&store, limit, || {
        server.pause();
        std::thread::sleep(Duration::from_secs(1));
        server.resume();
        until_counted(&store, &[check(2, rate(1_000_000))]);
    });
    let (allowed, lost) = (outcome.allowed.into_inner(), outcome.lost.into_inner());
    assert!(allowed > 0 && lost > 0, "{allowed} allowed, {lost} lost");
    let failed = store.tally().failed - before.failed;
    // Each thread may wait once before the gate closes, and one in each pause.
    assert!(failed <= 5 * THREADS, "{failed} waited of {lost} that were lost");
    // All that was admitted is in Redis, and what was lost may be.
    let left = ask(&store, &[check(1, rate(limit))])[0].standing().expect("counted").remaining;
    let used = limit - left;
    assert!(used > allowed && used <= allowed + failed + 1, "{used} used, {allowed} allowed, {failed} lost");
}

// R13: killed in the middle of load: within one life of the server no more than the limit is admitted
#[test]
fn killed_under_load() {
    let Some(mut server) = Server::start(&[]) else { return };
    let settings = RedisSettings { timeout: Duration::from_millis(500), ..RedisSettings::new(server.url(), name()) };
    let store = Redis::new(settings).unwrap();
    until_counted(&store, &[check(2, rate(1_000))]);
    let limit = 50;
    let lives = 3;
    let outcome = under_load(&store, limit, || {
        for _ in 1..lives {
            server.kill();
            server.restart();
            until_counted(&store, &[check(2, rate(1_000_000))]);
        }
    });
    let allowed = outcome.allowed.into_inner();
    assert!(allowed <= lives * limit, "{allowed} of {lives} times {limit}");
    assert!(outcome.refused.into_inner() > 0);
}
