//! One function for each parser that eats bytes from outside; its corpus runs as tests.
//!
//! A target takes any bytes and panics when the parser breaks a promise that must hold for all of them. It
//! returns nothing: whether the input is accepted is the business of the parser's own tests. Any fuzzer can
//! drive a target; inputs worth keeping (seeds, and everything that once failed) go to `corpus/<target>/`,
//! and `tests/corpus.rs` runs every file through every target.

mod answer;
mod asgi;
mod coding;
mod contract;
mod contract_requests;
mod editor;
mod gateway;
mod http;
mod json;
mod limits;
mod log;
mod policy;
mod response;
mod wire;

pub use answer::{answer_errors, answer_head};
pub use asgi::scope;
pub use coding::content_coding;
pub use contract::contract;
pub use contract_requests::{contract_body, contract_parameters};
pub use editor::json_editor;
pub use gateway::{connection_fields, upstream_address};
pub use http::{authority, forwarding, head, media_type, origin, target};
pub use json::json_scanner;
pub use limits::limit_text;
pub use log::{redact_target, redact_text};
pub use policy::policy_text;
pub use response::response_filter;
pub use wire::{frames, wire};
