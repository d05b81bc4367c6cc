//! Permits that are asked for at once.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use buckler_limits::{Allowance, Check, Quota, Rate, Verdict, Window};
use buckler_store::{Counters, Reach};
use buckler_store_redis::{Redis, RedisSettings};

use crate::server::{Server, ask, check, now, patient, rate, wait};

fn leased(server: &Server, lease: u32, name: &str) -> Redis {
    let settings = RedisSettings { lease: NonZeroU32::new(lease), name: name.to_owned(), ..patient(server.url()) };
    Redis::new(settings).unwrap()
}

/// How many of so many requests were allowed, and how many had to wait for Redis.
fn counted(store: &Redis, check: &Check, requests: u64) -> (u64, u64) {
    let (mut allowed, mut waited) = (0, 0);
    for _ in 0..requests {
        let said = match store.count(std::slice::from_ref(check), now()) {
            Reach::Now(said) => said,
            Reach::Later(later) => {
                waited += 1;
                wait(later)
            }
        };
        allowed += u64::from(said[0].standing().expect("counted").verdict == Verdict::Allowed);
    }
    (allowed, waited)
}

fn monthly(count: u64) -> Allowance {
    Allowance::Quota(Quota::new(count, Window::Month).unwrap())
}

// R13: one process alone gets all of the limit, mostly without asking; who is refused asks no more
#[test]
fn most_requests_ask_nobody() {
    let Some(server) = Server::start(&[]) else { return };
    for (at, allowance) in [rate(1_000), monthly(1_000)].into_iter().enumerate() {
        let store = leased(&server, 50, &format!("alone-{at}"));
        let (allowed, waited) = counted(&store, &check(1, allowance), 500);
        assert_eq!((allowed, waited), (500, 10), "{allowance:?}");
        // Beyond the half each request asks.
        let (allowed, waited) = counted(&store, &check(1, allowance), 500);
        assert_eq!((allowed, waited), (500, 500), "{allowance:?}");
        assert_eq!(counted(&store, &check(1, allowance), 500), (0, 1), "{allowance:?}");
    }
}

// R13: what lies in another process is refused here, and no more than that
#[test]
fn what_is_refused_early_is_bounded() {
    let Some(server) = Server::start(&[]) else { return };
    let (one, other) = (leased(&server, 20, "two"), leased(&server, 20, "two"));
    assert_eq!(counted(&one, &check(1, rate(100)), 1), (1, 1));
    let (allowed, _) = counted(&other, &check(1, rate(100)), 200);
    assert_eq!(allowed, 80);
    assert_eq!(counted(&one, &check(1, rate(100)), 30).0, 19);
}

// R13: all or nothing holds over leases of several limits, and what is dear, or only looks, is asked exactly
#[test]
fn batches_and_costs() {
    let Some(server) = Server::start(&[]) else { return };
    let store = leased(&server, 10, "batches");
    let batch = [check(1, rate(1_000)), check(2, monthly(4))];
    let mut allowed = 0;
    for _ in 0..30 {
        let said = ask(&store, &batch);
        allowed += u64::from(said.iter().all(|said| !said.refuses()));
    }
    assert_eq!(allowed, 4);
    let look = Check { cost: 0, ..check(1, rate(1_000)) };
    let left = ask(&store, &[look])[0].standing().expect("counted").remaining;
    assert!((986..=996).contains(&left), "{left}: four were used, and a lease may lie here");
    let dear = Check { cost: 10, ..check(3, rate(1_000)) };
    assert_eq!(counted(&store, &dear, 7), (7, 7));
    // Of costs in between, a lease is spent as far as it goes; of a quota nothing is lost by that.
    let odd = Check { cost: 3, ..check(4, monthly(200)) };
    let (allowed, waited) = counted(&store, &odd, 66);
    assert_eq!(allowed, 66);
    assert!(waited < 66, "{waited}");
}

// R13: however slowly a lease is spent, no stretch of time sees more than the exact limit would admit
#[test]
fn what_is_spent_late_adds_nothing() {
    let Some(server) = Server::start(&[]) else { return };
    // One in twenty milliseconds, forty at once: a lease of ten is over after two hundred.
    let allowance = Allowance::Rate(Rate::new(50, Duration::from_secs(1), 40).unwrap());
    let stores: Vec<Redis> = (0..3).map(|_| leased(&server, 10, "late")).collect();
    let begun = Instant::now();
    let mut admitted: Vec<(Duration, Duration)> = Vec::new();
    for pause in [0, 0, 90, 0, 150, 0, 0, 60, 210, 0, 0, 0] {
        std::thread::sleep(Duration::from_millis(pause));
        for store in &stores {
            for _ in 0..9 {
                let before = begun.elapsed();
                let said = ask(store, &[check(1, allowance)])[0];
                if said.standing().expect("counted").verdict == Verdict::Allowed {
                    admitted.push((before, begun.elapsed()));
                }
            }
        }
    }
    // By the definition of the limit: of those between any two, no more than the burst and what came back meanwhile.
    for (at, (first, _)) in admitted.iter().enumerate() {
        for (count, (_, last)) in admitted[at..].iter().enumerate() {
            let stretch = last.saturating_sub(*first);
            let came_back = stretch.as_nanos() / 20_000_000;
            assert!((count as u128) < 40 + came_back, "{} within {stretch:?}", count + 1);
        }
    }
    assert!(admitted.len() >= 40, "{}", admitted.len());
}
