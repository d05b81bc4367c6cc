//! Where counts are kept.
//!
//! A host hands a [`Batch`](buckler_limits::Batch) to [`Counters::count`], which answers at once or later. What a store
//! cannot do is an answer, too ([`Answer::Unavailable`](buckler_limits::Answer::Unavailable)): what becomes of the request
//! then is for the policy to say, and for the engine to decide.
//!
//! One line here is `unsafe`, in [`embedded`]: memory that other processes write to can only be had from a pointer.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod counters;
pub mod embedded;
mod fallback;

pub use counters::{Counters, Later, Reach};
pub use fallback::{Unreachable, WithLocal};
