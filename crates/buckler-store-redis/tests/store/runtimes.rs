//! Runtimes that end, futures that nobody waits for, and futures that no runtime polls.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use buckler_limits::Answer;
use buckler_store::{Counters, Reach};
use buckler_store_redis::{Change, Reason, Redis, RedisSettings};

use crate::server::{Changes, RUNTIME, Server, ask, check, is_counted, now, patient, rate, store};

// R13: the connection goes with the runtime that drove it, and the next request notices nothing
#[test]
fn runtimes_come_and_go() {
    let Some(server) = Server::start(&[]) else { return };
    let store = store(server.url());
    for round in 0..5 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let Reach::Later(later) = store.count(&[check(1, rate(100))], now()) else { panic!("it has to ask") };
        assert!(is_counted(&runtime.block_on(later)), "round {round}");
        // One is asked for and not waited for: its task goes with the runtime.
        if let Reach::Later(later) = store.count(&[check(1, rate(100))], now()) {
            runtime.spawn(later);
        }
    }
    assert_eq!(store.tally().failed, 0);
}

// R13: who goes away while it waits leaves nothing behind, and nobody gets the answer of another
#[test]
fn futures_are_dropped() {
    let Some(server) = Server::start(&[]) else { return };
    let store = store(server.url());
    // More than may wait at once.
    let dropped = 5_000;
    let pending = RUNTIME.block_on(async {
        let Reach::Later(first) = store.count(&[check(0, rate(5))], now()) else { panic!("it has to ask") };
        first.await;
        let mut pending = 0;
        for _ in 0..dropped {
            let Reach::Later(later) = store.count(&[check(1, rate(1_000_000))], now()) else { panic!("it has to ask") };
            let mut later = pin!(later);
            let mut context = Context::from_waker(Waker::noop());
            // Where this thread had to wait for the processor, the answer may be there already.
            pending += u64::from(later.as_mut().poll(&mut context).is_pending());
        }
        pending
    });
    assert!(pending > dropped / 2, "{pending} were dropped while they waited");
    for key in 2..50 {
        let said = ask(&store, &[check(key, rate(key))]);
        assert_eq!(said[0].standing().expect("counted").remaining, key - 1);
    }
    let left = ask(&store, &[check(1, rate(1_000_000))])[0].standing().expect("counted").remaining;
    assert!((1_000_000 - dropped - 1..1_000_000).contains(&left), "{left}");
}

// R13: outside of a runtime nothing is counted, and nothing panics
#[test]
fn no_runtime() {
    let changes = std::sync::Arc::new(Changes::default());
    let settings = RedisSettings { on_change: Some(changes.told()), ..patient("redis://127.0.0.1:1".to_owned()) };
    let store = Redis::new(settings).unwrap();
    for _ in 0..3 {
        let Reach::Later(later) = store.count(&[check(1, rate(5))], now()) else { panic!("it has to ask") };
        let mut later = pin!(later);
        let Poll::Ready(said) = later.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("there is nothing to wait for")
        };
        assert_eq!(said[..], [Answer::Unavailable]);
    }
    assert_eq!(changes.all(), [Change::Down { server: "127.0.0.1:1".to_owned(), reason: Reason::NoRuntime }]);
    assert!(matches!(store.count(&[], now()), Reach::Now(said) if said.is_empty()));
}
