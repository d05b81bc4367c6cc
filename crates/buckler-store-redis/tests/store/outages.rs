//! Redis killed, paused, slow, full, forbidden: what is asked then is answered soon, as its limit declares, and who asks
//! hears of it once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buckler_limits::{Answer, Answers, Check, Moment, StoreDown, Verdict};
use buckler_store::conformance::Reference;
use buckler_store::{Counters, Reach, WithLocal};
use buckler_store_redis::{Change, Reason, Redis, RedisSettings};

use crate::proxy::Proxy;
use crate::server::{Changes, RUNTIME, Server, ask, check, is_counted, name, rate, until_counted};

/// Requests while Redis is gone.
const REQUESTS: usize = 400;

/// Of these: the ones that may have to wait for a timeout. The first three in a row, and one in each pause; the pauses
/// grow, and the requests, which wait for nothing else, are over long before the fourth.
const MOST_SLOW: u64 = 12;

/// A timeout that a loaded machine does not reach by itself, unless it must.
const TIMEOUT: Duration = Duration::from_millis(400);

struct Watched {
    store: Redis,
    changes: Arc<Changes>,
}

fn watched(url: String, timeout: Duration) -> Watched {
    let changes = Arc::new(Changes::default());
    let settings = RedisSettings { timeout, on_change: Some(changes.told()), ..RedisSettings::new(url, name()) };
    Watched { store: Redis::new(settings).unwrap(), changes }
}

/// Asks many times; gives how many were refused to be answered, all of them in order.
fn rush(store: &Redis) -> usize {
    (0..REQUESTS).filter(|key| !is_counted(&ask(store, &[check(*key as u64, rate(5))]))).count()
}

/// The store is lost: all are told so, few wait, and the change is told once, with a reason that `is_it` knows.
fn assert_outage(watched: &Watched, is_it: fn(&Reason) -> bool, what: &str) {
    let before = watched.store.tally();
    assert_eq!(rush(&watched.store), REQUESTS, "{what}");
    let after = watched.store.tally();
    let failed = after.failed - before.failed;
    assert!(failed <= MOST_SLOW, "{what}: {failed} requests waited");
    assert!(after.spared - before.spared >= REQUESTS as u64 - MOST_SLOW, "{what}: {after:?}");
    let changes = watched.changes.all();
    let last = changes.last().expect("a change");
    assert!(matches!(last, Change::Down { reason, .. } if is_it(reason)), "{what}: {changes:?}");
    let downs = changes.iter().filter(|change| matches!(change, Change::Down { .. })).count();
    let ups = changes.iter().filter(|change| matches!(change, Change::Up { .. })).count();
    assert_eq!(downs, ups + 1, "{what}: {changes:?}");
}

fn assert_back(watched: &Watched, what: &str) {
    until_counted(&watched.store, &[check(0, rate(1_000))]);
    let changes = watched.changes.all();
    assert!(matches!(changes.last(), Some(Change::Up { .. })), "{what}: {changes:?}");
}

// R13: killed, and back with nothing in it
#[test]
fn killed_and_restarted() {
    let Some(mut server) = Server::start(&[]) else { return };
    let watched = watched(server.url(), TIMEOUT);
    until_counted(&watched.store, &[check(7, rate(1))]);
    assert!(ask(&watched.store, &[check(7, rate(1))])[0].refuses());
    assert!(watched.changes.all().is_empty(), "nothing has changed");
    server.kill();
    assert_outage(&watched, |reason| matches!(reason, Reason::Unreachable(_)), "killed");
    server.restart();
    assert_back(&watched, "restarted");
    // It begins anew, and names are hashed as before.
    assert!(is_counted(&ask(&watched.store, &[check(7, rate(1))])));
    assert!(ask(&watched.store, &[check(7, rate(1))])[0].refuses());
}

// R13: restarted between two requests, nobody notices
#[test]
fn restarted_in_between() {
    let Some(mut server) = Server::start(&[]) else { return };
    let watched = watched(server.url(), crate::server::PATIENT);
    until_counted(&watched.store, &[check(1, rate(5))]);
    for _ in 0..3 {
        server.kill();
        server.restart();
        assert!(is_counted(&ask(&watched.store, &[check(1, rate(5))])));
    }
    assert!(watched.changes.all().is_empty());
    assert_eq!(watched.store.tally().failed, 0);
}

