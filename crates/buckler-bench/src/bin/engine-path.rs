//! `engine-path SCENARIO ROUNDS [open|exchange]` judges the same head again and again.
//!
//! Without callgrind it prints nanoseconds and allocations of one round; under callgrind only the counts of
//! instructions matter, and the caller divides them by the rounds.

use std::hint::black_box;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use buckler_bench::scenario::{Bench, SCENARIOS};

/// Batches of which the fastest counts: the others were disturbed by the machine.
const BATCHES: u32 = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout().lock();
    match run(&arguments, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _closed = writeln!(out, "{message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String], out: &mut impl Write) -> Result<(), String> {
    let [name, rounds, rest @ ..] = arguments else {
        return Err("usage: engine-path SCENARIO ROUNDS [open|exchange]".to_owned());
    };
    let scenario = SCENARIOS.iter().find(|s| s.name == name).ok_or_else(|| format!("no scenario `{name}`"))?;
    let rounds: u32 = rounds.parse().map_err(|error| format!("ROUNDS: {error}"))?;
    let whole = rest.first().is_some_and(|what| what == "exchange");
    let bench = Bench::new(*scenario).map_err(|errors| errors.to_string())?;
    if !bench.is_right() {
        return Err(format!("`{name}` does not end as it should"));
    }
    let once = || {
        if whole {
            black_box(bench.exchange());
        } else {
            black_box(bench.open());
        }
    };
    let allocated = allocation_counter::measure(once);
    let mut best = f64::INFINITY;
    for _ in 0..BATCHES {
        let began = Instant::now();
        for _ in 0..rounds / BATCHES {
            once();
        }
        best = best.min(began.elapsed().as_secs_f64() * 1e9 / f64::from(rounds / BATCHES));
    }
    writeln!(
        out,
        "{{\"scenario\":\"{name}\",\"what\":\"{}\",\"ns\":{best:.0},\"allocations\":{},\"bytes\":{}}}",
        if whole { "exchange" } else { "open" },
        allocated.count_total,
        allocated.bytes_total
    )
    .map_err(|error| error.to_string())
}
