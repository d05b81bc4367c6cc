//! One function for each parser that eats bytes from outside; its corpus runs as tests.
//!
//! A target takes any bytes and panics when the parser breaks a promise that must hold for all of them. It
//! returns nothing: whether the input is accepted is the business of the parser's own tests. Any fuzzer can
//! drive a target; inputs worth keeping (seeds, and everything that once failed) go to `corpus/<target>/`,
//! and `tests/corpus.rs` runs every file through every target.

mod http;
mod json;
mod policy;
mod wire;

pub use http::{authority, forwarding, head, media_type, origin, target};
pub use json::json_scanner;
pub use policy::policy_text;
pub use wire::wire;