// R13: stopped in the middle of whatever it did
#[test]
fn paused_and_resumed() {
    let Some(server) = Server::start(&[]) else { return };
    let watched = watched(server.url(), TIMEOUT);
    until_counted(&watched.store, &[check(1, rate(1_000))]);
    server.pause();
    assert_outage(&watched, |reason| *reason == Reason::Slow, "paused");
    server.resume();
    assert_back(&watched, "resumed");
}

// R13: each answer takes two seconds
#[test]
fn slow() {
    let Some(server) = Server::start(&[]) else { return };
    let proxy = Proxy::start(server.port);
    let watched = watched(proxy.url(), TIMEOUT);
    until_counted(&watched.store, &[check(1, rate(1_000))]);
    proxy.delay(Duration::from_secs(2));
    assert_outage(&watched, |reason| *reason == Reason::Slow, "slow");
    proxy.delay(Duration::ZERO);
    assert_back(&watched, "fast again");
}

// R13: a connection that leads nowhere, without a word of it, is made again
#[test]
fn silent_connections_are_left() {
    let Some(server) = Server::start(&[]) else { return };
    let proxy = Proxy::start(server.port);
    let watched = watched(proxy.url(), TIMEOUT);
    until_counted(&watched.store, &[check(1, rate(1_000))]);
    for _ in 0..2 {
        proxy.silence();
        assert!(!is_counted(&ask(&watched.store, &[check(1, rate(1_000))])));
        assert_back(&watched, "on another connection");
    }
}

// R13: what answers is no Redis, or one that has gone mad
#[test]
fn garbage() {
    let Some(server) = Server::start(&[]) else { return };
    for (answer, is_it) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], (|reason| *reason != Reason::Slow) as fn(&Reason) -> bool),
        (b"*1\r\n:3\r\n", |reason| *reason == Reason::Garbage),
        (b"*2\r\n:1\r\n:-5\r\n", |reason| *reason == Reason::Garbage),
        (b"*4\r\n:0\r\n:1763208000000000\r\n:0\r\n$0\r\n\r\n", |reason| *reason == Reason::Garbage),
        (b"*4\r\n:1\r\n:1763208000000000\r\n:0\r\n$3\r\nabc\r\n", |reason| *reason == Reason::Garbage),
        (b"*2\r\n:2\r\n$4\r\nabcd\r\n", |reason| *reason == Reason::Garbage),
        (b"+OK\r\n", |reason| *reason == Reason::Garbage),
        (b"$-1\r\n", |reason| *reason == Reason::Garbage),
        (b"-LOADING Redis is loading the dataset in memory\r\n", |reason| *reason == Reason::Starting),
        (b"-READONLY You can't write against a read only replica.\r\n", |reason| *reason == Reason::ReadOnly),
        (b"-MASTERDOWN Link with MASTER is down\r\n", |reason| *reason == Reason::Starting),
        (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", |reason| *reason == Reason::Full),
        (b"-NOSCRIPT No matching script.\r\n", |reason| matches!(reason, Reason::Answered(_))),
        (b"-hunter2 <script>\r\n", |reason| matches!(reason, Reason::Answered(word) if word.is_empty())),
    ] {
        let proxy = Proxy::start(server.port);
        let watched = watched(proxy.url(), TIMEOUT);
        until_counted(&watched.store, &[check(1, rate(1_000))]);
        proxy.answer(Some(answer));
        assert_outage(&watched, is_it, &String::from_utf8_lossy(answer));
        proxy.answer(None);
        assert_back(&watched, &String::from_utf8_lossy(answer));
    }
}

// R13: no memory is left, and nothing that may be evicted
#[test]
fn out_of_memory() {
    let Some(server) = Server::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let watched = watched(server.url(), TIMEOUT);
    until_counted(&watched.store, &[check(1, rate(1_000))]);
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_outage(&watched, |reason| *reason == Reason::Full, "full");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_back(&watched, "room again");
}

