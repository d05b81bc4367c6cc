//! The script against the arithmetic in Rust: the same decision and the same state, for any state, time and cost.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use buckler_limits::quota::MOST_COUNT;
use buckler_limits::{Allowance, Check, Moment, Quota, Rate, State, StoreDown, Window};
use buckler_store::conformance::Reference;
use buckler_store::{Counters, Reach};
use buckler_store_redis::Redis;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::server::{Server, patient, subject, wait};

/// Times around which something changes: ends of months and days, leap days, the last moment of all.
const EDGES: [u64; 9] = [
    1,
    951_782_400_000_000,   // 2000-02-29
    1_709_164_800_000_000, // 2024-02-29
    1_740_787_200_000_000, // 2025-03-01
    1_764_547_200_000_000, // 2025-12-01
    1_767_225_600_000_000, // 2026-01-01
    4_107_542_400_000_000, // 2100-03-01, of a year without a leap day
    1_763_208_000_000_000,
    LAST - 86_400_000_000 * 40,
];

/// In the year 2233: twice the longest limit, ten years, ends within 2^53 microseconds from there, as far as doubles are
/// exact.
const LAST: u64 = (1 << 53) - 22 * 366 * 86_400_000_000;

fn moments() -> impl Strategy<Value = u64> {
    let edge =
        (prop::sample::select(&EDGES[..]), -2i64..3).prop_map(|(edge, by)| edge.saturating_add_signed(by).max(1));
    let day = (prop::sample::select(&EDGES[..]), 0u64..40 * 86_400_000_000).prop_map(|(edge, by)| edge + by);
    prop_oneof![edge, day, 1..LAST - 86_400_000_000 * 40]
}

fn allowances() -> impl Strategy<Value = Allowance> {
    let rate = (1u64..2_000_000, 1u64..400_000_000_000_000_000, 1u64..5_000)
        .prop_filter_map("no rate", |(count, nanos, burst)| Rate::new(count, Duration::from_nanos(nanos), burst).ok());
    let usual = (1u64..5_000, prop::sample::select(vec![1u64, 60, 3_600, 86_400]), 1u64..200)
        .prop_filter_map("no rate", |(count, seconds, burst)| {
            Rate::new(count, Duration::from_secs(seconds), burst).ok()
        });
    let quota = (prop_oneof![1..50u64, 1..MOST_COUNT + 1], prop::sample::select(vec![Window::Day, Window::Month]))
        .prop_filter_map("no quota", |(count, window)| Quota::new(count, window));
    prop_oneof![rate.prop_map(Allowance::Rate), usual.prop_map(Allowance::Rate), quota.prop_map(Allowance::Quota)]
}

fn costs() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 1u32..4, 1u32..300, Just(u32::MAX), any::<u32>()]
}

/// A few requests of one key, forwards and backwards in time.
fn traces() -> impl Strategy<Value = (Allowance, Vec<(u64, u32)>)> {
    let steps = prop::collection::vec(
        (prop_oneof![0i64..3, -2_000_000i64..90_000_000, -90_000_000_000i64..86_400_000_000], costs()),
        1..6,
    );
    (allowances(), moments(), steps).prop_map(|(allowance, start, steps)| {
        let mut now = start;
        let steps = steps.into_iter().map(|(step, cost)| {
            now = now.saturating_add_signed(step).clamp(1, LAST);
            (now, cost)
        });
        (allowance, steps.collect())
    })
}

/// Traces of up to five requests each.
const TRACES: u32 = 3_000;

// R13: the same answers as the reference, whatever was before
#[test]
fn the_script_counts_as_rust_does() {
    let Some(server) = Server::start(&[]) else { return };
    let store = Redis::with_told_time(patient(server.unix_url())).unwrap();
    let next = Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: TRACES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&traces(), |(allowance, steps)| {
        let key = next.replace(next.get() + 1);
        let mut reference = Reference::default();
        for (now, cost) in steps {
            let batch = [Check { subject: subject(key), allowance, cost, store_down: StoreDown::Open }];
            let Reach::Later(later) = store.count(&batch, Moment(now)) else { panic!("it has to ask") };
            let said = wait(later)[0].standing().copied();
            let right = reference.count(&batch, Moment(now))[0];
            prop_assert_eq!(said, Some(right), "at {} for {}", now, cost);
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// The script itself, on states that were put there: what it keeps is the word that Rust would keep.
#[test]
fn the_script_keeps_what_rust_would() {
    let Some(server) = Server::start(&[]) else { return };
    let client = redis::Client::open(server.url()).unwrap();
    let connection = RefCell::new(client.get_connection().unwrap());
    let script = redis::Script::new(include_str!("../../src/count.lua"));
    let rates = allowances().prop_filter("a rate", |allowance| matches!(allowance, Allowance::Rate(_)));
    let cases = (rates, moments(), any::<u64>(), 0u64..3, costs());
    let mut runner = TestRunner::new(Config { cases: TRACES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&cases, |(allowance, now, part, kind, cost)| {
        let mut connection = connection.borrow_mut();
        let Allowance::Rate(rate) = allowance else { panic!("a rate") };
        let now = Moment(now);
        // Free since long, within the limit, or further ahead than it goes: as after a clock was set back.
        let state = match kind {
            0 => State(part % now.nanos().max(1)),
            1 => State(now.nanos() + part % (rate.tolerance() + 1)),
            _ => State(now.nanos() + part % (2 * rate.tolerance())),
        };
        let price = rate.interval().saturating_mul(u64::from(cost)).min(rate.tolerance() + 1);
        redis::cmd("SET").arg("count").arg(state.0).exec(&mut *connection).unwrap();
        let mut asked = script.key("key");
        asked.key("count").arg("").arg(now.0).arg("r").arg(rate.tolerance()).arg(price).arg(price).arg(0);
        let (passed, at, _, before): (u8, u64, u8, u64) = asked.invoke(&mut *connection).unwrap();
        let kept: u64 = redis::cmd("GET").arg("count").query(&mut *connection).unwrap();
        let right = allowance.charge(state, now, cost);
        let refused = right.standing.verdict == buckler_limits::Verdict::Refused;
        prop_assert_eq!((passed == 0, at, before), (refused, now.0, state.0));
        prop_assert_eq!(kept, right.state.0, "{:?} at {:?} for {}", state, now, cost);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
