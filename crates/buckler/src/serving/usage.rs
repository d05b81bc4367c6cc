//! What of the contract is used, written to the log when somebody asks, and at the end.

use buckler_engine::Usage;
use buckler_gateway::log::{Incident, Log};
use tokio::sync::watch;

/// Tells it whenever the count grows.
pub(super) async fn follow(usage: impl Fn() -> Usage, mut questions: watch::Receiver<u32>, log: Log) {
    while questions.changed().await.is_ok() {
        tell(usage(), &log);
    }
}

/// Tells it, unless there is no contract.
pub(super) fn tell(usage: Usage, log: &Log) {
    if !usage.operations.is_empty() {
        log.incident(Incident::Usage { usage });
    }
}
