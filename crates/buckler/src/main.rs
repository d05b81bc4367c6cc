//! The `buckler` command as a program of its own.

use std::process::ExitCode;

/// The system's costs the gateway 6 % more of a request, of which each allocates some thirty times; this one a fifth more
/// memory for an idle connection (BENCHMARKS.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    buckler::main_from(std::env::args_os(), None).into()
}
