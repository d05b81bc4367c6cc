//! The command line: one file for each command, with its arguments, its example and what it prints.
//!
//! What a command does is elsewhere; here stands what a person or a script meets: arguments, texts, exit codes.

mod app;
pub(crate) mod check;
mod completions;
pub(crate) mod console;
mod contract;
pub(crate) mod coverage;
mod explain;
mod init;
mod limits;
mod man;
pub(crate) mod policy;
mod run;
mod schema;
mod serve;

use std::ffi::OsString;
use std::path::Path;

use clap::builder::Styles;
use clap::builder::styling::AnsiColor;
use clap::{Parser, Subcommand};

use console::{Exit, Failure};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Serves a FastAPI app hardened: TLS, trusted hosts and proxies, limits, CORS, security headers, masked errors.
#[derive(Debug, Parser)]
#[command(
    name = "buckler",
    version,
    styles = STYLES,
    max_term_width = 100,
    after_help = "Exit codes: 0 fine, 1 found something or refused, 2 wrong usage or policy.\n\n\
                  Example: buckler run main:app --dev"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Serve(serve::Arguments),
    Init(init::Arguments),
    Check(check::Arguments),
    Explain(explain::Arguments),
    Contract(contract::Arguments),
    Limits(limits::Arguments),
    Schema(schema::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// The command. The first of the arguments is the program's name.
///
/// `wheel` is the interpreter that the command is installed with, if it came in a wheel: without another one being
/// named, apps run with it.
pub fn main_from(arguments: impl IntoIterator<Item = OsString>, wheel: Option<&Path>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(told) => {
            // Help and version come here, too. If they cannot be written, nobody reads them.
            told.print().ok();
            return if told.use_stderr() { Exit::Usage } else { Exit::Fine };
        }
    };
    let done = match cli.command {
        Command::Run(arguments) => run::run(arguments, wheel),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Init(arguments) => init::run(&arguments, wheel),
        Command::Check(arguments) => check::run(&arguments, wheel),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Contract(arguments) => contract::run(&arguments, wheel),
        Command::Limits(arguments) => limits::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    };
    done.unwrap_or_else(|failure: Failure| {
        console::failure(&failure);
        failure.exit
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_agree_with_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.clone().render_long_help().to_string();
            let example = format!("buckler {}", command.get_name());
            assert!(help.contains("Example") && help.contains(&example), "{help}");
        }
    }
}
