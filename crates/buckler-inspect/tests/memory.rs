//! What decoders take is no more than what they say (R08). One test, since the allocator counts for all threads.
mod coder;

use std::alloc::System;

use buckler_inspect::coding::{Coding, CodingFault, ExpandLimits, Expanded, Expander};
use coder::{codings, encode};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Handles, names and the like, which are not counted.
const SLACK: usize = 16 * 1024;

#[test]
fn decoders_take_no_more_than_they_say() {
    let limits = ExpandLimits { expanded: u64::MAX, ratio: u32::MAX };
    let mut noise = 7_u64;
    let mut random = || {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.to_le_bytes()[7]
    };
    let text: Vec<u8> = (0..3 << 20).map(|at| if at % 9 < 4 { b'a' } else { random() }).collect();
    let zeros = vec![0; 9 << 20];
    let mut bodies: Vec<(String, Vec<u8>)> = Vec::new();
    for coding in Coding::ALL {
        for plain in [&b"[]"[..], &zeros, &text] {
            bodies.push((coding.name().to_owned(), encode(coding, plain)));
        }
        bodies.push((format!("{}, zstd", coding.name()), encode(Coding::Zstd, &encode(coding, &text))));
    }
    // The widest window that is taken, and one block that announces 98,047 sequences in a few bytes.
    bodies.push(("zstd".to_owned(), zstd::bulk::compress(&text.repeat(4), 19).unwrap()));
    let hollow = [&b"\x28\xb5\x2f\xfd\x00\x68"[..], b"\x5d\x00\x00\x00\xff\xff\xff\x54\x00\x00\x00\x01\x02\x03\x04"];
    bodies.push(("zstd".to_owned(), hollow.concat()));
    for (names, body) in bodies {
        let region = Region::new(ALLOCATOR);
        let taken = || region.change().bytes_allocated.saturating_sub(region.change().bytes_deallocated);
        let mut expander = Expander::new(codings(&names), limits);
        let mut most = (0, 0);
        let mut look = |expander: &Expander| {
            let seen = (taken(), expander.memory());
            assert!(seen.0 <= seen.1 + SLACK, "{names}: {} bytes are taken, {} told", seen.0, seen.1);
            most = most.max(seen);
        };
        let sink = |_: &[u8]| Ok::<(), CodingFault>(());
        let mut broken = false;
        'body: for mut piece in body.chunks(16 * 1024) {
            loop {
                match expander.push(piece, sink) {
                    Ok(Expanded::Part(taken)) => piece = piece.get(taken..).unwrap_or_default(),
                    Ok(Expanded::Whole) => break,
                    Err(_) => {
                        broken = true;
                        break 'body;
                    }
                }
                look(&expander);
            }
            look(&expander);
        }
        while !broken && expander.finish(sink).is_ok_and(|ended| ended != Expanded::Whole) {
            look(&expander);
        }
        assert!(most.1 <= 24 << 20, "{names}: {} told", most.1);
    }
}
