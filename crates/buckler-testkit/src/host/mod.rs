//! The ways to run a case.

mod asgi;
mod client;
mod gateway;
mod tower;

pub use asgi::run as through_asgi;
pub use gateway::run as through_gateway;
pub use tower::run as through_tower;

use buckler_engine::Record;

use crate::case::Verdict;
use crate::message::{Answer, Received};

/// What was seen of one case.
#[derive(Debug, Clone)]
pub struct Observed {
    /// What the app received.
    pub received: Vec<Received>,
    /// What the client got.
    pub answer: Answer,
    /// What the engine wrote down.
    pub told: Told,
}

/// What was written down.
#[derive(Debug, Clone)]
pub struct Told {
    /// What the record says.
    pub verdict: Verdict,
    /// The name of the exchange.
    pub request_id: String,
    /// Of the answer.
    pub status: u16,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
}

impl Told {
    pub(crate) fn of(record: &Record) -> Self {
        Self {
            verdict: Verdict::of(record),
            request_id: record.request_id.as_str().to_owned(),
            status: record.status.as_u16(),
            bytes_out: record.bytes_out,
        }
    }
}
