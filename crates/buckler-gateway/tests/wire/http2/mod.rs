//! HTTP/2: what passes, what is refused, and what floods come to.

mod abuse;
mod exchanges;
mod malformed;
pub(super) mod raw;
