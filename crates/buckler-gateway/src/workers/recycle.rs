//! When a worker that is well is replaced all the same: what leaks, leaks for a bounded time.
//!
//! Rules, in order:
//! 1. By requests and by age with jitter: between four fifths of the limit and the limit, so that workers that began
//!    together do not end together. Where in between is decided by the seed, slot and generation.
//! 2. By memory at the limit itself: a limit that may be passed by a fifth is none.

use std::future::pending;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::time::{sleep, sleep_until};

use super::life::Facts;
use super::memory::resident;
use super::notice::{Reason, WorkerId};

/// How often a worker's memory is looked at: a leak takes minutes, and reading it microseconds.
const LOOK: Duration = Duration::from_secs(1);

/// The jitter takes at most a fifth away: enough to spread, and the limit still says what happens.
const JITTER_PER_MILLE: u64 = 200;

/// The limits; `None` is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recycle {
    /// Requests that a worker is given.
    pub requests: Option<u64>,
    /// How long it serves.
    pub age: Option<Duration>,
    /// Resident bytes of its process.
    pub memory: Option<u64>,
}

/// `limit` less what the jitter takes for this life.
fn jittered(limit: u64, seed: u64, id: WorkerId) -> u64 {
    const WHOLE: u64 = 1000;
    let mut hasher = DefaultHasher::new();
    (seed, id).hash(&mut hasher);
    let kept = WHOLE - hasher.finish() % (JITTER_PER_MILLE + 1);
    (limit / WHOLE * kept + limit % WHOLE * kept / WHOLE).max(1)
}

/// Waits until this life, which is ready, has reached a limit.
pub(crate) async fn due(facts: &Facts, limits: Recycle, seed: u64) -> Reason {
    let requests = async {
        let Some(limit) = limits.requests else { return pending().await };
        facts.endpoint.served_so_many(jittered(limit, seed, facts.id)).await;
    };
    let age = async {
        let (Some(limit), Some(ready_at)) = (limits.age, facts.ready_at.get()) else { return pending().await };
        let milliseconds = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        sleep_until(*ready_at + Duration::from_millis(jittered(milliseconds, seed, facts.id))).await;
    };
    let memory = async {
        let (Some(limit), Some(pid)) = (limits.memory, facts.pid.get()) else { return pending().await };
        loop {
            // A process that has just ended has none; its end is told elsewhere.
            match resident(*pid) {
                Ok(resident) if resident > limit => return (resident, limit),
                Ok(_) | Err(_) => sleep(LOOK).await,
            }
        }
    };
    tokio::select! {
        () = requests => Reason::Requests,
        () = age => Reason::Age,
        (resident, limit) = memory => Reason::Memory { resident, limit },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn workers_that_began_together_do_not_end_together() {
        // R09
        for (limit, least) in [(10_000, 8_000), (u64::MAX, u64::MAX / 5 * 4 - 1000), (5, 4), (1, 1)] {
            let limits: BTreeSet<u64> =
                (1..=64).map(|slot| jittered(limit, 7, WorkerId { slot, generation: 1 })).collect();
            assert!(limits.iter().all(|found| (least..=limit).contains(found)), "{limit}: {limits:?}");
            assert!(limit < 1000 || limits.len() > 32, "{limit}: {limits:?}");
        }
        let id = WorkerId { slot: 1, generation: 2 };
        assert_eq!(jittered(10_000, 7, id), jittered(10_000, 7, id));
        let seeds: BTreeSet<u64> = (0..64).map(|seed| jittered(10_000, seed, id)).collect();
        assert!(seeds.len() > 32, "{seeds:?}");
    }
}
