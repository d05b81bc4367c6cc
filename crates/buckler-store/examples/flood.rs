//! Ten million fresh keys through a region for a hundred thousand, while offenders go on asking.
//!
//! `cargo run --release -p buckler-store --example flood [CAPACITY KEYS]`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it says what it measures, or fails")]

#[path = "../tests/flood/mod.rs"]
mod flood;

fn main() {
    let given: Vec<u64> = std::env::args().skip(1).map(|number| number.parse().unwrap()).collect();
    let (capacity, keys) =
        if let [capacity, keys] = given.as_slice() { (*capacity, *keys) } else { (100_000, 10_000_000) };
    for flood in flood::floods(capacity, keys) {
        let outcome = flood.run();
        println!(
            "{}: {} keys, {} per mille of their requests admitted, memory beside the region +{} KiB",
            flood.name, flood.keys, outcome.admitted, outcome.grown
        );
        for held in &outcome.offenders {
            let flood::Held { limit, cost, begin, admitted, right, over } = held;
            println!(
                "    {limit:22} cost {cost} {begin:6?} admitted {admitted} from {} offenders, right are {right}, too many {over}",
                flood::EACH / 2
            );
        }
    }
}
