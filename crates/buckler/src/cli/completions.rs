//! `buckler completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::console::{self, Exit, Failure};

/// Prints completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  buckler completions bash > ~/.local/share/bash-completion/completions/buckler")]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    // Into memory first: the generator takes a closed pipe for a reason to panic.
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "buckler", &mut text);
    console::print(String::from_utf8_lossy(&text).trim_end())?;
    Ok(Exit::Fine)
}
