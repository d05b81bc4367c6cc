//! The `buckler` command. `cli` reads the command line, `serving` puts the parts together; what they do is elsewhere.

mod cli;
mod serving;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
