//! What every store has to hold, and what is left in Redis by it.

use std::time::Duration;

use buckler_limits::{Allowance, Answers, Check, Quota, Rate, Verdict, Window};
use buckler_store::Later;
use buckler_store::conformance::{self, Clock, Stand};
use buckler_store_redis::{Redis, RedisSettings};

use crate::server::{Server, ask, check, is_counted, name, patient, programs, rate, skipped, store, wait};

struct OnRedis<'a> {
    server: &'a Server,
    clock: Clock,
}

impl Stand for OnRedis<'_> {
    type Store = Redis;

    fn fresh(&self) -> Redis {
        let settings = patient(self.server.unix_url());
        match self.clock {
            Clock::Told => Redis::with_told_time(settings).unwrap(),
            Clock::Own => Redis::new(settings).unwrap(),
        }
    }

    fn wait(&self, later: Later) -> Answers {
        wait(later)
    }

    fn clock(&self) -> Clock {
        self.clock
    }
}

// R13: every server that is here, by the clock that a test tells and by its own
#[test]
fn conforms() {
    if programs().is_empty() {
        skipped("neither redis-server nor valkey-server is installed");
    }
    for program in programs() {
        let server = Server::start_program(program, &[]);
        for clock in [Clock::Told, Clock::Own] {
            conformance::all(&OnRedis { server: &server, clock });
        }
    }
}

// R13: what is counted expires when it says nothing any more; names tell nothing; the server's clock is what counts
#[test]
fn keys_expire_and_tell_nothing() {
    let Some(server) = Server::start(&[]) else { return };
    let store = store(server.url());
    let daily = Allowance::Quota(Quota::new(5, Window::Day).unwrap());
    let monthly = Allowance::Quota(Quota::new(5, Window::Month).unwrap());
    let short = check(1, Allowance::Rate(Rate::new(10, Duration::from_secs(100), 10).unwrap()));
    assert!(is_counted(&ask(&store, &[short, check(2, daily), check(3, monthly)])));
    // A look leaves nothing behind, nor does a refusal.
    ask(&store, &[Check { cost: 0, ..check(4, daily) }]);
    ask(&store, &[Check { cost: 6, ..check(5, daily) }, check(6, daily)]);
    let keys = server.keys();
    assert_eq!(keys.len(), 4, "{keys:?}");
    let mut lives = Vec::new();
    for key in &keys {
        assert!(key.starts_with("{buckler:test-"), "{key}");
        let life: i64 = redis::from_redis_value(server.command(&["PTTL", key])).unwrap();
        if key.ends_with(":key") {
            assert_eq!(life, -1, "{key}");
            continue;
        }
        let (_, hash) = key.split_once(':').unwrap().1.split_once(':').unwrap();
        assert!(hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
        lives.push(Duration::from_millis(u64::try_from(life).expect("it expires")));
    }
    lives.sort();
    assert!(lives[0] <= Duration::from_millis(10_001), "{lives:?}");
    assert!(lives[1] <= Duration::from_hours(24), "{lives:?}");
    assert!(lives[2] <= Duration::from_hours(24 * 31), "{lives:?}");
}

// R13: one subject twice in a batch is charged twice, and in no more than the limit
#[test]
fn twice_in_a_batch_is_twice() {
    let Some(server) = Server::start(&[]) else { return };
    let store = store(server.url());
    for round in 0..4 {
        let said = ask(&store, &[check(1, rate(5)), check(1, rate(5))]);
        assert_eq!(said.iter().any(buckler_limits::Answer::refuses), round > 1, "round {round}: {said:?}");
    }
}

// R13: processes that begin at once hash by one key; so do those that outlive the loss of it, and of all scripts
#[test]
fn hash_keys_are_agreed_on() {
    let Some(server) = Server::start(&[]) else { return };
    let app = name();
    let made = |secret: Option<&str>| {
        let secret = secret.map(|secret| secret.as_bytes().to_vec());
        Redis::new(RedisSettings { name: app.clone(), secret, ..patient(server.url()) }).unwrap()
    };
    let stores: Vec<Redis> = (0..6).map(|_| made(None)).collect();
    for what in ["SCRIPT FLUSH", "FLUSHALL", "SCRIPT FLUSH"] {
        for (at, store) in stores.iter().enumerate() {
            let said = ask(store, &[check(1, rate(1000))]);
            let left = said[0].standing().expect("counted").remaining;
            let most = 1000 - u64::try_from(at + 1).unwrap();
            assert!(left <= most, "before {what}: {left} are left after {} stores", at + 1);
        }
        let words: Vec<_> = what.split(' ').collect();
        server.command(&words);
    }
    // With a secret nothing is kept but counts, and those who have it count together.
    server.command(&["FLUSHALL"]);
    let (one, other) = (made(Some("a secret of some length")), made(Some("a secret of some length")));
    for (store, left) in [(&one, 4), (&other, 3), (&one, 2)] {
        assert_eq!(ask(store, &[check(1, rate(5))])[0].standing().expect("counted").remaining, left);
    }
    assert_eq!(server.keys().len(), 1);
    // Another secret is another name.
    let third = made(Some("another secret, as long"));
    assert_eq!(ask(&third, &[check(1, rate(5))])[0].standing().expect("counted").remaining, 4);
}

// R13: apps of other names count apart
#[test]
fn names_are_apart() {
    let Some(server) = Server::start(&[]) else { return };
    for _ in 0..3 {
        let said = ask(&store(server.unix_url()), &[check(1, rate(1))]);
        assert_eq!(said[0].standing().expect("counted").verdict, Verdict::Allowed);
    }
    let database = Redis::new(patient(format!("{}/3", server.url()))).unwrap();
    assert!(is_counted(&ask(&database, &[check(1, rate(1))])));
    // Three apps, each with its hash key; the fourth is in another database.
    assert_eq!(server.keys().len(), 6);
}

#[test]
fn settings_that_are_none() {
    for (settings, word) in [
        (RedisSettings::new("redis://user:hunter2@host", "a b"), "name"),
        (RedisSettings::new("redis://user:hunter2@host", ""), "name"),
        (RedisSettings::new("redis://user:hunter2@host", "}"), "name"),
        (RedisSettings::new("redis://user:hunter2@host/x", "app"), "address"),
        (RedisSettings { timeout: Duration::ZERO, ..RedisSettings::new("redis://host", "app") }, "time"),
        (RedisSettings { secret: Some(b"hunter2".to_vec()), ..RedisSettings::new("redis://host", "app") }, "secret"),
        (RedisSettings { authorities: Some(b"x".to_vec()), ..RedisSettings::new("rediss://host", "app") }, "PEM"),
    ] {
        let shown = format!("{settings:?}");
        let error = Redis::new(settings).expect_err(word).to_string();
        assert!(error.contains(word), "{error}");
        assert!(!error.contains("hunter2") && !shown.contains("hunter2"), "{error} {shown}");
    }
}
