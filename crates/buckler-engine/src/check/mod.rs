//! The decision functions, one file each. Each takes its part of the compiled policy and what it judges, and
//! says what is wrong or what it found; none knows its mode.

pub(crate) mod client;
pub(crate) mod content;
pub(crate) mod contract;
pub(crate) mod cors;
pub(crate) mod docs;
pub(crate) mod framing;
pub(crate) mod head_limits;
pub(crate) mod host;
pub(crate) mod https;
pub(crate) mod json;
pub(crate) mod limits;
pub(crate) mod path;
