//! `buckler man`

use clap::{Args, CommandFactory};

use super::Cli;
use super::console::{self, Exit, Failure};

/// Prints the manual page of `buckler` or of one of its commands.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  buckler man run | man -l -")]
pub(crate) struct Arguments {
    /// The command; without it, `buckler` itself
    command: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut all = Cli::command();
    all.build();
    let page = match &arguments.command {
        None => all,
        Some(name) => {
            let found = all.get_subcommands().find(|command| command.get_name() == name).cloned();
            let unknown =
                || Failure::usage(format_args!("there is no command `{name}`\nhelp: `buckler --help` lists them"));
            found.ok_or_else(unknown)?
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    console::print(String::from_utf8_lossy(&text).trim_end())?;
    Ok(Exit::Fine)
}
