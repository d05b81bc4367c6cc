//! Many threads at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use buckler_limits::Verdict;

use super::{Stand, ask, beginning, check, quota, rate, subject};

/// More than there are cores, so that they interrupt each other.
const THREADS: u64 = 8;

/// Of each thread.
const REQUESTS: u64 = 200;

/// Less than is asked for, and no multiple of the threads.
const LIMIT: u64 = 501;

/// Threads that ask for one key are admitted exactly as often as the limit says.
pub fn hammered_by_threads<S: Stand>(stand: &S) {
    let now = beginning(stand.clock());
    for allowance in [rate(LIMIT), quota(LIMIT)] {
        let (store, admitted) = (stand.fresh(), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..REQUESTS {
                        let said = ask(stand, &store, &[check(subject("hammered", 0), allowance, 1)], now);
                        let passed = said.iter().all(|said| said.verdict == Verdict::Allowed);
                        admitted.fetch_add(u64::from(passed), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(admitted.load(Ordering::Relaxed), LIMIT, "{allowance:?}");
    }
}

/// The same of batches of which each thread has a limit of its own and one that all share: what the shared one refuses
/// charges none, and what its own refuses does not use up the shared one.
pub fn hammered_in_batches<S: Stand>(stand: &S) {
    let (store, now) = (stand.fresh(), beginning(stand.clock()));
    let (own, shared) = (100, LIMIT);
    let mut passed = Vec::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || {
                    let batch =
                        [check(subject("own", thread), quota(own), 1), check(subject("all", 0), rate(shared), 1)];
                    let asked = (0..REQUESTS).map(|_| ask(stand, store, &batch, now));
                    let passed = asked.filter(|said| said.iter().all(|said| said.verdict == Verdict::Allowed));
                    u64::try_from(passed.count()).unwrap_or_default()
                })
            })
            .collect();
        passed.extend(threads.into_iter().map(|thread| thread.join().unwrap_or(u64::MAX)));
    });
    for (thread, passed) in (0..).zip(&passed) {
        let said = ask(stand, &store, &[check(subject("own", thread), quota(own), 0)], now);
        assert!(*passed <= own && said.iter().all(|said| said.remaining == own - passed), "{said:?} after {passed}");
    }
    // A store may refuse for a moment what another request is giving back, so less may pass than there is; what is left
    // is then still there, and never more passed than the limit says.
    let all: u64 = passed.iter().sum();
    let left = ask(stand, &store, &[check(subject("all", 0), rate(shared), 0)], now);
    assert!(all <= shared && left.iter().all(|left| left.remaining == shared - all), "{left:?} after {all}");
}
