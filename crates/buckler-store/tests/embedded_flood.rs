//! Whoever is limited stays so, whatever flood of fresh keys comes; `examples/flood.rs` is the same with ten million.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

mod flood;

use buckler_limits::Limit;

// R13
#[test]
fn an_offender_stays_limited_in_a_flood() {
    for flood in flood::floods(1_000, 100_000) {
        let outcome = flood.run();
        for held in &outcome.offenders {
            let flood::Held { limit, cost, begin, admitted, right, over } = held;
            let what =
                format!("{}: {limit} of cost {cost}, {begin:?}: {admitted} passed, {right} are right", flood.name);
            assert_eq!(*over, 0, "{what}");
            // Where nobody owes much there is room for all who do; and who owes it all the time loses no cell. Others owe
            // nothing for a moment, in which it may go to somebody else, and then wait with all who have none.
            let owes_half = limit.parse::<Limit>().unwrap().allowance.capacity() > u64::from(*cost) * 2;
            let is_exact = flood.name == "light" || (*begin == flood::Begin::Before && owes_half);
            assert!(!is_exact || admitted == right, "{what}");
            assert!(*admitted > 0 || *begin == flood::Begin::Amid, "{what}");
        }
        assert!(outcome.admitted > 0, "{}", flood.name);
        assert!(outcome.grown < 4096, "{}: {} KiB more", flood.name, outcome.grown);
    }
}