// R13: one key that somebody made something else of
#[test]
fn a_key_of_another_type() {
    let Some(server) = Server::start(&[]) else { return };
    for (spoil, word) in [(["LPUSH", "x"], "a list"), (["SET", "x"], "a text"), (["SET", "12 "], "no number")] {
        server.command(&["FLUSHALL"]);
        let watched = watched(server.url(), TIMEOUT);
        until_counted(&watched.store, &[check(1, rate(5))]);
        let key = server.keys().into_iter().find(|key| !key.ends_with(":key")).unwrap();
        server.command(&["DEL", &key]);
        server.command(&[spoil[0], &key, spoil[1]]);
        assert!(!is_counted(&ask(&watched.store, &[check(1, rate(5))])), "{word}");
        // Others are counted as before, and no outage is told of.
        assert!(is_counted(&ask(&watched.store, &[check(2, rate(5))])), "{word}");
        assert!(watched.changes.all().is_empty(), "{word}");
    }
}

#[derive(Debug, Default)]
struct Here(Mutex<Reference>);

impl Counters for Here {
    fn count(&self, batch: &[Check], now: Moment) -> Reach {
        let standings = self.0.lock().unwrap().count(batch, now);
        Reach::Now(standings.into_iter().map(Answer::Counted).collect::<Answers>())
    }
}

// R13: what each limit declares is what becomes of it, in one batch
#[test]
fn each_limit_does_what_it_declares() {
    let Some(mut server) = Server::start(&[]) else { return };
    let store = watched(server.url(), TIMEOUT).store;
    let both = WithLocal::new(store.clone(), Arc::new(Here::default()));
    let batch = [StoreDown::Open, StoreDown::Closed, StoreDown::Local].map(|store_down| {
        let key = store_down as u64;
        Check { store_down, ..check(key, rate(3)) }
    });
    assert!(is_counted(&ask(&both, &batch)));
    server.kill();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for round in 0..20 {
        let said = ask(&both, &batch);
        assert_eq!(said[..2], [Answer::Unavailable, Answer::Unavailable], "round {round}");
        let Answer::Local(standing) = said[2] else { panic!("round {round}: {said:?}") };
        let word = if standing.verdict == Verdict::Allowed { "allowed" } else { "refused" };
        *seen.entry(word).or_default() += 1;
    }
    assert_eq!(seen, BTreeMap::from([("allowed", 3), ("refused", 17)]));
    server.restart();
    until_counted(&store, &[check(9, rate(1_000))]);
    assert!(is_counted(&ask(&both, &batch)), "counted in Redis again");
}

// R13: an unreachable one is told at the start, by name and without its password
#[test]
fn probes_tell_where_and_why() {
    let Some(mut server) = Server::start(&[]) else { return };
    let url = format!("redis://:hunter2@127.0.0.1:{}/0", server.port);
    let store = watched(server.url(), TIMEOUT).store;
    RUNTIME.block_on(store.probe()).expect("it is there");
    assert!(server.keys().iter().all(|key| key.ends_with(":key")), "it counts nothing");
    server.kill();
    let store = watched(url, TIMEOUT).store;
    let error = RUNTIME.block_on(store.probe()).expect_err("it is gone").to_string();
    assert_eq!(error, format!("Redis at 127.0.0.1:{}: no connection: connection refused", server.port));
    assert!(!format!("{store:?}").contains("hunter2"));
}

// R13: more at once than a process keeps waiting is told so at once, and what waits is answered
#[test]
fn no_more_wait_than_may() {
    let Some(server) = Server::start(&[]) else { return };
    let watched = watched(server.url(), TIMEOUT);
    until_counted(&watched.store, &[check(1, rate(1_000))]);
    server.pause();
    let before = watched.store.tally();
    let asked = 6_000;
    let lost = RUNTIME.block_on(async {
        let tasks: Vec<_> = (0..asked)
            .map(|key| {
                let store = watched.store.clone();
                tokio::spawn(async move {
                    match store.count(&[check(key, rate(5))], Moment(0)) {
                        Reach::Now(answers) => answers,
                        Reach::Later(later) => later.await,
                    }
                })
            })
            .collect();
        let mut lost = 0;
        for task in tasks {
            lost += u64::from(!is_counted(&task.await.unwrap()));
        }
        lost
    });
    assert_eq!(lost, asked);
    let after = watched.store.tally();
    assert!(after.asked - before.asked <= 4_096, "{after:?}");
    assert!(after.spared - before.spared >= asked - 4_096, "{after:?}");
    server.resume();
    assert_back(&watched, "resumed");
}
