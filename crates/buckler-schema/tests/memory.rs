//! What a value that is judged takes is no more than what is said of it (R08). One test, since the allocator counts for
//! all threads.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

use std::alloc::System;

use buckler_schema::{Instance, VALUE_BYTES};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn values_take_no_more_than_is_said_of_them() {
    let members = |count: usize| (0..count).map(|at| format!("\"{at}\":0")).collect::<Vec<_>>().join(",");
    // Where a list has just grown, it has room for twice as many.
    for count in [1, 5, 17, 1_025, 65_537] {
        for item in ["0", "\"\"", "\"\\n\"", "[]", "{}", "[0]", "[[0]]", "{\"\":0}", "{\"\\n\":0}", "{\"\":{\"\":[0]}}"]
        {
            check(&format!("[{}]", vec![item; count].join(",")));
        }
        check(&format!("{{{}}}", members(count)));
        check(&format!("[{{{}}},{{{}}}]", members(count), members(17)));
    }
}

fn check(text: &str) {
    let told = VALUE_BYTES * (1 + text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count()) + text.len();
    let region = Region::new(ALLOCATOR);
    let read = Instance::read(text.as_bytes()).unwrap();
    let change = region.change();
    let taken = change.bytes_allocated - change.bytes_deallocated;
    drop(read);
    // The last time that the largest list grew, half as much again was there for a moment.
    assert!(taken + taken / 2 <= told, "{} bytes are taken, {told} told: {:.60}", taken + taken / 2, text);
}
