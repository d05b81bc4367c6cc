//! The `buckler` command as a library, so that the program and the wheel's console script are one and the same.
//!
//! - [`main_from`] is the command: arguments in, what a person reads on the standard streams, an [`Exit`] out.
//! - [`policy_source`] finds and reads the policy: the file, the variables, what is said beside. Whoever puts the engine
//!   into a process of its own reads it from here, so that a mistake has one text wherever it is met.
//!
//! - [`stores`] opens what keeps the counts of a policy's limits.
//!
//! `cli` reads the command line, `serving` puts the parts together, `draft` writes a first policy for an app; what the parts
//! do is elsewhere.

mod cli;
mod documents;
mod draft;
mod exit;
pub mod policy_source;
mod serving;
pub mod stores;

pub use cli::main_from;
pub use exit::Exit;
