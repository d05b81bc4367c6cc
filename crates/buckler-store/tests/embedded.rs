//! The region against the suite of all stores.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

use buckler_limits::Answers;
use buckler_store::Later;
use buckler_store::conformance::{self, Clock, Stand};
use buckler_store::embedded::{Keep, Region, RegionSettings};

struct Private;

impl Stand for Private {
    type Store = Region;

    fn fresh(&self) -> Region {
        Region::private(1_000).unwrap()
    }

    fn wait(&self, _: Later) -> Answers {
        unreachable!("it answers at once")
    }

    fn clock(&self) -> Clock {
        Clock::Told
    }
}

/// In a folder of its own, with names that nobody has had.
struct Filed(tempfile::TempDir, std::sync::atomic::AtomicU64);

impl Stand for Filed {
    type Store = Region;

    fn fresh(&self) -> Region {
        let name = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = self.0.path().join(name.to_string());
        Region::open(&RegionSettings { path, keys: 8, keep: Keep::WhileUsed }).unwrap()
    }

    fn wait(&self, _: Later) -> Answers {
        unreachable!("it answers at once")
    }

    fn clock(&self) -> Clock {
        Clock::Told
    }
}

// R13
#[test]
fn a_private_region_counts_as_every_store() {
    conformance::all(&Private);
}

// R13: with a single bucket, so all keys meet
#[test]
fn a_file_counts_as_every_store() {
    let stand = Filed(tempfile::tempdir().unwrap(), 0.into());
    conformance::beyond_capacity_never_passes(&stand);
    conformance::all_or_nothing(&stand);
    conformance::looks_take_nothing(&stand);
    conformance::kinds_do_not_mix(&stand);
    conformance::counts_as_the_reference(&stand);
    conformance::hammered_by_threads(&stand);
    conformance::hammered_in_batches(&stand);
}
