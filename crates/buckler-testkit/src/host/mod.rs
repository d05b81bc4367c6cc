//! The ways to run a case.

mod client;
mod gateway;
mod tower;

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
pub enum Told {
    /// The record of the exchange.
    Record {
        /// What it says.
        verdict: Box<Verdict>,
        /// The name of the exchange.
        request_id: String,
        /// Of the answer.
        status: u16,
        /// Bytes of the answer's body.
        bytes_out: u64,
    },
    /// The gateway refused the head.
    Early {
        /// Of the answer.
        status: u16,
        /// The name of the exchange.
        request_id: String,
    },
}

impl Told {
    pub(crate) fn of(record: &Record) -> Self {
        Self::Record {
            verdict: Box::new(Verdict::of(record)),
            request_id: record.request_id.as_str().to_owned(),
            status: record.status.as_u16(),
            bytes_out: record.bytes_out,
        }
    }

    /// The name of the exchange.
    pub fn request_id(&self) -> &str {
        match self {
            Self::Record { request_id, .. } | Self::Early { request_id, .. } => request_id,
        }
    }
}
