//! What exchanges are named by.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{SystemTime, Time as _};

/// Sixteen bytes a request that no other request has: random for the process, counted within it.
#[derive(Debug)]
pub struct Nonces {
    process: u64,
    next: AtomicU64,
}

impl Default for Nonces {
    fn default() -> Self {
        Self::new()
    }
}

impl Nonces {
    /// Another process, or another start of it, counts from somewhere else.
    pub fn new() -> Self {
        let random = || getrandom::u64().unwrap_or_else(|_| SystemTime.now().0);
        Self { process: random(), next: AtomicU64::new(random()) }
    }

    /// The next one.
    pub fn next(&self) -> [u8; 16] {
        // The steps of splitmix64: neighbours look unlike, and no two are the same.
        let mut mixed = self.next.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (u128::from(self.process) << 64 | u128::from(mixed)).to_be_bytes()
    }
}
