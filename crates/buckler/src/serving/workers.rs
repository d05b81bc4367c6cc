//! The supervisor of the workers, and the endpoints that the gateway sends requests to.

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use buckler_engine::Severity;
use buckler_gateway::log::{Incident, Log};
use buckler_gateway::upstream::{Address, Endpoint, Endpoints, UpstreamSettings};
use buckler_gateway::workers::{EndpointEvent, Notice, Supervisor, Target, WorkersConfig};
use buckler_policy::settings::Policy;

use super::upstream_settings;
use crate::cli::console::Failure;

/// Idle connections to a worker are kept for so long: a worker never closes one by itself (`workers::KEEP_ALIVE`), so
/// they may outlast a pause between two bursts.
const POOL_IDLE: Duration = Duration::from_mins(1);

/// Workers whose endpoints come and go with them.
#[derive(Debug)]
pub(super) struct Workers(Supervisor);

impl Workers {
    /// Returns when the first is ready.
    pub(super) async fn start(
        target: Target,
        policy: &Policy,
        endpoints: Endpoints,
        log: Log,
    ) -> Result<Self, Failure> {
        let config = WorkersConfig {
            workers: NonZeroU16::new(policy.app.workers).unwrap_or(NonZeroU16::MIN),
            drain: policy.server.timeouts.drain,
            ..WorkersConfig::new(target)
        };
        let settings = UpstreamSettings { pool_idle: POOL_IDLE, ..upstream_settings(policy) };
        let known = Mutex::new(HashMap::new());
        let follow = move |event| {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                EndpointEvent::Ready { id, path } => {
                    let endpoint = Endpoint::new(Address::Unix(path), settings);
                    endpoints.add(&endpoint);
                    known.insert(id, endpoint);
                }
                EndpointEvent::Gone { id } => {
                    if let Some(endpoint) = known.remove(&id) {
                        endpoints.remove(&endpoint);
                    }
                }
            }
        };
        let tell = move |notice: &Notice<'_>| {
            // What an app prints is not ours, and stands in our log all the same.
            let what = buckler_engine::redact::text(&notice.to_string()).into_owned();
            log.incident(Incident::Worker { what, severity: severity(notice) });
        };
        Supervisor::start(config, follow, tell).await.map(Self).map_err(Failure::usage)
    }

    /// Lets them finish.
    pub(super) async fn stop(&self) {
        self.0.stop().await;
    }

    /// Ends who is left.
    pub(super) async fn end(&self) {
        self.0.kill();
        self.0.stop().await;
    }
}

fn severity(notice: &Notice<'_>) -> Severity {
    match notice {
        Notice::Died { .. } => Severity::Error,
        Notice::Killed { .. } => Severity::Warning,
        _ => Severity::Info,
    }
}
