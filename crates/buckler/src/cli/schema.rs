//! `buckler schema`

use clap::Args;

use super::console::{self, Exit, Failure};

/// Prints the JSON Schema of the policy, for editors.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  buckler schema > buckler.schema.json")]
pub(crate) struct Arguments {}

pub(super) fn run(_: &Arguments) -> Result<Exit, Failure> {
    console::print_json(&buckler_policy::schema::json())?;
    Ok(Exit::Fine)
}
