//! The `buckler` command as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    buckler::main_from(std::env::args_os(), None).into()
}
